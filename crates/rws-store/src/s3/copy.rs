//! Copies inside the store.
//!
//! No service keeps a condition on a copy. A copy that must not write over anything is therefore claimed first: a small
//! private object that only one writer can create says what the name is to hold. Then it is looked whether the name is
//! taken, and only then copied. A claim goes once its copy is there, which holds up everybody else as well as the claim.
//! Names that change their content are written on a condition instead, with the bytes of the source.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use futures::stream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusty_s3::Method;

use super::answer::Expected;
use super::client::Reply;
use super::failure::{Failure, element};
use super::multipart::{Part, SentPart, parts};
use super::origin::WriteId;
use super::{Request, S3Store, headers};
use crate::private::CLAIMS;
use crate::{Body, Condition, Key, ObjectClass, Span, Stat, Store, StoreError, Version, Write};

/// So many settled claims are deleted even when nothing else is.
const MOST_SETTLED: usize = 500;

/// The size of the parts of a copy that is too large for one request (the limit is 5 GiB).
const COPIED_PART_BYTES: u64 = 1 << 30;

/// What stays as it is in the name of a source.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same for services that take the reserved characters of URLs as they stand there.
const RESERVED: &AsciiSet =
    &PLAIN.remove(b'+').remove(b':').remove(b';').remove(b'@').remove(b'&').remove(b'=').remove(b'$').remove(b',');

impl S3Store {
    pub(super) async fn copy_object(&self, from: &Key, to: &Key, write: &Write) -> Result<Version, StoreError> {
        match &write.condition {
            Condition::Always => self.copy_anyway(from, to, write).await,
            // A name that is written over again and again cannot be claimed: a claim of somebody who died before the copy would keep
            // others away who want something else there.
            Condition::Absent if write.kind != ObjectClass::Mutable => {
                let claim = self.claim(from, to).await?;
                if self.stat(to).await?.is_some() {
                    self.settle(claim).await;
                    return Err(StoreError::Conflict { key: to.to_string() });
                }
                let copied = self.copy_anyway(from, to, write).await;
                // a copy whose end is not known may still arrive: the claim keeps others away
                if matches!(copied, Ok(_) | Err(StoreError::Missing { .. })) {
                    self.settle(claim).await;
                }
                copied
            }
            Condition::Absent | Condition::Matches(_) => {
                let Some(content) = self.download(from, Span::Whole).await? else {
                    return Err(StoreError::Missing { key: from.to_string() });
                };
                let bytes = content.collect().await?;
                self.write(to, Body::Bytes(bytes), write.clone()).await.map(|stat| stat.version)
            }
        }
    }

    /// Makes sure that nobody else brings other bytes to a name.
    async fn claim(&self, from: &Key, to: &Key) -> Result<Key, StoreError> {
        let text = format!("{CLAIMS}{to}");
        let conflict = || StoreError::Conflict { key: to.to_string() };
        let claim = Key::parse(&text).ok_or_else(conflict)?;
        let write = Write { condition: Condition::Absent, kind: ObjectClass::Private };
        match self.write(&claim, Body::from(from.as_str().as_bytes().to_vec()), write).await {
            Ok(_) => Ok(claim),
            Err(StoreError::Conflict { .. }) => {
                // of an earlier attempt, or of another publisher with the same upload
                let Some(content) = self.download(&claim, Span::Whole).await? else { return Err(conflict()) };
                let holder = content.collect().await?;
                if holder == from.as_str().as_bytes() { Ok(claim) } else { Err(conflict()) }
            }
            Err(error) => Err(error),
        }
    }

    /// The claim is no longer needed.
    async fn settle(&self, claim: Key) {
        let count = {
            let mut settled = self.inner.settled.lock().unwrap_or_else(PoisonError::into_inner);
            settled.push(claim);
            settled.len()
        };
        if count >= MOST_SETTLED
            && let Err(error) = self.delete_objects(&[]).await
        {
            tracing::warn!(%error, "RWS could not delete claims; they stay for a day");
        }
    }

