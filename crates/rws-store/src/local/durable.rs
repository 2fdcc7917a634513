//! Atomic and durable changes of one directory tree.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::clock::Clock;
use super::kept::KeptFiles;
use super::links::Links;
use super::listings::Listings;
use crate::{Body, Condition, Key, ObjectClass, Reserved, Stat, Version, Write};

/// The modes of new directories.
const PUBLIC_DIRECTORY: u32 = 0o755;
const PRIVATE_DIRECTORY: u32 = 0o700;

/// How often a write is tried whose directory another process removes, because it was empty, at the same instant.
const TRIES: usize = 8;

/// With less room than this a publish may not find what it needs.
const MIN_FREE_BYTES: u64 = 1 << 20;

/// A temporary file that old belongs to no write that is still under way.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A directory tree, and the place for its temporary and lock files on the same file system.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    private: PathBuf,
    temporary: PathBuf,
    locks: PathBuf,
    /// Where links may lead.
    pub links: Links,
    /// What is in large directories.
    pub listings: Listings,
    durability: Durability,
    /// Whose time files get: replicas on several machines may share the directory.
    clock: Clock,
    /// What readers have open.
    pub kept: KeptFiles,
}

/// Whether what was written outlives a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It does.
    Durable,
    /// It need not: it is a copy.
    Volatile,
}

impl Directory {
    /// Makes what does not exist yet. `work` is the directory for its own files, two below the root.
    pub fn open(root: &Path, work: &str, durability: Durability, allowed: &[PathBuf]) -> io::Result<Self> {
        make_directories(root, PUBLIC_DIRECTORY)?;
        let root = fs::canonicalize(root)?;
        if let Some(above) = root.parent() {
            File::open(above)?.sync_all()?;
        }
        let work = root.join(work);
        let private = work.parent().unwrap_or(&work).to_owned();
        let (temporary, locks) = (work.join("tmp"), work.join("locks"));
        let clock = Clock::of(temporary.clone());
        let kept = KeptFiles::of(&root);
        let links = Links::new(&root, &private, allowed)?;
        let directory =
            Self { root, private, temporary, locks, links, listings: Listings::default(), durability, clock, kept };
        for path in [&directory.private, &directory.temporary, &directory.locks] {
            make_directories(path, PRIVATE_DIRECTORY)?;
            fs::set_permissions(path, Permissions::from_mode(PRIVATE_DIRECTORY))?;
        }
        directory.clear_abandoned()?;
        Ok(directory)
    }

