//! A store in a bucket of an S3 service.
//!
//! * Requests are signed in their query (AWS Signature Version 4, as presigned URLs are): the form that every service
//!   knows, with any header that RWS needs.
//! * A failed request is repeated where that can help. A conditional write whose answer was lost is read again before
//!   anything is said about it.
//! * A version is an ETag, which depends on the content alone: what is swapped has to have content that never repeats.
//! * Whether the service keeps conditions is found out by [`S3Store::probe`], never assumed.

mod client;
mod clock;
mod copy;
mod download;
mod failure;
mod headers;
mod listing;
mod multipart;
mod probe;
mod request;
mod resolver;
mod settings;
mod tls;
mod unfinished;
mod upload;
mod write;

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use rusty_s3::Method;

use crate::{
    Body, Condition, Content, Depth, Key, Kind, Listed, Page, Retry, Span, Stat, Store, StoreError, Version, Write,
    content_type,
};
use client::Client;
use failure::Failure;
use request::Request;

pub use probe::Conditions;
pub use settings::{Addressing, S3Settings};

/// Below this size a file is sent in one request.
const MULTIPART_BYTES: u64 = 16 << 20;

/// A store in a bucket.
#[derive(Clone, Debug)]
pub struct S3Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    /// Before all names; empty, or with a slash at its end.
    prefix: String,
    public_read: bool,
    /// Whether If-Match wants an ETag without its quotes (Ceph).
    bare_tags: AtomicBool,
    /// Claims whose copies are done: they go with the next deletion.
    settled: Mutex<Vec<Key>>,
}

impl S3Store {
    /// A store in the bucket of `settings`. Nothing is asked of it yet.
    ///
    /// # Errors
    ///
    /// When the URL or the file of certificates cannot be used.
    pub fn new(settings: &S3Settings) -> Result<Self, StoreError> {
        let client = Client::new(settings).map_err(|message| StoreError::Failed {
            operation: "use",
            key: settings.url.clone(),
            retry: Retry::Never,
            source: io::Error::other(message),
        })?;
        let prefix = match settings.base_path.trim_matches('/') {
            "" => String::new(),
            path => format!("{path}/"),
        };
        let inner = Inner {
            client,
            prefix,
            public_read: settings.public_read,
            bare_tags: AtomicBool::new(false),
            settled: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    fn client(&self) -> &Client {
        &self.inner.client
    }

    /// The name of an object in the bucket.
    fn name(&self, key: &Key) -> String {
        format!("{}{key}", self.inner.prefix)
    }

    fn request(&self, operation: &'static str, method: Method, key: &Key) -> Request {
        Request::object(operation, method, self.name(key))
    }

    /// What a new object is to be, in headers.
    fn attributes(&self, request: Request, key: &Key, kind: Kind) -> Request {
        let caching = match kind {
            Kind::Private | Kind::PrivateImmutable => "private, no-store",
            Kind::Immutable => "public, max-age=31536000, immutable",
            Kind::Mutable => "no-cache",
        };
        let is_public = matches!(kind, Kind::Immutable | Kind::Mutable);
        let request = request.header("content-type", content_type::of(key.as_str())).header("cache-control", caching);
        if is_public && self.inner.public_read { request.header("x-amz-acl", "public-read") } else { request }
    }
}

#[async_trait]
impl Store for S3Store {
    async fn stat(&self, key: &Key) -> Result<Option<Stat>, StoreError> {
        let request = self.request("read", Method::Head, key);
        let stat = match self.client().open(&request).await {
            Ok((head, _)) => headers::stat(&head.headers),
            Err(failure) if failure.is_absent() => return Ok(None),
            Err(failure) => Err(failure),
        };
        stat.map(Some).map_err(|failure| failure.error("read", key.as_str()))
    }

    async fn read(&self, key: &Key, span: Span) -> Result<Option<Content>, StoreError> {
        self.download(key, span).await
    }

    async fn write(&self, key: &Key, body: Body, write: Write) -> Result<Stat, StoreError> {
        let written = match body {
            Body::Bytes(bytes) => self.put(key, bytes.into(), &write).await,
            Body::File(file) => self.put_file(key, &file, &write).await,
        };
        self.outcome("write", key, written)
    }

    async fn copy(&self, from: &Key, to: &Key, write: Write) -> Result<Version, StoreError> {
        self.copy_object(from, to, &write).await
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.delete_objects(keys).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        self.list_objects(prefix).await
    }

    async fn page(&self, prefix: &str, depth: Depth, from: Option<&str>, most: usize) -> Result<Page, StoreError> {
        self.list_page(prefix, depth, from, most).await
    }

    async fn clock_milliseconds(&self) -> Result<i64, StoreError> {
        if self.client().clock.is_stale() {
            let request = Request::bucket("read", Method::Head);
            match self.client().open(&request).await {
                // the time of an answer is what counts
                Err(failure) if failure.status.is_none() => {
                    return Err(failure.error("read", self.client().bucket().name()));
                }
                _ => {}
            }
        }
        Ok(self.client().clock.now_milliseconds())
    }

    async fn give_up_unfinished(&self, prefix: &str, before_milliseconds: i64) -> Result<usize, StoreError> {
        self.give_up(prefix, before_milliseconds).await
    }

    fn presigned_url(&self, key: &Key, seconds: u64) -> Option<String> {
        Some(self.client().presign(&self.request("read", Method::Get, key), seconds))
    }
}

/// What became of a write.
enum Written {
    Done(Stat),
    /// The condition did not hold.
    Conflict,
}

impl S3Store {
    fn outcome(
        &self,
        operation: &'static str,
        key: &Key,
        written: Result<Written, Failure>,
    ) -> Result<Stat, StoreError> {
        match written {
            Ok(Written::Done(stat)) => Ok(stat),
            Ok(Written::Conflict) => Err(StoreError::Conflict { key: key.to_string() }),
            Err(failure) => Err(failure.error(operation, key.as_str())),
        }
    }

    /// The object, as a write left it.
    async fn stat_written(&self, key: &Key) -> Result<Stat, Failure> {
        let (head, _) = self.client().open(&self.request("read", Method::Head, key)).await?;
        headers::stat(&head.headers)
    }
}

/// A condition as a header.
fn conditional(store: &S3Store, request: Request, condition: &Condition) -> Request {
    use std::sync::atomic::Ordering;
    match condition {
        Condition::Always => request,
        Condition::Absent => request.header("if-none-match", "*"),
        Condition::Matches(version) if store.inner.bare_tags.load(Ordering::Relaxed) => {
            request.header("if-match", version.0.clone())
        }
        Condition::Matches(version) => request.header("if-match", format!("\"{}\"", version.0)),
    }
}
