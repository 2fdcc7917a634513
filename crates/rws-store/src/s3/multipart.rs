//! Large files, in parts: each is repeated alone, and nothing is left when it fails.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::stream::{self, Stream, TryStreamExt};
use md5::{Digest, Md5};
use rusty_s3::Method;
use rusty_s3::actions::{CompleteMultipartUpload, CreateMultipartUpload};

use super::answer::Expected;
use super::client::Reply;
use super::failure::{Failure, element, in_namespace};
use super::origin::WriteId;
use super::upload::FilePart;
use super::write::{Md5Digest, Trace, base64, hexadecimal, local};
use super::{S3Store, headers};
use crate::{Key, LocalFile, Stat, Write};

/// The least size of a part: large enough for few requests, small enough that one of them is soon sent again.
const PART_BYTES: u64 = LocalFile::PIECE_BYTES;

/// How many parts are under way at once.
const PARTS_AT_ONCE: usize = 3;

/// The most parts that an upload may have (the limit is 10,000).
const MOST_PARTS: u64 = 9_000;

/// One part of an object.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// From 1.
    pub number: u64,
    /// Its first byte.
    pub start: u64,
    /// How many bytes.
    pub length: u64,
}

/// A part that the store has.
pub struct SentPart {
    /// Its ETag.
    pub tag: String,
    /// The digest of its bytes, where it is known.
    pub md5: Option<Md5Digest>,
}

/// The parts of an object that the store has.
struct SentParts {
    tags: Vec<String>,
    size_bytes: u64,
    /// The ETag that they make together on most services.
    together: Option<String>,
}

impl SentParts {
    fn new(sent: Vec<(SentPart, u64)>) -> Self {
        let digests: Option<Vec<Md5Digest>> = sent.iter().map(|(part, _)| part.md5).collect();
        let together = digests.map(|digests| format!("{}-{}", hexadecimal(&Md5::digest(digests.concat())), sent.len()));
        let size_bytes = sent.iter().map(|(_, length)| length).sum();
        Self { tags: sent.into_iter().map(|(part, _)| part.tag).collect(), size_bytes, together }
    }
}

/// The size of the parts of an object of at most this size.
fn part_bytes(most_bytes: u64, least: u64) -> u64 {
    least.max(most_bytes.div_ceil(MOST_PARTS))
}

/// Cuts an object into parts of one size, but for the last.
pub fn parts(size_bytes: u64, least: u64) -> impl Iterator<Item = Part> {
    let length = part_bytes(size_bytes, least);
    (0..size_bytes.div_ceil(length)).map(move |index| {
        let start = index * length;
        Part { number: index + 1, start, length: length.min(size_bytes - start) }
    })
}

/// Cuts a file that may still grow into parts of one size, but for the last, each as soon as it is there.
fn grown_parts(file: &LocalFile, length: u64) -> impl Stream<Item = Result<Part, Failure>> + '_ {
    stream::try_unfold(0, move |index| async move {
        let start = index * length;
        let there = file.grown(start + length).await.map_err(local)?.size_bytes.saturating_sub(start);
        let part = Part { number: index + 1, start, length: length.min(there) };
        Ok((there > 0).then_some((part, index + 1)))
    })
}

impl S3Store {
    /// Sends a file in parts, while it grows when the most that it can become is known.
    pub(super) async fn put_parts(&self, key: &Key, file: &LocalFile, write: &Write) -> Result<Stat, Failure> {
        let most_bytes = match file.expected_bytes() {
            Some(expected) => expected,
            None => file.ended().await.map_err(local)?,
        };
        let opened = Arc::new(File::open(file.path()).map_err(local)?);
        self.in_parts(key, grown_parts(file, part_bytes(most_bytes, PART_BYTES)), write, |upload, part| {
            let opened = Arc::clone(&opened);
            async move {
                let request = self
                    .request("write", Method::Put, key)
                    .query("partNumber", part.number.to_string())
                    .query("uploadId", upload);
                let payload = FilePart { file: opened, start: part.start, length: part.length };
                let (request, md5) = match file.piece_md5(part.start, part.length) {
                    Some(md5) => (request.header("content-md5", base64(&md5)).body(payload), md5),
                    None => self.with_body(request, payload.into()).await?,
                };
                let strict = self.client().tags_are_md5.load(Ordering::Relaxed);
                let tag = |reply: Reply| {
                    let tag = headers::written_version(&reply.head.headers).map(|version| version.0);
                    let tag = tag.filter(|tag| !strict || *tag == hexadecimal(&md5));
                    tag.ok_or_else(|| Failure::contradiction("the answer does not have the ETag of the part"))
                };
                let tag = self.client().send_for(&request, tag).await?;
                Ok(SentPart { tag, md5: Some(md5) })
            }
        })
        .await
    }