    /// Removes temporary files of programs that were killed.
    fn clear_abandoned(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.temporary)? {
            let entry = entry?;
            // the time of its last change of any kind: that of its content may be the one of the file it is linked to
            let Ok(changed) = entry.metadata().map(|file| file.ctime()) else { continue };
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            // another process may end its write, or clear up, at the same time
            if now.as_secs() > changed.unsigned_abs() + ABANDONED.as_secs() {
                _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// Keeps room free for copies of some files and for so many bytes more.
    pub fn reserve(&self, copies: &[Key], bytes: u64) -> io::Result<Reserved> {
        let sizes = copies.iter().map(|key| fs::metadata(self.path(key)).map_or(0, |file| file.len()));
        Reserved::take(&self.temporary, Reserved::size_of(sizes) + bytes)
    }

    /// What is to be said when the disk is full.
    pub fn lack_of_room(&self) -> Option<String> {
        let disk = rustix::fs::statvfs(&self.temporary).ok()?;
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        let lacks = free_bytes < MIN_FREE_BYTES;
        lacks.then(|| format!("the data directory is full: {free_bytes} bytes are free"))
    }

    /// The time by the directory's clock, since 1970.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// Checks that links lead nowhere else from where `key` is.
    pub fn check_place(&self, key: &Key) -> io::Result<()> {
        self.links.check_parent(&self.path(key))
    }

    /// Writes `body` under `key`. [`io::ErrorKind::AlreadyExists`] when the condition does not hold.
    pub fn write(&self, key: &Key, body: &Body, condition: &Condition) -> io::Result<Stat> {
        self.check_place(key)?;
        let temporary = self.temporary_file();
        let written = self.fill(&temporary, body, self.mode(key)).and_then(|()| self.place(&temporary, key, condition));
        let cleaned = fs::remove_file(&temporary);
        let stat = written?;
        match cleaned {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(stat),
        }
    }

    /// Copies `from` to `to`; what never changes gets another name instead of another content.
    /// [`io::ErrorKind::AlreadyExists`] when the condition does not hold, [`io::ErrorKind::NotFound`] when there is no
    /// source, and for no other reason.
    pub fn copy(&self, from: &Key, to: &Key, write: &Write) -> io::Result<Stat> {
        let source = match self.links.resolve(&self.path(from)) {
            Ok(Some(source)) if fs::metadata(&source)?.is_file() => source,
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(error);
            }
            _ => return Err(io::ErrorKind::NotFound.into()),
        };
        self.check_place(to)?;
        let copied = self.copy_file(&source, to, write);
        copied.map_err(|error| if error.kind() == io::ErrorKind::NotFound { io::Error::other(error) } else { error })
    }

    fn copy_file(&self, source: &Path, to: &Key, write: &Write) -> io::Result<Stat> {
        let temporary = self.temporary_file();
        // a plain name must not share its bytes with a file that never changes: other tools write plain names in place
        if write.kind == ObjectClass::Mutable || fs::hard_link(source, &temporary).is_err() {
            fs::copy(source, &temporary)?;
            let file = OpenOptions::new().write(true).open(&temporary)?;
            self.stamp(&file, None)?;
            self.flush_file(&file)?;
        }
        // a linked file has this mode by all its names: the private ones lie in a private directory
        if !self.is_private(to) || write.kind == ObjectClass::Mutable {
            fs::set_permissions(&temporary, Permissions::from_mode(self.mode(to)))?;
        }
        let placed = self.place(&temporary, to, &write.condition);
        // renaming one name of a file over another name of it does nothing and leaves both (POSIX rename)
        _ = fs::remove_file(&temporary);
        placed
    }

    /// Removes objects and the directories that become empty. The private directories right below `.rws` stay: they
    /// are used all the time.
    pub fn remove(&self, keys: &[Key]) -> io::Result<()> {
        let mut changed = BTreeSet::new();
        for key in keys {
            let path = self.path(key);
            self.links.check_parent(&path)?;
            let removed = fs::remove_file(&path);
            self.kept.forget(key);
            match removed {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(error) => return Err(error),
            }
            let mut parent = path.parent().unwrap_or(&self.root);
            while parent != self.root && !self.is_permanent(parent) && fs::remove_dir(parent).is_ok() {
                parent = parent.parent().unwrap_or(&self.root);
            }
            changed.insert(parent.to_owned());
        }
        changed.iter().try_for_each(|directory| self.flush(directory, directory))
    }

    fn is_permanent(&self, directory: &Path) -> bool {
        directory.parent() == Some(&self.private)
    }

    fn is_private(&self, key: &Key) -> bool {
        self.path(key).starts_with(&self.private)
    }

    /// The mode of a file.
    fn mode(&self, key: &Key) -> u32 {
        if self.is_private(key) { 0o600 } else { 0o644 }
    }

    fn temporary_file(&self) -> PathBuf {
        self.temporary.join(Uuid::new_v4().simple().to_string())
    }

    /// Writes a temporary file and flushes it.
    fn fill(&self, temporary: &Path, body: &Body, mode: u32) -> io::Result<()> {
        match body {
            Body::Bytes(bytes) => {
                let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
                file.set_permissions(Permissions::from_mode(mode))?;
                file.write_all(bytes)?;
                self.stamp(&file, None)?;
                self.flush_file(&file)
            }
            Body::File(source) => {
                if fs::hard_link(source.path(), temporary).is_err() {
                    fs::copy(source.path(), temporary)?;
                }
                fs::set_permissions(temporary, Permissions::from_mode(mode))?;
                let file = OpenOptions::new().write(true).open(temporary)?;
                self.stamp(&file, None)?;
                self.flush_file(&file)
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
                    self.stamp(&file, Some(&current.version))?;
                }
                Some(lock)
            }
            _ => None,
        };
        // by its temporary name: under the other one somebody may remove it as soon as it is there
        let placed = stat(&fs::metadata(temporary)?);
        let mut tries = 0;
        loop {
            tries += 1;
            let mode = if self.is_private(key) { PRIVATE_DIRECTORY } else { PUBLIC_DIRECTORY };
            match make_directories(parent, mode) {
                // another process removes the directory, because it is empty, at the same instant
                Err(error) if is_passing(&error) && tries < TRIES => continue,
                Err(error) => return Err(io::Error::other(error)),
                Ok(()) => {}
            }
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
        self.kept.forget(key);
        // up to the root: another process may have made a directory of the path and not flushed it yet
        if let Err(error) = self.flush(parent, &self.root) {
            if *condition == Condition::Absent {
                _ = fs::remove_file(&path);
            }
            return Err(error);
        }
        Ok(placed)
    }

    /// Gives a file a time of its own: the present, in nanoseconds, and later than that of `replaced`.
    fn stamp(&self, file: &File, replaced: Option<&Version>) -> io::Result<()> {
        let floor = replaced.and_then(version_nanoseconds).map_or(0, |nanoseconds| nanoseconds + 1);
        file.set_modified(UNIX_EPOCH + self.now().max(Duration::from_nanos(floor)))
    }

    fn flush_file(&self, file: &File) -> io::Result<()> {
        if self.durability == Durability::Durable { file.sync_all() } else { Ok(()) }
    }

    /// Flushes a directory and those above it up to `last`.
    fn flush(&self, directory: &Path, last: &Path) -> io::Result<()> {
        if self.durability == Durability::Volatile {
            return Ok(());
        }
        for path in directory.ancestors().take_while(|path| path.starts_with(last)) {
            match File::open(path).and_then(|file| file.sync_all()) {
                // another process removed it because it was empty: then there is nothing in it to keep
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        Ok(())
    }

    fn lock(&self, key: &Key) -> io::Result<File> {
        let slot = key.as_str().bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        let path = self.locks.join(format!("{slot:02x}"));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok(file)
    }
}

/// Makes a directory and those above it that do not exist; new ones get this mode, whatever the umask.
fn make_directories(path: &Path, mode: u32) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        make_directories(above, mode)?;
    }
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(mode)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists)
}

