//! Where a body ends (RFC 9112, section 6), piece by piece.

use std::io;

use bytes::Bytes;
use tokio::io::AsyncRead;

use super::head::{Head, invalid};
use super::wire::{Wire, ended_early};

/// What is left of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// so many bytes; none when there is no body
    Length(u64),
    /// an answer without a length: up to the end of the connection
    UntilEnd,
    /// the length of a chunk comes next
    ChunkLength,
    /// so many bytes of a chunk
    Chunk(u64),
    /// the end of the line after a chunk
    ChunkEnd,
    /// lines up to an empty one
    Trailers,
}

/// A part of a body.
pub(super) enum Piece {
    /// of the content
    Content(Bytes),
    /// lengths of chunks and trailers
    Framing(Bytes),
}

impl Body {
    pub(super) fn of_request(head: &Head) -> io::Result<Self> {
        Ok(Self::framed(head)?.unwrap_or(Self::Length(0)))
    }

    pub(super) fn of_answer(head: &Head, method: &str) -> io::Result<Self> {
        if method == "HEAD" || matches!(head.status(), 204 | 304) {
            return Ok(Self::Length(0));
        }
        Ok(Self::framed(head)?.unwrap_or(Self::UntilEnd))
    }

    fn framed(head: &Head) -> io::Result<Option<Self>> {
        if head.lists("transfer-encoding", "chunked") {
            return Ok(Some(Self::ChunkLength));
        }
        let Some(length) = head.header("content-length") else { return Ok(None) };
        let length = length.parse().map_err(|_| invalid(format!("Content-Length: {length}")))?;
        Ok(Some(Self::Length(length)))
    }

    pub(super) fn is_empty(self) -> bool {
        self == Self::Length(0)
    }

    /// The next piece, nothing at the end. May be cancelled.
    pub(super) async fn next<Stream>(&mut self, wire: &mut Wire<Stream>) -> io::Result<Option<Piece>>
    where
        Stream: AsyncRead + Unpin,
    {
        match *self {
            Self::Length(0) => Ok(None),
            Self::Length(left) => {
                let piece = content(wire, left).await?;
                *self = Self::Length(left - piece.len() as u64);
                Ok(Some(Piece::Content(piece)))
            }
            Self::UntilEnd => {
                let piece = wire.some(u64::MAX).await?;
                Ok(if piece.is_empty() { None } else { Some(Piece::Content(piece)) })
            }
            Self::ChunkLength => {
                let line = wire.line().await?;
                *self = match chunk_length(&line)? {
                    0 => Self::Trailers,
                    length => Self::Chunk(length),
                };
                Ok(Some(Piece::Framing(line)))
            }
            Self::Chunk(left) => {
                let piece = content(wire, left).await?;
                *self = match left - piece.len() as u64 {
                    0 => Self::ChunkEnd,
                    left => Self::Chunk(left),
                };
                Ok(Some(Piece::Content(piece)))
            }
            Self::ChunkEnd => {
                let line = wire.line().await?;
                *self = Self::ChunkLength;
                Ok(Some(Piece::Framing(line)))
            }
            Self::Trailers => {
                let line = wire.line().await?;
                if line.trim_ascii().is_empty() {
                    *self = Self::Length(0);
                }
                Ok(Some(Piece::Framing(line)))
            }
        }
    }
}

async fn content<Stream: AsyncRead + Unpin>(wire: &mut Wire<Stream>, most: u64) -> io::Result<Bytes> {
    let piece = wire.some(most).await?;
    if piece.is_empty() { Err(ended_early()) } else { Ok(piece) }
}

fn chunk_length(line: &[u8]) -> io::Result<u64> {
    let line = String::from_utf8_lossy(line);
    let digits = line.split(';').next().unwrap_or_default().trim();
    u64::from_str_radix(digits, 16).map_err(|_| invalid(format!("no length of a chunk: {line}")))
}
