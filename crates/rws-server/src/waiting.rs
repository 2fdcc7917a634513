//! What waits for its `.changes`, as `/-/status` tells it: read from the store once in a second at most, however many ask, and
//! after changes that this process makes; where there is much to read, less often.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rws_repository::aside::{self, ListedFile};
use rws_store::{Store, StoreError};
use tokio::sync::Mutex;

/// How old a list may be.
const KEPT: Duration = Duration::from_secs(1);

/// A list that took longer than this to read is kept for ten times as long, whatever changes: most of the time nobody reads.
const QUICK: Duration = Duration::from_millis(10);

/// The list that was read last, and when.
#[derive(Debug, Default)]
pub struct WaitingFiles {
    last: Mutex<Option<Read>>,
    /// How many changes this process has made.
    changes: AtomicU64,
}

#[derive(Debug)]
struct Read {
    at: Instant,
    took: Duration,
    /// After so many changes.
    changes: u64,
    files: Arc<Vec<ListedFile>>,
}

impl WaitingFiles {
    /// The files that wait. Whoever asks while it is read waits for that.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn list(&self, store: &dyn Store) -> Result<Arc<Vec<ListedFile>>, StoreError> {
        let mut last = self.last.lock().await;
        let changes = self.changes.load(Ordering::Acquire);
        if let Some(read) = last.as_ref().filter(|read| read.is_good(changes)) {
            return Ok(Arc::clone(&read.files));
        }
        let began = Instant::now();
        let files = Arc::new(aside::list(store).await?);
        *last = Some(Read { at: Instant::now(), took: began.elapsed(), changes, files: Arc::clone(&files) });
        Ok(files)
    }

    /// A file came to wait, or waits no longer.
    pub fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }
}

impl Read {
    /// Whether it can be told after so many changes.
    fn is_good(&self, changes: u64) -> bool {
        let age = self.at.elapsed();
        age < 10 * self.took.saturating_sub(QUICK) || (age < KEPT && self.changes == changes)
    }
}

#[cfg(test)]
mod tests {
    use rws_store::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn all_who_ask_at_once_get_one_list() {
        let (store, waiting) = (MemoryStore::new(), WaitingFiles::default());
        let lists = futures::future::join_all((0..8).map(|_| waiting.list(&store))).await;
        let lists: Vec<_> = lists.into_iter().map(Result::unwrap).collect();
        waiting.changed();
        assert!(!Arc::ptr_eq(&waiting.list(&store).await.unwrap(), &lists[0]));
        assert!(lists.windows(2).all(|pair| Arc::ptr_eq(&pair[0], &pair[1])));
    }
}
