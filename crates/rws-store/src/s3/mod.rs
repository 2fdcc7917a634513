//! A store in a bucket of an S3 service.
//!
//! * Requests are signed in their query (AWS Signature Version 4, as presigned URLs are): the form that every service
//!   knows, with any header that RWS needs.
//! * A failed request is repeated where that can help. A conditional write whose answer was lost is read again before
//!   anything is said about it.
//! * A version is an ETag, which depends on the content alone: what is swapped has to have content that never repeats.
//! * Whether the service keeps conditions is found out by [`S3Store::probe`], never assumed.

mod acl;
mod answer;
mod client;
mod clock;
mod copy;
mod credentials;
mod delete;
mod download;
mod failure;
mod headers;
mod listing;
mod multipart;
mod needs;
mod origin;
mod probe;
mod request;
mod settings;
mod suspect_answers;
mod unfinished;
mod upload;
mod versions;
mod write;

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use rusty_s3::Method;

use crate::{
    Body, Condition, Content, ContentTypes, Depth, Key, Listed, ObjectClass, Page, Retry, Span, Stat, Store,
    StoreError, Version, Write, private,
};
use answer::Expected;
use client::Client;
use failure::Failure;
use origin::ObjectName;
use request::Request;
use versions::Versions;

pub use credentials::{AccessKeys, AwsVariables, S3Credentials};
pub use probe::Conditions;
pub use settings::{Addressing, S3Settings};

/// Below this size a file is sent in one request.
const MULTIPART_BYTES: u64 = 16 << 20;

/// So many objects are known to have been moved.
const MAX_MOVED: usize = 10_000;

/// Says whether everybody may read an object of a name.
pub type PublicNames = dyn Fn(&str) -> bool + Send + Sync;

/// A store in a bucket.
#[derive(Clone, Debug)]
pub struct S3Store {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    /// Before all names; empty, or with a slash at its end.
    prefix: String,
    public_read: bool,
    /// Which of the public names everybody may read from the bucket; not set: all.
    public_names: OnceLock<Arc<PublicNames>>,
    /// Whether the bucket keeps no ACLs.
    has_no_acls: AtomicBool,
    sse_kms_key_id: Option<String>,
    content_types: ContentTypes,
    /// Whether the name of a copy's source is wanted with its reserved characters as they are (RFC 3986, section 2.2).
    plain_sources: AtomicBool,
    /// Whether If-Match wants an ETag without its quotes (Ceph).
    bare_tags: AtomicBool,
    /// Claims whose copies are done: they go with the next deletion.
    settled: Mutex<Vec<Key>>,
    /// What the store said of objects lately.
    versions: Versions,
    /// Objects that another tool gave another name, which they do not know.
    moved: Mutex<HashSet<Key>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inner").field("prefix", &self.prefix).finish_non_exhaustive()
    }
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
            public_names: OnceLock::new(),
            has_no_acls: AtomicBool::new(false),
            sse_kms_key_id: settings.sse_kms_key_id.clone(),
            content_types: settings.content_types.clone(),
            plain_sources: AtomicBool::new(false),
            bare_tags: AtomicBool::new(false),
            settled: Mutex::default(),
            versions: Versions::default(),
            moved: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Says which of the public names everybody may read from the bucket. Once.
    pub fn limit_public(&self, names: Arc<PublicNames>) {
        _ = self.inner.public_names.set(names);
    }

    fn client(&self) -> &Client {
        &self.inner.client
    }

    /// The name of an object in the bucket.
    fn name(&self, key: &Key) -> String {
        format!("{}{key}", self.inner.prefix)
    }

    fn request(&self, operation: &'static str, method: Method, key: &Key) -> Request {
        let request = Request::object(operation, method, self.name(key));
        match method {
            Method::Head | Method::Get => request.expects(Expected::Object(self.expected_name(key))),
            _ => request,
        }
    }

    /// What an object says of its name, when it says anything.
    fn expected_name(&self, key: &Key) -> Option<ObjectName> {
        let is_moved = self.inner.moved.lock().unwrap_or_else(PoisonError::into_inner).contains(key);
        (!is_moved).then(|| ObjectName::new(key.as_str()))
    }

    /// Whether an object that is always answered with another name is taken as it is: a tool that moves objects keeps what
    /// they say of themselves. RWS's own state is never moved within a bucket.
    fn takes_as_moved(&self, key: &Key, failure: &Failure) -> bool {
        if !failure.other || key.as_str().starts_with(private::PREFIX) {
            return false;
        }
        tracing::info!(object = %key, "the metadata of the object has another name: another tool has moved the object");
        let mut moved = self.inner.moved.lock().unwrap_or_else(PoisonError::into_inner);
        if moved.len() >= MAX_MOVED {
            moved.clear();
        }
        moved.insert(key.clone());
        true
    }

    /// What a new object is to be, in headers.
    fn attributes(&self, request: Request, key: &Key, kind: ObjectClass) -> Request {
        let is_for_all = self.inner.public_names.get().is_none_or(|names| names(key.as_str()));
        let caching = match kind {
            ObjectClass::Private | ObjectClass::PrivateImmutable => "private, no-store",
            ObjectClass::Immutable if is_for_all => "public, max-age=31536000, immutable",
            ObjectClass::Immutable => "private, max-age=31536000, immutable",
            ObjectClass::Mutable => "no-cache",
        };
        let is_public = matches!(kind, ObjectClass::Immutable | ObjectClass::Mutable) && is_for_all;
        let content_type = self.inner.content_types.of(key.as_str());
        let request = request.header("content-type", content_type).header("cache-control", caching);
        let request = match &self.inner.sse_kms_key_id {
            Some(key) => request
                .header("x-amz-server-side-encryption", "aws:kms")
                .header("x-amz-server-side-encryption-aws-kms-key-id", key),
            None => request,
        };
        if is_public && self.inner.public_read { request.header("x-amz-acl", "public-read") } else { request }
    }
}

