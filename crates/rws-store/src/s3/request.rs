//! One request to the store, and how it is signed.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use rusty_s3::signing::sign;
use rusty_s3::{Bucket, Credentials, Method};
use url::Url;

use super::answer::Expected;
use super::upload::FilePart;

/// How long a signed request may be under way before the store has read its head, in seconds.
const SIGNED_FOR: u64 = 15 * 60;

/// One request, not signed yet.
#[derive(Clone, Debug)]
pub struct Request {
    /// What messages say of it: `read`, `write` …
    pub operation: &'static str,
    /// `PUT` …
    pub method: Method,
    /// The full name of the object; none for a request to the bucket.
    pub object: Option<String>,
    /// The query, without the signature.
    pub query: BTreeMap<&'static str, String>,
    /// Headers with names in lower case: all of them are signed.
    pub headers: BTreeMap<&'static str, String>,
    /// What is sent.
    pub body: Payload,
    /// What is answered.
    pub expected: Expected,
}

/// What is sent with a request, as often as that takes.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Bytes at hand.
    Bytes(Bytes),
    /// A part of a file, which is read while it is sent.
    File(FilePart),
}

impl Payload {
    /// How many bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(part) => part.length,
        }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<FilePart> for Payload {
    fn from(part: FilePart) -> Self {
        Self::File(part)
    }
}

impl Request {
    /// A request for one object.
    pub fn object(operation: &'static str, method: Method, object: String) -> Self {
        let expected = match method {
            Method::Put | Method::Post => Expected::Written,
            Method::Delete => Expected::Nothing,
            _ => Expected::Object(None),
        };
        Self { object: Some(object), expected, ..Self::bucket(operation, method) }
    }

    /// A request for the whole bucket.
    pub fn bucket(operation: &'static str, method: Method) -> Self {
        let (query, headers) = (BTreeMap::new(), BTreeMap::new());
        let (body, expected) = (Payload::Bytes(Bytes::new()), Expected::Anything);
        Self { operation, method, object: None, query, headers, body, expected }
    }

    /// Whether it is about an object that has to be there.
    pub fn needs_object(&self) -> bool {
        let names_one = ["if-match", "x-amz-copy-source"].iter().any(|header| self.headers.contains_key(header));
        let is_of_object = self.object.is_some() && !matches!(self.method, Method::Put | Method::Post);
        is_of_object || names_one || self.method == Method::Head
    }

    /// With another answer.
    #[must_use]
    pub fn expects(mut self, expected: Expected) -> Self {
        self.expected = expected;
        self
    }

    /// With a parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.insert(name, value.into());
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Payload>) -> Self {
        self.body = body.into();
        self
    }

    /// The URL with the signature of AWS Signature Version 4 in its query: valid wherever presigned URLs are.
    pub fn sign(&self, bucket: &Bucket, credentials: &Credentials, milliseconds: i64) -> Url {
        self.sign_for(bucket, credentials, milliseconds, SIGNED_FOR)
    }

    /// The same with a number of seconds for which it holds.
    pub fn sign_for(&self, bucket: &Bucket, credentials: &Credentials, milliseconds: i64, seconds: u64) -> Url {
        let url = match &self.object {
            Some(object) => bucket.object_url(object),
            None => bucket.base_url().clone(),
        };
        let date = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
        let (key, secret, token) = (credentials.key(), credentials.secret(), credentials.token());
        let query = self.query.iter().map(|(name, value)| (*name, value.as_str()));
        let headers = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        sign(&date, self.method, url, key, secret, token, bucket.region(), seconds, query, headers)
    }
}
