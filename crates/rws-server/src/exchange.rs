//! One request and its answer, as the log and the metrics see them.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use rws_repository::actor::Actor;
use uuid::Uuid;

use crate::access::User;
use crate::activity::ActiveRequest;
use crate::answer::{Answer, busy};
use crate::budgets::{Budgets, Network, REQUEST_BYTES};
use crate::connection::{Client, Connection};
use crate::counts::RequestKind;
use crate::path::absolute;
use crate::path_token::{PathToken, masked};
use crate::settings::Settings;
use crate::shares::{BudgetShare, Refusal};

/// Where a request's name is, in its answer; a trusted proxy may have given it one.
const ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest name of a request that is taken over, in bytes.
const LONGEST_ID: usize = 64;

/// How long a request waits for memory that another connection gives up.
const GIVES_WAY: Duration = Duration::from_secs(1);

/// How many requests of a client wait for memory that nobody gives up.
const MOST_WAITING: usize = 8;

/// In place of a time: the client is to send.
const AWAITED: u64 = u64::MAX;

/// So much of a path is logged, in bytes; a longer one names nothing.
const LONGEST_PATH: usize = 1024;

/// Who asks for a change, and for what, as its record says it.
pub fn actor(user: &User, parts: &Parts, verb: &'static str) -> Actor {
    let exchange = parts.extensions.get::<Arc<Exchange>>();
    Actor {
        user: Some(user.name.clone()),
        claims: user.claims.clone(),
        address: exchange.map(|exchange| exchange.client.address),
        request: exchange.map(|exchange| exchange.id.clone()),
        ..Actor::itself(verb)
    }
}

/// One request, from its headers to the last byte of its answer.
pub struct Exchange {
    /// Its name in the log and in the answer.
    pub id: String,
    /// Who sends it.
    pub client: Client,
    method: Method,
    path: String,
    kind: RequestKind,
    started: Instant,
    received_bytes: AtomicU64,
    /// When the last piece of its body came, in milliseconds after it started; [`AWAITED`] while the next is waited for.
    last_piece: AtomicU64,
    user: OnceLock<String>,
    /// Lasts as long as anything of the request: its answer, and what is read of its body behind that.
    begun: ActiveRequest,
    /// What it takes of the memory for requests and answers; none: there was none left for it.
    memory: Option<BudgetShare<Network>>,
}

impl Exchange {
    /// Begins with a request, whose body is counted from now on.
    pub async fn begin(
        settings: &Settings,
        budgets: &Budgets,
        connection: &Connection,
        request: Request<Body>,
        begun: ActiveRequest,
        token: Option<&PathToken>,
    ) -> (Arc<Self>, Request<Body>) {
        let client = Client::of(settings, connection, request.headers());
        let memory = memory(budgets, client.network()).await;
        if memory.is_some() {
            begun.is_admitted();
        }
        let path = request.uri().path();
        let exchange = Arc::new(Self {
            id: given_id(&client, &request).unwrap_or_else(next_id),
            method: request.method().clone(),
            // the URI itself would hold all that was read with it for as long as the answer is sent
            path: masked(&path[..path.floor_char_boundary(LONGEST_PATH)], token),
            kind: RequestKind::of(request.method(), absolute(path)),
            started: Instant::now(),
            received_bytes: AtomicU64::new(0),
            last_piece: AtomicU64::new(0),
            user: OnceLock::new(),
            client,
            begun,
            memory,
        });
        let of = Arc::clone(&exchange);
        let request = request.map(|body| if body.is_end_stream() { body } else { Body::new(Receiving { body, of }) });
        (exchange, request)
    }

    /// Whether there is memory for it.
    pub fn is_admitted(&self) -> bool {
        self.memory.is_some()
    }

    /// The answer, with the memory that it takes where it is whole already; else that there is none.
    pub fn hold(&self, budgets: &Budgets, answer: Answer) -> Answer {
        let bytes = answer.body().size_hint().exact().unwrap_or_default();
        if bytes <= REQUEST_BYTES {
            return answer;
        }
        match budgets.answers.try_take(&self.client.network(), bytes) {
            Ok(share) => answer.map(|body| Body::new(Held::new(body, share))),
            Err(_) => busy("answers").answer(),
        }
    }

    /// For how long the client has been waiting: since the last piece of the body came. Zero while the next is waited for.
    pub fn waits(&self) -> Duration {
        match self.last_piece.load(Ordering::Relaxed) {
            AWAITED => Duration::ZERO,
            last => self.started.elapsed().saturating_sub(Duration::from_millis(last)),
        }
    }

