//! The small object that names a repository's current generation.

use std::collections::{BTreeMap, BTreeSet};

use rws_model::{RepositoryId, RootFile, Sha256};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::retention::Condemned;
use crate::{GenerationId, UploadId};

/// The only thing that is ever swapped. Its content never repeats: it has a counter and a nonce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of this form.
    pub format: u32,
    /// The repository.
    pub repository: RepositoryId,
    /// The current generation.
    pub generation: GenerationId,
    /// One more than in the head before.
    pub counter: u64,
    /// Who wrote this head: decides, after a lost answer, whether a commit was one's own.
    pub nonce: Uuid,
    /// The date of the root, in seconds since 1970: grows with every head.
    pub published_at: i64,
    /// How many packages it has; heads of earlier versions do not say it.
    #[serde(default)]
    pub packages: Option<u64>,
    /// The earliest version of the code that rendered an entry of a package; heads of earlier versions do not say it.
    #[serde(default)]
    pub oldest_renderer: Option<u32>,
    /// How many packages have the signature of each key, by its fingerprint; of no known key: an empty one. Heads of earlier
    /// versions do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_signatures: Option<BTreeMap<String, u64>>,
    /// When its first generation was published, in seconds since 1970. Heads of earlier versions do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_published_at: Option<i64>,
    /// The files of the root. RWS serves them from here.
    pub root: Vec<RootFile>,
    /// Plain names of index files, and the names of the files that have this content, relative to the tree.
    pub plain: BTreeMap<String, String>,
    /// The digests of all plain-named files (roots and indexes) of kept generations and of what was taken over, each
    /// with the last generation that it belongs to: what RWS may write over.
    pub own: BTreeMap<Sha256, GenerationId>,
    /// Uploads that the generation contains and whose pointers may still be there.
    pub applied: Vec<UploadId>,
    /// Earlier generations that readers may hold, newest first.
    pub history: Vec<Past>,
    /// Generations that pins name, each with the marks of these pins: they are kept, with all that they need.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pinned: BTreeMap<GenerationId, BTreeSet<Uuid>>,
    /// Files that only earlier generations refer to. Their names are taken.
    pub retired: Vec<Retired>,
    /// Names that are about to go, or have just gone.
    pub condemned: Vec<Condemned>,
    /// The digest of settings and keys that the generation was made with.
    #[serde(rename = "made_with")]
    pub configuration_fingerprint: Sha256,
    /// When the process started that wrote it, in milliseconds since 1970: of two replicas with different settings or keys,
    /// those of the one that started later count. Heads of earlier versions do not say it.
    #[serde(default)]
    pub writer_started_at: i64,
}

/// A generation that is no longer current.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Its name.
    pub generation: GenerationId,
    /// When it was published, in seconds since 1970.
    pub published_at: i64,
    /// When it was replaced, in seconds since 1970.
    pub replaced_at: i64,
}

/// A file that the current generation does not refer to any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Its path below the tree.
    pub path: String,
    /// Its content.
    pub sha256: Sha256,
    /// The last generation that refers to it.
    pub last: GenerationId,
}
