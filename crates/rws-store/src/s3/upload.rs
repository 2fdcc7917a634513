//! What a request sends, piece by piece: bytes at hand, or a part of a file that is never in memory whole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use super::request::Payload;

/// How much of a body is given to the connection at once.
const PIECE_BYTES: u64 = 64 << 10;

/// How much of a file is read at once.
const READ_BYTES: u64 = 256 << 10;

/// A part of a local file.
#[derive(Clone, Debug)]
pub struct FilePart {
    /// The file.
    pub file: Arc<File>,
    /// The first byte.
    pub start: u64,
    /// How many.
    pub length: u64,
}

impl FilePart {
    /// The next piece; what is left does not have it any more.
    fn next(&mut self) -> io::Result<Bytes> {
        let length = self.length.min(READ_BYTES);
        let mut bytes = BytesMut::zeroed(usize::try_from(length).unwrap_or(usize::MAX));
        self.file.read_exact_at(&mut bytes, self.start)?;
        self.start += length;
        self.length -= length;
        Ok(bytes.freeze())
    }

    /// Reads it, piece by piece. Blocks.
    ///
    /// # Errors
    ///
    /// When the disk fails, or the file has become shorter.
    pub fn read(mut self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        while self.length > 0 {
            take(&self.next()?);
        }
        Ok(())
    }
}

/// When something was sent last.
#[derive(Clone, Debug)]
pub struct Progress {
    started: Instant,
    last_milliseconds: Arc<AtomicU64>,
}

impl Progress {
    /// Progress is being made now.
    pub fn new() -> Self {
        Self { started: Instant::now(), last_milliseconds: Arc::default() }
    }

    fn touch(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_milliseconds.store(now, Ordering::Relaxed);
    }

    /// For how long nothing was sent.
    pub fn quiet(&self) -> Duration {
        self.started.elapsed().saturating_sub(Duration::from_millis(self.last_milliseconds.load(Ordering::Relaxed)))
    }
}

/// A body whose progress can be watched.
pub struct Upload {
    ready: Bytes,
    file: Reading,
    length: u64,
    progress: Progress,
}

/// The part of a file that is not read yet.
enum Reading {
    Nothing,
    Waiting(FilePart),
    UnderWay(JoinHandle<io::Result<(Bytes, FilePart)>>),
}

impl Upload {
    /// Sends this.
    pub fn new(payload: Payload, progress: Progress) -> Self {
        let length = payload.length();
        let (ready, file) = match payload {
            Payload::Bytes(bytes) => (bytes, Reading::Nothing),
            Payload::File(part) => (Bytes::new(), Reading::Waiting(part)),
        };
        Self { ready, file, length, progress }
    }

    /// Makes the next bytes of the file ready, when there are any.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match std::mem::replace(&mut self.file, Reading::Nothing) {
                Reading::Waiting(mut part) if part.length > 0 => {
                    self.file = Reading::UnderWay(spawn_blocking(move || part.next().map(|bytes| (bytes, part))));
                }
                Reading::UnderWay(mut reading) => {
                    let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
                        self.file = Reading::UnderWay(reading);
                        return Poll::Pending;
                    };
                    let (bytes, part) = read.map_err(io::Error::other)??;
                    (self.ready, self.file) = (bytes, Reading::Waiting(part));
                    return Poll::Ready(Ok(()));
                }
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.progress.touch();
        if self.ready.is_empty()
            && let Err(error) = ready!(self.poll_read(context))
        {
            return Poll::Ready(Some(Err(io::Error::new(error.kind(), format!("the local file: {error}")))));
        }
        let length = (self.ready.len() as u64).min(PIECE_BYTES);
        let piece = self.ready.split_to(usize::try_from(length).unwrap_or(usize::MAX));
        self.length -= length;
        Poll::Ready((!piece.is_empty()).then_some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.length == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
