//! How far a comparison with the store has come, for people who wait for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rws_model::RepositoryId;

/// How often the log says how far it is.
const LOGGED: Duration = Duration::from_secs(10);

/// How far the comparison of one repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The repository.
    pub repository: RepositoryId,
    /// How many files were read.
    pub read: usize,
    /// How many files are new or changed, and have to be read.
    pub files: usize,
}

/// All comparisons of a publisher.
#[derive(Clone, Default)]
pub(super) struct All(Arc<Mutex<BTreeMap<RepositoryId, Arc<Counts>>>>);

struct Counts {
    read: AtomicUsize,
    files: usize,
}

impl All {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RepositoryId, Arc<Counts>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are under way.
    pub(super) fn now(&self) -> Vec<Comparison> {
        let comparison = |(repository, counts): (&RepositoryId, &Arc<Counts>)| Comparison {
            repository: repository.clone(),
            read: counts.read.load(Ordering::Relaxed),
            files: counts.files,
        };
        self.lock().iter().map(comparison).collect()
    }
}

/// One comparison; it is over when this is dropped.
pub(super) struct Comparing {
    all: All,
    repository: RepositoryId,
    counts: Arc<Counts>,
    logged: Mutex<Instant>,
}

impl Comparing {
    /// Begins to read so many files.
    pub(super) fn begin(all: &All, repository: &RepositoryId, files: usize) -> Self {
        let counts = Arc::new(Counts { read: AtomicUsize::new(0), files });
        all.lock().insert(repository.clone(), Arc::clone(&counts));
        Self { all: all.clone(), repository: repository.clone(), counts, logged: Mutex::new(Instant::now()) }
    }

    /// One file more was read.
    pub(super) fn advance(&self) {
        let read = self.counts.read.fetch_add(1, Ordering::Relaxed) + 1;
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.elapsed() > LOGGED {
            *logged = Instant::now();
            tracing::info!(repository = %self.repository, read, of = self.counts.files, "reading packages in the store");
        }
    }
}

impl Drop for Comparing {
    fn drop(&mut self) {
        self.all.lock().remove(&self.repository);
    }
}
