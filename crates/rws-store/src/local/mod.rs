//! A store in a local directory.
//!
//! * A write goes to a temporary file, which is flushed to the disk, renamed into place, and its directory flushed.
//! * Create-if-absent is a hard link, which the file system makes atomic between processes.
//! * Compare-and-swap holds a lock file ([`std::fs::File::lock`]) while it compares and renames, so it holds between
//!   processes that share the directory. Every write sets a time later than the version it replaces, so that a
//!   version never comes back (inode numbers are used again, and a kernel's own clock moves in steps of milliseconds).
//! * A copy of what never changes is a hard link; a plain name gets bytes of its own.
//! * Symbolic links are followed within the directory, and to directories that were allowed; never into `.rws`.
//! * Files and directories have fixed modes, whatever the umask: 0644 and 0755, 0600 and 0700 in `.rws`.
//! * Small files that are read stay open for a moment, and are what their names stand for whoever changes them.

mod clock;
mod durable;
mod kept;
mod links;
mod listings;
mod reading;
mod tree;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use crate::{
    Body, Content, Depth, Key, Listed, MAX_PAGE_ENTRIES, Page, Reserved, Span, Stat, Store, StoreError, Version, Write,
    low_priority, private,
};
use durable::{Directory, Durability};

/// A store in a local directory.
#[derive(Clone, Debug)]
pub struct LocalStore {
    directory: Arc<Directory>,
}

impl LocalStore {
    /// Opens the directory `root`, making it where it does not exist. Its `.rws` is made readable by its owner only.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made or written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Self::open_with(root, Durability::Durable, &[])
    }

    /// The same where symbolic links may lead to some directories outside of `root`.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made or written, or one of the others does not exist.
    pub fn open_with_links(root: &Path, allowed: &[PathBuf]) -> Result<Self, StoreError> {
        Self::open_with(root, Durability::Durable, allowed)
    }

    /// The same for copies that need not outlive a loss of power: nothing is flushed.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made or written.
    pub fn open_volatile(root: &Path) -> Result<Self, StoreError> {
        Self::open_with(root, Durability::Volatile, &[])
    }

    fn open_with(root: &Path, durability: Durability, allowed: &[PathBuf]) -> Result<Self, StoreError> {
        let directory = Directory::open(root, private::LOCAL, durability, allowed)
            .map_err(|error| StoreError::from_io("open", root.display().to_string(), error))?;
        Ok(Self { directory: Arc::new(directory) })
    }

    /// Runs blocking work on the directory.
    async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        key: &str,
        work: impl FnOnce(&Directory) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let directory = Arc::clone(&self.directory);
        let done = spawn_blocking(move || work(&directory)).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        Self::done(operation, key, done)
    }

    fn done<T>(operation: &'static str, key: &str, done: io::Result<T>) -> Result<T, StoreError> {
        done.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => StoreError::Conflict { key: key.to_owned() },
            io::ErrorKind::NotFound if operation == "copy" => StoreError::Missing { key: key.to_owned() },
            _ => StoreError::from_io(operation, key, error),
        })
    }
}

#[async_trait]
impl Store for LocalStore {
    async fn stat(&self, key: &Key) -> Result<Option<Stat>, StoreError> {
        reading::stat(&self.directory, key).await
    }

    async fn check_places(&self, keys: &[Key]) -> Result<(), StoreError> {
        let (first, keys) = (keys.first().map_or("", Key::as_str).to_owned(), keys.to_vec());
        self.run("write", &first, move |directory| keys.iter().try_for_each(|key| directory.check_place(key))).await
    }

    async fn read(&self, key: &Key, span: Span) -> Result<Option<Content>, StoreError> {
        reading::read(&self.directory, key, span).await
    }

    async fn write(&self, key: &Key, body: Body, write: Write) -> Result<Stat, StoreError> {
        if let Body::File(file) = &body {
            file.ended().await.map_err(|error| StoreError::from_io("write", key.as_str(), error))?;
        }
        let target = key.clone();
        self.run("write", key.as_str(), move |directory| directory.write(&target, &body, &write.condition)).await
    }

    async fn copy(&self, from: &Key, to: &Key, write: Write) -> Result<Version, StoreError> {
        let (source, target) = (from.clone(), to.clone());
        let copied = self.run("copy", from.as_str(), move |directory| directory.copy(&source, &target, &write));
        copied.await.map(|stat| stat.version)
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), StoreError> {
        let first = keys.first().map_or("", Key::as_str).to_owned();
        let keys = keys.to_vec();
        self.run("delete", &first, move |directory| directory.remove(&keys)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let path = prefix.to_owned();
        self.run("list", prefix, move |directory| tree::list(directory, &path)).await
    }

    async fn page(&self, prefix: &str, depth: Depth, from: Option<&str>, most: usize) -> Result<Page, StoreError> {
        let (path, from) = (prefix.to_owned(), from.unwrap_or_default().to_owned());
        let most = most.min(MAX_PAGE_ENTRIES);
        if from.is_empty() {
            return self.run("list", prefix, move |directory| tree::page(directory, &path, depth, &from, most)).await;
        }
        // of something large
        let directory = Arc::clone(&self.directory);
        let page = low_priority::run(move || tree::page(&directory, &path, depth, &from, most)).await;
        Self::done("list", prefix, page.flatten())
    }

    async fn reserve(&self, copies: &[Key], bytes: u64) -> Result<Reserved, StoreError> {
        let (first, copies) = (copies.first().map_or("", Key::as_str).to_owned(), copies.to_vec());
        self.run("write", &first, move |directory| directory.reserve(&copies, bytes)).await
    }

    fn suspect_answers(&self) -> Option<String> {
        self.directory.lack_of_room()
    }

    async fn clock_milliseconds(&self) -> Result<i64, StoreError> {
        Ok(i64::try_from(self.directory.now().as_millis()).unwrap_or(i64::MAX))
    }
}

/// `None` for what does not exist, whatever part of its path is missing or is a file.
fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidFilename => Ok(None),
        // a link that leads to itself leads nowhere
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Ok(None),
        Err(error) => Err(error),
    }
}
