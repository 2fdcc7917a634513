//! What a package format has to know.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Algorithm, Digests, Entry, FileName, Identity, Memory, Partition, Record, RecordFile, Refusal, RepositoryId,
    RepositorySettings, Sha256, SignError, Signer, Target,
};

/// A package format: reads files into records, and says how a repository of it looks.
///
/// Pure: no clock, network, file or random number. Everything above the format crates uses formats through this trait
/// only.
pub trait Format: Send + Sync {
    /// The name in the configuration's `base`: `deb`, `rpm`.
    fn name(&self) -> &'static str;

    /// The version of the code that renders the entries of packages. Entries that an earlier version rendered are made anew.
    fn renderer(&self) -> u32;

    /// Whether a file of this name can belong to an upload of this format, judged by the name alone.
    fn accepts(&self, name: &FileName) -> bool;

    /// The name under which a file that was sent with this name is published: where clients disagree on how to ask for a
    /// name, one that all of them ask for as it stands.
    fn published_name(&self, sent: FileName) -> FileName {
        sent
    }

    /// Starts reading one file.
    fn inspector(&self, name: &FileName, reading: Reading) -> Box<dyn Inspector>;

    /// Checks the files of one upload against each other and makes records of them, for one target.
    ///
    /// # Errors
    ///
    /// Names the file that does not fit the target or the other files.
    fn assemble(&self, files: &[Inspected], placement: &Placement<'_>) -> Result<Vec<Assembled>, Refusal>;

    /// Whether the directory of a package depends on more than the package: on [`Placement::product`].
    fn places_by_product(&self) -> bool {
        false
    }

    /// The repositories of a target: all that can exist, with these architectures configured.
    fn repositories(&self, target: &Target, architectures: &[String]) -> Vec<RepositoryId>;

    /// Where the files of a repository live.
    fn layout(&self, repository: &RepositoryId) -> Layout;

    /// The order of packages in an index: total, and equal only for identities of one package, which may be written in more than
    /// one way.
    fn compare(&self, left: &Identity, right: &Identity) -> Ordering;

    /// The indexes of a repository that has entries in `partitions`, in a fixed order. `former` are those of the generation
    /// before: what clients may be set up for does not go with the last package of its kind.
    fn indexes(&self, partitions: &BTreeSet<Partition>, settings: &RepositorySettings, former: &[&Index])
    -> Vec<Index>;

    /// `directory` as it stands inside an entry of this format.
    fn escape_directory(&self, directory: &str) -> Vec<u8>;

    /// What stands before and after the entries of an index that has `entries` of them.
    fn frame(&self, index: &Index, entries: u64) -> Frame;

    /// The name of an index file whose content never changes, relative to [`Layout::tree`].
    fn stored_name(&self, repository: &RepositoryId, index: &Index, codec: Codec, content: &Sha256) -> String;

    /// The plain name under which old clients ask for the index file, relative to [`Layout::tree`], where there is one.
    fn plain_name(&self, repository: &RepositoryId, index: &Index, codec: Codec) -> Option<String>;

    /// For how many seconds an earlier generation that was current for a while is kept: as long as clients keep its
    /// metadata without asking again.
    fn keep_seconds(&self) -> i64;

    /// Whether packages have to be read again, because what the settings want of them now is not in their entries.
    /// `partitions` has the number of packages with entries of each.
    fn needs_reading(&self, _partitions: &BTreeMap<Partition, u64>, _settings: &RepositorySettings) -> bool {
        false
    }

    /// For how many seconds clients accept a root; `None` for ever.
    fn valid_seconds(&self, _settings: &RepositorySettings) -> Option<u64> {
        None
    }

    /// The names of all files that a root can have, relative to [`Layout::tree`], whether it is signed or not.
    fn root_names(&self, repository: &RepositoryId) -> Vec<String>;

    /// Renders and signs the root.
    ///
    /// # Errors
    ///
    /// When signing fails.
    fn root(&self, input: &RootInput<'_>, signer: Option<&dyn Signer>) -> Result<Vec<RootFile>, SignError>;

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

    /// The architectures that a root of any tool has packages for, as clients name them in their settings; none where clients need
    /// not be told.
    fn architectures(&self, _repository: &RepositoryId, _root: &[RootFile]) -> Vec<String> {
        Vec::new()
    }

    /// The package files that an index lists; `text` is its plain form.
    ///
    /// # Errors
    ///
    /// What is wrong with the index, in a sentence.
    fn read_index(&self, index: &str, text: &[u8]) -> Result<Vec<ListedPackage>, String>;

    /// How large metadata that no package has is when it is unpacked, in bytes, as far as it may be: what checking it takes
    /// several times of memory.
    fn metadata_bytes(&self, content: &[u8]) -> u64 {
        content.len() as u64
    }

    /// Makes a record of metadata that no package has.
    ///
    /// # Errors
    ///
    /// When the format has none of this kind, or the file is broken.
    fn metadata(&self, offer: &MetadataOffer<'_>) -> Result<Metadata, Refusal> {
        Err(Refusal::new(offer.name, "repositories of this kind have no other metadata"))
    }

    /// The identity of metadata of a kind.
    fn metadata_identity(&self, kind: &str) -> Identity {
        Identity(format!("metadata {kind}"))
    }

    /// Verifies the signatures of a root with the key that should have made them.
    ///
    /// # Errors
    ///
    /// Which signature is missing or bad, in a sentence.
    fn check_signatures(&self, repository: &RepositoryId, root: &[RootFile], signer: &dyn Signer)
    -> Result<(), String>;
}

/// How much of a package is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// What its entries need: it was accepted before, or lies in the store already.
    Entries,
    /// All that is read of it when it is installed: it comes from a client.
    Whole,
    /// The same, with the names of the files that it installs, as an entry.
    Contents,
}

/// Reads one file while it streams past, in bounded memory, and never panics whatever the bytes.
pub trait Inspector: Send {
    /// Takes the next bytes, in pieces of any length.
    ///
    /// # Errors
    ///
    /// As soon as the file is seen to be bad. After an error no further call is made.
    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal>;