#[async_trait]
impl Store for S3Store {
    async fn stat(&self, key: &Key) -> Result<Option<Stat>, StoreError> {
        self.look(key).await.map_err(|failure| failure.error("read", key.as_str()))
    }

    async fn is_gone(&self, key: &Key) -> Result<bool, StoreError> {
        self.is_absent(key).await.map_err(|failure| failure.error("read", key.as_str()))
    }

    async fn is_own(&self, key: &Key) -> Result<bool, StoreError> {
        let own = ObjectName::new(key.as_str());
        match self.client().ask(&self.request("read", Method::Head, key)).await {
            Ok(head) => Ok(ObjectName::of(&head.headers) == Some(own)),
            Err(failure) if failure.is_absent() || failure.other => Ok(false),
            Err(failure) => Err(failure.error("read", key.as_str())),
        }
    }

    async fn set_public(&self, key: &Key, is_public: bool) -> Result<(), StoreError> {
        self.set_acl(key, is_public && self.inner.public_read).await
    }

    async fn is_public(&self, key: &Key) -> Result<bool, StoreError> {
        self.has_public_acl(key).await
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
            match self.client().ask(&request).await {
                // the time of an answer is what counts
                Err(failure) if failure.status.is_none() => {
                    return Err(failure.error("read", self.client().bucket().name()));
                }
                _ => {}
            }
        }
        Ok(self.client().clock.now_milliseconds())
    }

    async fn abort_unfinished_uploads(&self, prefix: &str, before_milliseconds: i64) -> Result<usize, StoreError> {
        self.give_up(prefix, before_milliseconds).await
    }

    fn suspect_answers(&self) -> Option<String> {
        self.client().suspect_answers.sentence()
    }

    fn presigned_url(&self, key: &Key, seconds: u64) -> Option<String> {
        self.client().presign(&self.request("read", Method::Get, key), seconds)
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

    /// Whether an object does not exist, by all that can be asked: nothing that was accepted is given up for one answer.
    pub(super) async fn is_absent(&self, key: &Key) -> Result<bool, Failure> {
        if self.look(key).await?.is_some() {
            return Ok(false);
        }
        let get = self.request("read", Method::Get, key).header("range", "bytes=0-0");
        match self.client().ask(&get).await {
            Err(failure) if failure.is_absent() => Ok(!self.is_listed(key).await?),
            // nothing of an empty object is in any range
            Err(failure) if failure.status == Some(416) => Ok(false),
            answered => answered.map(|_| false),
        }
    }

    /// The object without its content; `None` where there is none.
    async fn look(&self, key: &Key) -> Result<Option<Stat>, Failure> {
        let stat = match self.client().ask(&self.request("read", Method::Head, key)).await {
            Ok(head) => headers::stat(&head.headers)?,
            Err(failure) if failure.is_absent() => return Ok(None),
            Err(failure) if self.takes_as_moved(key, &failure) => return Box::pin(self.look(key)).await,
            Err(failure) => return Err(failure),
        };
        self.know(key, &stat.version);
        Ok(Some(stat))
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
