//! Which repositories are reconciled when: at once when woken, one run a repository at a time, in parallel with a
//! bound, with growing pauses after failures, and in a sweep for what other replicas left.

mod abandoned;
mod malformed;
mod pending_uploads;
mod purging;
mod renewals;
mod retaining;
mod roots;
mod slot;
mod stale;
mod stored;
mod sweep;
mod telling;
mod uploads;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use metrics::{counter, histogram};
use rws_model::RepositoryId;
use rws_store::{StoreError, low_priority};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::Instant;

use crate::generation::Heads;
use crate::intake::Accepted;
use crate::publish::{Outcome, Publisher, Trigger, Triggers, Turn};
use crate::purge::Purged;
use crate::{RepositoryError, UploadId, existing, private};

use slot::Slot;
pub use stale::Stale;
pub use uploads::Progress;
use uploads::Uploads;

/// How many repositories are published at the same time.
const PUBLISHED_AT_ONCE: usize = 4;

/// How many of these may be ones that nobody waits for in particular: the rest is for small uploads.
const MAX_BACKGROUND_PUBLISHES: usize = PUBLISHED_AT_ONCE - 1;

/// How many repositories are compared with the store at the same time, beside those that are published.
const SYNCHRONISED_AT_ONCE: usize = 2;

/// The pause after a first failure; doubled with each further one, up to one that nobody minds after an outage of the store.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Longer than anything takes.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

/// Who waits for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Somebody who changed this repository alone.
    Interactive,
    /// Nobody in particular: it is one of many, or there is something to clear away.
    Background,
}

/// Wakes the publisher.
pub struct Scheduler {
    publisher: Publisher,
    /// How far the audit goes back.
    audited_days: u32,
    purged: Purged,
    slots: Mutex<HashMap<RepositoryId, Slot>>,
    uploads: Mutex<Uploads>,
    /// Repositories that are woken after a while.
    later: Mutex<HashSet<RepositoryId>>,
    /// When the roots that do not stay valid are to be renewed, in seconds since 1970, as far as this process knows.
    renewals: Mutex<HashMap<RepositoryId, i64>>,
    /// What entries of an earlier version of the code are rendered again.
    stale: stale::Work,
    /// Repositories that were not compared yet with the settings and keys of this process.
    unchecked: Mutex<Option<HashSet<RepositoryId>>>,
    /// Repositories that a replica with other settings or keys published, which started later.
    overruled: Mutex<HashSet<RepositoryId>>,
    /// Repositories of which nothing has to be done, as far as this process has seen.
    settled: Mutex<HashMap<RepositoryId, roots::Settled>>,
    /// How many sweeps there were.
    sweeps: AtomicUsize,
    publishing: Semaphore,
    patient: Semaphore,
    synchronising: Semaphore,
    changed: watch::Sender<u64>,
    /// An object of a later version of RWS that was met, and by what this process only reads since.
    later_object: OnceLock<String>,
}

