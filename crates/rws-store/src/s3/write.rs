//! Writing in one request, and what proves that something was written.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64ct::{Base64, Encoding};
use futures::StreamExt;
use md5::{Digest, Md5};
use rusty_s3::Method;
use tokio::task::spawn_blocking;

use super::failure::Failure;
use super::origin::WriteId;
use super::request::Payload;
use super::upload::FilePart;
use super::{MULTIPART_BYTES, Request, S3Store, Written, conditional, headers};
use crate::{Condition, Growth, Key, LocalFile, Span, Stat, StoreError, Version, Write};

/// A digest as RFC 1321 makes it.
pub type Md5Digest = [u8; 16];

/// The digest of what is sent.
async fn md5_of(payload: Payload) -> Result<Md5Digest, Failure> {
    let digest = move || {
        let mut md5 = Md5::new();
        match payload {
            Payload::Bytes(bytes) => md5.update(&bytes),
            Payload::File(part) => part.read(|bytes| md5.update(bytes))?,
        }
        Ok(md5.finalize().into())
    };
    spawn_blocking(digest).await.map_err(|error| Failure::unanswered(error.to_string()))?.map_err(local)
}

/// A digest as headers have it (RFC 1864).
pub fn base64(digest: &[u8]) -> String {
    Base64::encode_string(digest)
}

/// A digest as ETags have it.
pub fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The local file failed.
pub fn local(error: io::Error) -> Failure {
    Failure::unanswered(format!("the local file: {error}"))
}

/// What one write is to leave behind.
pub struct Trace<'a> {
    /// The name.
    pub key: &'a Key,
    /// Who writes.
    pub id: &'a WriteId,
    /// How many bytes.
    pub size_bytes: u64,
    /// The ETag that they have on most services.
    pub tag: Option<&'a str>,
    /// Their digest, where it is known.
    pub md5: Option<Md5Digest>,
}

impl S3Store {
    /// The request with what it sends, and the digest that lets the store see damage on the way.
    pub(super) async fn with_body(&self, request: Request, payload: Payload) -> Result<(Request, Md5Digest), Failure> {
        let md5 = md5_of(payload.clone()).await?;
        Ok((request.header("content-md5", base64(&md5)).body(payload), md5))
    }

    /// Writes in one request. It counts as written only when the answer has the ETag of the bytes, or when the object
    /// itself shows it: an answer alone may be anybody's, and an object that exists may be an older one.
    pub(super) async fn put(&self, key: &Key, payload: Payload, write: &Write) -> Result<Written, Failure> {
        let (id, size_bytes) = (WriteId::new(), payload.length());
        let request = self.attributes(self.request("write", Method::Put, key), key, write.kind);
        let request = id.mark(request, key.as_str());
        let (request, md5) = self.with_body(request, payload).await?;
        let request = conditional(self, request, &write.condition);
        let expected = hexadecimal(&md5);
        let trace = Trace { key, id: &id, size_bytes, tag: Some(&expected), md5: Some(md5) };
        let (mut unsure, mut repetitions) = (false, 0);
        loop {
            let (failure, is_answered) = match self.client().send(&request).await {
                Ok(reply) => {
                    let tag = headers::written_version(&reply.head.headers);
                    if let Some(version) = tag.filter(|tag| tag.0 == expected) {
                        self.client().tags_are_md5.store(true, Ordering::Relaxed);
                        self.know(key, &version);
                        let modified = headers::answered_milliseconds(&reply.head.headers);
                        let modified_milliseconds = modified.unwrap_or_else(|| self.client().clock.now_milliseconds());
                        return Ok(Written::Done(Stat { size_bytes, version, modified_milliseconds }));
                    }
                    (
                        Failure::contradiction(
                            "the answer does not have the ETag of the content, and the object has other content",
                        ),
                        true,
                    )
                }
                Err(failure) => (failure, false),
            };
            let is_conflict = write.condition != Condition::Always && failure.is_conflict();
            unsure |= failure.unsure;
            if is_conflict && !unsure {
                return Ok(Written::Conflict);
            }
            // an earlier attempt may be what is there
            if (is_conflict || failure.nonsense)
                && let Some(stat) = self.found(&trace).await?
            {
                return Ok(Written::Done(stat));
            }
            if is_conflict {
                return Ok(Written::Conflict);
            }
            repetitions += 1;
            if !is_answered || repetitions > self.client().retries() {
                return Err(Failure { unsure, ..failure });
            }
            self.client().pause(repetitions).await;
        }
    }

    /// Writes a local file.
    pub(super) async fn put_file(&self, key: &Key, file: &LocalFile, write: &Write) -> Result<Written, Failure> {
        let Growth { size_bytes, is_whole } = file.grown(MULTIPART_BYTES + 1).await.map_err(local)?;
        if is_whole && size_bytes <= MULTIPART_BYTES {
            // read while it is sent
            let file = Arc::new(File::open(file.path()).map_err(local)?);
            return self.put(key, FilePart { file, start: 0, length: size_bytes }.into(), write).await;
        }
        if write.condition != Condition::Always {
            // the end of a multipart upload keeps no condition on some services
            return Err(Failure::answered(
                501,
                "<Message>A file of this size cannot be written on a condition</Message>",
            ));
        }
        self.put_parts(key, file, write).await.map(Written::Done)
    }

    /// The object, when it is what a write was to leave behind: it says so itself, or, on a service that keeps no metadata,
    /// it has these bytes.
    pub(super) async fn found(&self, trace: &Trace<'_>) -> Result<Option<Stat>, Failure> {
        let (stat, id) = match self.client().ask(&self.request("read", Method::Head, trace.key)).await {
            Ok(head) => (headers::stat(&head.headers)?, WriteId::of(&head.headers)),
            Err(failure) if failure.is_absent() || failure.nonsense => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let is_own = match (id, trace.md5) {
            _ if stat.size_bytes != trace.size_bytes => false,
            (Some(id), _) => id == *trace.id,
            // a service that keeps no metadata
            (None, _) if trace.tag == Some(&stat.version.0) => true,
            (None, Some(md5)) => self.digest(trace.key).await? == Some(md5),
            (None, None) => false,
        };
        if is_own {
            self.know(trace.key, &stat.version);
        }
        Ok(is_own.then_some(stat))
    }

    /// The digest of an object's bytes, read from the store.
    async fn digest(&self, key: &Key) -> Result<Option<Md5Digest>, Failure> {
        let reading = |error: StoreError| Failure::unanswered(error.to_string());
        let Some(mut content) = self.download(key, Span::Whole).await.map_err(reading)? else { return Ok(None) };
        let mut md5 = Md5::new();
        while let Some(piece) = content.bytes.next().await {
            md5.update(&piece.map_err(reading)?);
        }
        Ok(Some(md5.finalize().into()))
    }

    /// Takes note of what the store says of an object that was read or written just now.
    pub(super) fn know(&self, key: &Key, version: &Version) {
        self.inner.versions.note(key, version);
    }
}
