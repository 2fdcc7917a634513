//! Sends requests.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use http::header::{CONTENT_LENGTH, EXPECT, HOST, HeaderValue, USER_AGENT};
use http::uri::Scheme;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::streamed::{Body, Sent, whole};
use crate::{Answer, Connector, Download, HttpError, Request, StreamedBody, connector};

/// How long an unused connection is kept: shorter than servers keep theirs.
const KEPT_IDLE: Duration = Duration::from_secs(15);

/// What RWS says of itself.
const AGENT: &str = concat!("rws/", env!("CARGO_PKG_VERSION"));

/// What holds for all requests of a client.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// PEM file of certificate authorities to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// From the start of a request to the last byte of its answer, connecting included. Of a streamed body: without any progress.
    pub timeout: Duration,
    /// The longest body of an answer, in bytes.
    pub max_answer_bytes: usize,
}

/// A client for requests with small answers.
#[derive(Clone)]
pub struct Client {
    http: HyperClient<Connector, Body>,
    timeout: Duration,
    max_answer_bytes: usize,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Client {
    /// Makes no connection yet.
    ///
    /// # Errors
    ///
    /// When the file of certificate authorities cannot be used.
    pub fn new(settings: &ClientSettings) -> Result<Self, HttpError> {
        let http = HyperClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT_IDLE)
            .build(connector(settings.ca_file.as_deref())?);
        Ok(Self { http, timeout: settings.timeout, max_answer_bytes: settings.max_answer_bytes })
    }

    /// Sends a request once and reads the whole answer, whatever its status. A redirect is not followed.
    ///
    /// # Errors
    ///
    /// When there is no answer, when it comes too late, or when it is too long.
    pub async fn send(&self, request: &Request) -> Result<Answer, HttpError> {
        let request = prepare(request, whole(request.body.clone()))?;
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::TimedOut(self.timeout)),
        }
    }

    /// Sends a request with a body that is read while it is sent, in place of its own, and reads the whole answer. The body is sent
    /// once the server wants it: of a request that is refused for its head nothing is read.
    ///
    /// # Errors
    ///
    /// When there is no answer, when neither body nor answer makes progress for the time-out, or when the answer is too long.
    pub async fn send_streamed(&self, request: &Request, body: StreamedBody) -> Result<Answer, HttpError> {
        let (size_bytes, sent) = (body.size_bytes, Sent::default());
        let mut request = prepare(request, body.into_body(sent.clone()))?;
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(size_bytes));
        request.headers_mut().insert(EXPECT, HeaderValue::from_static("100-continue"));
        let wanted = sent.wanted.clone();
        hyper::ext::on_informational(&mut request, move |_| wanted.notify_one());
        let mut exchange = std::pin::pin!(self.exchange(request));
        let mut before = None;
        loop {
            match tokio::time::timeout(self.timeout, &mut exchange).await {
                Ok(answer) => return answer,
                Err(_) if before == Some(sent.bytes()) => return Err(HttpError::TimedOut(self.timeout)),
                Err(_) => before = Some(sent.bytes()),
            }
        }
    }

    /// Sends a request and hands on the body of its answer while it arrives, whatever its length. A redirect is not followed.
    ///
    /// # Errors
    ///
    /// When there is no answer, or it comes too late; in the stream when the body makes no progress for the time-out.
    pub async fn download(&self, request: &Request) -> Result<Download, HttpError> {
        let request = prepare(request, whole(request.body.clone()))?;
        let answer = tokio::time::timeout(self.timeout, self.http.request(request)).await;
        let answer = answer.map_err(|_| HttpError::TimedOut(self.timeout))?;
        let (head, body) = answer.map_err(|error| HttpError::unreachable(&error))?.into_parts();
        let timeout = self.timeout;
        let pieces = stream::try_unfold(body, move |mut body| async move {
            loop {
                let frame = tokio::time::timeout(timeout, body.frame()).await;
                match frame.map_err(|_| HttpError::TimedOut(timeout))? {
                    None => return Ok(None),
                    Some(Err(error)) => return Err(HttpError::unreachable(&error)),
                    Some(Ok(frame)) => {
                        if let Ok(piece) = frame.into_data() {
                            return Ok(Some((piece, body)));
                        }
                    }
                }
            }
        });
        Ok(Download { status: head.status, pieces: pieces.boxed() })
    }

    async fn exchange(&self, request: http::Request<Body>) -> Result<Answer, HttpError> {
        let (head, body) =
            self.http.request(request).await.map_err(|error| HttpError::unreachable(&error))?.into_parts();
        let declared = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if declared.is_some_and(|length: u64| length > self.max_answer_bytes as u64) {
            return Err(HttpError::TooLong(self.max_answer_bytes));
        }
        match Limited::new(body, self.max_answer_bytes).collect().await {
            Ok(body) => Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() }),
            Err(error) if error.is::<LengthLimitError>() => Err(HttpError::TooLong(self.max_answer_bytes)),
            Err(error) => Err(HttpError::unreachable(&*error)),
        }
    }
}

/// The request as hyper takes it.
fn prepare(request: &Request, body: Body) -> Result<http::Request<Body>, HttpError> {
    let malformed = |reason: &str| HttpError::Malformed(reason.to_owned());
    let uri: http::Uri = request.url.parse().map_err(|_| malformed("its URL is malformed"))?;
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    let is_known = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme());
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if !has_host || !is_known || has_user {
        return Err(malformed("its URL is not http:// or https:// and a host"));
    }
    let mut prepared = http::Request::builder().method(request.method.clone()).uri(uri).header(USER_AGENT, AGENT);
    for (name, value) in &request.headers {
        if HOST == *name {
            return Err(malformed("its host is that of its URL"));
        }
        prepared = prepared.header(*name, value);
    }
    prepared.body(body).map_err(|_| malformed("a header is malformed"))
}
