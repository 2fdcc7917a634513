//! What nobody was woken for: what is there at start, what other replicas left, and what no upload needs any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rws_model::RepositoryId;
use rws_store::{Key, Listed, Span, WriteAccess};
use tokio::sync::watch;

use super::{Priority, Scheduler, Slot, lock};
use crate::existing::is_untouched;
use crate::generation::Heads;
use crate::publish::{Trigger, Triggers};
use crate::upload::Upload;
use crate::{RepositoryError, UploadId, aside, private};

/// How often the sweep runs.
const SWEEP: Duration = Duration::from_secs(30);

/// A pointer or incoming file of no upload is deleted after this time: the request that wrote it has long ended.
const ABANDONED_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;

/// An upload is remembered for this time, and one that could not be carried out kept with its files.
const KEPT_MILLISECONDS: i64 = 7 * ABANDONED_MILLISECONDS;

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
                    tracing::error!(%error, "the store could not be looked through; it is tried again");
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
        for repository in heads.iter().filter(|known| self.publisher.catalogue().repository(known).is_some()) {
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

    /// Wakes repositories with pending uploads, whoever took them, and clears away what no upload needs any more.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn sweep(self: &Arc<Self>) -> Result<(), RepositoryError> {
        if self.outdated().is_some() {
            // what is abandoned to this version may be needed by the later one
            return Ok(());
        }
        let store = self.publisher.store();
        let now = store.clock_milliseconds().await?;
        let is_old = |listed: &Listed, age: i64| now - listed.stat.modified_milliseconds > age;
        let sweep = self.sweeps.fetch_add(1, Ordering::Relaxed);
        let is_thorough = sweep.is_multiple_of(THOROUGH);
        // Package files before uploads before pointers: an upload is written after all of its pointers, so one that was
        // there while none of its pointers is has been taken by all of its repositories.
        let incoming = store.list(private::INCOMING).await?;
        let waiting: BTreeSet<UploadId> =
            incoming.iter().filter_map(|listed| private::incoming_upload(&listed.key)).collect();
        let mut known: BTreeSet<UploadId> = BTreeSet::new();
        for id in waiting {
            if store.stat(&private::upload(&id)).await?.is_some() {
                known.insert(id);
            }
        }
        let uploads = if is_thorough { store.list(private::UPLOADS).await? } else { Vec::new() };
        let pointers = store.list(private::PENDING).await?;
        let failed = if is_thorough || !known.is_empty() { store.list(private::FAILED).await? } else { Vec::new() };

        let mut needed: BTreeSet<UploadId> = BTreeSet::new();
        let mut abandoned: Vec<Key> = Vec::new();
        let mut wanted: BTreeSet<RepositoryId> = BTreeSet::new();
        for listed in pointers {
            let Some((repository, upload)) = private::pointer_parts(&listed.key) else { continue };
            needed.insert(upload.clone());
            if known.contains(&upload) || store.stat(&private::upload(&upload)).await?.is_some() {
                known.insert(upload);
                wanted.insert(repository);
            } else if is_old(&listed, ABANDONED_MILLISECONDS) && store.is_gone(&private::upload(&upload)).await? {
                abandoned.push(listed.key);
            }
        }
        for listed in failed {
            if is_old(&listed, KEPT_MILLISECONDS) {
                abandoned.push(listed.key);
            } else {
                needed.extend(private::failed_upload(&listed.key));
            }
        }
        for repository in wanted {
            if self.publisher.catalogue().repository(&repository).is_some() {
                self.wake(&repository, Triggers::NONE, Priority::Background);
            }
        }
        let mut unneeded: BTreeMap<UploadId, bool> = BTreeMap::new();
        for listed in incoming {
            let Some(upload) = private::incoming_upload(&listed.key) else { continue };
            let is_taken = known.contains(&upload) && !needed.contains(&upload);
            if is_taken || (!known.contains(&upload) && is_old(&listed, ABANDONED_MILLISECONDS)) {
                let is_unneeded = match unneeded.get(&upload) {
                    Some(is_unneeded) => *is_unneeded,
                    None => self.is_unneeded(&upload).await?,
                };
                unneeded.insert(upload, is_unneeded);
                abandoned.extend(is_unneeded.then_some(listed.key));
            }
        }
        for listed in uploads {
            let Some(upload) = private::upload_id(&listed.key).filter(|id| !needed.contains(id)) else { continue };
            if is_old(&listed, KEPT_MILLISECONDS) && self.is_unneeded(&upload).await? {
                abandoned.push(listed.key);
            }
        }
        self.renew(now / 1000).await?;
        self.look_at_roots(sweep).await?;
        self.look_for_malformed().await?;
        if is_thorough {
            self.tidy(now).await?;
            for place in [private::INCOMING, private::ASIDE] {
                match store.abort_unfinished_uploads(place, now - ABANDONED_MILLISECONDS).await {
                    Ok(0) => {}
                    Ok(files) => tracing::info!(files, "parts of files were given up whose process died"),
                    // a key may lack the right, and a service the request: all else goes on
                    Err(error) => tracing::warn!(%error, "parts of files whose process died stay in the bucket"),
                }
            }
            let aside = i64::try_from(aside::KEPT.as_millis()).unwrap_or(i64::MAX);
            let places =
                [private::CLAIMS, private::IDENTITIES, private::PROBES].map(|place| (place, ABANDONED_MILLISECONDS));
            for (place, kept) in places.into_iter().chain([(private::ASIDE, aside)]) {
                let listed = store.list(place).await?.into_iter();
                abandoned.extend(listed.filter(|one| is_old(one, kept)).map(|one| one.key));
            }
        }
        if !abandoned.is_empty() {
            store.delete(&abandoned).await?;
        }
        Ok(())
    }

    /// Wakes the repositories whose malformed package is gone, to compare them with the store again.
    async fn look_for_malformed(self: &Arc<Self>) -> Result<(), RepositoryError> {
        let path = |slot: &Slot| Key::parse(&slot.malformed.as_ref()?.path);
        let named: Vec<(RepositoryId, Key)> = {
            let slots = lock(&self.slots);
            slots.iter().filter_map(|(repository, slot)| Some((repository.clone(), path(slot)?))).collect()
        };
        for (repository, key) in named {
            if self.publisher.store().stat(&key).await?.is_none() {
                let triggers = Triggers::of(&[Trigger::Synchronise]);
                self.wake(&repository, triggers, Priority::Background);
            }
        }
        Ok(())
    }

    /// Whether no repository needs an upload any more. A listing may be an old one, and an answer somebody else's: nothing that
    /// was accepted is deleted for them alone.
    async fn is_unneeded(&self, id: &UploadId) -> Result<bool, RepositoryError> {
        let store = self.publisher.store();
        let key = private::upload(id);
        let Some(content) = store.read(&key, Span::Whole).await? else { return Ok(store.is_gone(&key).await?) };
        let bytes = content.collect().await?;
        let upload = match Upload::outline(&bytes) {
            Ok(upload) if upload.id == *id => upload,
            // it is for a person, or for another version
            _ => return Ok(false),
        };
        for repository in upload.repositories() {
            for key in [private::pointer(repository, id), private::failed(repository, id)] {
                if !store.is_gone(&key).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Wakes the repositories whose roots do not stay valid for much longer. Each head is read when its time has come: another
    /// replica may have been faster.
    async fn renew(self: &Arc<Self>, now: i64) -> Result<(), RepositoryError> {
        let (store, catalogue) = (self.publisher.store(), self.publisher.catalogue());
        if !catalogue.targets().any(|target| target.renew_at(0).is_some()) {
            return Ok(());
        }
        for (repository, _) in Heads(store).list().await? {
            let Some(target) = catalogue.repository(&repository) else { continue };
            if target.renew_at(0).is_none() || lock(&self.renewals).get(&repository).is_some_and(|at| *at > now) {
                continue;
            }
            let head = match Heads(store).read(&repository).await {
                Ok(head) => head,
                // others are renewed all the same
                Err(error @ RepositoryError::Damaged { .. }) => {
                    tracing::error!(%repository, %error, "its root cannot be renewed");
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some((head, _)) = head else { continue };
            match target.renew_at(head.published_at) {
                Some(at) if at > now => _ = lock(&self.renewals).insert(repository, at),
                _ => self.wake(&repository, Triggers::NONE, Priority::Background),
            }
        }
        Ok(())
    }

    /// Wakes the repositories with manifests that are older than any publish takes and that their heads do not know.
    async fn tidy(self: &Arc<Self>, now: i64) -> Result<(), RepositoryError> {
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
}
