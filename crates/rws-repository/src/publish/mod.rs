//! The publisher: the only one that writes public files. It reads like the protocol.
//!
//! 1. Read the head, then what is pending, and plan.
//! 2. Place the package files.
//! 3. Write the index files under names that hold their digest.
//! 4. Render and sign the root; write the manifest.
//! 5. Commit: swap the head. Lost: start again.
//! 6. Expose: bring the plain-named files in line with the head.
//! 7. Clean: delete what the generation contains from the private prefix.
//!
//! A crash may come between any two operations of the store. Before step 5 nothing that is read refers to anything
//! new, and the next run starts again with what is pending. After step 5 the next run finds the head and goes on with
//! steps 6 and 7, which only look at what is there.

mod attempt;
mod clean;
mod commit;
mod comparison;
mod decide;
mod expose;
mod place;
mod progress;
mod root;
mod stale;
mod stored_repository;
mod triggers;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rws_model::RepositoryId;
use rws_store::Store;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::catalogue::{Catalogue, ConfiguredTarget};
use crate::events::Events;
use crate::foreign::ForeignRoots;
use crate::generation::Head;
use crate::{GenerationId, RepositoryError, UploadId};
use attempt::{Attempt, Ended};
pub use progress::Comparison;
pub use stale::{Batch, Unreadable};
use stored_repository::{ExposedFiles, StoredRepository};
pub use triggers::{Trigger, Triggers};

/// How many objects of one publish are read or written at once.
const TRANSFERS_AT_ONCE: usize = 8;

/// How often a publisher that lost the commit starts again before it lets the others go first.
const MAX_TRIES: usize = 20;

/// What to do with a malformed package that somebody put into the store by other means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The synchronisation stops; the repository keeps its last good generation.
    Stop,
    /// It is reported and left out.
    Skip,
}

/// What a reconciliation did.
#[derive(Debug)]
pub struct Outcome {
    /// The generation that is current now; `None` when the repository has none, and nothing to publish.
    pub generation: Option<GenerationId>,
    /// When this run published it, in seconds since 1970; `None` when it was current before.
    pub published_at: Option<i64>,
    /// In how many seconds there is something to clear away, where there is.
    pub look_again_seconds: Option<i64>,
    /// Uploads that it contains for certain.
    pub applied: Vec<UploadId>,
    /// Uploads that could not be carried out, and why.
    pub failed: Vec<(UploadId, String)>,
    /// Whether the store was compared with the index.
    pub looked: bool,
    /// Why the comparison with the store did not come to an end, where it did not, or what it had to leave out. What was pending
    /// was published.
    pub synchronised: Result<(), RepositoryError>,
    /// How many packages have entries that an earlier version of the code rendered.
    pub stale: u64,
    /// How often another publisher was faster.
    pub lost_commits: usize,
    /// Whether more was pending than is published at once.
    pub has_more: bool,
}

/// The turn of what takes much memory: while somebody holds it, nobody else does.
pub type Turn = OwnedSemaphorePermit;

/// Publishes repositories of one store.
pub struct Publisher {
    store: Arc<dyn Store>,
    catalogue: Arc<Catalogue>,
    malformed: Malformed,
    exposed: ExposedFiles,
    progress: progress::All,
    foreign: Arc<ForeignRoots>,
    /// The local directory for index files that are large.
    scratch: PathBuf,
    /// One permit: for what takes much memory.
    large: Arc<Semaphore>,
    /// Entries that were rendered again.
    ready: stale::Ready,
    events: Arc<Events>,
    /// When it was made, in milliseconds since 1970.
    started_at: i64,
}

impl Publisher {
    /// A publisher of the repositories that `catalogue` lists.
    pub fn new(store: Arc<dyn Store>, catalogue: Arc<Catalogue>, malformed: Malformed) -> Self {
        let scratch = std::env::temp_dir();
        let (exposed, progress, large) =
            (ExposedFiles::default(), progress::All::default(), Arc::new(Semaphore::new(1)));
        let (foreign, ready) = (Arc::default(), stale::Ready::default());
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_at = i64::try_from(started.as_millis()).unwrap_or(i64::MAX);
        let events = Arc::default();
        Self { store, catalogue, malformed, exposed, progress, foreign, scratch, large, ready, events, started_at }
    }

    /// The same with a local directory for index files that are large, instead of that of the system: best on the file
    /// system of a local store.
    #[must_use]
    pub fn with_scratch(self, scratch: PathBuf) -> Self {
        Self { scratch, ..self }
    }

