//! What nobody was woken for: what is there at start, what other replicas left, and what no upload needs any more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rws_model::RepositoryId;
use rws_store::WriteAccess;
use tokio::sync::watch;

use super::{Priority, Scheduler, lock};
use crate::RepositoryError;
use crate::existing::is_untouched;
use crate::generation::Heads;
use crate::pin;
use crate::publish::{Trigger, Triggers};

/// How often the sweep runs.
const SWEEP: Duration = Duration::from_secs(30);

/// A pointer or incoming file of no upload is deleted after this time: the request that wrote it has long ended.
pub(super) const ABANDONED_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;

/// One sweep of so many looks also for what has expired: about one in an hour.
const THOROUGH: usize = 120;

impl Scheduler {
    /// Looks at everything once, then sweeps for ever, while this process may write. A look at the start that fails is
    /// repeated until it succeeds.
    pub async fn watch(self: Arc<Self>, synchronise: bool, mut writing: watch::Receiver<WriteAccess>) {
        let mut started = false;
        loop {
            // a sender that is gone does not change its mind
            _ = writing.wait_for(WriteAccess::is_allowed).await;
            let result = if started { self.sweep().await } else { self.start(synchronise).await };
            match result {
                Ok(()) => started = true,
                Err(error) => {
                    self.note_later(&error);
                    tracing::error!(%error, "the sweep failed; RWS tries again");
                }
            }
            tokio::time::sleep(SWEEP).await;
        }
    }

    /// Looks at everything once, at the start of the program: heads against settings and public files, what is
    /// pending, and, when asked for, every repository against the store.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn start(self: &Arc<Self>, synchronise: bool) -> Result<(), RepositoryError> {
        let store = self.publisher.store();
        let heads = Heads(store).list().await?;
        let heads: BTreeSet<RepositoryId> = heads.into_iter().map(|(repository, _)| repository).collect();
        let known = heads.iter().filter(|known| self.publisher.catalogue().repository(known).is_some());
        let known: Vec<&RepositoryId> = known.collect();
        *lock(&self.unchecked) = Some(known.iter().copied().cloned().collect());
        for repository in known {
            let triggers = Triggers::of(&[Trigger::Start]).and_if(synchronise, Trigger::Synchronise);
            self.wake(repository, triggers, Priority::Background);
        }
        self.sweep().await?;
        for (repository, target) in self.publisher.catalogue().repositories() {
            let is_wanted = target.policy.create_empty && !heads.contains(repository);
            if is_wanted && is_untouched(store, target, repository).await? {
                self.wake(repository, Triggers::of(&[Trigger::Create]), Priority::Background);
            }
        }
        if synchronise {
            let all: Vec<_> = self.publisher.catalogue().targets().flat_map(|target| target.repositories()).collect();
            for repository in self.existing(&all).await? {
                self.wake(&repository, Triggers::NONE.and_if(synchronise, Trigger::Synchronise), Priority::Background);
            }
        }
        Ok(())
    }

    /// Looks for what other replicas left, and for what has expired.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn sweep(self: &Arc<Self>) -> Result<(), RepositoryError> {
        if self.outdated().is_some() {
            // what is abandoned to this version may be needed by the later one
            return Ok(());
        }
        let now = self.publisher.store().clock_milliseconds().await?;
        let sweep = self.sweeps.fetch_add(1, Ordering::Relaxed);
        let is_thorough = sweep.is_multiple_of(THOROUGH);
        let mut abandoned = self.sweep_uploads(now, is_thorough).await?;
        self.purge().await?;
        self.renew(now / 1000).await?;
        self.look_at_roots(sweep).await?;
        self.look_for_malformed().await?;
        if is_thorough {
            self.look_for_dead_publishers(now).await?;
            self.abort_unfinished_uploads(now).await;
            abandoned.extend(self.expired(now).await?);
            pin::complete(self.publisher.store()).await?;
            self.retain().await?;
        }
        if !abandoned.is_empty() {
            self.publisher.store().delete(&abandoned).await?;
        }
        Ok(())
    }
}