    async fn copy_anyway(&self, from: &Key, to: &Key, write: &Write) -> Result<Version, StoreError> {
        let failed = |failure: Failure| failure.error("copy", from.as_str());
        let mut repetitions = 0;
        loop {
            match self.copy_whole(from, to, write).await {
                Ok(version) => return Ok(version),
                // whether the source is gone is asked of the source: some services say so of names that they mistake
                Err(failure) if failure.is_absent() => {
                    if self.is_absent(from).await.map_err(failed)? {
                        return Err(StoreError::Missing { key: from.to_string() });
                    }
                    repetitions += 1;
                    if repetitions > self.client().retries() {
                        let message =
                            "S3 answered 404 for a copy although the source exists; S3 must copy objects of any name";
                        return Err(failed(Failure::contradiction(message)));
                    }
                    self.client().pause(repetitions).await;
                }
                Err(failure) => return Err(failed(failure)),
            }
        }
    }

    async fn copy_whole(&self, from: &Key, to: &Key, write: &Write) -> Result<Version, Failure> {
        let id = WriteId::new();
        let request = self.attributes(self.request("copy", Method::Put, to), to, write.kind);
        let request = id.mark(self.with_source(request, from), to.as_str());
        let request =
            request.header("x-amz-metadata-directive", "REPLACE").expects(Expected::Document("CopyObjectResult"));
        let mut repetitions = 0;
        loop {
            let reply = match self.client().send(&request).await {
                Ok(reply) => reply,
                Err(failure) if matches!(failure.code.as_str(), "InvalidRequest" | "EntityTooLarge") => {
                    return self.copy_in_parts(from, to, write).await.map(|stat| stat.version);
                }
                Err(failure) => return Err(failure),
            };
            // a copy has the ETag of its source, as a rule; where it has another one, or that of the source is not known,
            // the copy itself says which write made it
            let version = element(reply.text()?, "ETag").map(|tag| headers::version(&tag));
            if let (Some(version), Some(source)) = (version, self.inner.versions.of(from))
                && version == source
            {
                self.know(to, &version);
                return Ok(version);
            }
            if let Some(version) = self.copied(from, to, &id).await? {
                return Ok(version);
            }
            repetitions += 1;
            if repetitions > self.client().retries() {
                return Err(Failure::contradiction(
                    "S3 answered that it copied the object, but the copy does not exist",
                ));
            }
            self.client().pause(repetitions).await;
        }
    }

    /// The version of a copy, when it is there.
    async fn copied(&self, from: &Key, to: &Key, id: &WriteId) -> Result<Option<Version>, Failure> {
        let head = match self.client().ask(&self.request("read", Method::Head, to)).await {
            Ok(head) => head,
            Err(failure) if failure.is_absent() || failure.nonsense => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let copy = headers::stat(&head.headers)?;
        let is_own = match WriteId::of(&head.headers) {
            Some(made_by) => made_by == *id,
            // a service that keeps no metadata
            None => self.look(from).await?.is_some_and(|source| source.version == copy.version),
        };
        if is_own {
            self.know(to, &copy.version);
        }
        Ok(is_own.then_some(copy.version))
    }

    /// An object that one request cannot copy.
    async fn copy_in_parts(&self, from: &Key, to: &Key, write: &Write) -> Result<Stat, Failure> {
        let absent = || Failure::answered(404, "");
        let source = self.look(from).await?.ok_or_else(absent)?;
        let parts = stream::iter(parts(source.size_bytes, COPIED_PART_BYTES).map(Ok));
        self.in_parts(to, parts, write, |upload, Part { number, start, length }| async move {
            let request = self
                .request("copy", Method::Put, to)
                .query("partNumber", number.to_string())
                .query("uploadId", upload)
                .header("x-amz-copy-source-range", format!("bytes={start}-{}", start + length - 1))
                .expects(Expected::Document("CopyPartResult"));
            let tag = |reply: Reply| {
                let tag = element(reply.text()?, "ETag").map(|tag| headers::version(&tag).0);
                tag.filter(|tag| !tag.is_empty()).ok_or_else(|| Failure::contradiction("a part has no ETag"))
            };
            let tag = self.client().send_for(&self.with_source(request, from), tag).await?;
            Ok(SentPart { tag, md5: None })
        })
        .await
    }

    fn with_source(&self, request: Request, from: &Key) -> Request {
        let name = self.name(from);
        let plain = if self.inner.plain_sources.load(Ordering::Relaxed) { RESERVED } else { PLAIN };
        let source = format!("/{}/{}", self.client().bucket().name(), utf8_percent_encode(&name, plain));
        request.header("x-amz-copy-source", source)
    }
}
