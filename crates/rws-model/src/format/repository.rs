//! What is published: how a repository of a format looks.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::root::{DraftFile, RootError, RootFile, RootInput};
use crate::{
    Algorithm, Digests, Entry, Identity, Partition, Record, RepositoryId, RepositorySettings, Sha256, Signer, Target,
};

/// How a repository of a format looks.
pub trait RepositoryFormat: Send + Sync {
    /// The repositories of a target: all that can exist, as it is configured.
    fn repositories(&self, target: &Target, settings: &RepositorySettings) -> Vec<RepositoryId>;

    /// The architectures of a target for which none are configured; none where those count that its packages have.
    fn default_architectures(&self) -> &'static [&'static str] {
        &[]
    }

    /// Words that stand for no single architecture: nobody can configure them.
    fn no_architectures(&self) -> &'static [&'static str] {
        &[]
    }

    /// Where the files of a repository live.
    fn layout(&self, repository: &RepositoryId) -> Layout;

    /// Another path than [`Layout::metadata`] under which clients find the metadata, where the settings say one.
    fn other_metadata(&self, _repository: &RepositoryId, _settings: &RepositorySettings) -> Option<String> {
        None
    }

    /// The path of [`RepositoryFormat::other_metadata`] that clients of a root had, as the root says it.
    fn stated_metadata(&self, _repository: &RepositoryId, _root: &[RootFile]) -> Option<String> {
        None
    }

    /// How a directory is recognised that belongs to no installation and has packages of this format (`rws index`).
    fn plain_directory(&self) -> PlainDirectory;

    /// The order of packages in an index: total, and equal only for identities of one package, which may be written in more than
    /// one way.
    fn compare(&self, left: &Identity, right: &Identity) -> Ordering;

    /// Where the packages of a name stand in the order of [`RepositoryFormat::compare`]: from each first identity on and before each
    /// second one, which need not be identities of packages. None: anywhere.
    fn identity_ranges(&self, _name: &str) -> Vec<(Identity, Identity)> {
        Vec::new()
    }

    /// The indexes of a repository that has entries in `partitions`, in a fixed order. `former` are those of the generation
    /// before: what clients may be set up for does not go with the last package of its kind.
    fn indexes(&self, partitions: &BTreeSet<Partition>, settings: &RepositorySettings, former: &[&Index])
    -> Vec<Index>;

    /// `directory` as it stands inside an entry of this format.
    fn escape_directory(&self, directory: &str) -> Vec<u8> {
        directory.as_bytes().to_vec()
    }

    /// What stands before and after the entries of an index that has `entries` of them.
    fn frame(&self, _index: &Index, _entries: u64) -> Frame {
        Frame::default()
    }

    /// The name of an index file whose content never changes, relative to [`Layout::tree`].
    fn stored_name(&self, repository: &RepositoryId, index: &Index, codec: Codec, content: &Sha256) -> String;

    /// The plain name under which old clients ask for the index file, relative to [`Layout::tree`], where there is one.
    fn plain_name(&self, _repository: &RepositoryId, _index: &Index, _codec: Codec) -> Option<String> {
        None
    }

    /// The files that entries of the root ([`crate::ROOT`]) say to it and that have plain names as index files have; none where
    /// clients read their names in the root only.
    fn listed_by_entries(&self, _repository: &RepositoryId, _entries: &[&[u8]]) -> Vec<IndexFile> {
        Vec::new()
    }

    /// For how many seconds an earlier generation that was current for a while is kept: as long as clients keep its
    /// metadata without asking again.
    fn keep_seconds(&self) -> i64;

    /// Whether packages have to be read again, because what the settings want of them now is not in their entries.
    /// `partitions` has the number of packages with entries of each.
    fn needs_reading(&self, _partitions: &BTreeMap<Partition, u64>, _settings: &RepositorySettings) -> bool {
        false
    }

    /// Whether a package with entries of these partitions is one that clients update in phases.
    fn is_phased(&self, _entries: &[(Partition, u64)]) -> bool {
        false
    }

    /// The record of a package for so many machines out of a hundred; `None` where clients of the format know no phases.
    fn phased(&self, _record: &Record, _percentage: u8) -> Option<Record> {
        None
    }

    /// Whether a record only says something of a package that is there: where it is not, nothing is to be done.
    fn is_of_present(&self, _record: &Record) -> bool {
        false
    }

    /// The record of a package that is there already, with what was said of it since it was uploaded: its entries before have these
    /// partitions. `None` where there is nothing to add.
    fn carried(&self, _record: &Record, _before: &[(Partition, u64)]) -> Option<Record> {
        None
    }

    /// What was said of a package since it was uploaded, where it comes from: an entry beside those that are made of its file. There
    /// its entries have these partitions.
    fn brought(&self, _there: &[(Partition, u64)]) -> Option<Entry> {
        None
    }

    /// Whether a root says where earlier states of the repository are ([`RepositorySettings::snapshots`]).
    fn names_snapshots(&self) -> bool {
        false
    }

    /// For how many seconds clients accept a root; `None` for ever.
    fn valid_seconds(&self, _settings: &RepositorySettings) -> Option<u64> {
        None
    }

    /// The names of all files that a root can have, relative to [`Layout::tree`], whether it is signed or not.
    fn root_names(&self, repository: &RepositoryId) -> Vec<String>;

    /// What signs the roots of this format, made of what is configured for a target: the main key comes first. Without one
    /// they are not signed.
    fn signer(&self, configured: &[Arc<dyn Signer>]) -> Option<Arc<dyn Signer>> {
        configured.first().cloned()
    }

    /// Renders the files of the root, in the order in which they are put in place: the one that clients ask for first comes
    /// first. Of signatures it says what is signed; the caller awaits them.
    ///
    /// # Errors
    ///
    /// [`RootError::Unread`] where [`RootInput::read`] said so: the caller reads the file and asks again, with the same input.
    fn root(&self, input: &RootInput<'_>) -> Result<Vec<DraftFile>, RootError>;

    /// What a root lists, read as its clients read it.
    ///
    /// # Errors
    ///
    /// What is wrong with the root, in a sentence.
    fn read_root(&self, repository: &RepositoryId, root: &[RootFile]) -> Result<Vec<ListedFile>, String>;

    /// The date that a root states, of any tool, in seconds since 1970; clients take no root with an earlier one for newer.
    fn root_date(&self, _repository: &RepositoryId, _root: &[RootFile]) -> Option<i64> {
        None
    }

    /// The package files that an index lists; `text` is its plain form.
    ///
    /// # Errors
    ///
    /// What is wrong with the index, in a sentence.
    fn read_index(&self, index: &str, text: &[u8]) -> Result<Vec<ListedPackage>, String>;

    /// Verifies the signatures of a root with the key that should have made them.
    ///
    /// # Errors
    ///
    /// Which signature is missing or bad, in a sentence.
    fn check_signatures(&self, repository: &RepositoryId, root: &[RootFile], signer: &dyn Signer)
    -> Result<(), String>;
}

