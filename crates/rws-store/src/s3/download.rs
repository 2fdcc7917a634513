//! Reading: a body that breaks off is taken up again where it broke.

use futures::stream;
use hyper::body::Incoming;
use rusty_s3::Method;

use super::failure::Failure;
use super::{S3Store, headers};
use crate::{ByteStream, Content, Key, Span, Stat, StoreError, Version};

/// No object is so long.
const OPEN_END: u64 = 1 << 60;

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
        let opened = match self.open_object(key, range).await {
            Ok(opened) => opened,
            Err(failure) if failure.is_absent() => return Ok(None),
            // nothing of the object is in the range
            Err(failure) if failure.status == Some(416) => return self.nothing_of(key).await,
            Err(failure) => return Err(failure.error("read", key.as_str())),
        };
        let (stat, start, length, body) = opened;
        let rest = Rest {
            store: self.clone(),
            key: key.clone(),
            version: stat.version.clone(),
            body,
            next: start,
            end: start + length,
            breaks: 0,
        };
        Ok(Some(Content { stat, bytes: rest.into_stream() }))
    }

    /// The object without its content.
    async fn nothing_of(&self, key: &Key) -> Result<Option<Content>, StoreError> {
        let stat = crate::Store::stat(self, key).await?;
        Ok(stat.map(|stat| Content { stat, bytes: Box::pin(stream::empty()) }))
    }

    /// An object, the first byte of its body, and the length of it.
    async fn open_object(&self, key: &Key, range: Option<String>) -> Result<(Stat, u64, u64, Incoming), Failure> {
        let request = self.request("read", Method::Get, key);
        let request = match range {
            Some(range) => request.header("range", range),
            None => request,
        };
        let (head, body) = self.client().open(&request).await?;
        let stat = headers::stat(&head.headers)?;
        let length = match head.headers.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()) {
            Some(text) => text.parse().map_err(Failure::nonsense)?,
            None => stat.size_bytes,
        };
        let start = headers::range_start(&head.headers).unwrap_or(0);
        if request.headers.contains_key("range") && head.status.as_u16() != 206 && stat.size_bytes > 0 {
            return Err(Failure::nonsense("a part was asked for, and the whole came"));
        }
        Ok((stat, start, length, body))
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

    async fn piece(&mut self) -> Result<Option<bytes::Bytes>, Failure> {
        while self.next < self.end {
            let failure = match self.store.client().frame(&mut self.body).await {
                Ok(Some(piece)) if piece.is_empty() => continue,
                Ok(Some(piece)) if piece.len() as u64 > self.end - self.next => {
                    return Err(Failure::nonsense("the object is longer than it said"));
                }
                Ok(Some(piece)) => {
                    self.next += piece.len() as u64;
                    self.breaks = 0;
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
        tracing::info!(object = %self.key, next = self.next, ?failure, "a read broke off and is taken up again");
        let range = format!("bytes={}-{}", self.next, self.end - 1);
        let (stat, start, length, body) = self.store.open_object(&self.key, Some(range)).await?;
        if stat.version != self.version || (start, length) != (self.next, self.end - self.next) {
            return Err(Failure::unanswered("the object changed while it was read"));
        }
        self.body = body;
        Ok(())
    }
}