/// Whether another try may succeed without anybody doing anything.
fn is_passing(error: &RepositoryError) -> bool {
    let is_passing = matches!(error, RepositoryError::Store(StoreError::Failed { .. }) | RepositoryError::Contended(_));
    // a signer that is elsewhere comes back
    is_passing || matches!(error, RepositoryError::Sign(_))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scheduler {
    /// Schedules the runs of a publisher. What became of uploads is known for a week.
    pub fn new(publisher: Publisher) -> Arc<Self> {
        Self::keeping_uploads(publisher, 0)
    }

    /// The same; the audit goes back so many days, if they are more than a week.
    pub fn keeping_uploads(publisher: Publisher, days: u32) -> Arc<Self> {
        Arc::new(Self {
            publisher,
            audited_days: days,
            purged: Purged::default(),
            slots: Mutex::default(),
            uploads: Mutex::default(),
            later: Mutex::default(),
            renewals: Mutex::default(),
            stale: stale::Work::default(),
            unchecked: Mutex::default(),
            overruled: Mutex::default(),
            settled: Mutex::default(),
            sweeps: AtomicUsize::new(0),
            publishing: Semaphore::new(PUBLISHED_AT_ONCE),
            patient: Semaphore::new(MAX_BACKGROUND_PUBLISHES),
            synchronising: Semaphore::new(SYNCHRONISED_AT_ONCE),
            changed: watch::Sender::new(0),
            later_object: OnceLock::new(),
        })
    }

    /// What was purged.
    pub fn purged(&self) -> &Purged {
        &self.purged
    }

    /// The publisher.
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// Takes note of an accepted upload and publishes it.
    pub fn take(self: &Arc<Self>, accepted: &Accepted) {
        lock(&self.uploads).take(&accepted.id, &accepted.repositories);
        let urgency = if accepted.repositories.len() > 1 { Priority::Background } else { Priority::Interactive };
        for repository in &accepted.repositories {
            self.wake(repository, Triggers::NONE, urgency);
        }
    }

    /// Reconciles a repository soon: at once, or after the run that is under way.
    pub fn wake(self: &Arc<Self>, repository: &RepositoryId, triggers: Triggers, urgency: Priority) {
        let mut slots = lock(&self.slots);
        let slot = slots.entry(repository.clone()).or_default();
        slot.again = Some(slot.again.unwrap_or_default().and(triggers));
        slot.asked = true;
        slot.prompt |= urgency == Priority::Interactive;
        self.changed.send_modify(|count| *count += 1);
        if !slot.running {
            slot.running = true;
            let (scheduler, repository) = (Arc::clone(self), repository.clone());
            tokio::spawn(async move { scheduler.run(repository).await });
        }
    }

    /// Reconciles a repository after a while, once, however often this is asked meanwhile.
    fn wake_later(self: &Arc<Self>, repository: &RepositoryId, pause: Duration) {
        if lock(&self.later).insert(repository.clone()) {
            let (scheduler, repository) = (Arc::clone(self), repository.clone());
            tokio::spawn(async move {
                tokio::time::sleep(pause).await;
                lock(&scheduler.later).remove(&repository);
                scheduler.wake(&repository, Triggers::NONE, Priority::Background);
            });
        }
    }

    /// Runs until nobody asks any more.
    async fn run(self: Arc<Self>, repository: RepositoryId) {
        loop {
            // what arrives while it waits goes into the same run
            if let Some(until) = self.not_before(&repository) {
                tokio::time::sleep_until(until).await;
            }
            let Some(triggers) = self.next(&repository) else { return };
            if let Err(error) = self.reconcile(&repository, triggers).await {
                let pause = self.failed(&repository, triggers, &error);
                self.tell_failure(&repository, &error);
                // somebody who asks may have mended it; one try in a second is no burden
                tokio::time::sleep(pause.min(FIRST_PAUSE)).await;
                let asked = || lock(&self.slots).get(&repository).filter(|slot| slot.asked).map(|_| ());
                self.until(pause.saturating_sub(FIRST_PAUSE), asked).await;
            }
        }
    }

    fn not_before(&self, repository: &RepositoryId) -> Option<Instant> {
        lock(&self.slots).get(repository).filter(|slot| slot.again.is_some())?.not_before
    }

    /// The reason for another run; `None` ends the runs of a repository.
    fn next(&self, repository: &RepositoryId) -> Option<Triggers> {
        let mut slots = lock(&self.slots);
        let slot = slots.entry(repository.clone()).or_default();
        let triggers = slot.again.take();
        slot.asked = false;
        if triggers.is_none() {
            slot.running = false;
            let recent = slot.not_before.is_some_and(|until| until > Instant::now());
            if slot.error().is_none() && !recent {
                slots.remove(repository);
            }
            drop(slots);
            self.changed.send_modify(|count| *count += 1);
        }
        triggers
    }

    async fn reconcile(self: &Arc<Self>, repository: &RepositoryId, triggers: Triggers) -> Result<(), RepositoryError> {
        if let Some(object) = self.later_object.get() {
            return Err(RepositoryError::later(object));
        }
        // the semaphores are never closed
        let patience = if triggers.has(Trigger::Synchronise) { None } else { self.patience(repository).await };
        let permits = if triggers.has(Trigger::Synchronise) { &self.synchronising } else { &self.publishing };
        let permit = permits.acquire().await;
        if let Some(slot) = lock(&self.slots).get_mut(repository) {
            slot.prompt = false;
        }
        let started = Instant::now();
        let expected = lock(&self.uploads).expected(repository);
        let (outcome, _permit) = match self.reconcile_apart(repository, triggers, None).await? {
            Some(outcome) => (outcome, permit),
            None => {
                // others publish what is small while this one waits for its turn
                drop((permit, patience));
                let turn = self.publisher.turn().await;
                let permit = permits.acquire().await;
                let outcome = self.reconcile_apart(repository, triggers, turn).await?;
                (outcome.ok_or_else(|| RepositoryError::Contended(repository.clone()))?, permit)
            }
        };
        let now = self.publisher.store().clock_milliseconds().await?;
        if let Some(slot) = lock(&self.slots).get_mut(repository) {
            slot.failures = 0;
            slot.last_error = None;
            if outcome.looked {
                slot.malformed = None;
            }
            match &outcome.synchronised {
                Ok(()) => slot.told = None,
                Err(error) => slot.note_error(error),
            }
            // a root has a second of its own
            let next = outcome.published_at.map(|second| ((second + 1) * 1000 - now).clamp(0, 1000).unsigned_abs());
            slot.not_before = next.map(|milliseconds| Instant::now() + Duration::from_millis(milliseconds));
        }
        if let Some(seconds) = outcome.look_again_seconds {
            self.wake_later(repository, Duration::from_secs(seconds.unsigned_abs()));
        }
        self.note_stale(repository, outcome.stale);
        if triggers.has(Trigger::Start) {
            lock(&self.unchecked).iter_mut().for_each(|unchecked| _ = unchecked.remove(repository));
        }
        if outcome.has_more {
            self.wake(repository, Triggers::NONE, Priority::Background);
        }
        counter!("rws_lost_commits_total").increment(outcome.lost_commits as u64);
        let word = if outcome.published_at.is_some() { "published" } else { "unchanged" };
        counter!("rws_publishes_total", "outcome" => word).increment(1);
        if let (Some(_), Some(generation)) = (outcome.published_at, &outcome.generation) {
            histogram!("rws_publish_seconds").record(started.elapsed().as_secs_f64());
            tracing::info!(
                %repository, %generation, uploads = outcome.applied.len(), lost_commits = outcome.lost_commits,
                milliseconds = started.elapsed().as_millis() as u64, "published"
            );
        }
        if outcome.published_at.is_some() || !outcome.failed.is_empty() {
            self.publisher.events().wake();
        }
        self.note(repository, &outcome, expected).await?;
        outcome.synchronised
    }

    /// Waits for its turn among those that nobody waits for, unless somebody does, or comes to do so.
    async fn patience(&self, repository: &RepositoryId) -> Option<SemaphorePermit<'_>> {
        let prompt = || lock(&self.slots).get(repository).filter(|slot| slot.prompt).map(|_| ());
        if prompt().is_some() {
            return None;
        }
        tokio::select! {
            permit = self.patient.acquire() => permit.ok(),
            _ = self.until(FAR, prompt) => None,
        }
    }

    /// Notes what became of uploads.
    async fn note(
        self: &Arc<Self>,
        repository: &RepositoryId,
        outcome: &Outcome,
        expected: Vec<UploadId>,
    ) -> Result<(), RepositoryError> {
        let store = self.publisher.store();
        // an answered upload that was neither pending nor applied has been published by somebody else
        let failed = |id: &UploadId| outcome.failed.iter().any(|(failed, _)| failed == id);
        let of_others: Vec<_> =
            expected.into_iter().filter(|id| !outcome.applied.contains(id) && !failed(id)).collect();
        let current = match of_others.is_empty() {
            true => None,
            false => Heads(store).read(repository).await?.map(|(head, _)| head),
        };
        let (mut published, mut waits) = (Vec::new(), false);
        for upload in of_others {
            // a listing may be an old one, and an upload may have been answered for by something else
            match store.stat(&private::pointer(repository, &upload)).await? {
                Some(_) if !current.as_ref().is_some_and(|head| head.applied.contains(&upload)) => waits = true,
                _ => published.push(upload),
            }
        }
        if waits {
            let (scheduler, repository) = (Arc::clone(self), repository.clone());
            tokio::spawn(async move {
                tokio::time::sleep(FIRST_PAUSE).await;
                scheduler.wake(&repository, Triggers::NONE, Priority::Background);
            });
        }
        let mut uploads = lock(&self.uploads);
        for upload in published {
            uploads.published(&upload, repository, current.as_ref().map(|head| &head.generation));
        }
        for (upload, reason) in &outcome.failed {
            tracing::error!(%repository, %upload, reason, "RWS could not publish an upload; it keeps the upload for a week");
            uploads.end(upload, Progress::Failed(reason.clone()));
        }
        for upload in &outcome.applied {
            uploads.published(upload, repository, outcome.generation.as_ref());
        }
        drop(uploads);
        self.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Rendering and compressing a large repository takes seconds of a processor: not on a thread that answers requests.
    async fn reconcile_apart(
        self: &Arc<Self>,
        repository: &RepositoryId,
        triggers: Triggers,
        turn: Option<Turn>,
    ) -> Result<Option<Outcome>, RepositoryError> {
        let (scheduler, name, runtime) = (Arc::clone(self), repository.clone(), Handle::current());
        let is_large = turn.is_some();
        let work = move || runtime.block_on(scheduler.publisher.reconcile_in_turn(&name, triggers, turn));
        let outcome = low_priority::run_if(is_large, work).await;
        outcome.unwrap_or_else(|error| Err(RepositoryError::damaged(repository, error)))
    }

    /// Notes a failure; says how long to wait before the next try.
    fn failed(&self, repository: &RepositoryId, triggers: Triggers, error: &RepositoryError) -> Duration {
        self.note_later(error);
        let mut slots = lock(&self.slots);
        let slot = slots.entry(repository.clone()).or_default();
        slot.failures += 1;
        // an outage of hours is said again and again, and does not fill the log
        let is_said = slot.failures.is_power_of_two() || slot.error() != Some(&error.to_string());
        slot.note_error(error);
        // what a person has to mend first is tried again when somebody asks, or when the sweep finds anything pending
        let passing = is_passing(error);
        if passing {
            slot.again = Some(slot.again.unwrap_or_default().and(triggers));
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << slot.failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
        let jitter = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
        let pause = if passing { doubled.mul_f64(0.5 + jitter / 2.0) } else { Duration::ZERO };
        drop(slots);
        counter!("rws_publishes_total", "outcome" => "failed").increment(1);
        match is_said {
            true => tracing::error!(%repository, %error, retry_in_seconds = pause.as_secs_f32(), "not published"),
            false => tracing::debug!(%repository, %error, retry_in_seconds = pause.as_secs_f32(), "not published"),
        }
        self.changed.send_modify(|count| *count += 1);
        pause
    }

    /// From an object of a later version on this process only reads.
    fn note_later(&self, error: &RepositoryError) {
        if let RepositoryError::Later { object } = error {
            _ = self.later_object.set(object.clone());
        }
    }

    /// Why this process only reads: it met state of a later version of RWS.
    pub fn outdated(&self) -> Option<String> {
        let object = self.later_object.get()?;
        Some(format!("read-only: a later version of RWS wrote {object}; upgrade this replica"))
    }

    /// The last error of a repository that is not mended yet.
    pub fn last_error(&self, repository: &RepositoryId) -> Option<String> {
        lock(&self.slots).get(repository)?.error().cloned()
    }

    /// How many repositories may still be published with other settings or keys than those of this process: since its start
    /// they were not compared. `None`: it is not known yet which there are.
    pub fn unchecked(&self) -> Option<usize> {
        lock(&self.unchecked).as_ref().map(HashSet::len)
    }

    /// How many repositories another replica published with other settings or keys than those of this process: it started
    /// later, so that they stay as they are.
    pub fn overruled(&self) -> usize {
        lock(&self.overruled).len()
    }

    /// All repositories that could not be published last, or that have a malformed package in the store, each with the error.
    pub fn failing(&self) -> Vec<(RepositoryId, String)> {
        let slots = lock(&self.slots);
        let failing = slots.iter().filter_map(|(repository, slot)| Some((repository.clone(), slot.error()?.clone())));
        let mut failing: Vec<_> = failing.collect();
        failing.sort();
        failing
    }

    /// What became of an upload, as far as this process and the store know; `None` for one that is not known.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn progress(&self, upload: &UploadId) -> Result<Option<Progress>, RepositoryError> {
        let known = lock(&self.uploads).progress(upload);
        if known.is_some() {
            return Ok(known);
        }
        stored::progress(self.publisher.store(), upload).await
    }

    /// How many uploads of this process are on their way, and since when the oldest is, in seconds since 1970.
    pub fn pending(&self) -> (usize, Option<i64>) {
        lock(&self.uploads).pending()
    }

    /// Waits until an upload of this process ended, or the time is up.
    pub async fn wait(&self, upload: &UploadId, time: Duration) -> Progress {
        let ended = || lock(&self.uploads).progress(upload).filter(|progress| *progress != Progress::Pending);
        self.until(time, ended).await.unwrap_or(Progress::Pending)
    }

    /// Waits until no run of these repositories is under way or asked for, or the time is up. Says whether all are.
    pub async fn settle(&self, repositories: &[RepositoryId], time: Duration) -> bool {
        let is_idle =
            |slots: &HashMap<RepositoryId, Slot>, repository| slots.get(repository).is_none_or(|slot| !slot.running);
        let settled = || {
            let slots = lock(&self.slots);
            repositories.iter().all(|repository| is_idle(&slots, repository)).then_some(())
        };
        self.until(time, settled).await.is_some()
    }

    /// Waits until there is an answer, or the time is up.
    async fn until<T>(&self, time: Duration, answer: impl Fn() -> Option<T>) -> Option<T> {
        let until = Instant::now() + time;
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(answer) = answer() {
                return Some(answer);
            }
            tokio::time::timeout_at(until, changed.changed()).await.ok()?.ok()?;
        }
    }

    /// Those of some repositories that have a head or anything in their part of the tree.
    ///
    /// # Errors
    ///
    /// When the store fails, or a repository is not configured.
    pub async fn existing(&self, repositories: &[RepositoryId]) -> Result<Vec<RepositoryId>, RepositoryError> {
        existing(self.publisher.store(), self.publisher.catalogue(), repositories).await
    }
}
