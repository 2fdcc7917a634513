//! Answers of the API: compact JSON with a line end, as the original service wrote them.

use std::io;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, Response, StatusCode};
use metrics::counter;
use rws_model::{Refusal, RefusalKind};
use rws_repository::{IntakeError, Present, RepositoryError};
use rws_store::StoreError;
use serde::Serialize;
use tokio::task::JoinError;
use utoipa::ToSchema;

use crate::spool::is_full;

/// The word for somebody who has not logged in. The answer to that is the one of the original service.
const UNAUTHORIZED: &str = "unauthorized";

/// How to log in (RFC 7617, section 2).
const CHALLENGE: &str = "Basic realm=\"Authentication Required\"";

/// An answer.
pub type Answer = Response<Body>;

/// An answer of any text.
pub fn text(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// A JSON answer.
pub fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    text(status, "application/json", json_text(value))
}

/// JSON as the original wrote it: compact, with a line end; characters beyond ASCII are escaped.
pub fn json_text(value: &impl Serialize) -> String {
    let plain = serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"message\":\"{error}\"}}"));
    let mut escaped = String::with_capacity(plain.len() + 1);
    for character in plain.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped.push('\n');
    escaped
}

/// `{"message": …}`.
pub fn message(status: StatusCode, message: &str) -> Answer {
    json(status, &serde_json::json!({ "message": message }))
}

/// What went wrong with a request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    #[serde(skip)]
    status: StatusCode,
    /// For people.
    message: String,
    /// A stable word for programs.
    code: &'static str,
    /// The file that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Problem {
    /// A problem with its status, a stable word for programs, and a sentence for people.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), code, file: None, hint: None }
    }

    /// Nobody has logged in, or not as somebody who is known.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, UNAUTHORIZED, "Unauthorized Access")
    }

    /// The client did something wrong.
    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The same problem with the file that it is about.
    #[must_use]
    pub fn of_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same problem with what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same problem in other words, without file and hint.
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), file: None, hint: None, ..self }
    }

    /// What went wrong, for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, for people.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The answer. It carries the problem, so that a page can say the same.
    pub fn answer(&self) -> Answer {
        let mut answer = self.plain_answer();
        answer.extensions_mut().insert(self.clone());
        answer
    }

    fn plain_answer(&self) -> Answer {
        if self.code == UNAUTHORIZED {
            return unauthorized();
        }
        let mut answer = json(self.status, self);
        if self.status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
        }
        answer
    }
}

/// Too much is under way: of this client or user, or of all. `limit` is a plain word: `uploads`, `connections`.
pub fn busy(limit: &'static str) -> Problem {
    counter!("rws_http_refused_total", "limit" => limit).increment(1);
    let message =
        format!("Too many of your requests, or of all requests, are running (limit: {limit}). Try again in a moment.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
}

/// A task of the request panicked, or the server is going down.
impl From<JoinError> for Problem {
    fn from(error: JoinError) -> Self {
        tracing::error!(%error, "RWS could not finish a request");
        let message = format!("RWS could not finish this request: {error}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }
}

/// There is no thread for the work, or it panicked.
impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "RWS could not process a request");
        let message = format!("RWS could not process this request: {error}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = match refusal.kind {
            RefusalKind::Memory => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            RefusalKind::Content | RefusalKind::Architecture => (StatusCode::BAD_REQUEST, "refused"),
        };
        let problem = Self::new(status, code, refusal.to_string()).of_file(refusal.file);
        match refusal.hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        }
    }
}

/// A file that an administrator has purged.
pub fn purged() -> Problem {
    let message = "This file was purged: its bytes were removed from every state of the repository.";
    Problem::new(StatusCode::GONE, "purged", message)
}

impl From<RepositoryError> for Problem {
    fn from(error: RepositoryError) -> Self {
        tracing::error!(%error, "a request failed");
        let (status, code) = match &error {
            RepositoryError::Store(StoreError::NotWritable { .. }) => (StatusCode::SERVICE_UNAVAILABLE, "not-writable"),
            RepositoryError::Store(StoreError::Failed { source, .. }) if is_full(source) => {
                (StatusCode::INSUFFICIENT_STORAGE, "disk-full")
            }
            RepositoryError::Store(error) if error.is_nonsense() => (StatusCode::BAD_GATEWAY, "bad-store"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl Problem {
    /// Why a change was refused, with what is there: for who may read that. For others see `Writable::problem`.
    pub fn of_intake(error: IntakeError) -> Self {
        match error {
            IntakeError::Refused(refusal) => refusal.into(),
            IntakeError::TooManyChanges { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-many-changes", error.to_string())
                    .with_hint("Send the files in several requests, or to fewer targets at once")
            }
            IntakeError::TooSlow => Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", error.to_string()),
            IntakeError::Conflict(conflict) => {
                let hint = match conflict.present {
                    Present::Content(_) => "raise the version, or delete the existing package first",
                    Present::Named { .. } => "give a changed file another name, as a new upstream version does",
                    Present::UnderWay => "wait until the other upload is answered, then try again",
                };
                Self::new(StatusCode::CONFLICT, "conflict", conflict.to_string()).of_file(conflict.file).with_hint(hint)
            }
            IntakeError::PartOfSource { ref file, .. } => {
                Self::new(StatusCode::CONFLICT, "part-of-source", error.to_string()).of_file(file.clone())
            }
            IntakeError::Ambiguous { ref file, .. } => Self::new(StatusCode::CONFLICT, "ambiguous", error.to_string())
                .of_file(file.clone())
                .with_hint("send DELETE to the address of the package that you want to remove"),
            IntakeError::CannotSign { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "cannot-sign", error.to_string()).with_hint(
                    "an operator has to change keys or sign_packages of this repository in the configuration",
                )
            }
            IntakeError::NotAllowed { .. } => Self::new(StatusCode::FORBIDDEN, "forbidden", error.to_string()),
            IntakeError::Reserved { ref file } => Self::new(StatusCode::FORBIDDEN, "reserved", error.to_string())
                .of_file(file.clone())
                .with_hint("give the package another name; release_package in the configuration names this one"),
            IntakeError::Signing(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "signing", error.to_string()),
            IntakeError::Disk(ref disk) if is_full(disk) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", error.to_string())
            }
            IntakeError::Disk(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "spool", error.to_string()),
            IntakeError::Failed(error) => error.into(),
        }
    }
}

/// 401, as the original service wrote it.
fn unauthorized() -> Answer {
    let mut answer = text(StatusCode::UNAUTHORIZED, "text/html; charset=utf-8", "Unauthorized Access");
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    answer
}

/// The methods of a path, for OPTIONS and 405.
pub fn allowed(status: StatusCode, methods: &str) -> Answer {
    let mut answer = text(status, "text/html; charset=utf-8", Body::empty());
    answer.headers_mut().extend(HeaderValue::from_str(methods).ok().map(|methods| (ALLOW, methods)));
    answer
}

/// Whether a method only reads.
pub fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}
