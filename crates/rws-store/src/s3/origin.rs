//! What an object says of itself: which one it is, and which write made it.
//!
//! Both are kept by the store as metadata of the object, which costs no request. An answer about another object is seen
//! for what it is, and a write whose answer proves nothing is proved by what HEAD says afterwards.

use http::HeaderMap;
use md5::{Digest, Md5};
use uuid::Uuid;

use super::Request;
use super::write::hexadecimal;

/// The header with the name of an object.
const NAME: &str = "x-amz-meta-rws-name";

/// The header with the write that made an object.
const WRITE: &str = "x-amz-meta-rws-write";

/// The name of an object below the base path, as short as any: its MD5. It stays when the bucket is copied as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName(String);

impl ObjectName {
    /// The name of an object.
    pub fn new(key: &str) -> Self {
        Self(hexadecimal(&Md5::digest(key.as_bytes())))
    }

    /// What an answer says of the object in it; none for objects that other tools or earlier versions wrote.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        headers.get(NAME)?.to_str().ok().filter(|name| name.len() == 32).map(|name| Self(name.to_owned()))
    }
}

/// One write, however often its request is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteId(String);

impl WriteId {
    /// A write that begins now.
    pub fn new() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }

    /// The write that made the object in an answer.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        headers.get(WRITE)?.to_str().ok().map(|id| Self(id.to_owned()))
    }

    /// The request that makes an object in this write.
    pub fn mark(&self, request: Request, key: &str) -> Request {
        request.header(NAME, ObjectName::new(key).0).header(WRITE, self.0.clone())
    }
}