    /// Ends the file. `size_bytes` and `digests` are those of all bytes that were pushed.
    ///
    /// # Errors
    ///
    /// When the file is cut, has trailing bytes, contradicts its own digests or its file name.
    fn finish(self: Box<Self>, size_bytes: u64, digests: &Digests) -> Result<Inspected, Refusal>;

    /// Where it asks before it takes much memory, from now on. Without this it takes what it needs.
    fn ask(&mut self, _memory: Arc<dyn Memory>) {}

    /// Whether all has been seen that the entries are made of, so that the rest need not be read of a file whose digests
    /// are known.
    fn has_enough(&self) -> bool {
        false
    }

    /// Ends a file whose rest was not read, with what is known of its size and digests. Only after
    /// [`Inspector::has_enough`] has said so.
    ///
    /// # Errors
    ///
    /// When what was seen is bad.
    fn finish_early(self: Box<Self>, size_bytes: u64, digests: &Digests) -> Result<Inspected, Refusal> {
        self.finish(size_bytes, digests)
    }
}

/// What a file is in its upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An installable package: indexed alone.
    Binary,
    /// A source package: indexed; for deb together with the files that it names.
    Source,
    /// A file that a source names, as a tarball: published, never indexed by itself.
    Part,
    /// A list of the other files of the upload (`.changes`, `.buildinfo`): checked, not published.
    Listing,
}

/// A file that another file names, with what that one says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Its name.
    pub name: FileName,
    /// Its size.
    pub size_bytes: u64,
    /// Its MD5, 32 lower-case hexadecimal digits, where stated.
    pub md5: Option<String>,
    /// Its SHA-1, where stated.
    pub sha1: Option<String>,
    /// Its SHA-256, where stated.
    pub sha256: Option<String>,
}

