//! Small files stay open for a moment, as many readers ask for the same ones: to open and close such a file costs more than to
//! read it.
//!
//! What is kept is what a path names, not what it named. Whatever happens to a name (`rename(2)`, `unlink(2)`) or to the
//! content changes the number of names or the time of the last change of the file that was opened (`inode(7)`), and both are
//! looked at with each use. That holds for the file systems below, and for paths without symbolic links; nothing else is kept. After a
//! second a file is closed, used or not: a directory above it that somebody moves is seen then.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::fs::statfs;

use crate::{Key, Stat};

/// How long a file is kept.
const TIME: Duration = Duration::from_secs(1);

/// So many are kept.
const MOST: usize = 256;

/// The largest that is kept, in bytes: the space of a removed one is given back later.
const MOST_BYTES: u64 = 1 << 20;

/// ext2 to ext4, XFS, Btrfs and tmpfs, by `statfs(2)`. A file of a lower layer of overlayfs does not change when its name goes, and
/// what others change on a network file system is seen late.
const FILE_SYSTEMS: [u64; 4] = [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994];

/// An open file.
#[derive(Clone, Debug)]
pub struct Open {
    /// The file.
    pub file: Arc<File>,
    /// What it is.
    pub stat: Stat,
}

/// The files of a directory tree that were opened lately.
#[derive(Clone, Debug)]
pub struct KeptFiles {
    /// The number of the file system whose files are kept; none: nothing is.
    device: Option<u64>,
    state: Arc<RwLock<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: HashMap<Key, Arc<Kept>>,
    /// How many changes this process has made.
    changes: u64,
    /// Whether somebody closes what was kept for long enough.
    is_swept: bool,
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

    /// Whether any change after a moment makes it another one: times have steps, of ten milliseconds at the most.
    fn is_settled(&self, at: SystemTime) -> bool {
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.names > 0 && self.changed.0.checked_add(1).is_some_and(|after| after < at.cast_signed())
    }
}

/// A moment before a file is opened.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    at: SystemTime,
    changes: u64,
}

impl KeptFiles {
    /// Keeps files of the file system of `root`, where that can be done.
    pub fn of(root: &Path) -> Self {
        let is_known = statfs(root).is_ok_and(|system| FILE_SYSTEMS.contains(&(system.f_type.cast_unsigned())));
        let device = root.metadata().ok().filter(|_| is_known).map(|metadata| metadata.dev());
        Self { device, state: Arc::default() }
    }

    /// The file that a key names, if it is kept.
    pub fn get(&self, key: &Key) -> Option<Open> {
        let kept = self.read().files.get(key).cloned()?;
        let is_same = || kept.open.file.metadata().is_ok_and(|metadata| Mark::of(&metadata) == kept.mark);
        if kept.since.elapsed() < TIME && is_same() {
            return Some(kept.open.clone());
        }
        let mut state = self.write();
        if state.files.get(key).is_some_and(|now| Arc::ptr_eq(now, &kept)) {
            state.files.remove(key);
        }
        None
    }

    /// To be asked for before a file is opened that may be kept; none: it may not.
    pub fn before(&self) -> Option<Before> {
        self.device.is_some().then(|| Before { at: SystemTime::now(), changes: self.read().changes })
    }

    /// Keeps a file that was opened since, by a path without symbolic links, if that is of use.
    pub fn keep(&self, key: &Key, open: &Open, metadata: &Metadata, before: Before) {
        let mark = Mark::of(metadata);
        let is_good = Some(metadata.dev()) == self.device && metadata.len() <= MOST_BYTES;
        if !is_good || !mark.is_settled(before.at) {
            return;
        }
        let mut state = self.write();
        // whoever goes through all files does not take the place of what is asked for again and again
        if state.changes != before.changes || state.files.len() >= MOST && !state.files.contains_key(key) {
            return;
        }
        state.files.insert(key.clone(), Arc::new(Kept { open: open.clone(), mark, since: Instant::now() }));
        if !std::mem::replace(&mut state.is_swept, true) {
            tokio::spawn(sweep(Arc::clone(&self.state)));
        }
    }

    /// Forgets a file that this process has changed.
    pub fn forget(&self, key: &Key) {
        let mut state = self.write();
        state.changes += 1;
        state.files.remove(key);
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what was kept for long enough, until nothing is left.
async fn sweep(state: Arc<RwLock<State>>) {
    loop {
        tokio::time::sleep(TIME).await;
        let mut state = state.write().unwrap_or_else(PoisonError::into_inner);
        state.files.retain(|_, kept| kept.since.elapsed() < TIME);
        if state.files.is_empty() {
            state.is_swept = false;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;
    use crate::local::durable;

    /// A directory with a file that is kept as if nobody had changed it for a while.
    struct Case {
        _directory: TempDir,
        path: PathBuf,
        other: PathBuf,
        files: KeptFiles,
        key: Key,
    }

    impl Case {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let (path, other) = (directory.path().join("file"), directory.path().join("other"));
            fs::write(&path, "old").unwrap();
            // whatever the file system of temporary files is
            let device = Some(fs::metadata(&path).unwrap().dev());
            let files = KeptFiles { device, state: Arc::default() };
            Self { _directory: directory, path, other, files, key: Key::parse("file").unwrap() }
        }

        fn keep(&self, before: Before) -> Option<Open> {
            let file = File::open(&self.path).unwrap();
            let metadata = file.metadata().unwrap();
            let open = Open { stat: durable::stat(&metadata), file: Arc::new(file) };
            self.files.keep(&self.key, &open, &metadata, before);
            self.files.get(&self.key)
        }

        /// Waits for the next step of the kernel's clock.
        fn later(&self) {
            let changed = |path| fs::metadata(path).map(|metadata| Mark::of(&metadata).changed).unwrap();
            fs::write(&self.other, "").unwrap();
            while changed(&self.other) == changed(&self.path) {
                fs::write(&self.other, "").unwrap();
            }
            fs::remove_file(&self.other).unwrap();
        }

        fn before(&self) -> Before {
            let before = self.files.before().unwrap();
            Before { at: before.at + Duration::from_secs(10), ..before }
        }
    }

    #[tokio::test]
    async fn no_change_of_a_name_or_a_content_is_missed() {
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
            let case = Case::new();
            case.later();
            assert!(case.keep(case.before()).is_some(), "{name}");
            change(&case.path, &case.other);
            assert!(case.files.get(&case.key).is_none(), "{name}");
            assert!(case.files.read().files.is_empty(), "{name}: it is closed");
        }
    }

    #[tokio::test]
    async fn what_just_changed_is_not_kept() {
        let case = Case::new();
        assert!(case.keep(case.files.before().unwrap()).is_none());
    }

    #[tokio::test]
    async fn what_this_process_changes_is_not_kept() {
        let case = Case::new();
        assert!(case.keep(case.before()).is_some());
        let before = case.before();
        case.files.forget(&case.key);
        assert!(case.files.get(&case.key).is_none());
        assert!(case.keep(before).is_none(), "it was changed after it was opened");
        assert!(case.keep(case.before()).is_some());
    }

    #[tokio::test]
    async fn nothing_stays_open() {
        let case = Case::new();
        assert!(case.keep(case.before()).is_some());
        while !case.files.read().files.is_empty() {
            tokio::time::sleep(TIME / 10).await;
        }
        while case.files.read().is_swept {
            tokio::time::sleep(TIME / 10).await;
        }
    }

    #[test]
    fn other_file_systems_are_left_alone() {
        assert!(KeptFiles::of(Path::new("/proc")).before().is_none());
    }
}
