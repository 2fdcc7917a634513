//! One request to the store, and how it is signed.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use jiff::Timestamp;
use rusty_s3::signing::sign;
use rusty_s3::{Bucket, Credentials, Method};
use url::Url;

/// How much of a body is given to the connection at once.
const PIECE_BYTES: usize = 64 << 10;

/// How long a signed request may be under way before the store has read its head, in seconds.
const SIGNED_FOR: u64 = 15 * 60;

/// One request, not signed yet.
#[derive(Clone, Debug)]
pub struct Request {
    /// What messages say of it: `read`, `write` …
    pub operation: &'static str,
    /// `PUT` …
    pub method: Method,
    /// The full name of the object; none for a request to the bucket.
    pub object: Option<String>,
    /// The query, without the signature.
    pub query: BTreeMap<&'static str, String>,
    /// Headers with names in lower case: all of them are signed.
    pub headers: BTreeMap<&'static str, String>,
    /// What is sent.
    pub body: Bytes,
}

impl Request {
    /// A request for one object.
    pub fn object(operation: &'static str, method: Method, object: String) -> Self {
        Self { object: Some(object), ..Self::bucket(operation, method) }
    }

    /// A request for the whole bucket.
    pub fn bucket(operation: &'static str, method: Method) -> Self {
        let (query, headers) = (BTreeMap::new(), BTreeMap::new());
        Self { operation, method, object: None, query, headers, body: Bytes::new() }
    }

    /// With a parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.insert(name, value.into());
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// The URL with the signature of AWS Signature Version 4 in its query: valid wherever presigned URLs are.
    pub fn sign(&self, bucket: &Bucket, credentials: &Credentials, milliseconds: i64) -> Url {
        self.sign_for(bucket, credentials, milliseconds, SIGNED_FOR)
    }

    /// The same with a number of seconds for which it holds.
    pub fn sign_for(&self, bucket: &Bucket, credentials: &Credentials, milliseconds: i64, seconds: u64) -> Url {
        let url = match &self.object {
            Some(object) => bucket.object_url(object),
            None => bucket.base_url().clone(),
        };
        let date = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
        let (key, secret, token) = (credentials.key(), credentials.secret(), credentials.token());
        let query = self.query.iter().map(|(name, value)| (*name, value.as_str()));
        let headers = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        sign(&date, self.method, url, key, secret, token, bucket.region(), seconds, query, headers)
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
    left: Bytes,
    progress: Progress,
}

impl Upload {
    /// Sends these bytes.
    pub fn new(bytes: Bytes, progress: Progress) -> Self {
        Self { left: bytes, progress }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.progress.touch();
        let length = self.left.len().min(PIECE_BYTES);
        let piece = self.left.split_to(length);
        Poll::Ready((!piece.is_empty()).then_some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}
