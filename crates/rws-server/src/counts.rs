//! What is counted of each request.

use std::sync::LazyLock;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{Counter, Histogram, counter, histogram};

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// A file or directory is read.
    Read,
    /// Something below `/-/` is read.
    Api,
    /// Files are uploaded.
    Upload,
    /// A file of dput comes.
    Incoming,
    /// Metadata is added or removed.
    Metadata,
    /// A package is removed.
    Remove,
    /// Repositories are compared with the store.
    Synchronise,
    /// Anything else.
    Other,
}

const KINDS: [(RequestKind, &str); 8] = [
    (RequestKind::Read, "read"),
    (RequestKind::Api, "api"),
    (RequestKind::Upload, "upload"),
    (RequestKind::Incoming, "incoming"),
    (RequestKind::Metadata, "metadata"),
    (RequestKind::Remove, "remove"),
    (RequestKind::Synchronise, "synchronise"),
    (RequestKind::Other, "other"),
];

/// Statuses that are told apart: each further one would be a further series for each kind.
const CLASSES: [&str; 9] = ["2xx", "304", "3xx", "401", "404", "409", "4xx", "503", "5xx"];

/// What is counted of one kind.
struct Counts {
    requests: [Counter; CLASSES.len()],
    seconds: Histogram,
    received: Counter,
    sent: Counter,
}

/// Looked up once: requests are too many for that. Made with the first request, when it is long decided where they go.
static COUNTS: LazyLock<[Counts; KINDS.len()]> = LazyLock::new(|| {
    KINDS.map(|(_, kind)| Counts {
        requests: CLASSES.map(|class| counter!("rws_http_requests_total", "kind" => kind, "status" => class)),
        seconds: histogram!("rws_http_request_seconds", "kind" => kind),
        received: counter!("rws_http_received_bytes_total", "kind" => kind),
        sent: counter!("rws_http_sent_bytes_total", "kind" => kind),
    })
});

impl RequestKind {
    /// What is done with a request.
    pub fn of(method: &Method, path: &str) -> Self {
        match *method {
            _ if path.starts_with("/-/incoming/") => Self::Incoming,
            _ if path.starts_with("/-/metadata/") => Self::Metadata,
            _ if path.starts_with("/-/") => Self::Api,
            Method::GET | Method::HEAD => Self::Read,
            Method::PUT => Self::Upload,
            Method::POST => Self::Synchronise,
            Method::DELETE => Self::Remove,
            _ => Self::Other,
        }
    }

    /// Counts a request that was answered.
    pub fn count(self, status: StatusCode, took: Duration, received_bytes: u64, sent_bytes: u64) {
        let counts = KINDS.iter().zip(&*COUNTS).find(|((kind, _), _)| *kind == self).map(|(_, counts)| counts);
        let Some(counts) = counts else { return };
        counts.requests[class(status)].increment(1);
        counts.seconds.record(took.as_secs_f64());
        counts.received.increment(received_bytes);
        counts.sent.increment(sent_bytes);
    }
}

/// The place of a status in [`CLASSES`].
fn class(status: StatusCode) -> usize {
    match status.as_u16() {
        200..=299 => 0,
        304 => 1,
        300..=399 => 2,
        401 => 3,
        404 => 4,
        409 => 5,
        400..=499 => 6,
        503 => 7,
        _ => 8,
    }
}
