//! Files: streamed, with ranges and validators; HEAD reads nothing.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use bytes::Bytes;
use rws_model::sha256;
use rws_repository::RepositoryError;
use rws_repository::tree::{Found, Wanted};
use rws_store::{Content, Key, Span, Store, Version};

use crate::answer::Answer;
use crate::range::{Selection, Validators, date, is_conditional, is_unchanged, selection, span};
use rws_store::content_type;

/// Where the bytes come from.
enum Source {
    Text(Bytes),
    Object(Key, Version, Option<Content>),
}

/// What is asked of the store for a request: its answer alone is enough, as a rule.
pub fn wanted(method: &Method, headers: &HeaderMap) -> Wanted {
    if method == Method::HEAD || is_conditional(headers) { Wanted::Stat } else { Wanted::Bytes(span(headers)) }
}

/// Answers with a file.
///
/// # Errors
///
/// When the store fails before the first byte is sent.
pub async fn answer(
    store: &dyn Store,
    method: &Method,
    headers: &HeaderMap,
    path: &str,
    found: Found,
) -> Result<Answer, RepositoryError> {
    let (source, size_bytes, validators, caching) = match found {
        Found::Root { text, published_at } => {
            let tag = format!("\"{}\"", &sha256(text.as_bytes()).hex()[..32]);
            let validators = Validators { tag, modified_seconds: published_at };
            let size_bytes = text.len() as u64;
            (Source::Text(text.into()), size_bytes, validators, "no-cache")
        }
        Found::Object { key, stat, content, immutable, published_at } => {
            let caching = if immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
            let validators = Validators {
                tag: format!("\"{}\"", stat.version.0.trim_matches('"')),
                modified_seconds: published_at.unwrap_or(stat.modified_milliseconds / 1000),
            };
            (Source::Object(key, stat.version, content), stat.size_bytes, validators, caching)
        }
    };
    let mut answer = Response::new(Body::empty());
    put(&mut answer, ACCEPT_RANGES, "bytes");
    put(&mut answer, CACHE_CONTROL, caching);
    put(&mut answer, ETAG, &validators.tag);
    put(&mut answer, LAST_MODIFIED, &date(validators.modified_seconds));
    if is_unchanged(headers, &validators) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(answer);
    }
    put(&mut answer, CONTENT_TYPE, content_type::of(path));
    let (start, length) = match selection(headers, &validators, size_bytes) {
        Selection::Whole => (0, size_bytes),
        Selection::Part { start, length } => {
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {start}-{}/{size_bytes}", start + length - 1);
            put(&mut answer, CONTENT_RANGE, &range);
            (start, length)
        }
        Selection::Unsatisfiable => {
            *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            put(&mut answer, CONTENT_RANGE, &format!("bytes */{size_bytes}"));
            return Ok(answer);
        }
    };
    put(&mut answer, CONTENT_LENGTH, &length.to_string());
    if method == Method::HEAD {
        return Ok(answer);
    }
    *answer.body_mut() = match source {
        // the whole text is in memory, so its length fits
        Source::Text(text) => Body::from(text.slice(start as usize..(start + length) as usize)),
        Source::Object(_, _, Some(content)) if span(headers).within(size_bytes) == (start, length) => {
            Body::from_stream(content.bytes)
        }
        Source::Object(key, version, _) => match store.read(&key, Span::Part { start, length }).await? {
            Some(content) if content.stat.version == version => Body::from_stream(content.bytes),
            _ => return Err(RepositoryError::damaged(&key, "it changed while it was read; ask again")),
        },
    };
    Ok(answer)
}

fn put(answer: &mut Answer, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}
