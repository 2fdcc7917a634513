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
mod carry;
mod clean;
mod commit;
mod expose;
mod place;
mod progress;
mod recorded;
mod root;
mod run;
mod stored;
mod synchronise;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rws_model::RepositoryId;
use rws_store::{Key, Store};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::catalogue::Catalogue;
use crate::foreign::ForeignRoots;
use crate::{GenerationId, RepositoryError, UploadId};
use expose::Exposed;
pub use progress::Comparison;
use run::Run;

/// How many objects of one publish are read or written at once.
const TRANSFERS_AT_ONCE: usize = 8;

/// How often a publisher that lost the commit starts again before it lets the others go first.
const TRIES: usize = 20;

/// What to do with a malformed package that somebody put into the store by other means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The synchronisation stops; the repository keeps its last good generation.
    Stop,
    /// It is reported and left out.
    Skip,
}

/// Why a repository is reconciled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occasion {
    /// Compare the store with the index: somebody asked for it.
    pub synchronise: bool,
    /// Make the indexes anew from the packages in the store, as if there were none.
    pub rebuild: bool,
    /// The program starts: publish anew when settings or keys are others than those of the head, and look at the
    /// public files even when nothing is published.
    pub start: bool,
    /// Look for what publishers left that died.
    pub tidy: bool,
    /// Publish an empty generation where there is nothing yet.
    pub create: bool,
}

impl Occasion {
    /// Both reasons together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            synchronise: self.synchronise || other.synchronise,
            rebuild: self.rebuild || other.rebuild,
            start: self.start || other.start,
            tidy: self.tidy || other.tidy,
            create: self.create || other.create,
        }
    }
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
    /// The plain-named files that this process wrote last.
    exposed: Mutex<BTreeMap<Key, Exposed>>,
    progress: progress::All,
    foreign: Arc<ForeignRoots>,
    /// The local directory for index files that are large.
    scratch: PathBuf,
    /// One permit: for what takes much memory.
    large: Arc<Semaphore>,
}

impl Publisher {
    /// A publisher of the repositories that `catalogue` lists.
    pub fn new(store: Arc<dyn Store>, catalogue: Arc<Catalogue>, malformed: Malformed) -> Self {
        let scratch = std::env::temp_dir();
        let (exposed, progress, large) = (Mutex::default(), progress::All::default(), Arc::new(Semaphore::new(1)));
        Self { store, catalogue, malformed, exposed, progress, foreign: Arc::default(), scratch, large }
    }

    /// The same with a local directory for index files that are large, instead of that of the system: best on the file
    /// system of a local store.
    #[must_use]
    pub fn with_scratch(self, scratch: PathBuf) -> Self {
        Self { scratch, ..self }
    }

    /// The turn of what takes much memory: making records of large entries, publishing large batches. One at a time.
    pub async fn turn(&self) -> Option<Turn> {
        // the semaphore is never closed
        Arc::clone(&self.large).acquire_owned().await.ok()
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
    pub async fn reconcile(&self, repository: &RepositoryId, occasion: Occasion) -> Result<Outcome, RepositoryError> {
        match self.reconcile_in_turn(repository, occasion, None).await? {
            Some(outcome) => Ok(outcome),
            None => {
                let turn = self.turn().await;
                let outcome = self.reconcile_in_turn(repository, occasion, turn).await?;
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
        occasion: Occasion,
        turn: Option<Turn>,
    ) -> Result<Option<Outcome>, RepositoryError> {
        let target =
            self.catalogue.repository(repository).ok_or_else(|| RepositoryError::Unknown(repository.clone()))?;
        let tree = target.format.layout(repository).tree;
        let run = Run {
            publisher: self,
            repository,
            target,
            tree,
            turn,
            needs_turn: AtomicBool::default(),
            unused: Mutex::default(),
            keeps_entries: AtomicBool::default(),
            takes_over: AtomicBool::default(),
        };
        let (mut occasion, mut lost_commits) = (occasion, 0);
        for _ in 0..TRIES {
            match run.attempt(occasion, lost_commits).await {
                Ok(None) if run.needs_turn.load(Ordering::Relaxed) => return Ok(None),
                Ok(None) => lost_commits += 1,
                Ok(Some(outcome)) => return Ok(Some(outcome)),
                // Another tool was here since: its root is the newer one, and what it did is taken in. It may have removed index
                // files that are needed.
                Err(RepositoryError::Foreign { .. } | RepositoryError::Damaged { .. })
                    if !run.takes_over.load(Ordering::Relaxed) && run.is_foreign(&run.state(true).await?).await? =>
                {
                    run.takes_over.store(true, Ordering::Relaxed);
                    occasion.synchronise = true;
                }
                // one bad file keeps nothing else from being published
                Err(error @ RepositoryError::Malformed { .. })
                    if occasion.start && !occasion.rebuild && !run.keeps_entries.swap(true, Ordering::Relaxed) =>
                {
                    tracing::error!(%repository, %error, "packages could not be read again as the settings want it");
                }
                Err(error) => return Err(error),
            }
        }
        Err(RepositoryError::Contended(repository.clone()))
    }
}
