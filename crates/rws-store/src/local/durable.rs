//! Atomic and durable changes of one directory tree.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::{Body, Condition, Key, Stat, Version};

/// How often a write is tried whose directory another process removes, because it was empty, at the same instant.
const TRIES: usize = 8;

/// A temporary file that old belongs to no write that is still under way.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A directory tree, and the place for its temporary and lock files on the same file system.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    temporary: PathBuf,
    locks: PathBuf,
}

impl Directory {
    /// Makes what does not exist yet.
    pub fn open(root: &Path, work: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let directory = Self { root: root.to_owned(), temporary: work.join("tmp"), locks: work.join("locks") };
        if let Some(private) = work.parent() {
            match DirBuilder::new().mode(0o700).create(private) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => fs::set_permissions(private, Permissions::from_mode(0o700))?,
            }
        }
        fs::create_dir_all(&directory.temporary)?;
        fs::create_dir_all(&directory.locks)?;
        directory.clear_abandoned()?;
        Ok(directory)
    }

    /// Removes temporary files of programs that were killed.
    fn clear_abandoned(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.temporary)? {
            let entry = entry?;
            let age = entry.metadata().and_then(|file| file.modified()).map(|time| time.elapsed().unwrap_or_default());
            // another process may end its write, or clear up, at the same time
            if age.is_ok_and(|age| age > ABANDONED) {
                _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// Writes `body` under `key`. [`io::ErrorKind::AlreadyExists`] when the condition does not hold.
    pub fn write(&self, key: &Key, body: &Body, condition: &Condition) -> io::Result<Stat> {
        let temporary = self.temporary_file();
        let written = self.fill(&temporary, body).and_then(|()| self.place(&temporary, key, condition));
        let cleaned = fs::remove_file(&temporary);
        let stat = written?;
        match cleaned {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(stat),
        }
    }

    /// Makes `to` another name of the file `from`. [`io::ErrorKind::AlreadyExists`] when the condition does not hold.
    pub fn link(&self, from: &Key, to: &Key, condition: &Condition) -> io::Result<Stat> {
        let source = self.path(from);
        if !fs::metadata(&source)?.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let temporary = self.temporary_file();
        if fs::hard_link(&source, &temporary).is_err() {
            self.fill(&temporary, &Body::File(source))?;
        }
        let placed = self.place(&temporary, to, condition);
        // renaming one name of a file over another name of it does nothing and leaves both (POSIX rename)
        _ = fs::remove_file(&temporary);
        placed
    }

    /// Removes an object and the directories that become empty.
    pub fn remove(&self, key: &Key) -> io::Result<()> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(error);
            }
            _ => {}
        }
        for parent in path.ancestors().skip(1).take_while(|parent| *parent != self.root) {
            if fs::remove_dir(parent).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn temporary_file(&self) -> PathBuf {
        self.temporary.join(Uuid::new_v4().simple().to_string())
    }

    /// Writes a temporary file and flushes it.
    fn fill(&self, temporary: &Path, body: &Body) -> io::Result<()> {
        match body {
            Body::Bytes(bytes) => {
                let mut file = File::create_new(temporary)?;
                file.write_all(bytes)?;
                stamp(&file, None)?;
                file.sync_all()
            }
            Body::File(source) => {
                if fs::hard_link(source, temporary).is_err() {
                    fs::copy(source, temporary)?;
                }
                fs::set_permissions(temporary, Permissions::from_mode(0o644))?;
                let file = OpenOptions::new().write(true).open(temporary)?;
                stamp(&file, None)?;
                file.sync_all()
            }
        }
    }

    /// Moves a flushed temporary file to its name, under the condition, and flushes the directory.
    fn place(&self, temporary: &Path, key: &Key, condition: &Condition) -> io::Result<Stat> {
        let path = self.path(key);
        let parent = path.parent().unwrap_or(&self.root);
        // held until the end of the function
        let _lock = match condition {
            Condition::Matches(version) => {
                let lock = self.lock(key)?;
                let current = fs::metadata(&path).ok().filter(fs::Metadata::is_file).as_ref().map(stat);
                let Some(current) = current.filter(|current| current.version == *version) else {
                    return Err(io::ErrorKind::AlreadyExists.into());
                };
                let file = OpenOptions::new().write(true).open(temporary)?;
                // the time of a linked file is that of its other name too, and it is another inode than the current
                if file.metadata()?.nlink() == 1 {
                    stamp(&file, Some(&current.version))?;
                }
                Some(lock)
            }
            _ => None,
        };
        let mut tries = 0;
        let mut known = parent;
        loop {
            tries += 1;
            while !known.exists() {
                known = known.parent().unwrap_or(&self.root);
            }
            fs::create_dir_all(parent)?;
            let moved = match condition {
                Condition::Absent => fs::hard_link(temporary, &path),
                _ => fs::rename(temporary, &path),
            };
            match moved {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {}
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        flush(parent, known)?;
        Ok(stat(&fs::metadata(&path)?))
    }

    fn lock(&self, key: &Key) -> io::Result<File> {
        let slot = key.as_str().bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        let path = self.locks.join(format!("{slot:02x}"));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok(file)
    }
}

/// Flushes a directory and those above it up to one that was there before.
fn flush(directory: &Path, known: &Path) -> io::Result<()> {
    for path in directory.ancestors().take_while(|path| path.starts_with(known)) {
        match File::open(path).and_then(|file| file.sync_all()) {
            // another process removed it because it was empty: then there is nothing in it to keep
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

/// Gives a file a time of its own: the present, in nanoseconds, and later than that of `replaced`.
fn stamp(file: &File, replaced: Option<&Version>) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let floor = replaced.and_then(version_nanoseconds).map_or(0, |nanoseconds| nanoseconds + 1);
    let time = UNIX_EPOCH + now.max(Duration::from_nanos(floor));
    file.set_modified(time)
}

/// What the file system says of a file.
pub fn stat(metadata: &fs::Metadata) -> Stat {
    let nanoseconds = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Stat {
        size_bytes: metadata.len(),
        version: Version(format!("{:x}-{:x}-{:x}", nanoseconds, metadata.ino(), metadata.len())),
        modified_milliseconds: i64::try_from(nanoseconds / 1_000_000).unwrap_or(i64::MAX),
    }
}

fn version_nanoseconds(version: &Version) -> Option<u64> {
    u64::from_str_radix(version.0.split('-').next()?, 16).ok()
}
