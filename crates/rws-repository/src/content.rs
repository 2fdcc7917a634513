//! Index files that are read and written while a generation is made: small ones in memory, others on the local disk, so that
//! memory does not follow the size of a repository.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use rws_model::{Algorithm, AlgorithmDigester, ContentDigester, Sha256};
use rws_store::{Body, LocalFile};
use tempfile::NamedTempFile;

/// Larger files are on the disk.
const SMALL_BYTES: usize = 4 << 20;

/// What is copied at once.
const PIECE_BYTES: u64 = 256 << 10;

/// What is written to the disk at once.
const WRITE_BYTES: usize = 256 << 10;

/// The content of a file.
#[derive(Clone, Debug)]
pub struct Content {
    size_bytes: u64,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Memory(Bytes),
    /// The file goes with the last of these.
    Disk(Arc<NamedTempFile>),
    /// A file of the store.
    Stored(Arc<File>),
}

fn read_at(file: &File, start: u64, length: usize) -> io::Result<Bytes> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes.into())
}

impl Content {
    /// A file of the store that never changes.
    pub fn stored(file: Arc<File>, size_bytes: u64) -> Self {
        Self { size_bytes, place: Place::Stored(file) }
    }

    /// Its size.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// A part of it.
    ///
    /// # Errors
    ///
    /// When the disk fails, or it does not have this part.
    pub fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let length = usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
        if range.end > self.size_bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match &self.place {
            Place::Memory(bytes) => {
                let start = usize::try_from(range.start).map_err(io::Error::other)?;
                Ok(bytes.slice(start..start + length))
            }
            Place::Disk(file) => read_at(file.as_file(), range.start, length),
            Place::Stored(file) => read_at(file, range.start, length),
        }
    }

    /// Gives a part of it piece by piece.
    ///
    /// # Errors
    ///
    /// As [`Content::read`], and what `take` fails with.
    pub fn pieces(&self, range: Range<u64>, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + PIECE_BYTES);
            take(&self.read(start..end)?)?;
            start = end;
        }
        Ok(())
    }

    /// A part of it as a stream.
    pub fn reader(&self, range: Range<u64>) -> ContentReader {
        ContentReader {
            content: self.clone(),
            next: range.start,
            end: range.end.min(self.size_bytes),
            piece: Bytes::new(),
        }
    }

    /// What the store is given. The content has to live until it is written.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn body(&self) -> io::Result<Body> {
        Ok(match &self.place {
            Place::Memory(bytes) => Body::Bytes(bytes.clone()),
            Place::Disk(file) => Body::File(LocalFile::whole(file.path())),
            Place::Stored(file) => {
                Body::Bytes(read_at(file, 0, usize::try_from(self.size_bytes).map_err(io::Error::other)?)?)
            }
        })
    }
}

/// Reads a content from one end to the other.
#[derive(Debug)]
pub struct ContentReader {
    content: Content,
    next: u64,
    end: u64,
    piece: Bytes,
}

impl ContentReader {
    /// Leaves out the next bytes.
    pub fn skip_bytes(&mut self, bytes: u64) {
        let at_hand = self.piece.len() as u64;
        match usize::try_from(bytes) {
            Ok(bytes) if bytes <= self.piece.len() => self.piece.advance(bytes),
            _ => {
                self.piece.clear();
                self.next += bytes - at_hand;
            }
        }
    }

    /// Whether nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.piece.is_empty() && self.next >= self.end
    }
}

impl Read for ContentReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() && self.next < self.end {
            let end = self.end.min(self.next + PIECE_BYTES);
            self.piece = self.content.read(self.next..end)?;
            self.next = end;
        }
        let length = into.len().min(self.piece.len());
        into[..length].copy_from_slice(&self.piece.split_to(length));
        Ok(length)
    }
}

