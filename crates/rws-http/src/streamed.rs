//! Bodies that are sent piece by piece.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{Stream, StreamExt};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::sync::Notify;

/// What any request of a client sends.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How long a server that says nothing of `Expect` is waited for, as curl does: older ones know no such header.
const UNTOLD: Duration = Duration::from_secs(1);

/// A body of a known length that is sent piece by piece, so that it needs no memory.
pub struct StreamedBody {
    /// How many bytes all pieces have together.
    pub size_bytes: u64,
    /// The pieces. An error ends the request.
    pub pieces: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
}

impl fmt::Debug for StreamedBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StreamedBody").field("size_bytes", &self.size_bytes).finish_non_exhaustive()
    }
}

/// How far a body is.
#[derive(Clone, Default)]
pub(crate) struct Sent {
    bytes: Arc<AtomicU64>,
    /// The server wants the body.
    pub(crate) wanted: Arc<Notify>,
}

impl Sent {
    /// The bytes that the connection took so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl StreamedBody {
    /// As hyper sends it: the first piece waits for the server to want it (RFC 9110, section 10.1.1).
    pub(crate) fn into_body(self, sent: Sent) -> Body {
        let counted = Arc::clone(&sent.bytes);
        let pieces = self.pieces.map(move |piece| {
            let bytes = piece?;
            counted.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            Ok(Frame::data(bytes))
        });
        let held = async move {
            _ = tokio::time::timeout(UNTOLD, sent.wanted.notified()).await;
            pieces
        };
        StreamBody::new(futures::stream::once(held).flatten()).boxed_unsync()
    }
}

/// A body that is at hand.
pub(crate) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}
