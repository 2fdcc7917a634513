//! Large files, in parts: each is repeated alone, and nothing is left when it fails.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt, TryStreamExt};
use rusty_s3::Method;
use rusty_s3::actions::{CompleteMultipartUpload, CreateMultipartUpload};
use tokio::task::spawn_blocking;

use super::failure::{Failure, in_namespace};
use super::write::content_md5;
use super::{S3Store, headers};
use crate::{Key, Stat, Write};

/// The least size of a part: large enough for few requests, small enough that several are in memory.
const PART_BYTES: u64 = 8 << 20;

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

/// Cuts an object into parts of one size, but for the last.
pub fn parts(size_bytes: u64, least: u64) -> impl Iterator<Item = Part> {
    let length = least.max(size_bytes.div_ceil(MOST_PARTS));
    (0..size_bytes.div_ceil(length)).map(move |index| {
        let start = index * length;
        Part { number: index + 1, start, length: length.min(size_bytes - start) }
    })
}

impl S3Store {
    /// Sends a file in parts.
    pub(super) async fn put_parts(
        &self,
        key: &Key,
        path: &Path,
        size_bytes: u64,
        write: &Write,
    ) -> Result<Stat, Failure> {
        let local = |error: std::io::Error| Failure::unanswered(format!("{}: {error}", path.display()));
        let file = Arc::new(File::open(path).map_err(local)?);
        self.in_parts(key, size_bytes, PART_BYTES, write, |upload, part| {
            let file = Arc::clone(&file);
            async move {
                let read = move || {
                    let mut bytes = BytesMut::zeroed(usize::try_from(part.length).unwrap_or(usize::MAX));
                    file.read_exact_at(&mut bytes, part.start).map(|()| bytes.freeze())
                };
                let read = spawn_blocking(read).await.map_err(Failure::nonsense)?;
                let bytes: Bytes = read.map_err(|error| Failure::unanswered(format!("the spooled file: {error}")))?;
                let request = self
                    .request("write", Method::Put, key)
                    .query("partNumber", part.number.to_string())
                    .query("uploadId", upload)
                    .header("content-md5", content_md5(bytes.clone()).await?)
                    .body(bytes);
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
        size_bytes: u64,
        part_bytes: u64,
        write: &Write,
        send: impl Fn(String, Part) -> Sent,
    ) -> Result<Stat, Failure> {
        let request = self.attributes(self.request("write", Method::Post, key), key, write.kind).query("uploads", "");
        let reply = self.client().send(&request).await?;
        let created = CreateMultipartUpload::parse_response(&in_namespace(reply.text()?)).map_err(Failure::nonsense)?;
        let upload = created.upload_id();
        let sent = stream::iter(parts(size_bytes, part_bytes)).map(|part| send(upload.to_owned(), part));
        let done = async {
            let tags: Vec<String> = sent.buffered(PARTS_AT_ONCE).try_collect().await?;
            self.complete(key, upload, &tags, size_bytes).await
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
            .body(body.into());
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