/// How a directory is recognised that belongs to no installation and has packages of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainDirectory {
    /// Each directory in `parent` is a repository of its name. Such directories are looked for first: one whose parts are
    /// repositories is none itself.
    Parts {
        /// Where they are: `pool`.
        parent: &'static str,
        /// What is said to be missing where there are none.
        description: &'static str,
    },
    /// All of it is one repository.
    Whole {
        /// A file that it has once it is published.
        root: &'static str,
        /// What the names of packages end in.
        package: &'static str,
        /// What is said to be missing where there are none.
        description: &'static str,
    },
}

/// Where the files of one repository live. All are relative public paths without slashes at their ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What [`crate::Record::directory`] and all names of index and root files are relative to.
    pub tree: String,
    /// Where its metadata lives, below the tree: `dists/focal`, `repodata`.
    pub metadata: String,
    /// Where its packages live, below the tree: `pool/focal`; empty: all of the tree.
    pub packages: String,
}

/// How an index is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// Not at all.
    Plain,
    /// gzip, a member a block.
    Gzip,
    /// xz, one stream of many blocks.
    Xz,
    /// Zstandard, a frame a block.
    Zstd,
}

impl Codec {
    /// What is appended to the name of the index: `.gz`; empty for [`Codec::Plain`].
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
        }
    }
}

/// One index of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name: `main/binary-amd64/Packages`, `primary`.
    pub name: String,
    /// The partitions whose entries it has.
    pub takes: Vec<Partition>,
    /// The forms in which it is published; the first is the one its bytes are read back from.
    pub codecs: Vec<Codec>,
    /// What the root states of its files beside SHA-256.
    pub digests: Vec<Algorithm>,
}

/// What stands around the entries of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Before the first entry.
    pub head: Vec<u8>,
    /// After the last entry.
    pub tail: Vec<u8>,
}

/// One form of one index, written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexFile {
    /// [`Index::name`].
    pub index: String,
    /// Its form.
    pub codec: Codec,
    /// Its size.
    pub size_bytes: u64,
    /// Its digest.
    pub sha256: Sha256,
    /// Its size after decompression.
    pub open_size_bytes: u64,
    /// Its digest after decompression.
    pub open_sha256: Sha256,
    /// [`Index::digests`] of it, in lower-case hexadecimal digits.
    pub digests: Vec<(Algorithm, String)>,
    /// [`RepositoryFormat::stored_name`].
    pub stored_name: String,
    /// [`RepositoryFormat::plain_name`].
    pub plain_name: Option<String>,
}

/// A file that a root lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// The index: `main/binary-amd64/Packages`, `primary`.
    pub index: String,
    /// Its form.
    pub codec: Codec,
    /// Its size.
    pub size_bytes: u64,
    /// Its digest.
    pub sha256: Sha256,
    /// The names under which clients ask for it, in this order, relative to the tree.
    pub names: Vec<String>,
    /// What it is to RWS.
    pub role: ListedRole,
}

/// What a file that a root lists is to RWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedRole {
    /// An index in which [`RepositoryFormat::read_index`] finds package files.
    Packages,
    /// Another index that RWS makes itself, or that depends on one.
    Derived,
    /// Metadata of another kind, which is carried from generation to generation ([`crate::UploadFormat::metadata`]).
    Carried,
}

/// A package file that an index lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedPackage {
    /// Its path, relative to the tree.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its digests, as far as the index states them.
    pub digests: Digests,
    /// When the file was written last, in seconds since 1970, where the index states it.
    pub modified_seconds: Option<i64>,
    /// Why clients cannot read its entry, where they cannot.
    pub unreadable: Option<String>,
    /// What it was built from, as [`super::client::PackageRelations::source`], where the index says it.
    pub source: Option<String>,
}
