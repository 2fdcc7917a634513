//! Files: streamed, with ranges and validators; HEAD reads nothing.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, LOCATION,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use bytes::Bytes;
use rws_repository::RepositoryError;
use rws_repository::tree::{CacheLifetime, FileRequest, OfReader, PublicFile};
use rws_store::{Content, Key, Span, Store, Version};

use crate::answer::Answer;
use crate::gate::Readable;
use crate::path::encoded;
use crate::range::{Selection, Validators, date, is_conditional, is_other, is_unchanged, selection, span};
use crate::service::Service;
use crate::settings::Downloads;

/// For how long a signed URL of the store is good: a slow client has to begin within this time.
const SIGNED_SECONDS: u64 = 3600;

/// The same for what not everybody may read: whoever has the URL can.
const PRIVATE_SIGNED_SECONDS: u64 = 60;

/// Room for the headers of an answer with a file.
const ROOM_FOR_HEADERS: usize = 12;

/// Where the bytes come from.
enum Source {
    Text(Bytes),
    Object(Key, Version, Option<Content>),
}

/// A file that is answered with.
pub struct File {
    source: Source,
    size_bytes: u64,
    validators: Validators,
    caching: &'static str,
    content_type: &'static str,
}

impl File {
    /// A file of the program itself, without a tag.
    pub fn of_program(bytes: &'static [u8], content_type: &'static str, modified_seconds: i64) -> Self {
        Self {
            source: Source::Text(Bytes::from_static(bytes)),
            size_bytes: bytes.len() as u64,
            validators: Validators { tag: None, modified_seconds },
            caching: "public, max-age=3600",
            content_type,
        }
    }

    fn of_tree(found: PublicFile, content_type: &'static str) -> Self {
        match found {
            PublicFile::Root { content, tag, published_at } => Self {
                size_bytes: content.len() as u64,
                source: Source::Text(content),
                validators: Validators { tag: Some(format!("\"{tag}\"")), modified_seconds: published_at },
                caching: caching(CacheLifetime::Revalidated),
                content_type,
            },
            PublicFile::Object { key, stat, content, lasting, published_at } => Self {
                size_bytes: stat.size_bytes,
                validators: Validators {
                    tag: Some(format!("\"{}\"", stat.version.0.trim_matches('"'))),
                    modified_seconds: published_at.unwrap_or(stat.modified_milliseconds / 1000),
                },
                source: Source::Object(key, stat.version, content),
                caching: caching(lasting),
                content_type,
            },
        }
    }

    /// The answer to a request.
    ///
    /// # Errors
    ///
    /// When the store fails before the first byte is sent.
    pub async fn answer(
        self,
        store: &dyn Store,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Answer, RepositoryError> {
        let Self { source, size_bytes, validators, caching, content_type } = self;
        let mut answer = Response::new(Body::empty());
        *answer.headers_mut() = HeaderMap::with_capacity(ROOM_FOR_HEADERS);
        let set = answer.headers_mut();
        set.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        set.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        // a browser runs nothing of what somebody uploaded, whatever it takes it for
        set.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
        if let Some(tag) = &validators.tag {
            put(&mut answer, ETAG, tag.clone());
        }
        put(&mut answer, LAST_MODIFIED, date(validators.modified_seconds));
        if is_other(headers, &validators) {
            *answer.status_mut() = StatusCode::PRECONDITION_FAILED;
            return Ok(answer);
        }
        if is_unchanged(headers, &validators) {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(answer);
        }
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let (start, length) = match selection(headers, &validators, size_bytes) {
            Selection::Whole => (0, size_bytes),
            Selection::Part { start, length } => {
                *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
                let range = format!("bytes {start}-{}/{size_bytes}", start + length - 1);
                put(&mut answer, CONTENT_RANGE, range);
                (start, length)
            }
            Selection::Unsatisfiable => {
                *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
                put(&mut answer, CONTENT_RANGE, format!("bytes */{size_bytes}"));
                return Ok(answer);
            }
        };
        answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
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
}

fn caching(lasting: CacheLifetime) -> &'static str {
    match lasting {
        CacheLifetime::Revalidated => "no-cache",
        CacheLifetime::Minutes => "public, max-age=300",
        CacheLifetime::Immutable => "public, max-age=31536000, immutable",
    }
}

/// Answers with the file at a path; `None` where there is none.
///
/// # Errors
///
/// When the store fails before the first byte is sent.
pub async fn file(
    service: &Service,
    readable: &Readable,
    method: &Method,
    headers: &HeaderMap,
    reader: Option<&OfReader<'_>>,
) -> Result<Option<Answer>, RepositoryError> {
    let redirects = match &service.settings.downloads {
        // a signed URL is good for GET only
        Downloads::Redirect { base, .. } => base.is_some() || method == Method::GET,
        Downloads::Stream => false,
    };
    let wanted = if redirects { FileRequest::Stat } else { wanted(method, headers) };
    let Some(found) = readable.file(wanted, reader).await? else { return Ok(None) };
    let elsewhere = if redirects { elsewhere(service, readable, &found) } else { None };
    let file = File::of_tree(found, service.content_types.of(readable.path()));
    match elsewhere {
        // what the client has already it need not get from elsewhere
        Some(address) if !is_unchanged(headers, &file.validators) => Ok(Some(redirection(address))),
        _ => file.answer(&**service.gate.store(), method, headers).await.map(Some),
    }
}

/// What is asked of the store for a request: its answer alone is enough, as a rule.
pub fn wanted(method: &Method, headers: &HeaderMap) -> FileRequest {
    match method == Method::HEAD || is_conditional(headers) {
        true => FileRequest::Stat,
        false => FileRequest::Bytes(span(headers)),
    }
}

/// Answers with a file that was found at a path.
///
/// # Errors
///
/// When the store fails before the first byte is sent.
pub async fn answer_with(
    service: &Service,
    found: PublicFile,
    path: &str,
    parts: &Parts,
) -> Result<Answer, RepositoryError> {
    let file = File::of_tree(found, service.content_types.of(path));
    file.answer(&**service.gate.store(), &parts.method, &parts.headers).await
}

/// Where a large package is to be got, instead of here.
fn elsewhere(service: &Service, readable: &Readable, found: &PublicFile) -> Option<String> {
    let Downloads::Redirect { base, from_bytes } = &service.settings.downloads else { return None };
    match found {
        PublicFile::Object { key, stat, lasting: CacheLifetime::Minutes, .. } if stat.size_bytes >= *from_bytes => {
            match (base, readable.is_private()) {
                // everybody can read there
                (Some(_), true) => None,
                (Some(base), false) => Some(format!("{base}/{}", encoded(key.as_str()))),
                (None, true) => service.gate.store().presigned_url(key, PRIVATE_SIGNED_SECONDS),
                (None, false) => service.gate.store().presigned_url(key, SIGNED_SECONDS),
            }
        }
        _ => None,
    }
}

fn redirection(address: String) -> Answer {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::FOUND;
    // a signed URL is good for a while only
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    put(&mut answer, LOCATION, address);
    answer
}

fn put(answer: &mut Answer, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        answer.headers_mut().insert(name, value);
    }
}
