//! What is in large directories, for a moment: whoever reads such a directory part by part reads it from the disk once, and
//! so do many readers together.

use std::collections::VecDeque;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a listing is kept, at most: what links lead to may change unseen. Answers to readers are good for as long.
const KEPT: Duration = Duration::from_secs(5);

/// How many directories are kept.
const MOST: usize = 2;

/// Directories whose own size is below this have some thousand entries at most, and are read each time.
const LARGE_BYTES: u64 = 64 << 10;

/// What is in a directory.
#[derive(Debug)]
pub struct Child {
    /// Its name; a directory's ends in a slash.
    pub name: Box<str>,
    /// Whether it is a symbolic link.
    pub is_link: bool,
}

/// The large directories that were read lately.
#[derive(Debug, Default)]
pub struct Listings {
    /// One is read at a time. Newest last.
    kept: Mutex<VecDeque<Kept>>,
}

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    mark: Mark,
    since: Instant,
    children: Arc<Vec<Child>>,
}

/// What changes with a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Listings {
    /// What is in a directory, read now where it is not known.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn children(&self, path: &Path, read: impl FnOnce() -> io::Result<Vec<Child>>) -> io::Result<Arc<Vec<Child>>> {
        let Ok(metadata) = fs::metadata(path) else { return read().map(Arc::new) };
        if metadata.len() < LARGE_BYTES {
            return read().map(Arc::new);
        }
        let mark = Mark::of(&metadata);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|one| one.since.elapsed() < KEPT);
        if let Some(one) = kept.iter().find(|one| one.path == path && one.mark == mark) {
            return Ok(Arc::clone(&one.children));
        }
        let children = Arc::new(read()?);
        kept.retain(|one| one.path != path);
        while kept.len() >= MOST {
            kept.pop_front();
        }
        let one = Kept { path: path.to_owned(), mark, since: Instant::now(), children: Arc::clone(&children) };
        kept.push_back(one);
        Ok(children)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_large_directory_is_read_once_until_it_changes() {
        let directory = tempfile::tempdir().unwrap();
        let listings = Listings::default();
        let reads = Cell::new(0);
        let read = || {
            listings.children(directory.path(), || {
                reads.set(reads.get() + 1);
                Ok(vec![Child { name: "a".into(), is_link: false }])
            })
        };
        read().unwrap();
        read().unwrap();
        assert_eq!(reads.get(), 2, "a small one is read each time");
        let grow = |from: u32, to: u32| {
            (from..to).for_each(|number| fs::write(directory.path().join(format!("{number:060}")), "").unwrap());
        };
        grow(0, 4000);
        if fs::metadata(directory.path()).unwrap().len() < LARGE_BYTES {
            // a file system that does not say how large its directories are
            return;
        }
        reads.set(0);
        let first = read().unwrap();
        assert!(Arc::ptr_eq(&first, &read().unwrap()));
        assert_eq!(reads.get(), 1);
        grow(4000, 4001);
        read().unwrap();
        assert_eq!(reads.get(), 2);
    }
}