/// Bytes that are being written: to memory, and to a file once they are many.
pub struct ScratchWriter {
    directory: PathBuf,
    size_bytes: u64,
    memory: Vec<u8>,
    disk: Option<BufWriter<NamedTempFile>>,
}

impl ScratchWriter {
    /// Writes to memory, and to a file in `directory` once it is large.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), size_bytes: 0, memory: Vec::new(), disk: None }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size_bytes += bytes.len() as u64;
        if self.disk.is_none() && self.memory.len() + bytes.len() > SMALL_BYTES {
            let file = tempfile::Builder::new().prefix(SCRATCH_PREFIX).tempfile_in(&self.directory)?;
            let mut file = BufWriter::with_capacity(WRITE_BYTES, file);
            file.write_all(&self.memory)?;
            self.memory = Vec::new();
            self.disk = Some(file);
        }
        match &mut self.disk {
            Some(file) => file.write_all(bytes),
            None => {
                self.memory.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// The content.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn finish(self) -> io::Result<Content> {
        let place = match self.disk {
            Some(file) => Place::Disk(Arc::new(file.into_inner().map_err(io::IntoInnerError::into_error)?)),
            None => Place::Memory(self.memory.into()),
        };
        Ok(Content { size_bytes: self.size_bytes, place })
    }
}

/// A content that is being written, with its digests.
pub struct ContentWriter {
    scratch: ScratchWriter,
    sha256: ContentDigester,
    digesters: Vec<AlgorithmDigester>,
}

impl ContentWriter {
    /// Writes to memory, and to a file in `directory` once it is large; `algorithms` are computed beside SHA-256.
    pub fn new(directory: &Path, algorithms: &[Algorithm]) -> Self {
        Self {
            scratch: ScratchWriter::new(directory),
            sha256: ContentDigester::new(),
            digesters: algorithms.iter().map(|algorithm| AlgorithmDigester::new(*algorithm)).collect(),
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sha256.update(bytes);
        self.digesters.iter_mut().for_each(|digester| digester.update(bytes));
        self.scratch.push(bytes)
    }

    /// The content with its digests.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn finish(self) -> io::Result<DigestedContent> {
        let (_, sha256) = self.sha256.finish();
        let digests = self.digesters.into_iter().map(AlgorithmDigester::finish).collect();
        Ok(DigestedContent { content: self.scratch.finish()?, sha256, digests })
    }
}

/// A content with its digests.
#[derive(Debug)]
pub struct DigestedContent {
    /// The content.
    pub content: Content,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Its other digests, in hexadecimal digits.
    pub digests: Vec<(Algorithm, String)>,
}

/// What the names of such files start with.
pub const SCRATCH_PREFIX: &str = "rws-index-";

#[cfg(test)]
mod tests {
    use rws_model::sha256;

    use super::*;

    #[test]
    fn small_and_large_ones_read_the_same() {
        let directory = tempfile::tempdir().unwrap();
        for size in [0, 10, SMALL_BYTES, SMALL_BYTES + 1, 3 * SMALL_BYTES] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let mut writer = ContentWriter::new(directory.path(), &[Algorithm::Md5]);
            bytes.chunks(1 << 20).try_for_each(|piece| writer.push(piece)).unwrap();
            let DigestedContent { content, sha256: digest, digests } = writer.finish().unwrap();
            assert_eq!(content.size_bytes(), size as u64);
            assert_eq!(digest, sha256(&bytes));
            assert_eq!(digests, [(Algorithm::Md5, Algorithm::Md5.hex_of(&bytes))]);
            let is_on_disk = matches!(content.place, Place::Disk(_));
            assert_eq!(is_on_disk, size > SMALL_BYTES);
            let mut read = Vec::new();
            content
                .pieces(0..size as u64, |piece| {
                    read.extend_from_slice(piece);
                    Ok(())
                })
                .unwrap();
            assert!(read == bytes);
            assert!(content.read(0..size as u64 + 1).is_err());
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "the files go with their contents");
    }
}
