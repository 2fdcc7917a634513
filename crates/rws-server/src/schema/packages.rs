//! Packages, as search and lists of versions answer them.

use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// What is searched for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document only")]
pub struct SearchQuery {
    /// Words, all of which the name or the summary has; all packages without it.
    q: Option<String>,
    /// Only targets of this kind: `live`.
    kind: Option<String>,
    /// At most so many packages, and at most 100; 50 without it.
    #[param(minimum = 1)]
    limit: Option<u64>,
    /// Those behind this one: `next` of another answer has it.
    after: Option<String>,
}

/// Packages that were found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FoundPackages {
    /// Those whose names fit best come first.
    pub packages: Vec<FoundPackage>,
    /// The address of the next page; null on the last one.
    pub next: Option<String>,
    /// Repositories that were not searched: their names did not fit into memory, or are still being read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_searched: Vec<String>,
}

/// A package that was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FoundPackage {
    /// Its name.
    pub name: String,
    /// What it is, in a few words.
    pub summary: String,
    /// Its versions in all these targets; those of one target stand together, newest first.
    pub versions: Vec<String>,
    /// The targets that have it.
    pub targets: Vec<String>,
    /// The address of its page in the first of them; without pages, of its versions there.
    pub url: String,
}

/// All versions of a package in a repository.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PackageVersions {
    /// The repository.
    pub repository: String,
    /// The name.
    pub name: String,
    /// What it is, in a few words.
    pub summary: String,
    /// The versions, newest first.
    pub versions: Vec<PackageVersion>,
}

/// A version of a package, for one architecture.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PackageVersion {
    /// The version, for rpm with its release.
    pub version: String,
    /// The architecture; `source` or `src` of sources.
    pub architecture: String,
    /// Its files; of most packages one.
    pub files: Vec<PackageFile>,
    /// The fingerprint of the key that signed the package itself, where RWS knows that.
    pub signed_by: Option<String>,
}

/// A file of a package.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PackageFile {
    /// Its address.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: String,
}
