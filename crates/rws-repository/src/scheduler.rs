//! Which repositories are reconciled when: at once when woken, one run a repository at a time, in parallel with a
//! bound, with growing pauses after failures, and in a sweep for what other replicas left.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rws_model::RepositoryId;
use rws_store::{DirectoryEntry, Listed};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::intake::Accepted;
use crate::publish::{Occasion, Outcome, Publisher};
use crate::upload::Upload;
use crate::{GenerationId, RepositoryError, UploadId, private, reading};

/// How many repositories are published at the same time.
const REPOSITORIES_AT_ONCE: usize = 4;

/// The pause after a first failure; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often the sweep looks for what nobody was woken for.
const SWEEP: Duration = Duration::from_secs(30);

/// A pointer or incoming file of no upload is deleted after this time: the request that wrote it has long ended.
const ABANDONED_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;

/// How many ended uploads are remembered for those who wait.
const REMEMBERED: usize = 10_000;

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not all of its repositories have it yet.
    Pending,
    /// All of its repositories have it, in these generations.
    Published(BTreeMap<RepositoryId, GenerationId>),
    /// It cannot be carried out: why.
    Failed(String),
}

/// Wakes the publisher.
pub struct Scheduler {
    publisher: Publisher,
    slots: Mutex<HashMap<RepositoryId, Slot>>,
    uploads: Mutex<Tracked>,
    permits: Semaphore,
    changed: watch::Sender<u64>,
}

/// What is known of a repository's runs.
#[derive(Clone, Debug, Default)]
struct Slot {
    running: bool,
    again: Option<Occasion>,
    failures: u32,
    last_error: Option<String>,
}

/// Uploads of this process that are on their way, and the last ones that ended.
#[derive(Default)]
struct Tracked {
    open: HashMap<UploadId, Open>,
    ended: BTreeMap<UploadId, Progress>,
}

