//! What an operator may set of the HTTP service.

use std::time::Duration;

use bytes::Bytes;
use ipnet::IpNet;

/// What an operator may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether all writes are refused.
    pub read_only: bool,
    /// The URL at which clients reach the service, without a slash at its end, where requests do not tell.
    pub public_url: Option<String>,
    /// Who may say in `X-Forwarded-For`, `-Proto` and `-Host` whom a request comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// How large files get to their readers.
    pub downloads: Downloads,
    /// What is too much.
    pub limits: Limits,
    /// Pages for people.
    pub pages: Pages,
}

/// Pages for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Whether there are any.
    pub enabled: bool,
    /// What the service is called.
    pub name: String,
    /// What it is, in a sentence or two.
    pub description: Option<String>,
    /// A picture for it.
    pub logo: Option<Logo>,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its media type.
    pub content_type: &'static str,
}

impl Default for Pages {
    fn default() -> Self {
        Self { enabled: true, name: "Package repositories".to_owned(), description: None, logo: None }
    }
}

/// How large package files get to their readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Downloads {
    /// Through this process.
    Stream,
    /// By a redirection, for files of at least `from_bytes`.
    Redirect {
        /// The URL under which the whole tree is reached, without a slash at its end; none: a signed URL of the store.
        base: Option<String>,
        /// Smaller files are streamed.
        from_bytes: u64,
    },
}

/// What is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time. An eighth of them at most is of one address; when all are taken, the one that is of least use
    /// gives way to the next.
    pub connections: usize,
    /// Memory of running requests and answers. An eighth of it at most is of one address.
    pub answers_bytes: u64,
    /// Uploads that are received at the same time; further ones wait. An eighth of them at most is of one user.
    pub uploads: usize,
    /// Memory for reading packages: large headers, windows to unpack with. Shared by user.
    pub reading_bytes: u64,
    /// What the packages of one request become in the indexes.
    pub entries_bytes: u64,
    /// Memory of checks of passwords, but for one that needs more alone.
    pub passwords_bytes: u64,
    /// Parts of a form.
    pub parts: usize,
    /// The header lines of one part.
    pub part_header_bytes: usize,
    /// A field of a form that is no file.
    pub field_bytes: usize,
    /// One file.
    pub file_bytes: u64,
    /// One request.
    pub upload_bytes: u64,
    /// Uploads that are not published yet. Shared by user.
    pub pending_bytes: u64,
    /// Files that wait for the `.changes` of their upload; shared likewise.
    pub aside_bytes: u64,
    /// How long a client may neither send nor take anything of what is under way.
    pub stalled: Duration,
    /// How much a client has to send at least, on the average of half a minute.
    pub slowest_bytes_per_second: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            answers_bytes: 48 << 20,
            uploads: 64,
            reading_bytes: 64 << 20,
            entries_bytes: 32 << 20,
            passwords_bytes: 64 << 20,
            parts: 1000,
            part_header_bytes: 16 << 10,
            field_bytes: 4 << 10,
            file_bytes: 16 << 30,
            upload_bytes: 64 << 30,
            pending_bytes: 256 << 30,
            aside_bytes: 64 << 30,
            stalled: Duration::from_secs(120),
            slowest_bytes_per_second: 1024,
        }
    }
}

impl Default for Settings {
    /// What is not set: no proxy is trusted.
    fn default() -> Self {
        Self {
            read_only: false,
            public_url: None,
            trusted_proxies: Vec::new(),
            downloads: Downloads::Stream,
            limits: Limits::default(),
            pages: Pages::default(),
        }
    }
}
