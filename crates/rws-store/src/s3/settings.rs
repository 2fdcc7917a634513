//! Which bucket, and how to talk to it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::credentials::S3Credentials;
use crate::ContentTypes;

/// How a URL names the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/bucket/key`
    Path,
    /// `https://bucket.host/key`
    VirtualHost,
}

/// Which bucket, and how to talk to it.
#[derive(Clone)]
pub struct S3Settings {
    /// `https://…`, without user and password.
    pub url: String,
    /// `us-east-2`
    pub region: String,
    /// Its name.
    pub bucket: String,
    /// What stands before all names, without slashes at the ends; empty for none.
    pub base_path: String,
    /// Where the keys come from that requests are signed with.
    pub credentials: S3Credentials,
    /// The key of KMS that new objects are encrypted with: an id, an alias or an ARN.
    pub sse_kms_key_id: Option<String>,
    /// The account that has to own the bucket.
    pub bucket_owner: Option<String>,
    /// Whether public objects get an ACL that lets anonymous users read them from the bucket.
    pub public_read: bool,
    /// How a URL names the bucket.
    pub addressing: Addressing,
    /// PEM file of certificate authorities to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// A request without progress for this time is given up.
    pub timeout: Duration,
    /// How often a failed request is repeated.
    pub retries: u32,
    /// What new objects are.
    pub content_types: ContentTypes,
}

impl fmt::Debug for S3Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}/{}", self.url, self.bucket, self.base_path)
    }
}
