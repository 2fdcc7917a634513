//! Small files stay open for a moment, as many readers ask for the same ones: to open and close such a file costs more than to
//! read it.
//!
//! What is kept is what a path names, not what it named. Whatever happens to a name (`rename(2)`, `unlink(2)`) or to the
//! content changes the number of names or the time of the last change of the file that was opened (`inode(7)`), and both are
//! looked at with each use. What this process itself changes is forgotten besides, on any file system. After a second a file
//! is opened anew, for what no file tells: a directory or a link above it that was moved.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::{Key, Stat};

/// How long a file is kept.
const TIME: Duration = Duration::from_secs(1);

/// So many are kept.
const MOST: usize = 256;

/// The largest that is kept, in bytes: the space of a removed one is given back late.
const MOST_BYTES: u64 = 1 << 20;

/// An open file.
#[derive(Clone, Debug)]
pub struct Open {
    /// The file.
    pub file: Arc<File>,
    /// What it is.
    pub stat: Stat,
}

/// The files of a directory tree that were opened lately.
#[derive(Debug, Default)]
pub struct KeptFiles {
    files: RwLock<HashMap<Key, Arc<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    open: Open,
    mark: Mark,
    since: Instant,
}

/// What changes with every change of a file and of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    names: u64,
    changed: (i64, i64),
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        Self { names: metadata.nlink(), changed: (metadata.ctime(), metadata.ctime_nsec()) }
    }

    /// Whether a change from now on makes it another one: times have steps, of ten milliseconds at the most.
    fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.names > 0 && self.changed.0.checked_add(1).is_some_and(|after| after < now.cast_signed())
    }
}

impl KeptFiles {
    /// The file that a key names, if it is kept.
    pub fn get(&self, key: &Key) -> Option<Open> {
        let kept = self.files.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()?;
        let is_same = kept.since.elapsed() < TIME && Mark::of(&kept.open.file.metadata().ok()?) == kept.mark;
        is_same.then(|| kept.open.clone())
    }

    /// Keeps a file that was just opened, if that is of use.
    pub fn keep(&self, key: &Key, open: &Open, metadata: &Metadata) {
        let mark = Mark::of(metadata);
        if metadata.len() > MOST_BYTES || !mark.is_settled() {
            return;
        }
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= MOST && !files.contains_key(key) {
            files.retain(|_, kept| kept.since.elapsed() < TIME);
            // whoever goes through all files does not take the place of what is asked for again and again
            if files.len() >= MOST {
                return;
            }
        }
        files.insert(key.clone(), Arc::new(Kept { open: open.clone(), mark, since: Instant::now() }));
    }

    /// Forgets a file that this process has changed.
    pub fn forget(&self, key: &Key) {
        self.files.write().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::local::durable;

    /// A file that nobody has changed for a while, as far as the clock knows.
    fn kept(files: &KeptFiles, path: &Path) -> Key {
        let key = Key::parse("file").unwrap();
        let file = File::open(path).unwrap();
        let metadata = file.metadata().unwrap();
        let open = Open { stat: durable::stat(&metadata), file: Arc::new(file) };
        let kept = Kept { open, mark: Mark::of(&metadata), since: Instant::now() };
        files.files.write().unwrap().insert(key.clone(), Arc::new(kept));
        assert!(files.get(&key).is_some());
        key
    }

    #[test]
    fn no_change_of_a_name_or_a_content_is_missed() {
        type Change = fn(&Path, &Path);
        let changes: [(&str, Change); 6] = [
            ("removed", |path, _| fs::remove_file(path).unwrap()),
            ("moved away", |path, other| fs::rename(path, other).unwrap()),
            ("replaced", |path, other| {
                fs::write(other, "new").unwrap();
                fs::rename(other, path).unwrap();
            }),
            ("one of two names is removed", |path, other| {
                fs::hard_link(path, other).unwrap();
                fs::remove_file(path).unwrap();
            }),
            ("written in place", |path, _| fs::write(path, "new").unwrap()),
            ("another time", |path, _| File::open(path).unwrap().set_modified(UNIX_EPOCH).unwrap()),
        ];
        for (name, change) in changes {
            let directory = tempfile::tempdir().unwrap();
            let (path, other) = (directory.path().join("file"), directory.path().join("other"));
            fs::write(&path, "old").unwrap();
            // longer than a step of the kernel's clock
            std::thread::sleep(Duration::from_millis(20));
            let files = KeptFiles::default();
            let key = kept(&files, &path);
            change(&path, &other);
            assert!(files.get(&key).is_none(), "{name}");
        }
    }

    #[test]
    fn what_just_changed_is_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "new").unwrap();
        let file = File::open(&path).unwrap();
        let metadata = file.metadata().unwrap();
        let open = Open { stat: durable::stat(&metadata), file: Arc::new(file) };
        let (files, key) = (KeptFiles::default(), Key::parse("file").unwrap());
        files.keep(&key, &open, &metadata);
        assert!(files.get(&key).is_none());
    }

    #[test]
    fn what_is_forgotten_is_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "old").unwrap();
        let files = KeptFiles::default();
        let key = kept(&files, &path);
        files.forget(&key);
        assert!(files.get(&key).is_none());
    }
}
