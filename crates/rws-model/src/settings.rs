//! What the configuration says of one repository.

use serde::{Deserialize, Serialize};

use crate::Algorithm;

/// Which compressed forms of an index are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// None: the uncompressed form, beside the others, where the format has one to choose.
    None,
    /// gzip: read by every client there is.
    Gz,
    /// xz: smaller; what apt prefers.
    Xz,
    /// Zstandard: Fedora 30, RHEL 8.4, apt 1.6 and later.
    Zstd,
}

/// What the configuration says of one repository, defaults filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositorySettings {
    /// The architectures that exist even without packages (deb: `amd64`; rpm: `x86_64`). Never `all`, `noarch`, `src`.
    pub architectures: Vec<String>,
    /// The compressed forms of its indexes; empty stands for the format's default.
    pub compression: Vec<Compression>,
    /// Release field `Origin` (deb).
    pub origin: String,
    /// Release field `Label` (deb).
    pub label: String,
    /// Release field `Suite` (deb). When none, it stays what it is, and new repositories have their codename there.
    pub suite: Option<String>,
    /// Release field `Version` (deb); absent when none.
    pub version: Option<String>,
    /// Release field `Description` (deb).
    pub description: String,
    /// Release field `Valid-Until` as an age in seconds; absent when none.
    pub valid_until_seconds: Option<u64>,
    /// What Release states of index files beside SHA-256 (deb).
    pub digests: Vec<Algorithm>,
    /// Whether there are indexes of the files that packages install, `Contents` (deb).
    pub contents: bool,
    /// The URL below which clients find changelogs, without a slash at its end; the target follows. Release field `Changelogs` (deb);
    /// absent when none.
    pub changelogs: Option<String>,
    /// Whether whole descriptions stand in an index of their own, `Translation-en` (deb).
    pub translations: bool,
    /// The components that packages can be sent to (deb), the one for those that name none first; empty stands for `main`.
    pub components: Vec<String>,
    /// Whether packages of debug symbols are published apart from the others.
    pub debug_packages: bool,
    /// The URL of earlier states, in which `@SNAPSHOTID@` stands for one, without a slash at its end. The path of the archive
    /// follows. Release field `Snapshots` (deb); absent when none.
    pub snapshots: Option<String>,
}
