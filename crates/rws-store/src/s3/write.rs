//! Writing in one request, and deleting.

use std::fs::File;
use std::io;
use std::sync::{Arc, PoisonError};

use base64ct::{Base64, Encoding};
use bytes::Bytes;
use md5::{Digest, Md5};
use rusty_s3::Method;
use rusty_s3::actions::{DeleteObjects, DeleteObjectsResponse, ObjectIdentifier};
use tokio::task::spawn_blocking;

use super::failure::{Failure, in_namespace};
use super::request::Payload;
use super::upload::FilePart;
use super::{MULTIPART_BYTES, Request, S3Store, Written, conditional, headers};
use crate::{Condition, Growth, Key, LocalFile, Span, Stat, StoreError, Write, collect};

/// How many keys one request deletes at most.
const DELETED_AT_ONCE: usize = 1000;

/// The digest that lets the store see damage on the way (RFC 1864).
async fn content_md5(payload: Payload) -> Result<String, Failure> {
    let digest = move || {
        let mut md5 = Md5::new();
        match payload {
            Payload::Bytes(bytes) => md5.update(&bytes),
            Payload::File(part) => part.read(|bytes| md5.update(bytes))?,
        }
        Ok(base64(&md5.finalize()))
    };
    spawn_blocking(digest).await.map_err(Failure::nonsense)?.map_err(local)
}

/// A digest as headers have it (RFC 1864).
pub fn base64(digest: &[u8]) -> String {
    Base64::encode_string(digest)
}

/// The local file failed.
pub fn local(error: io::Error) -> Failure {
    Failure::unanswered(format!("the local file: {error}"))
}

impl S3Store {
    /// The request with what it sends, and the digest of that.
    pub(super) async fn with_body(&self, request: Request, payload: Payload) -> Result<Request, Failure> {
        Ok(request.header("content-md5", content_md5(payload.clone()).await?).body(payload))
    }

    /// Writes in one request.
    pub(super) async fn put(&self, key: &Key, payload: Payload, write: &Write) -> Result<Written, Failure> {
        let request = self.attributes(self.request("write", Method::Put, key), key, write.kind);
        let request = self.with_body(request, payload.clone()).await?;
        match self.client().send(&conditional(self, request, &write.condition)).await {
            Ok(reply) => self.written(key, payload.length(), &reply.head.headers).await.map(Written::Done),
            Err(failure) if write.condition != Condition::Always && failure.is_conflict() => {
                // an earlier attempt may be what is there
                let own = match payload {
                    Payload::Bytes(bytes) if failure.unsure => self.holds(key, &bytes).await?,
                    _ => None,
                };
                Ok(own.map_or(Written::Conflict, Written::Done))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Writes a local file.
    pub(super) async fn put_file(&self, key: &Key, file: &LocalFile, write: &Write) -> Result<Written, Failure> {
        let Growth { size_bytes, is_whole } = file.grown(MULTIPART_BYTES + 1).await.map_err(local)?;
        if is_whole && size_bytes <= MULTIPART_BYTES {
            let payload = match write.condition {
                // read while it is sent
                Condition::Always => {
                    let file = Arc::new(File::open(file.path()).map_err(local)?);
                    FilePart { file, start: 0, length: size_bytes }.into()
                }
                _ => Bytes::from(tokio::fs::read(file.path()).await.map_err(local)?).into(),
            };
            return self.put(key, payload, write).await;
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

    /// The object after a write that succeeded.
    pub(super) async fn written(&self, key: &Key, size_bytes: u64, headers: &http::HeaderMap) -> Result<Stat, Failure> {
        match headers::written_version(headers) {
            Some(version) => {
                let modified = headers::answered_milliseconds(headers);
                let modified_milliseconds = modified.unwrap_or_else(|| self.client().clock.now_milliseconds());
                Ok(Stat { size_bytes, version, modified_milliseconds })
            }
            None => self.stat_written(key).await,
        }
    }

    /// The object, when it has these bytes.
    async fn holds(&self, key: &Key, bytes: &Bytes) -> Result<Option<Stat>, Failure> {
        let reading = |error: StoreError| Failure::unanswered(error.to_string());
        let Some(content) = self.download(key, Span::Whole).await.map_err(reading)? else { return Ok(None) };
        if content.stat.size_bytes != bytes.len() as u64 {
            return Ok(None);
        }
        let present = collect(content.bytes).await.map_err(reading)?;
        Ok((present == *bytes).then_some(content.stat))
    }

    /// Deletes objects, and claims that are settled.
    pub(super) async fn delete_objects(&self, keys: &[Key]) -> Result<(), StoreError> {
        let settled = std::mem::take(&mut *self.inner.settled.lock().unwrap_or_else(PoisonError::into_inner));
        let mut names: Vec<String> = keys.iter().chain(&settled).map(|key| self.name(key)).collect();
        names.sort();
        names.dedup();
        for names in names.chunks(DELETED_AT_ONCE) {
            let first = names.first().cloned().unwrap_or_default();
            self.delete_some(names).await.map_err(|failure| failure.error("delete", &first))?;
        }
        Ok(())
    }

    async fn delete_some(&self, names: &[String]) -> Result<(), Failure> {
        if let [name] = names {
            let request = super::Request::object("delete", Method::Delete, name.clone());
            return match self.client().send(&request).await {
                Err(failure) if !failure.is_absent() => Err(failure),
                _ => Ok(()),
            };
        }
        let identifiers: Vec<_> = names.iter().map(|name| ObjectIdentifier::new(name.clone())).collect();
        let mut action = DeleteObjects::new(self.client().bucket(), None, identifiers.iter());
        action.set_quiet(true);
        let (body, digest) = action.body_with_md5();
        let request = super::Request::bucket("delete", Method::Post)
            .query("delete", "")
            .header("content-md5", digest)
            .header("content-type", "application/xml")
            .body(Bytes::from(body));
        let reply = self.client().send(&request).await?;
        let answer = DeleteObjectsResponse::parse(&in_namespace(reply.text()?)).map_err(Failure::nonsense)?;
        let error = answer.errors.into_iter().find(|error| error.code != "NoSuchKey");
        match error {
            None => Ok(()),
            Some(error) => {
                let (code, message) = (error.code, error.message);
                let status = if code == "AccessDenied" { 403 } else { 503 };
                Err(Failure { status: Some(status), code, message, unsure: true, nonsense: false })
            }
        }
    }
}
