//! A store in a local directory.
//!
//! * A write goes to a temporary file, which is flushed to the disk, renamed into place, and its directory flushed.
//! * Create-if-absent is a hard link, which the file system makes atomic between processes.
//! * Compare-and-swap holds a lock file ([`std::fs::File::lock`]) while it compares and renames, so it holds between
//!   processes that share the directory. Every write sets a time later than the version it replaces, so that a
//!   version never comes back (inode numbers are used again, and a kernel's own clock moves in steps of milliseconds).
//! * A copy of what never changes is a hard link; a plain name gets bytes of its own.

mod clock;
mod durable;
mod tree;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use tokio::task::spawn_blocking;

use crate::{Body, Content, DirectoryEntry, Key, Listed, Span, Stat, Store, StoreError, Version, Write};
use durable::{Directory, Durability};

/// The name of the directory below the root that holds temporary and lock files.
const WORK: &str = ".rws/local";

/// How much is read at once.
const PIECE_BYTES: usize = 256 << 10;

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
        Self::open_with(root, Durability::Durable)
    }

    /// The same for copies that need not outlive a loss of power: nothing is flushed.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made or written.
    pub fn open_volatile(root: &Path) -> Result<Self, StoreError> {
        Self::open_with(root, Durability::Volatile)
    }

    fn open_with(root: &Path, durability: Durability) -> Result<Self, StoreError> {
        let directory = Directory::open(root, &root.join(WORK), durability)
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
        let path = self.directory.path(key);
        self.run("read", key.as_str(), move |_| {
            Ok(absent(fs::metadata(path))?.filter(fs::Metadata::is_file).as_ref().map(durable::stat))
        })
        .await
    }

    async fn read(&self, key: &Key, span: Span) -> Result<Option<Content>, StoreError> {
        let path = self.directory.path(key);
        let opened = self
            .run("read", key.as_str(), move |_| {
                let Some(mut file) = absent(File::open(path))? else { return Ok(None) };
                let metadata = file.metadata()?;
                if !metadata.is_file() {
                    return Ok(None);
                }
                let stat = durable::stat(&metadata);
                let (start, length) = span.within(stat.size_bytes);
                if start > 0 {
                    file.seek(SeekFrom::Start(start))?;
                }
                let mut reader = Pieces { file, left: length };
                let first = reader.next()?;
                Ok(Some((stat, first, reader)))
            })
            .await?;
        let Some((stat, first, reader)) = opened else { return Ok(None) };
        let name = key.to_string();
        let rest = stream::unfold(Some(reader), move |reader| {
            let name = name.clone();
            async move {
                let mut reader = reader.filter(|reader| reader.left > 0)?;
                let read = spawn_blocking(move || reader.next().map(|piece| (piece, reader))).await;
                Some(match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
                    Ok((piece, reader)) => (Ok(piece), Some(reader)),
                    Err(error) => (Err(StoreError::from_io("read", name, error)), None),
                })
            }
        });
        let bytes = stream::iter([Ok(first)]).chain(rest);
        Ok(Some(Content { stat, bytes: Box::pin(bytes) }))
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
        self.run("list", prefix, move |directory| tree::list(directory.root(), &path)).await
    }

    async fn list_directory(&self, prefix: &str) -> Result<Vec<DirectoryEntry>, StoreError> {
        let path = prefix.to_owned();
        self.run("list", prefix, move |directory| tree::entries(&directory.root().join(path))).await
    }

    async fn clock_milliseconds(&self) -> Result<i64, StoreError> {
        Ok(i64::try_from(self.directory.now().as_millis()).unwrap_or(i64::MAX))
    }
}

/// The rest of an open file, piece by piece.
struct Pieces {
    file: File,
    left: u64,
}

impl Pieces {
    fn next(&mut self) -> io::Result<Bytes> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let mut piece = BytesMut::zeroed(length);
        self.file.read_exact(&mut piece)?;
        self.left -= length as u64;
        Ok(piece.freeze())
    }
}

/// `None` for what does not exist, whatever part of its path is missing or is a file.
fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidFilename => Ok(None),
        Err(error) => Err(error),
    }
}
