//! The body of a request, piece by piece.

use std::time::Duration;

use axum::body::HttpBody as _;
use axum::body::{Body, BodyDataStream};
use axum::http::header::EXPECT;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use futures::stream::try_unfold;
use futures::{Stream, StreamExt};

use crate::answer::Problem;
use crate::settings::Limits;

/// The body of a request, which may make no progress for a while only, and be no longer than a limit.
pub struct Incoming {
    stream: BodyDataStream,
    /// Whether the client waits to be told to go on (RFC 9110, section 10.1.1), as nothing was read yet.
    is_held: bool,
    has_ended: bool,
    stalled: Duration,
    left_bytes: u64,
    most_bytes: u64,
}

impl Incoming {
    /// A body within these limits.
    pub fn new(body: Body, headers: &HeaderMap, limits: &Limits) -> Self {
        let most_bytes = limits.upload_bytes;
        let (is_held, has_ended) = (headers.contains_key(EXPECT), body.is_end_stream());
        let stream = body.into_data_stream();
        Self { stream, is_held, has_ended, stalled: limits.stalled, left_bytes: most_bytes, most_bytes }
    }

    /// The next bytes. A body that ends early is an error of its stream.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        self.is_held = false;
        match tokio::time::timeout(self.stalled, self.stream.next()).await {
            Ok(None) => {
                self.has_ended = true;
                Ok(None)
            }
            Ok(Some(Ok(bytes))) => match self.left_bytes.checked_sub(bytes.len() as u64) {
                Some(left) => {
                    self.left_bytes = left;
                    Ok(Some(bytes))
                }
                None => Err(too_large(self.most_bytes)),
            },
            Ok(Some(Err(error))) => Err(Problem::bad_request(
                "cut-body",
                format!("The request was cut off: {error}. Nothing of it was kept."),
            )),
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "stalled",
                format!("The request made no progress for {} seconds. Nothing of it was kept.", self.stalled.as_secs()),
            )),
        }
    }

    /// Whether the client may still be sending.
    pub fn is_open(&self) -> bool {
        !self.has_ended
    }

    /// Reads what is left of a refused body, while the answer is under way already: a client that looks for one while it sends
    /// has it at once, and one that does not gets to read it, as the connection is not reset under it.
    pub fn drain(self, drained: Drained) {
        // who waits for a word to go on has nothing under way
        if self.has_ended || self.is_held {
            return;
        }
        let mut stream = self.stream;
        tokio::spawn(tokio::time::timeout(drained.time, async move {
            let mut left = drained.most_bytes;
            while let Some(Ok(chunk)) = stream.next().await {
                left = left.saturating_sub(chunk.len() as u64);
                if left == 0 {
                    return;
                }
            }
        }));
    }
}

/// A request that is larger than it may be.
pub fn too_large(most_bytes: u64) -> Problem {
    let message = format!("The request has more than {most_bytes} bytes. Nothing of it was kept.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
        .with_hint("Send the files in several requests, or raise server.limits.upload_bytes")
}

/// All that follows of a body.
pub fn pieces(body: &mut Incoming) -> impl Stream<Item = Result<Bytes, Problem>> + Unpin + '_ {
    Box::pin(try_unfold(body, async |body| Ok(body.next().await?.map(|bytes| (bytes, body)))))
}

/// How much of a refused body is read, so that the client gets to read the answer: it does so once it has sent what it is
/// sending.
#[derive(Clone, Copy, Debug)]
pub struct Drained {
    /// So many bytes.
    pub most_bytes: u64,
    /// For so long.
    pub time: Duration,
}
