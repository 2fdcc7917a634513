//! What RWS needs of the service beside conditions, tried once: names with characters that some services mistake, listings
//! that say what is there, copies, and files in parts.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::stream;
use md5::{Digest, Md5};
use rusty_s3::Method;
use uuid::Uuid;

use super::answer::has_form_of_md5;
use super::failure::Failure;
use super::multipart::{Part, SentPart};
use super::write::{Md5Digest, base64};
use super::{S3Store, headers};
use crate::{Body, Condition, Key, ObjectClass, Retry, Span, Store, StoreError, Write};

/// A name as packages have them: `1:2.0~rc1+b1^git%3a`.
const ODD: &str = "a+b~1^2%3ac.deb";

/// How objects are written here.
const WRITE: Write = Write { condition: Condition::Always, kind: ObjectClass::Private };

impl S3Store {
    /// Tries all that RWS needs below a directory, and says what was left there.
    ///
    /// # Errors
    ///
    /// What the service cannot do: the request, what it answered, and what S3 answers.
    pub(super) async fn try_needs(&self, directory: &str) -> (Vec<Key>, Result<(), StoreError>) {
        let names = [ODD.to_owned(), format!("copy-{ODD}"), format!("parts-{ODD}")];
        let keys: Vec<Key> = names.iter().filter_map(|name| Key::parse(&format!("{directory}/needs/{name}"))).collect();
        let [odd, copy, parts] = keys.as_slice() else { return (keys, Ok(())) };
        let tried = async {
            self.try_object(odd).await?;
            self.try_copy(odd, copy).await?;
            self.try_parts(parts).await?;
            if let Err(error) = self.unfinished(directory, None).await {
                // all else works without it
                let error = error.error("list", "unfinished uploads");
                tracing::warn!(%error, "RWS cannot list multipart uploads; parts of dead processes will stay in the bucket");
            }
            Ok(())
        };
        let tried = tried.await;
        (keys, tried)
    }

    async fn try_object(&self, key: &Key) -> Result<(), StoreError> {
        let content = random();
        let written = self.write(key, Body::Bytes(content.clone()), WRITE).await?;
        self.expect_content(key, &content).await?;
        let directory = key.as_str().rsplit_once('/').map_or("", |(directory, _)| directory);
        let listed = self.list(&format!("{directory}/")).await?;
        let found = listed.iter().find(|listed| listed.key == *key);
        match found {
            Some(found) if found.stat.size_bytes != written.size_bytes || found.stat.version != written.version => {
                let listed = format!("the listing says {} bytes, {}", found.stat.size_bytes, found.stat.version.0);
                Err(other("list", key, &listed, &format!("{} bytes, {}", written.size_bytes, written.version.0)))
            }
            Some(_) => Ok(()),
            None => {
                let names: Vec<&str> = listed.iter().map(|listed| listed.key.file_name()).collect();
                Err(other("list", key, &format!("the listing has {names:?}"), "the name that RWS wrote"))
            }
        }
    }

    /// Copies an object, with the spelling of its name that the service understands.
    async fn try_copy(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        let mut copied = self.copy(from, to, WRITE).await;
        if copied.is_err() {
            self.inner.plain_sources.store(true, Ordering::Relaxed);
            copied = self.copy(from, to, WRITE).await;
            if copied.is_err() {
                self.inner.plain_sources.store(false, Ordering::Relaxed);
            }
        }
        copied?;
        let Some(content) = self.read(from, Span::Whole).await? else {
            return Err(StoreError::Missing { key: from.to_string() });
        };
        self.expect_content(to, &content.collect().await?).await
    }

    async fn try_parts(&self, key: &Key) -> Result<(), StoreError> {
        let content = random();
        let part = Part { number: 1, start: 0, length: content.len() as u64 };
        let parts = stream::iter([Ok(part)]);
        let written = self.in_parts(key, parts, &WRITE, |upload, part| {
            let content = content.clone();
            async move {
                let md5: Md5Digest = Md5::digest(&content).into();
                let request = self
                    .request("write", Method::Put, key)
                    .query("partNumber", part.number.to_string())
                    .query("uploadId", upload)
                    .header("content-md5", base64(&md5))
                    .body(content);
                let reply = self.client().send(&request).await?;
                let tag = headers::written_version(&reply.head.headers).map(|version| version.0);
                let tag = tag.ok_or_else(|| Failure::contradiction("the answer to a part has no ETag"))?;
                Ok(SentPart { tag, md5: Some(md5) })
            }
        });
        // until that is known, ETags of any form are taken
        self.client().tags_vary.store(true, Ordering::Relaxed);
        let written = written.await.map_err(|failure| failure.error("write in parts", key.as_str()))?;
        self.client().tags_vary.store(!has_form_of_md5(&written.version), Ordering::Relaxed);
        self.expect_content(key, &content).await
    }

    async fn expect_content(&self, key: &Key, expected: &Bytes) -> Result<(), StoreError> {
        let found = match self.read(key, Span::Whole).await? {
            Some(content) => match content.collect().await? {
                bytes if bytes == *expected => return Ok(()),
                bytes => format!("other bytes, {} of them", bytes.len()),
            },
            None => "that the object does not exist".to_owned(),
        };
        Err(other("read", key, &format!("it answered {found}"), "the bytes that RWS wrote"))
    }
}

/// The service does something else than S3.
fn other(operation: &'static str, key: &Key, found: &str, of_s3: &str) -> StoreError {
    let source = std::io::Error::new(std::io::ErrorKind::InvalidData, format!("{found}; S3 answers {of_s3}"));
    StoreError::Failed { operation, key: key.to_string(), retry: Retry::Later, source }
}

fn random() -> Bytes {
    Uuid::new_v4().to_string().into_bytes().into()
}
