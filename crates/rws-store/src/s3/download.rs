//! Reading: a body that breaks off is taken up again where it broke, and one that is not the object's is never given out
//! as it.

use bytes::{Bytes, BytesMut};
use futures::stream;
use http::response::Parts;
use hyper::body::Incoming;
use md5::{Digest, Md5};
use rusty_s3::Method;
use std::sync::atomic::Ordering;

use super::failure::Failure;
use super::write::hexadecimal;
use super::{Request, S3Store, headers};
use crate::{ByteStream, Content, Key, Span, Stat, StoreError, Version};

/// No object is so long.
const OPEN_END: u64 = 1 << 60;

/// An object up to this size is read whole before any of it is given out: then what is not the object is asked for again.
const CHECKED_FIRST_BYTES: u64 = 256 << 10;

/// What an answer says of the object, and of the bytes in it.
#[derive(Clone, Debug)]
struct Opened {
    stat: Stat,
    start: u64,
    length: u64,
    /// Whether the ETag cannot be the digest of the bytes.
    is_encrypted: bool,
}

/// The rest of an object.
struct Rest {
    store: S3Store,
    key: Key,
    version: Version,
    body: Incoming,
    next: u64,
    end: u64,
    /// How often it broke off since the last progress.
    breaks: u32,
    /// The digest of what was read, where the ETag says what it has to be.
    digest: Option<Md5>,
}

impl S3Store {
    pub(super) async fn download(&self, key: &Key, span: Span) -> Result<Option<Content>, StoreError> {
        let range = match span {
            Span::Whole => None,
            Span::Part { length: 0, .. } => return self.nothing_of(key).await,
            Span::Part { start, length } => Some(match start.checked_add(length - 1) {
                Some(last) if last < OPEN_END => format!("bytes={start}-{last}"),
                _ => format!("bytes={start}-"),
            }),
            Span::Last { length: 0 } => return self.nothing_of(key).await,
            Span::Last { length } => Some(format!("bytes=-{length}")),
        };
        match self.open_object(key, range).await {
            Ok(content) => Ok(Some(content)),
            Err(failure) if failure.is_absent() => Ok(None),
            // nothing of the object is in the range
            Err(failure) if failure.status == Some(416) => self.nothing_of(key).await,
            Err(failure) if self.takes_as_moved(key, &failure) => Box::pin(self.download(key, span)).await,
            Err(failure) => Err(failure.error("read", key.as_str())),
        }
    }

    /// The object without its content.
    async fn nothing_of(&self, key: &Key) -> Result<Option<Content>, StoreError> {
        let stat = crate::Store::stat(self, key).await?;
        Ok(stat.map(|stat| Content { stat, bytes: Box::pin(stream::empty()), file: None }))
    }

    fn get(&self, key: &Key, range: Option<String>) -> Request {
        let request = self.request("read", Method::Get, key);
        match range {
            Some(range) => request.header("range", range),
            None => request,
        }
    }

    /// An object with its bytes: a small one is here already, and known to be whole.
    async fn open_object(&self, key: &Key, range: Option<String>) -> Result<Content, Failure> {
        let request = &self.get(key, range);
        let (opened, body) = self
            .client()
            .open_for(request, |head, body| async move {
                let opened = opened(request, &head)?;
                if opened.length > CHECKED_FIRST_BYTES {
                    return Ok((opened, Either::Rest(body)));
                }
                let bytes = self.whole_body(&opened, body).await?;
                Ok((opened, Either::Whole(bytes)))
            })
            .await?;
        let Opened { stat, start, length, is_encrypted } = opened;
        self.know(key, &stat.version);
        let bytes: ByteStream = match body {
            Either::Whole(bytes) if bytes.is_empty() => Box::pin(stream::empty()),
            Either::Whole(bytes) => Box::pin(stream::once(async move { Ok(bytes) })),
            Either::Rest(body) => {
                let is_whole = (start, length) == (0, stat.size_bytes);
                let digest = (is_whole && !is_encrypted && self.is_md5(&stat.version)).then(Md5::new);
                let (store, key, version) = (self.clone(), key.clone(), stat.version.clone());
                let (next, end) = (start, start + length);
                Rest { store, key, version, body, next, end, breaks: 0, digest }.into_stream()
            }
        };
        Ok(Content { stat, bytes, file: None })
    }

    /// The body of a small answer, when it is what the head says.
    async fn whole_body(&self, opened: &Opened, mut body: Incoming) -> Result<Bytes, Failure> {
        let mut bytes = BytesMut::new();
        while (bytes.len() as u64) < opened.length {
            let Some(piece) = self.client().frame(&mut body).await? else {
                return Err(Failure::unanswered("the answer ended too early"));
            };
            bytes.extend_from_slice(&piece);
        }
        let is_whole = (opened.start, opened.length) == (0, opened.stat.size_bytes);
        let is_checked = is_whole && !opened.is_encrypted && self.is_md5(&opened.stat.version);
        if bytes.len() as u64 != opened.length || (is_checked && !is_digest(&opened.stat.version, Md5::digest(&bytes)))
        {
            return Err(not_the_object());
        }
        Ok(bytes.freeze())
    }