/// What the file system says of a file.
pub fn stat(metadata: &fs::Metadata) -> Stat {
    let nanoseconds = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Stat {
        size_bytes: metadata.len(),
        version: version(nanoseconds, metadata.ino(), metadata.len()),
        modified_milliseconds: i64::try_from(nanoseconds / 1_000_000).unwrap_or(i64::MAX),
    }
}

/// The three numbers in hexadecimal digits, without the machinery of formats: each request makes one.
fn version(nanoseconds: i128, inode: u64, size_bytes: u64) -> Version {
    let mut text = String::with_capacity(48);
    // a time before 1970 is a large number
    for number in [nanoseconds.cast_unsigned(), inode.into(), size_bytes.into()] {
        if !text.is_empty() {
            text.push('-');
        }
        let digits = (u128::BITS - number.leading_zeros()).div_ceil(4).max(1);
        text.extend(
            (0..digits).rev().map(|place| char::from(b"0123456789abcdef"[(number >> (4 * place)) as usize % 16])),
        );
    }
    Version(text)
}

fn version_nanoseconds(version: &Version) -> Option<u64> {
    u64::from_str_radix(version.0.split('-').next()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_three_hexadecimal_numbers() {
        for (nanoseconds, inode, size) in [(1_795_354_200_123_456_789, 77, 0), (0, u64::MAX, 1), (-1, 0, u64::MAX)] {
            assert_eq!(version(nanoseconds, inode, size).0, format!("{nanoseconds:x}-{inode:x}-{size:x}"));
        }
    }
}