    fn note_piece(&self, is_there: bool) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(AWAITED - 1);
        self.last_piece.store(if is_there { now } else { AWAITED }, Ordering::Relaxed);
    }

    /// Notes who sends the request, once that is known.
    pub fn of_user(&self, name: &str) {
        _ = self.user.set(name.to_owned());
    }

    /// What the log calls work for this request.
    pub fn span(&self) -> tracing::Span {
        tracing::info_span!("request", id = %self.id)
    }

    /// Ends with an answer: the line in the log is written when its last byte is sent.
    pub fn end(self: Arc<Self>, answer: Answer) -> Response<Sending> {
        let (mut parts, mut body) = answer.into_parts();
        self.begun.sends(0);
        if let Ok(id) = HeaderValue::from_str(&self.id) {
            parts.headers.insert(ID_HEADER, id);
        }
        let length: Option<u64> =
            parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        // HTTP/2 sends what it is given
        if self.method == Method::HEAD && !body.is_end_stream() {
            if let (None, Some(length)) = (&length, body.size_hint().exact()) {
                parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            body = Body::empty();
        }
        let left_bytes = if self.method == Method::HEAD { Some(0) } else { length };
        let sending = Sending { of: self, status: parts.status, sent_bytes: 0, left_bytes, body };
        Response::from_parts(parts, sending)
    }
}

/// Memory for a request. Where there is none left, who takes nothing of an answer gives way, or who has far more than this one.
async fn memory(budgets: &Budgets, client: Network) -> Option<BudgetShare<Network>> {
    let Budgets { answers, open, .. } = budgets;
    let larger = || answers.larger_than(&client, REQUEST_BYTES);
    match answers.try_take(&client, REQUEST_BYTES) {
        Ok(share) => Some(share),
        Err(Refusal::Empty) if open.end_one_sending(None) => answers.take(&client, REQUEST_BYTES, GIVES_WAY).await,
        Err(_) if larger().into_iter().any(|one| open.end_one_sending(Some(one))) => {
            answers.take_given_up(&client, REQUEST_BYTES, GIVES_WAY).await
        }
        Err(_) if answers.waiting(&client) < MOST_WAITING => answers.take(&client, REQUEST_BYTES, GIVES_WAY).await,
        Err(_) => None,
    }
}

fn given_id(client: &Client, request: &Request<Body>) -> Option<String> {
    let text = request.headers().get(ID_HEADER).filter(|_| client.is_forwarded)?.to_str().ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    (plain && (1..=LONGEST_ID).contains(&text.len())).then(|| text.to_owned())
}

/// A name that no other request has, nor one of another process.
fn next_id() -> String {
    static PROCESS: OnceLock<u32> = OnceLock::new();
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let process = PROCESS.get_or_init(|| Uuid::new_v4().as_fields().0);
    format!("{process:08x}-{:x}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A body with the memory that it takes.
pub struct Held<B> {
    body: B,
    _share: BudgetShare<Network>,
}

impl<B> Held<B> {
    /// This body.
    pub fn new(body: B, share: BudgetShare<Network>) -> Self {
        Self { body, _share: share }
    }
}

impl<B: HttpBody + Unpin> HttpBody for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a request.
struct Receiving {
    body: Body,
    of: Arc<Exchange>,
}

impl HttpBody for Receiving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.of.note_piece(polled.is_ready());
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.of.begun.receives(data.len() as u64);
            self.of.received_bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer.
pub struct Sending {
    body: Body,
    of: Arc<Exchange>,
    status: StatusCode,
    sent_bytes: u64,
    /// How much is to follow, where the answer says it.
    left_bytes: Option<u64>,
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.of.begun.sends(0);
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.of.begun.sends(bytes);
                self.sent_bytes += bytes;
                self.left_bytes = self.left_bytes.map(|left| left.saturating_sub(bytes));
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::error!(id = self.of.id, %error, "RWS could not send an answer completely")
            }
            Poll::Ready(None) => self.left_bytes = Some(0),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let Exchange { id, client, method, path, kind, started, received_bytes, user, .. } = &*self.of;
        let (status, sent_bytes) = (&self.status, &self.sent_bytes);
        let took = started.elapsed();
        let received = received_bytes.load(Ordering::Relaxed);
        // what works on the request has ended
        tracing::info!(
            parent: None,
            id,
            client = %client.address,
            user = user.get(),
            %method,
            path,
            status = status.as_u16(),
            received,
            sent = sent_bytes,
            microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            // the client went away, or the store failed
            cut = (self.left_bytes != Some(0) && !self.body.is_end_stream()).then_some(true),
            "request"
        );
        kind.count(*status, took, received, *sent_bytes);
    }
}
