//! Reading a file: what the kernel has in memory is answered at once, on whatever thread asks; only what has to come from
//! the disk goes to a thread that may wait.

use std::fs::{self, File, Metadata};
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{Stream, stream};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tokio::task::spawn_blocking;

use super::durable::Directory;
use super::kept::Open;
use super::links::Links;
use super::{absent, durable};
use crate::{Content, Key, Span, Stat, StoreError};

/// How much is read at once: small enough to be in the processor's cache still when it is sent.
const PIECE_BYTES: usize = 64 << 10;

/// Smaller pieces are not worth being kept for the next file.
const SMALL_BYTES: usize = 16 << 10;

/// How many pieces are kept for the next file.
const KEPT_PIECES: usize = 64;

/// Opens what a key names when all of its path is known without asking the disk; else `None`.
fn open_at_once(directory: &Directory, key: &Key) -> Option<io::Result<Option<Open>>> {
    if let Some(kept) = directory.kept.get(key) {
        return Some(Ok(Some(kept)));
    }
    let (path, before) = (directory.path(key), directory.kept.before());
    // a pipe holds nobody up
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    // where a link leads is looked at by those that may wait
    let file = match openat2(CWD, &path, flags, Mode::empty(), ResolveFlags::CACHED | ResolveFlags::NO_SYMLINKS) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT | Errno::NOTDIR) => return Some(Ok(None)),
        // kernels and sandboxes without it, too
        Err(_) => return None,
    };
    Some(file.metadata().map(|metadata| {
        let open = Open { stat: durable::stat(&metadata), file: Arc::new(file) };
        if let Some(before) = before.filter(|_| metadata.is_file()) {
            directory.kept.keep(key, &open, &metadata, before);
        }
        metadata.is_file().then_some(open)
    }))
}

/// What is at a path, whatever it takes; `None` where that is no file, or lies outside.
fn metadata(links: &Links, path: &Path) -> io::Result<Option<Metadata>> {
    let Some(resolved) = absent(links.resolve(path))?.flatten() else { return Ok(None) };
    Ok(absent(fs::symlink_metadata(resolved))?.filter(Metadata::is_file))
}

/// Opens a file, whatever it takes; `None` where it lies outside.
fn open(links: &Links, path: &Path) -> io::Result<Option<Open>> {
    let Some(resolved) = absent(links.resolve(path))?.flatten() else { return Ok(None) };
    // a pipe holds nobody up; a link that was put there since is not followed
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let opened = match openat2(CWD, &resolved, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        // kernels and sandboxes without it
        Err(Errno::NOSYS | Errno::PERM) => rustix::fs::open(&resolved, flags, Mode::empty()),
        opened => opened,
    };
    let file = match opened {
        Ok(file) => File::from(file),
        Err(Errno::LOOP | Errno::NXIO) => return Ok(None),
        Err(error) => return absent(Err(error.into())),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    Ok(Some(Open { stat: durable::stat(&metadata), file: Arc::new(file) }))
}

/// What a file is.
pub async fn stat(directory: &Directory, key: &Key) -> Result<Option<Stat>, StoreError> {
    let stat = match open_at_once(directory, key) {
        Some(opened) => opened.map(|open| open.map(|open| open.stat)),
        None => waited(directory, key, metadata).await.map(|metadata| metadata.as_ref().map(durable::stat)),
    };
    stat.map_err(|error| StoreError::from_io("read", key.as_str(), error))
}

/// A file with the bytes of a span.
pub async fn read(directory: &Directory, key: &Key, span: Span) -> Result<Option<Content>, StoreError> {
    let opened = match open_at_once(directory, key) {
        Some(opened) => opened,
        None => waited(directory, key, open).await,
    };
    let opened = opened.map_err(|error| StoreError::from_io("read", key.as_str(), error))?;
    let Some(Open { file, stat }) = opened else { return Ok(None) };
    let (start, length) = span.within(stat.size_bytes);
    let bytes = Box::pin(pieces(Arc::clone(&file), start, length, key.clone()));
    Ok(Some(Content { stat, bytes, file: Some(file) }))
}

/// Looks at a path on a thread that may wait.
async fn waited<T: Send + 'static>(
    directory: &Directory,
    key: &Key,
    look: fn(&Links, &Path) -> io::Result<Option<T>>,
) -> io::Result<Option<T>> {
    let (links, path) = (directory.links.clone(), directory.path(key));
    spawn_blocking(move || look(&links, &path)).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// The bytes of a file from `start`.
fn pieces(file: Arc<File>, start: u64, length: u64, name: Key) -> impl Stream<Item = Result<Bytes, StoreError>> + Send {
    stream::unfold((file, start, length, name), |(file, start, left, name)| async move {
        if left == 0 {
            return None;
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        Some(match piece(&file, start, most).await {
            Ok(piece) => {
                let read = piece.len() as u64;
                (Ok(piece), (file, start + read, left - read, name))
            }
            Err(error) => (Err(StoreError::from_io("read", name.as_str(), error)), (file, start, 0, name)),
        })
    })
}

/// The next bytes: at least one, at most `most`.
async fn piece(file: &Arc<File>, start: u64, most: usize) -> io::Result<Bytes> {
    let mut buffer = Buffer::of(most);
    let read = preadv2(&**file, &mut [IoSliceMut::new(buffer.space())], start, ReadWriteFlags::NOWAIT);
    if let Ok(read @ 1..) = read {
        return Ok(buffer.freeze(read));
    }
    let file = Arc::clone(file);
    let read = spawn_blocking(move || {
        let read = file.read_at(buffer.space(), start)?;
        Ok((buffer, read))
    });
    match read.await.unwrap_or_else(|error| Err(io::Error::other(error)))? {
        (_, 0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while RWS read it")),
        (buffer, read) => Ok(buffer.freeze(read)),
    }
}

/// Buffers that were used: their memory is mapped and initialised already.
static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// The memory of a piece; it is used again once the piece is sent.
struct Buffer {
    bytes: Vec<u8>,
    length: usize,
}

impl Buffer {
    fn of(length: usize) -> Self {
        let kept = if length > SMALL_BYTES { kept().pop() } else { None };
        let bytes = kept.unwrap_or_else(|| vec![0; if length > SMALL_BYTES { PIECE_BYTES } else { length }]);
        Self { bytes, length }
    }

    fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }

    fn freeze(mut self, length: usize) -> Bytes {
        self.length = length;
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut kept = kept();
        if bytes.len() == PIECE_BYTES && kept.len() < KEPT_PIECES {
            kept.push(bytes);
        }
    }
}

fn kept() -> std::sync::MutexGuard<'static, Vec<Vec<u8>>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}