    /// The same, telling others of what happens.
    #[must_use]
    pub fn with_events(self, events: Arc<Events>) -> Self {
        Self { events, ..self }
    }

    /// What others are told.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The turn of what takes much memory: making records of large entries, publishing large batches. One at a time.
    pub async fn turn(&self) -> Option<Turn> {
        // the semaphore is never closed
        Arc::clone(&self.large).acquire_owned().await.ok()
    }

    /// Whether a head has to be made anew with the settings and keys of this process: it was made with others, by a process
    /// that started earlier. What a later one has made stays, so that replicas of a rolling change do not undo each other's
    /// work.
    pub fn supersedes(&self, target: &ConfiguredTarget, head: &Head) -> bool {
        head.writer_started_at < self.started_at && !target.matches_fingerprint(&head.configuration_fingerprint)
    }

    /// Whether a process that started later made a head with other settings or keys.
    pub fn is_superseded(&self, target: &ConfiguredTarget, head: &Head) -> bool {
        head.writer_started_at > self.started_at && !target.matches_fingerprint(&head.configuration_fingerprint)
    }

    /// What is known of the roots in the store.
    pub fn foreign_roots(&self) -> Arc<ForeignRoots> {
        Arc::clone(&self.foreign)
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The comparisons with the store that are under way.
    pub fn comparisons(&self) -> Vec<Comparison> {
        self.progress.now()
    }

    /// What is configured.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Brings the public files of a repository in line with its head and all that is pending. Idempotent; safe beside
    /// any number of others, in this process or elsewhere.
    ///
    /// # Errors
    ///
    /// When the store fails, a malformed package stops a synchronisation, or a public file is foreign. Nothing is
    /// lost: what is pending stays so.
    pub async fn reconcile(&self, repository: &RepositoryId, triggers: Triggers) -> Result<Outcome, RepositoryError> {
        match self.reconcile_in_turn(repository, triggers, None).await? {
            Some(outcome) => Ok(outcome),
            None => {
                let turn = self.turn().await;
                let outcome = self.reconcile_in_turn(repository, triggers, turn).await?;
                outcome.ok_or_else(|| RepositoryError::Contended(repository.clone()))
            }
        }
    }

    /// The same; without its turn, and where what is pending takes much memory, `None`, and nothing was done.
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn reconcile_in_turn(
        &self,
        repository: &RepositoryId,
        triggers: Triggers,
        turn: Option<Turn>,
    ) -> Result<Option<Outcome>, RepositoryError> {
        let target =
            self.catalogue.repository(repository).ok_or_else(|| RepositoryError::Unknown(repository.clone()))?;
        let at = StoredRepository {
            store: &self.store,
            repository,
            target,
            tree: target.format.layout(repository).tree,
            other_metadata: self.catalogue.other_metadata(repository),
            scratch: &self.scratch,
            started_at: self.started_at,
            exposed: &self.exposed,
            events: &self.events,
        };
        let (mut triggers, mut lost_commits, mut unused) = (triggers, 0, BTreeSet::new());
        let (mut keeps_entries, mut takes_over) = (false, false);
        for _ in 0..MAX_TRIES {
            let has_turn = turn.is_some();
            let attempt =
                Attempt { publisher: self, at: &at, triggers, has_turn, keeps_entries, takes_over, unused: &unused };
            match attempt.run().await {
                Ok(Ended::Done(outcome)) => return Ok(Some(Outcome { lost_commits, ..*outcome })),
                Ok(Ended::NeedsTurn) => return Ok(None),
                Ok(Ended::Lost(written)) => {
                    lost_commits += 1;
                    unused.extend(written);
                }
                // Another tool was here since: its root is the newer one, and what it did is taken in. It may have removed index
                // files that are needed.
                Err(RepositoryError::Foreign { .. } | RepositoryError::Damaged { .. })
                    if !takes_over && at.is_foreign(&at.state(true).await?).await? =>
                {
                    takes_over = true;
                    triggers = triggers.and(Trigger::Synchronise);
                }
                // one bad file keeps nothing else from being published
                Err(error @ RepositoryError::Malformed { .. })
                    if triggers.has(Trigger::Start) && !triggers.has(Trigger::Rebuild) && !keeps_entries =>
                {
                    keeps_entries = true;
                    tracing::error!(%repository, %error, "packages could not be read again as the settings want it");
                }
                Err(error) => return Err(error),
            }
        }
        Err(RepositoryError::Contended(repository.clone()))
    }
}
