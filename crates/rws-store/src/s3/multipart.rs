//! Large files, in parts: each is repeated alone, and nothing is left when it fails.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, Stream, TryStreamExt};
use rusty_s3::Method;
use rusty_s3::actions::{CompleteMultipartUpload, CreateMultipartUpload};

use super::failure::{Failure, in_namespace};
use super::upload::FilePart;
use super::write::{base64, local};
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
                let request = match file.piece_md5(part.start, part.length) {
                    Some(md5) => request.header("content-md5", base64(&md5)).body(payload),
                    None => self.with_body(request, payload.into()).await?,
                };
                let reply = self.client().send(&request).await?;
                let version = headers::written_version(&reply.head.headers);
                version.map(|version| version.0).ok_or_else(|| Failure::nonsense("a part has no ETag"))
            }
        })
        .await
    }

    /// Makes an object of parts that `send` brings to the store, each answered by its ETag.
    pub(super) async fn in_parts<Sent: Future<Output = Result<String, Failure>>>(
        &self,
        key: &Key,
        parts: impl Stream<Item = Result<Part, Failure>>,
        write: &Write,
        send: impl Fn(String, Part) -> Sent,
    ) -> Result<Stat, Failure> {
        let request = self.attributes(self.request("write", Method::Post, key), key, write.kind).query("uploads", "");
        let reply = self.client().send(&request).await?;
        let created = CreateMultipartUpload::parse_response(&in_namespace(reply.text()?)).map_err(Failure::nonsense)?;
        let upload = created.upload_id();
        let sent = parts.map_ok(|part| {
            let sent = send(upload.to_owned(), part);
            async move { Ok((sent.await?, part.length)) }
        });
        let done = async {
            let sent: Vec<(String, u64)> = sent.try_buffered(PARTS_AT_ONCE).try_collect().await?;
            let (tags, lengths): (Vec<String>, Vec<u64>) = sent.into_iter().unzip();
            self.complete(key, upload, &tags, lengths.iter().sum()).await
        };
        match done.await {
            Ok(stat) => Ok(stat),
            Err(failure) => {
                let abort = self.request("delete", Method::Delete, key).query("uploadId", upload);
                if let Err(left) = self.client().send(&abort).await {
                    tracing::warn!(object = %key, ?left, "parts of a failed upload stay in the bucket");
                }
                Err(failure)
            }
        }
    }

    async fn complete(&self, key: &Key, upload: &str, tags: &[String], size_bytes: u64) -> Result<Stat, Failure> {
        let tags = tags.iter().map(String::as_str);
        let body = CompleteMultipartUpload::new(self.client().bucket(), None, key.as_str(), upload, tags).body();
        let request = self
            .request("write", Method::Post, key)
            .query("uploadId", upload)
            .header("content-type", "application/xml")
            .body(Bytes::from(body));
        match self.client().send(&request).await {
            Ok(_) => {}
            // the answer of an earlier attempt was lost
            Err(failure) if failure.unsure && failure.code == "NoSuchUpload" => {}
            Err(failure) => return Err(failure),
        }
        // the answer's own ETag is empty on some services
        let stat = self.stat_written(key).await?;
        if stat.size_bytes == size_bytes { Ok(stat) } else { Err(Failure::nonsense("the object has another size")) }
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