    /// Makes an object of parts that `send` brings to the store.
    pub(super) async fn in_parts<Sent: Future<Output = Result<SentPart, Failure>>>(
        &self,
        key: &Key,
        parts: impl Stream<Item = Result<Part, Failure>>,
        write: &Write,
        send: impl Fn(String, Part) -> Sent,
    ) -> Result<Stat, Failure> {
        let id = WriteId::new();
        let request = self.attributes(self.request("write", Method::Post, key), key, write.kind).query("uploads", "");
        let request = id.mark(request, key.as_str()).expects(Expected::Document("InitiateMultipartUploadResult"));
        let upload = self.client().send_for(&request, |reply| self.created(key, reply.text()?)).await?;
        let sent = parts.map_ok(|part| {
            let sent = send(upload.clone(), part);
            async move { Ok((sent.await?, part.length)) }
        });
        let done = async {
            let sent: Vec<(SentPart, u64)> = sent.try_buffered(PARTS_AT_ONCE).try_collect().await?;
            self.complete(key, &upload, &id, &SentParts::new(sent)).await
        };
        match done.await {
            Ok(stat) => Ok(stat),
            Err(failure) => {
                let abort = self.request("delete", Method::Delete, key).query("uploadId", upload);
                if let Err(left) = self.client().send(&abort).await {
                    tracing::warn!(object = %key, ?left, "RWS could not abort a failed multipart upload; its parts stay in the bucket");
                }
                Err(failure)
            }
        }
    }

    /// The upload that was begun with.
    fn created(&self, key: &Key, text: &str) -> Result<String, Failure> {
        if element(text, "Key").is_some_and(|name| name != self.name(key)) {
            return Err(Failure::other_object());
        }
        let created = CreateMultipartUpload::parse_response(&in_namespace(text)).map_err(Failure::nonsense)?;
        Some(created.upload_id().to_owned())
            .filter(|id| !id.is_empty())
            .ok_or_else(|| Failure::nonsense("the answer has no upload id"))
    }

    /// Makes the object of its parts. Whether there is one is seen at the object: the answer's own ETag is empty on some
    /// services, and another object may have been there before.
    async fn complete(&self, key: &Key, upload: &str, id: &WriteId, parts: &SentParts) -> Result<Stat, Failure> {
        let tags = parts.tags.iter().map(String::as_str);
        let body = CompleteMultipartUpload::new(self.client().bucket(), None, key.as_str(), upload, tags).body();
        let request = self
            .request("write", Method::Post, key)
            .query("uploadId", upload)
            .header("content-type", "application/xml")
            .expects(Expected::Document("CompleteMultipartUploadResult"))
            .body(Bytes::from(body));
        let trace = Trace { key, id, size_bytes: parts.size_bytes, tag: parts.together.as_deref(), md5: None };
        let mut repetitions = 0;
        loop {
            let failure = match self.client().send(&request).await {
                Ok(_) => Failure::contradiction(
                    "S3 answered that it completed the multipart upload, but the object has other content",
                ),
                // the answer of an earlier attempt may have been lost
                Err(failure) if failure.unsure => failure,
                Err(failure) => return Err(failure),
            };
            if let Some(stat) = self.found(&trace).await? {
                return Ok(stat);
            }
            repetitions += 1;
            if repetitions > self.client().retries() || failure.code == "NoSuchUpload" {
                return Err(failure);
            }
            self.client().pause(repetitions).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_object_once() {
        for (size, least) in [(1, 10), (10, 10), (11, 10), (1_000_000, 7), (5 << 40, PART_BYTES)] {
            let (mut end, mut count) = (0, 0);
            for part in parts(size, least) {
                count += 1;
                assert_eq!((part.number, part.start), (count, end));
                end += part.length;
            }
            assert_eq!(end, size);
            assert!(count <= MOST_PARTS);
        }
    }
}
