//! What is uploaded: which files a format takes, and what it reads in them.

use std::sync::Arc;

use super::signing::PackageSigning;
use crate::{
    Digests, Entry, FileName, Identity, Memory, PackageName, Record, RecordFile, Refusal, RepositoryId,
    RepositorySettings, Target,
};

/// What a format takes from those who upload.
pub trait UploadFormat: Send + Sync {
    /// The version of the code that renders the entries of packages. Entries that an earlier version rendered are made anew.
    fn renderer(&self) -> u32 {
        1
    }

    /// Whether a file of this name can belong to an upload of this format, judged by the name alone.
    fn accepts(&self, name: &FileName) -> bool;

    /// Whether a file of this name, which [`UploadFormat::accepts`] takes, is an upload by itself: it needs no other file and no list.
    fn stands_alone(&self, name: &FileName) -> bool {
        self.accepts(name)
    }

    /// The ends of file names that are listed to who sends a file that no format takes, each with its dot.
    fn extensions(&self) -> &'static [&'static str];

    /// Why a file of this name is taken and not kept, whatever the format of the repository with these settings that it was sent
    /// to: the end of a sentence about it. `None` for all others.
    fn skips(&self, _name: &str, _settings: &RepositorySettings) -> Option<&'static str> {
        None
    }

    /// The name under which a file that was sent with this name is published: where clients disagree on how to ask for a
    /// name, one that all of them ask for as it stands.
    fn published_name(&self, sent: FileName) -> FileName {
        sent
    }

    /// What signs packages, where they carry signatures.
    fn signing(&self) -> Option<&dyn PackageSigning> {
        None
    }

    /// Starts reading one file.
    fn inspector(&self, name: &FileName, reading: Reading) -> Box<dyn Inspector>;

    /// Checks the files of one upload against each other and makes records of them, for one target.
    ///
    /// # Errors
    ///
    /// Names the file that does not fit the target or the other files.
    fn assemble(&self, files: &[Inspected], placement: &Placement<'_>) -> Result<Vec<Assembled>, Refusal>;

    /// What is asked of the name of the product ([`PackagePlace::product`]), where the directory of a package depends on it.
    fn product_rule(&self) -> Option<ProductRule> {
        None
    }

    /// Where the packages in this directory were sent to, as far as the directory says it.
    fn place_of(&self, _directory: &str) -> PackagePlace {
        PackagePlace::default()
    }

    /// What is asked of the names of components, where repositories have any.
    fn component_rule(&self) -> Option<NameRule> {
        None
    }

    /// Checks the component that packages are sent to, where one is named.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the end of a sentence.
    fn check_component(&self, component: Option<&str>, _settings: &RepositorySettings) -> Result<(), String> {
        component.map_or(Ok(()), |_| Err("repositories of this kind have no components".to_owned()))
    }

    /// How an upload comes whose files are sent one by one, where clients of this format send any so.
    fn file_by_file(&self) -> Option<FileByFile> {
        None
    }

    /// Whether repositories have metadata that no package has, and that is sent by itself.
    fn takes_metadata(&self) -> bool {
        false
    }

    /// Whether an address of metadata, `…/PART/NAME`, can mean a repository: by default its part is the last one of the
    /// repository's name, as an architecture is.
    fn has_metadata_part(&self, repository: &RepositoryId, part: &str, _settings: &RepositorySettings) -> bool {
        repository.split_last().1 == part
    }

    /// What a promotion calls metadata with the address `…/PART/NAME`.
    fn metadata_name(&self, _part: &str, name: &str) -> String {
        name.to_owned()
    }

    /// The kind of metadata, as the root names it, that clients call so.
    fn metadata_kind(&self, name: &str) -> String {
        name.to_owned()
    }

    /// Why a repository with these settings takes no metadata of a kind, though others do.
    ///
    /// # Errors
    ///
    /// The reason, as the end of a sentence about it.
    fn check_metadata(&self, _kind: &str, _settings: &RepositorySettings) -> Result<(), String> {
        Ok(())
    }

    /// Where the file of metadata goes in a repository, of whose record [`Record::directory`] says it.
    fn metadata_directory(&self, _repository: &RepositoryId, directory: &str) -> String {
        directory.to_owned()
    }

    /// Whether metadata of one repository can go along with packages to another one, of another target.
    fn shares_metadata(&self, from: &RepositoryId, to: &RepositoryId) -> bool {
        from.split_last().1 == to.split_last().1
    }

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

    /// What of metadata goes along with packages to another repository, which may have its own already; `None`: nothing.
    ///
    /// # Errors
    ///
    /// When a file is broken.
    fn promoted_metadata(
        &self,
        _kind: &str,
        content: &[u8],
        _packages: &[PackageName],
        _present: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(Some(content.to_vec()))
    }

    /// The identity of metadata of a kind.
    fn metadata_identity(&self, kind: &str) -> Identity {
        Identity(format!("metadata {kind}"))
    }
}

/// What is asked of names that somebody chooses.
#[derive(Clone, Copy, Debug)]
pub struct NameRule {
    /// What good ones are, as the end of a sentence.
    pub rule: &'static str,
    /// Whether a name is good.
    pub check: fn(&str) -> bool,
}

/// What is asked of the name of a product.
#[derive(Clone, Copy, Debug)]
pub struct ProductRule {
    /// Where packages are placed by it, as an example for who sent none.
    pub example: &'static str,
    /// What is wrong with a name that is not empty, as the end of a sentence.
    pub check: fn(&str) -> Result<(), String>,
}

/// How an upload comes whose files are sent one by one. A file waits until one comes that lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileByFile {
    /// What the name of the file ends in that lists the others, comes last and is the commit, with its dot.
    pub list: &'static str,
    /// What repositories that take such uploads are called: `apt`.
    pub repositories: &'static str,
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
    /// What the name of the file leaves out of the package ([`crate::unsaid`]).
    pub unsaid: Option<&'static str>,
}

/// Where in the repositories of a target a package goes, as far as its sender chooses that.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackagePlace {
    /// The form's `product`, a single plain name, where the format asks for one.
    pub product: Option<String>,
    /// The component; `None` for the one of packages that name none.
    pub component: Option<String>,
}

impl PackagePlace {
    /// The directory of a product, where nothing else is said.
    pub fn of_product(product: impl Into<String>) -> Self {
        Self { product: Some(product.into()), component: None }
    }
}

/// Where an upload goes, for [`UploadFormat::assemble`].
pub struct Placement<'a> {
    /// The target.
    pub target: &'a Target,
    /// What its sender says.
    pub place: &'a PackagePlace,
    /// The architectures that are taken; none: all that exist.
    pub architectures: &'a [String],
    /// What the configuration says of the target.
    pub settings: &'a RepositorySettings,
    /// Looks up a file that is in the repository already, by its path below [`crate::Layout::tree`].
    pub pool: &'a dyn Fn(&str) -> Option<RecordFile>,
    /// Where the files are that a list of the upload names.
    pub listed: Listed,
    /// Whether a file name that contradicts its package is refused.
    pub strict_names: bool,
    /// Whether the files lie in the repository already: their place is that, whatever the configuration says of it now.
    pub is_present: bool,
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

impl Metadata {
    /// Its record in one repository.
    pub fn record_for<F: UploadFormat + ?Sized>(&self, format: &F, repository: &RepositoryId) -> Record {
        let directory = format.metadata_directory(repository, &self.record.directory);
        Record { directory, ..self.record.clone() }
    }
}