    /// Whether an ETag is the digest of the object's bytes: that of an object in parts never is.
    fn is_md5(&self, version: &Version) -> bool {
        self.client().tags_are_md5.load(Ordering::Relaxed)
            && version.0.len() == 32
            && version.0.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// The rest of an object that was begun with.
    async fn reopen(&self, key: &Key, range: String) -> Result<(Opened, Incoming), Failure> {
        let request = &self.get(key, Some(range));
        self.client().open_for(request, |head, body| async move { Ok((opened(request, &head)?, body)) }).await
    }
}

/// A body that was read, or is to be.
enum Either {
    Whole(Bytes),
    Rest(Incoming),
}

fn not_the_object() -> Failure {
    Failure::contradiction("the content of the answer does not match its ETag")
}

fn is_digest(version: &Version, digest: impl AsRef<[u8]>) -> bool {
    version.0.eq_ignore_ascii_case(&hexadecimal(digest.as_ref()))
}

/// What an answer says.
fn opened(request: &Request, head: &Parts) -> Result<Opened, Failure> {
    let (stat, is_encrypted) = (headers::stat(&head.headers)?, headers::is_encrypted_with_keys(&head.headers));
    let length = head.headers.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let Some(asked) = request.headers.get("range") else {
        let length = length.unwrap_or(stat.size_bytes);
        return Ok(Opened { stat, start: 0, length, is_encrypted });
    };
    if head.status.as_u16() != 206 && stat.size_bytes > 0 {
        return Err(Failure::contradiction("RWS asked for a range, and the answer is the whole object"));
    }
    let (first, last) = headers::range(&head.headers).unwrap_or((0, stat.size_bytes.saturating_sub(1)));
    let part = if stat.size_bytes == 0 { 0 } else { (last + 1).saturating_sub(first) };
    if !is_range(asked, first, last, stat.size_bytes) || length.is_some_and(|length| length != part) {
        return Err(Failure::contradiction("the answer has another range than RWS asked for"));
    }
    Ok(Opened { stat, start: first, length: part, is_encrypted })
}

/// Whether a range that was asked for (`bytes=1-2`, `bytes=1-`, `bytes=-2`) is this one of an object of this size.
fn is_range(asked: &str, first: u64, last: u64, size_bytes: u64) -> bool {
    let Some((from, to)) = asked.strip_prefix("bytes=").and_then(|asked| asked.split_once('-')) else { return false };
    let end = size_bytes.saturating_sub(1);
    match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(from), Ok(to)) => (first, last) == (from, to.min(end)),
        (Ok(from), Err(_)) => (first, last) == (from, end),
        (Err(_), Ok(length)) => (first, last) == (size_bytes.saturating_sub(length), end),
        (Err(_), Err(_)) => false,
    }
}

impl Rest {
    fn into_stream(self) -> ByteStream {
        Box::pin(stream::unfold(Some(self), |rest| async move {
            let mut rest = rest?;
            match rest.piece().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(rest))),
                Ok(None) => None,
                Err(failure) => Some((Err(failure.error("read", rest.key.as_str())), None)),
            }
        }))
    }

    /// The next bytes. The last ones are given out only when all of them are those of the object.
    async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        while self.next < self.end {
            let failure = match self.store.client().frame(&mut self.body).await {
                Ok(Some(piece)) if piece.is_empty() => continue,
                Ok(Some(piece)) if piece.len() as u64 > self.end - self.next => {
                    return Err(Failure::contradiction("the object is longer than the answer stated"));
                }
                Ok(Some(piece)) => {
                    self.next += piece.len() as u64;
                    self.breaks = 0;
                    if let Some(digest) = &mut self.digest {
                        digest.update(&piece);
                    }
                    if self.next == self.end
                        && let Some(digest) = self.digest.take()
                        && !is_digest(&self.version, digest.finalize())
                    {
                        return Err(not_the_object());
                    }
                    return Ok(Some(piece));
                }
                Ok(None) => Failure::unanswered("the answer ended too early"),
                Err(failure) => failure,
            };
            self.take_up(failure).await?;
        }
        Ok(None)
    }

    /// Asks for the rest again.
    async fn take_up(&mut self, failure: Failure) -> Result<(), Failure> {
        self.breaks += 1;
        if self.breaks > self.store.client().retries() {
            return Err(failure);
        }
        tracing::info!(object = %self.key, next = self.next, ?failure, "a read was interrupted; RWS continues it");
        let range = format!("bytes={}-{}", self.next, self.end - 1);
        let (opened, body) = self.store.reopen(&self.key, range).await?;
        if opened.stat.version != self.version || (opened.start, opened.length) != (self.next, self.end - self.next) {
            return Err(Failure::unanswered("the object changed while it was read"));
        }
        self.body = body;
        Ok(())
    }
}