/// One file as its inspector saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// The file itself.
    pub file: RecordFile,
    /// What it is.
    pub role: Role,
    /// Its identity. For parts and listings the format's `file NAME`.
    pub identity: Identity,
    /// Its architecture: `amd64`, `all`, `x86_64`, `noarch`, `src`; `source` for deb sources; empty for others.
    pub architecture: String,
    /// What it says to the indexes, with [`crate::SLOT`] for the directory.
    pub entries: Vec<Entry>,
    /// The files that it names.
    pub names: Vec<NamedFile>,
    /// The version of the code that rendered the entries.
    pub renderer: u32,
    /// What its sender should know although it is taken, a sentence each.
    pub warnings: Vec<String>,
    /// How the name of the file contradicts the package: a sentence for its sender, or the reason to refuse it.
    pub misnamed: Option<String>,
}

/// Where an upload goes, for [`Format::assemble`].
pub struct Placement<'a> {
    /// The target.
    pub target: &'a Target,
    /// The form's `product`, a single plain name, where the format asks for one.
    pub product: Option<&'a str>,
    /// The architectures that the target's configuration lists.
    pub architectures: &'a [String],
    /// Whether its indexes list the files that packages install.
    pub contents: bool,
    /// Looks up a file that is in the repository already, by its path below [`Layout::tree`].
    pub pool: &'a dyn Fn(&str) -> Option<RecordFile>,
    /// Where the files are that a list of the upload names.
    pub listed: Listed,
    /// Whether a file name that contradicts its package is refused.
    pub strict_names: bool,
}

/// Where the files are that a list of an upload (`.changes`) names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// All in the upload.
    InUpload,
    /// All in the upload. Or none of them, where the list is sent again and all its package files are in the repository.
    InUploadOrPool,
}

/// A record and the repositories of the target that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    /// The record.
    pub record: Record,
    /// Its repositories.
    pub repositories: Vec<RepositoryId>,
}

/// Where the files of one repository live. All are relative public paths without slashes at their ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What [`Record::directory`] and all names of index and root files are relative to.
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
    /// [`Format::stored_name`].
    pub stored_name: String,
    /// [`Format::plain_name`].
    pub plain_name: Option<String>,
}

/// What a root is made of.
pub struct RootInput<'a> {
    /// The repository.
    pub repository: &'a RepositoryId,
    /// What the configuration says of it.
    pub settings: &'a RepositorySettings,
    /// Its indexes, in the order of [`Format::indexes`].
    pub indexes: &'a [Index],
    /// The files of these indexes: each index in each of its [`Index::codecs`], in this order.
    pub files: &'a [IndexFile],
    /// What packages say to the root itself, sorted by their identities.
    pub entries: &'a [Vec<u8>],
    /// Seconds since 1970, larger than in any earlier root of this repository.
    pub published_at: i64,
    /// The root that it replaces, of whatever tool; empty where there is none.
    pub former: &'a [RootFile],
}

/// One file of a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFile {
    /// Its name relative to [`Layout::tree`]: `dists/focal/InRelease`, `repodata/repomd.xml`.
    pub name: String,
    /// Its content: always text.
    pub text: String,
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
    /// An index in which [`Format::read_index`] finds package files.
    Packages,
    /// Another index that RWS makes itself, or that depends on one.
    Derived,
    /// Metadata of another kind, which is carried from generation to generation ([`Format::metadata`]).
    Carried,
}

/// A file of metadata that no package has: comps, updateinfo.
pub struct MetadataOffer<'a> {
    /// Its kind, as the root names it: `group`, `updateinfo`.
    pub kind: &'a str,
    /// Its name, without a directory; where somebody sends it, what that client calls its kind.
    pub name: &'a str,
    /// Its bytes.
    pub content: &'a [u8],
    /// Where it comes from.
    pub origin: MetadataOrigin,
}

/// Where a file of metadata comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataOrigin {
    /// Somebody sends it: it is checked.
    Sent,
    /// It stood in the root of another tool: it is taken as it is.
    Carried {
        /// When it was written, in seconds since 1970.
        timestamp: i64,
    },
}

/// A file of metadata on its way into a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Its record: one file, whose name holds its digest, and an entry of the root ([`crate::ROOT`]).
    pub record: Record,
    /// The bytes of the file, as they are published.
    pub content: Vec<u8>,
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
}