struct Open {
    missing: BTreeSet<RepositoryId>,
    published: BTreeMap<RepositoryId, GenerationId>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scheduler {
    /// Schedules the runs of a publisher.
    pub fn new(publisher: Publisher) -> Arc<Self> {
        Arc::new(Self {
            publisher,
            slots: Mutex::default(),
            uploads: Mutex::default(),
            permits: Semaphore::new(REPOSITORIES_AT_ONCE),
            changed: watch::Sender::new(0),
        })
    }

    /// The publisher.
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// Takes note of an accepted upload and publishes it.
    pub fn take(self: &Arc<Self>, accepted: &Accepted) {
        let missing: BTreeSet<_> = accepted.repositories.iter().cloned().collect();
        let mut uploads = lock(&self.uploads);
        if missing.is_empty() {
            uploads.ended.insert(accepted.id.clone(), Progress::Published(BTreeMap::new()));
        } else {
            uploads.open.insert(accepted.id.clone(), Open { missing, published: BTreeMap::new() });
        }
        drop(uploads);
        for repository in &accepted.repositories {
            self.wake(repository, Occasion::default());
        }
    }

    /// Reconciles a repository soon: at once, or after the run that is under way.
    pub fn wake(self: &Arc<Self>, repository: &RepositoryId, occasion: Occasion) {
        let mut slots = lock(&self.slots);
        let slot = slots.entry(repository.clone()).or_default();
        slot.again = Some(slot.again.unwrap_or_default().and(occasion));
        if !slot.running {
            slot.running = true;
            let (scheduler, repository) = (Arc::clone(self), repository.clone());
            tokio::spawn(async move { scheduler.run(repository).await });
        }
    }

    /// Runs until nobody asks any more.
    async fn run(self: Arc<Self>, repository: RepositoryId) {
        loop {
            let occasion = {
                let mut slots = lock(&self.slots);
                let slot = slots.entry(repository.clone()).or_default();
                match slot.again.take() {
                    Some(occasion) => occasion,
                    None => {
                        slot.running = false;
                        if slot.last_error.is_none() {
                            slots.remove(&repository);
                        }
                        drop(slots);
                        self.changed.send_modify(|count| *count += 1);
                        return;
                    }
                }
            };
            if let Err(error) = self.reconcile(&repository, occasion).await {
                let pause = self.failed(&repository, occasion, &error);
                tokio::time::sleep(pause).await;
            }
        }
    }

    async fn reconcile(self: &Arc<Self>, repository: &RepositoryId, occasion: Occasion) -> Result<(), RepositoryError> {
        // the semaphore is never closed
        let _permit = self.permits.acquire().await;
        let started = Instant::now();
        let expected = lock(&self.uploads).expected(repository);
        let outcome = self.reconcile_apart(repository, occasion).await?;
        if let Some(slot) = lock(&self.slots).get_mut(repository) {
            slot.failures = 0;
            slot.last_error = None;
        }
        if let (true, Some(generation)) = (outcome.published, &outcome.generation) {
            tracing::info!(
                %repository, %generation, uploads = outcome.applied.len(), lost_commits = outcome.lost_commits,
                milliseconds = started.elapsed().as_millis() as u64, "published"
            );
        }
        // an answered upload that was neither pending nor applied has been published by somebody else
        let is_ours =
            |id: &UploadId| outcome.applied.contains(id) || outcome.failed.iter().any(|(failed, _)| failed == id);
        let of_others: Vec<_> = expected.into_iter().filter(|id| !is_ours(id)).collect();
        let current = match of_others.is_empty() {
            true => None,
            false => reading::head(self.publisher.store(), repository).await?.map(|(head, _)| head.generation),
        };
        let mut uploads = lock(&self.uploads);
        for upload in of_others {
            uploads.published(&upload, repository, current.clone());
        }
        for (upload, reason) in outcome.failed {
            tracing::error!(%repository, %upload, reason, "an upload could not be carried out");
            uploads.end(upload, Progress::Failed(reason));
        }
        for upload in outcome.applied {
            uploads.published(&upload, repository, outcome.generation.clone());
        }
        drop(uploads);
        self.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Rendering and compressing a large repository takes seconds of a processor: not on a thread that answers requests.
    async fn reconcile_apart(
        self: &Arc<Self>,
        repository: &RepositoryId,
        occasion: Occasion,
    ) -> Result<Outcome, RepositoryError> {
        let (scheduler, name, runtime) = (Arc::clone(self), repository.clone(), Handle::current());
        let work = move || runtime.block_on(scheduler.publisher.reconcile(&name, occasion));
        match tokio::task::spawn_blocking(work).await {
            Ok(outcome) => outcome,
            Err(error) => Err(RepositoryError::damaged(repository, error)),
        }
    }

    /// Notes a failure; says how long to wait before the next try.
    fn failed(&self, repository: &RepositoryId, occasion: Occasion, error: &RepositoryError) -> Duration {
        let mut slots = lock(&self.slots);
        let slot = slots.entry(repository.clone()).or_default();
        slot.failures += 1;
        slot.last_error = Some(error.to_string());
        let retried = !matches!(error, RepositoryError::Malformed { .. } | RepositoryError::Foreign { .. });
        // what a person has to mend first is tried again by the sweep, when anything is pending
        if retried {
            slot.again = Some(slot.again.unwrap_or_default().and(occasion));
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << slot.failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
        let jitter = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
        let pause = if retried { doubled.mul_f64(0.5 + jitter / 2.0) } else { Duration::ZERO };
        drop(slots);
        tracing::error!(%repository, %error, retry_in_seconds = pause.as_secs_f32(), "not published");
        self.changed.send_modify(|count| *count += 1);
        pause
    }

    /// The last error of a repository that is not mended yet.
    pub fn last_error(&self, repository: &RepositoryId) -> Option<String> {
        lock(&self.slots).get(repository)?.last_error.clone()
    }

    /// What became of an upload, as far as this process and the store know; `None` for one that is not known.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn progress(&self, upload: &UploadId) -> Result<Option<Progress>, RepositoryError> {
        {
            let uploads = lock(&self.uploads);
            if let Some(progress) = uploads.ended.get(upload) {
                return Ok(Some(progress.clone()));
            }
            if uploads.open.contains_key(upload) {
                return Ok(Some(Progress::Pending));
            }
        }
        let pending = self.publisher.store().stat(&private::upload(upload)).await?;
        Ok(pending.map(|_| Progress::Pending))
    }

    /// Waits until an upload of this process ended, or the time is up.
    pub async fn wait(&self, upload: &UploadId, time: Duration) -> Progress {
        let until = Instant::now() + time;
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(progress) = lock(&self.uploads).ended.get(upload) {
                return progress.clone();
            }
            if tokio::time::timeout_at(until, changed.changed()).await.is_err() {
                return Progress::Pending;
            }
        }
    }

    /// Waits until no run of these repositories is under way or asked for, or the time is up. Says whether all are.
    pub async fn settle(&self, repositories: &[RepositoryId], time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut changed = self.changed.subscribe();
        loop {
            let busy = {
                let slots = lock(&self.slots);
                repositories.iter().any(|repository| slots.get(repository).is_some_and(|slot| slot.running))
            };
            if !busy {
                return true;
            }
            if tokio::time::timeout_at(until, changed.changed()).await.is_err() {
                return false;
            }
        }
    }

    /// Looks at everything once, at the start of the program: heads against settings and public files, what is
    /// pending, and, when asked for, every repository against the store.
    ///
    /// # Errors
    ///
    /// When the store cannot be listed.
    pub async fn start(self: &Arc<Self>, synchronise: bool) -> Result<(), RepositoryError> {
        let store = self.publisher.store();
        for Listed { key, .. } in store.list(private::HEADS).await? {
            let repository = private::head_repository(&key);
            if let Some(repository) = repository.filter(|known| self.publisher.catalogue().repository(known).is_some())
            {
                self.wake(&repository, Occasion { start: true, synchronise });
            }
        }
        if synchronise {
            let targets: Vec<_> = self.publisher.catalogue().targets().cloned().collect();
            for target in targets {
                for repository in target.repositories() {
                    if self.exists(&repository).await? {
                        self.wake(&repository, Occasion { start: false, synchronise });
                    }
                }
            }
        }
        self.sweep().await
    }

    /// Whether a repository has a head or anything in its part of the tree.
    ///
    /// # Errors
    ///
    /// When the store fails, or the repository is not configured.
    pub async fn exists(&self, repository: &RepositoryId) -> Result<bool, RepositoryError> {
        let catalogue = self.publisher.catalogue();
        let target = catalogue.repository(repository).ok_or_else(|| RepositoryError::Unknown(repository.clone()))?;
        let store = self.publisher.store();
        if reading::head(store, repository).await?.is_some() {
            return Ok(true);
        }
        let tree = target.format.layout(repository).tree;
        let entries: Vec<DirectoryEntry> = store.list_directory(&format!("{tree}/")).await?;
        Ok(!entries.is_empty())
    }

    /// Wakes repositories with pending uploads, whoever took them, and clears away what no upload needs any more.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn sweep(self: &Arc<Self>) -> Result<(), RepositoryError> {
        let store = self.publisher.store();
        let now = store.clock_milliseconds().await?;
        // uploads before pointers: an upload is written after all of its pointers, so one without any has been
        // taken by all of its repositories
        let uploads = store.list(private::UPLOADS).await?;
        let pointers = store.list(private::PENDING).await?;
        let known: BTreeSet<UploadId> = uploads.iter().filter_map(|listed| private::upload_id(&listed.key)).collect();
        let mut wanted = BTreeSet::new();
        let mut waiting = BTreeSet::new();
        let mut abandoned = Vec::new();
        for Listed { key, stat } in pointers {
            let Some((repository, upload)) = private::pointer_parts(&key) else { continue };
            if known.contains(&upload) {
                wanted.insert(repository);
            } else if now - stat.modified_milliseconds > ABANDONED_MILLISECONDS {
                abandoned.push(key);
            }
            waiting.insert(upload);
        }
        for repository in wanted {
            if self.publisher.catalogue().repository(&repository).is_some() {
                self.wake(&repository, Occasion::default());
            }
        }
        for id in known.difference(&waiting) {
            let Some((upload, _)) = reading::json::<Upload>(store, &private::upload(id)).await? else { continue };
            abandoned.extend(crate::publish::upload_objects(&upload));
        }
        for Listed { key, stat } in store.list(private::INCOMING).await? {
            let upload = private::incoming_upload(&key);
            let needed = upload.is_some_and(|upload| known.contains(&upload));
            if !needed && now - stat.modified_milliseconds > ABANDONED_MILLISECONDS {
                abandoned.push(key);
            }
        }
        if !abandoned.is_empty() {
            store.delete(&abandoned).await?;
        }
        Ok(())
    }

    /// Sweeps for ever.
    pub async fn sweep_for_ever(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            if let Err(error) = self.sweep().await {
                tracing::error!(%error, "the sweep failed; it is tried again");
            }
        }
    }
}

impl Tracked {
    /// The uploads that are not known to be in a repository yet.
    fn expected(&self, repository: &RepositoryId) -> Vec<UploadId> {
        let open = self.open.iter().filter(|(_, open)| open.missing.contains(repository));
        open.map(|(id, _)| id.clone()).collect()
    }

    fn published(&mut self, upload: &UploadId, repository: &RepositoryId, generation: Option<GenerationId>) {
        let Some(open) = self.open.get_mut(upload) else { return };
        open.missing.remove(repository);
        if let Some(generation) = generation {
            open.published.insert(repository.clone(), generation);
        }
        if open.missing.is_empty() {
            let published = std::mem::take(&mut open.published);
            self.end(upload.clone(), Progress::Published(published));
        }
    }

    fn end(&mut self, upload: UploadId, progress: Progress) {
        if self.open.remove(&upload).is_none() {
            return;
        }
        self.ended.insert(upload, progress);
        while self.ended.len() > REMEMBERED {
            // names start with the time: the first is the oldest
            self.ended.pop_first();
        }
    }
}
