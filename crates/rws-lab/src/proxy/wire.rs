//! A connection's incoming side, read in the units of HTTP.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Heads and lines that are longer are refused.
const HEAD_BYTES: usize = 256 * 1024;

/// A stream, with what was read of it and not used yet.
///
/// All reading here may be cancelled: what has arrived stays in the buffer.
pub(super) struct Wire<Stream> {
    pub(super) stream: Stream,
    buffer: BytesMut,
}

impl<Stream: AsyncRead + Unpin> Wire<Stream> {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// Whether anything came; not so at the end of the stream.
    async fn fill(&mut self) -> io::Result<bool> {
        self.buffer.reserve(PIECE_BYTES);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// What is there, but not more than `most` bytes; empty at the end of the stream.
    pub(super) async fn some(&mut self, most: u64) -> io::Result<Bytes> {
        if self.buffer.is_empty() {
            self.fill().await?;
        }
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(self.buffer.len());
        Ok(self.buffer.split_to(length).freeze())
    }

    /// A line with its end.
    pub(super) async fn line(&mut self) -> io::Result<Bytes> {
        self.until(b"\n").await?.ok_or_else(ended_early)
    }

    /// The head of a message with the empty line after it; nothing when the stream ends before it began.
    pub(super) async fn head(&mut self) -> io::Result<Option<Bytes>> {
        self.until(b"\r\n\r\n").await
    }

    async fn until(&mut self, end: &[u8]) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(found) = self.buffer.windows(end.len()).position(|window| window == end) {
                return Ok(Some(self.buffer.split_to(found + end.len()).freeze()));
            }
            if self.buffer.len() > HEAD_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a head or a line that does not end"));
            }
            if !self.fill().await? {
                return if self.buffer.is_empty() { Ok(None) } else { Err(ended_early()) };
            }
        }
    }

    /// Reads until the other side is gone.
    pub(super) async fn until_gone(&mut self) {
        while self.some(u64::MAX).await.is_ok_and(|piece| !piece.is_empty()) {}
    }
}

/// The other side closed the connection in the middle of a message.
pub(super) fn ended_early() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}
