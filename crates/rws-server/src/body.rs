//! The body of a request, piece by piece.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::HttpBody as _;
use axum::body::{Body, BodyDataStream};
use axum::http::header::EXPECT;
use axum::http::request::Parts;
use axum::http::{StatusCode, Version};
use bytes::Bytes;
use futures::stream::try_unfold;
use futures::{Stream, StreamExt};

use crate::answer::{Problem, busy};
use crate::budgets::{Network, Taker, UNREAD_BYTES};
use crate::settings::Limits;
use crate::shares::{BudgetShare, FairBudget};

/// How long a client has for what it must send at least.
const MEASURED: Duration = Duration::from_secs(30);

/// The body of a request, which may make no progress for a while only, be sent no slower than a limit, and be no longer than
/// one.
pub struct Incoming {
    stream: BodyDataStream,
    /// Whether the client sends before somebody reads.
    is_sent_ahead: bool,
    /// Whether the client waits to be told to go on (RFC 9110, section 10.1.1), as nothing was read yet.
    is_held: bool,
    has_ended: bool,
    stalled: Duration,
    left_bytes: u64,
    most_bytes: u64,
    slowest_bytes_per_second: u64,
    /// How long the client was waited for since its pace was looked at last, and how much it sent.
    waited: Duration,
    sent_bytes: u64,
    /// What it takes of the memory for bodies while nobody reads it.
    unread: Option<BudgetShare<Taker>>,
}

impl Incoming {
    /// A body within these limits.
    pub fn new(body: Body, parts: &Parts, limits: &Limits) -> Self {
        let most_bytes = limits.upload_bytes;
        let (is_held, has_ended) = (parts.headers.contains_key(EXPECT), body.is_end_stream());
        let stream = body.into_data_stream();
        Self {
            stream,
            is_sent_ahead: parts.version >= Version::HTTP_2,
            is_held,
            has_ended,
            stalled: limits.stalled,
            left_bytes: most_bytes,
            most_bytes,
            slowest_bytes_per_second: limits.slowest_bytes_per_second,
            waited: Duration::ZERO,
            sent_bytes: 0,
            unread: None,
        }
    }

    /// Takes memory for what comes of the body before somebody reads it. With HTTP/1.1 it waits at the client.
    ///
    /// # Errors
    ///
    /// When there is none for this client or user now.
    pub fn wait_unread(&mut self, of: &Arc<FairBudget<Taker>>, by: &Taker) -> Result<(), Problem> {
        if self.is_sent_ahead && !self.has_ended {
            // what was taken as another is given back first
            self.unread = None;
            self.unread = Some(of.try_take(by, UNREAD_BYTES.into()).map_err(|_| busy("bodies"))?);
        }
        Ok(())
    }

    /// The next bytes. A body that ends early is an error of its stream.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        self.is_held = false;
        self.unread = None;
        let asked = Instant::now();
        let next = tokio::time::timeout(self.stalled, self.stream.next()).await;
        self.waited += asked.elapsed();
        match next {
            Ok(None) => {
                self.has_ended = true;
                Ok(None)
            }
            Ok(Some(Ok(bytes))) => match self.left_bytes.checked_sub(bytes.len() as u64) {
                Some(left) => {
                    self.left_bytes = left;
                    self.sent_bytes += bytes.len() as u64;
                    self.check_pace()?;
                    Ok(Some(bytes))
                }
                None => Err(too_large(self.most_bytes)),
            },
            Ok(Some(Err(error))) => Err(Problem::bad_request(
                "cut-body",
                format!("The connection ended before the request was complete: {error}. RWS kept nothing of it."),
            )),
            Err(_) => Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "stalled",
                format!(
                    "The client sent nothing for {} seconds. RWS kept nothing of the request.",
                    self.stalled.as_secs()
                ),
            )),
        }
    }

    fn check_pace(&mut self) -> Result<(), Problem> {
        if self.waited < MEASURED.min(self.stalled) {
            return Ok(());
        }
        let least = self.slowest_bytes_per_second.saturating_mul(self.waited.as_secs());
        if self.sent_bytes < least {
            let message = format!(
                "The client sent less than {} bytes a second. RWS kept nothing of the request.",
                self.slowest_bytes_per_second
            );
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", message)
                .with_hint("server.limits.slowest_bytes_per_second is the limit"));
        }
        (self.waited, self.sent_bytes) = (Duration::ZERO, 0);
        Ok(())
    }

    /// Whether the client may still be sending.
    pub fn is_open(&self) -> bool {
        !self.has_ended
    }

    /// Reads what is left of a refused body, while the answer is under way already: a client that looks for one while it sends
    /// has it at once, and one that does not gets to read it, as the connection is not reset under it.
    ///
    /// Only so many bodies are read so at the same time; shared by client.
    pub fn drain(self, drained: Drained, places: &Arc<FairBudget<Network>>, client: Network) {
        // who waits for a word to go on has nothing under way
        if self.has_ended || self.is_held {
            return;
        }
        let Ok(place) = places.try_take(&client, 1) else { return };
        let (mut stream, slowest) = (self.stream, self.slowest_bytes_per_second);
        tokio::spawn(tokio::time::timeout(drained.time, async move {
            let _place = place;
            let mut left = drained.most_bytes;
            let (mut since, mut sent_bytes) = (Instant::now(), 0);
            while let Ok(Some(Ok(chunk))) = tokio::time::timeout(MEASURED, stream.next()).await {
                sent_bytes += chunk.len() as u64;
                left = left.saturating_sub(chunk.len() as u64);
                if left == 0 || since.elapsed() >= MEASURED && sent_bytes < slowest * MEASURED.as_secs() {
                    return;
                }
                if since.elapsed() >= MEASURED {
                    (since, sent_bytes) = (Instant::now(), 0);
                }
            }
        }));
    }
}

/// A request that is larger than it may be.
pub fn too_large(most_bytes: u64) -> Problem {
    let message = format!("The request has more than {most_bytes} bytes. RWS kept nothing of it.");
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
