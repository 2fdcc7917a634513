//! A file on the local disk, possibly one that is still being received.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// A file on the local disk. It may still grow at its end; what is there already never changes.
#[derive(Clone, Debug)]
pub struct LocalFile {
    path: PathBuf,
    expected_bytes: Option<u64>,
    /// None: it is whole.
    growth: Option<watch::Receiver<Growth>>,
    pieces: Arc<Mutex<Vec<[u8; 16]>>>,
}

/// How much of a file is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// So many bytes can be read.
    pub size_bytes: u64,
    /// Nothing will follow.
    pub is_whole: bool,
}

/// The side that appends to a [`LocalFile`]. When it is dropped before [`Grower::finish`], the file never becomes whole.
#[derive(Debug)]
pub struct Grower {
    growth: watch::Sender<Growth>,
    pieces: Arc<Mutex<Vec<[u8; 16]>>>,
}

impl LocalFile {
    /// The size of the pieces whose digests may be known, so that they need not be read once more before they are sent.
    pub const PIECE_BYTES: u64 = 8 << 20;

    /// A file that does not grow any more.
    pub fn whole(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), expected_bytes: None, growth: None, pieces: Arc::default() }
    }

    /// An empty file that will grow, to no more than `expected_bytes` where that is known.
    pub fn growing(path: impl Into<PathBuf>, expected_bytes: Option<u64>) -> (Self, Grower) {
        let (sender, growth) = watch::channel(Growth::default());
        let pieces: Arc<Mutex<Vec<_>>> = Arc::default();
        let grower = Grower { growth: sender, pieces: Arc::clone(&pieces) };
        (Self { path: path.into(), expected_bytes, growth: Some(growth), pieces }, grower)
    }

    /// The MD5 of a whole piece of [`LocalFile::PIECE_BYTES`], where whoever appends has told it.
    pub fn piece_md5(&self, start: u64, length: u64) -> Option<[u8; 16]> {
        let is_piece = length == Self::PIECE_BYTES && start.is_multiple_of(Self::PIECE_BYTES);
        let index = usize::try_from(start / Self::PIECE_BYTES).ok().filter(|_| is_piece)?;
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner).get(index).copied()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The most that it may grow to, where that is known.
    pub fn expected_bytes(&self) -> Option<u64> {
        self.expected_bytes
    }

    /// Waits until it has `size_bytes` or is whole.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] when it will not become whole; what the disk fails with.
    pub async fn grown(&self, size_bytes: u64) -> io::Result<Growth> {
        let Some(growth) = &self.growth else {
            let size_bytes = tokio::fs::metadata(&self.path).await?.len();
            return Ok(Growth { size_bytes, is_whole: true });
        };
        let mut growth = growth.clone();
        let grown = growth.wait_for(|growth| growth.is_whole || growth.size_bytes >= size_bytes).await;
        grown
            .map(|growth| *growth)
            .map_err(|_| io::Error::new(io::ErrorKind::UnexpectedEof, "the upload of the file was aborted"))
    }

    /// Waits until it is whole, and returns its size in bytes.
    ///
    /// # Errors
    ///
    /// Those of [`LocalFile::grown`].
    pub async fn ended(&self) -> io::Result<u64> {
        self.grown(u64::MAX).await.map(|growth| growth.size_bytes)
    }
}

impl Grower {
    /// So many bytes more can be read; `pieces` are the MD5 digests of the next pieces that are whole with them.
    pub fn add(&self, bytes: u64, pieces: impl IntoIterator<Item = [u8; 16]>) {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner).extend(pieces);
        self.growth.send_modify(|growth| growth.size_bytes += bytes);
    }

    /// Nothing will follow.
    pub fn finish(self) {
        self.growth.send_modify(|growth| growth.is_whole = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_waited_for_until_it_has_grown() {
        let (file, grower) = LocalFile::growing("/nowhere", Some(9));
        assert_eq!(file.grown(0).await.unwrap(), Growth::default());
        grower.add(5, []);
        assert_eq!(file.grown(4).await.unwrap(), Growth { size_bytes: 5, is_whole: false });
        let waiting = tokio::spawn({
            let file = file.clone();
            async move { file.ended().await }
        });
        grower.add(2, []);
        grower.finish();
        assert_eq!(waiting.await.unwrap().unwrap(), 7);
        assert_eq!(file.grown(100).await.unwrap(), Growth { size_bytes: 7, is_whole: true });
    }

    #[tokio::test]
    async fn a_file_that_was_given_up_is_an_error() {
        let (file, grower) = LocalFile::growing("/nowhere", None);
        grower.add(5, []);
        drop(grower);
        assert_eq!(file.grown(4).await.unwrap().size_bytes, 5);
        assert_eq!(file.grown(6).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
