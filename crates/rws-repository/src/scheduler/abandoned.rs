//! What processes left that died, or that has expired.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rws_model::RepositoryId;
use rws_store::{Key, Listed};

use super::sweep::ABANDONED_MILLISECONDS;
use super::{Priority, Scheduler};
use crate::generation::Heads;
use crate::publish::{Trigger, Triggers};
use crate::{RepositoryError, aside, private};

/// Events of receivers that are not configured any more are deleted after this time.
const UNDELIVERED_MILLISECONDS: i64 = 7 * ABANDONED_MILLISECONDS;

/// Who has been told of a warning about a key is told again after this time.
const SAID_MILLISECONDS: i64 = 400 * ABANDONED_MILLISECONDS;

impl Scheduler {
    /// Wakes the repositories with manifests that are older than any publish takes and that their heads do not know.
    pub(super) async fn look_for_dead_publishers(self: &Arc<Self>, now: i64) -> Result<(), RepositoryError> {
        let store = self.publisher.store();
        let mut old: BTreeMap<RepositoryId, BTreeSet<Key>> = BTreeMap::new();
        for Listed { key, stat } in store.list(private::GENERATIONS).await? {
            if let (true, Some(repository)) =
                (now - stat.modified_milliseconds > ABANDONED_MILLISECONDS, private::manifest_repository(&key))
            {
                old.entry(repository).or_default().insert(key);
            }
        }
        for (repository, mut manifests) in old {
            if self.publisher.catalogue().repository(&repository).is_none() {
                continue;
            }
            let Some((head, _)) = Heads(store).read(&repository).await? else { continue };
            for generation in head.history.iter().map(|past| &past.generation).chain([&head.generation]) {
                manifests.remove(&private::manifest(&repository, generation));
            }
            head.untouchable().into_iter().for_each(|key| _ = manifests.remove(key));
            if !manifests.is_empty() {
                self.wake(&repository, Triggers::of(&[Trigger::CleanUp]), Priority::Background);
            }
        }
        Ok(())
    }

    /// Aborts uploads to the store in parts whose process died.
    pub(super) async fn abort_unfinished_uploads(&self, now: i64) {
        for prefix in [private::INCOMING, private::ASIDE] {
            let before = now - ABANDONED_MILLISECONDS;
            match self.publisher.store().abort_unfinished_uploads(prefix, before).await {
                Ok(0) => {}
                Ok(files) => tracing::info!(files, "aborted multipart uploads of dead processes"),
                // a key may lack the right, and a service the request: all else goes on
                Err(error) => {
                    tracing::warn!(%error, "RWS could not abort multipart uploads of dead processes; their parts stay in the bucket")
                }
            }
        }
    }

    /// Claims, probes and staged files whose time is over.
    pub(super) async fn expired(&self, now: i64) -> Result<Vec<Key>, RepositoryError> {
        let staged = i64::try_from(aside::KEPT.as_millis()).unwrap_or(i64::MAX);
        let claims = [private::CLAIMS, private::IDENTITIES, private::PROBES];
        let prefixes = claims.map(|prefix| (prefix, ABANDONED_MILLISECONDS)).into_iter();
        let mut expired = Vec::new();
        for (prefix, kept) in prefixes.chain([(private::ASIDE, staged)]) {
            let listed = self.publisher.store().list(prefix).await?.into_iter();
            expired.extend(listed.filter(|one| now - one.stat.modified_milliseconds > kept).map(|one| one.key));
        }
        for one in self.publisher.store().list(private::WEBHOOKS).await? {
            // whoever delivers gives up much earlier: these are of receivers that are not configured any more
            let kept = if private::is_said(&one.key) { SAID_MILLISECONDS } else { UNDELIVERED_MILLISECONDS };
            expired.extend((now - one.stat.modified_milliseconds > kept).then_some(one.key));
        }
        Ok(expired)
    }
}
