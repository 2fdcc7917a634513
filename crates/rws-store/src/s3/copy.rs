//! Copies inside the store.
//!
//! No service keeps a condition on a copy. A copy that must not write over anything is therefore claimed first: a small
//! private object that only one writer can create says what the name is to hold. Then it is looked whether the name is
//! taken, and only then copied. A claim goes once its copy is there, which holds up everybody else as well as the claim.

use std::sync::PoisonError;

use futures::stream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusty_s3::Method;

use super::failure::{Failure, element};
use super::multipart::{Part, parts};
use super::{Request, S3Store, headers};
use crate::{Body, Condition, Key, Kind, Span, Stat, Store, StoreError, Version, Write, collect};

/// Where claims are.
const CLAIMS: &str = ".rws/claims/";

/// So many settled claims are deleted even when nothing else is.
const MOST_SETTLED: usize = 500;

/// The size of the parts of a copy that is too large for one request (the limit is 5 GiB).
const COPIED_PART_BYTES: u64 = 1 << 30;

/// What stays as it is in the name of a source.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl S3Store {
    pub(super) async fn copy_object(&self, from: &Key, to: &Key, write: &Write) -> Result<Version, StoreError> {
        match &write.condition {
            Condition::Always => self.copy_anyway(from, to, write).await,
            Condition::Absent => {
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
            Condition::Matches(_) => {
                let Some(content) = self.download(from, Span::Whole).await? else {
                    return Err(StoreError::Missing { key: from.to_string() });
                };
                let bytes = collect(content.bytes).await?;
                self.write(to, Body::Bytes(bytes), write.clone()).await.map(|stat| stat.version)
            }
        }
    }

    /// Makes sure that nobody else brings other bytes to a name.
    async fn claim(&self, from: &Key, to: &Key) -> Result<Key, StoreError> {
        let text = format!("{CLAIMS}{to}");
        let conflict = || StoreError::Conflict { key: to.to_string() };
        let claim = Key::parse(&text).ok_or_else(conflict)?;
        let write = Write { condition: Condition::Absent, kind: Kind::Private };
        match self.write(&claim, Body::from(from.as_str().as_bytes().to_vec()), write).await {
            Ok(_) => Ok(claim),
            Err(StoreError::Conflict { .. }) => {
                // of an earlier attempt, or of another publisher with the same upload
                let Some(content) = self.download(&claim, Span::Whole).await? else { return Err(conflict()) };
                let holder = collect(content.bytes).await?;
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
            tracing::warn!(%error, "claims stay for a day");
        }
    }

    async fn copy_anyway(&self, from: &Key, to: &Key, write: &Write) -> Result<Version, StoreError> {
        match self.copy_whole(from, to, write).await {
            Ok(stat) => Ok(stat),
            Err(failure) if failure.is_absent() => Err(StoreError::Missing { key: from.to_string() }),
            Err(failure) => Err(failure.error("copy", from.as_str())),
        }
    }

    async fn copy_whole(&self, from: &Key, to: &Key, write: &Write) -> Result<Version, Failure> {
        let request = self.attributes(self.request("copy", Method::Put, to), to, write.kind);
        let request = self.with_source(request, from).header("x-amz-metadata-directive", "REPLACE");
        let reply = match self.client().send(&request).await {
            Ok(reply) => reply,
            Err(failure) if matches!(failure.code.as_str(), "InvalidRequest" | "EntityTooLarge") => {
                return self.copy_in_parts(from, to, write).await.map(|stat| stat.version);
            }
            Err(failure) => return Err(failure),
        };
        let text = reply.text()?;
        let version = element(text, "ETag").map(|tag| headers::version(&tag)).filter(|version| !version.0.is_empty());
        match version {
            Some(version) => Ok(version),
            None => self.stat_written(to).await.map(|stat| stat.version),
        }
    }

    /// An object that one request cannot copy.
    async fn copy_in_parts(&self, from: &Key, to: &Key, write: &Write) -> Result<Stat, Failure> {
        let size_bytes = self.stat_written(from).await?.size_bytes;
        let parts = stream::iter(parts(size_bytes, COPIED_PART_BYTES).map(Ok));
        self.in_parts(to, parts, write, |upload, Part { number, start, length }| async move {
            let request = self
                .request("copy", Method::Put, to)
                .query("partNumber", number.to_string())
                .query("uploadId", upload)
                .header("x-amz-copy-source-range", format!("bytes={start}-{}", start + length - 1));
            let reply = self.client().send(&self.with_source(request, from)).await?;
            let tag = element(reply.text()?, "ETag").map(|tag| headers::version(&tag).0);
            tag.ok_or_else(|| Failure::nonsense("a part has no ETag"))
        })
        .await
    }

    fn with_source(&self, request: Request, from: &Key) -> Request {
        let name = self.name(from);
        let source = format!("/{}/{}", self.client().bucket().name(), utf8_percent_encode(&name, PLAIN));
        request.header("x-amz-copy-source", source)
    }
}
