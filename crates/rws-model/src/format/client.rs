//! What clients are told: of files, by their names, and how to set up a repository.

use super::debug::DebugFormat;
use super::description::{EntryTopic, InstallWay, PackageDescription};
use super::release_package::{BuiltPackage, ReleasePackage};
use std::sync::Arc;

use crate::{Entry, FileName, Identity, Inspected, Memory, Refusal, RepositoryId, RootFile, Sha256, Target};

/// What clients of a format are told.
///
/// What is said of names holds for all public paths of an installation, whatever the format of the repository: files of
/// other tools lie beside. Paths are relative and have no slash at their ends.
pub trait ClientFormat: Send + Sync {
    /// The media types of files: of those whose names end so, with the dot before it, or are so.
    fn content_types(&self) -> &'static [(&'static str, &'static str)];

    /// Whether a path is that of a file of a package: its bytes never change while anything refers to them, and caches may
    /// keep them for minutes.
    fn is_package(&self, path: &str) -> bool;

    /// Whether a path holds the digest of what it names: caches may keep that for ever.
    fn is_immutable(&self, _path: &str) -> bool {
        false
    }

    /// The digest of the bytes that a path of metadata names, where it has it.
    fn named_digest(&self, _path: &str) -> Option<Sha256> {
        None
    }

    /// The same path of a package in another writing, which some clients ask for.
    fn other_writing(&self, _path: &str) -> Option<String> {
        None
    }

    /// What the names of client files end in, without the dot before it; where one is the end of another, the longer one
    /// comes first.
    fn setup_files(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether the client file of which the name ends so says which architectures there are ([`ClientSetup::architectures`]).
    fn setup_names_architectures(&self, _end: &str) -> bool {
        false
    }

    /// The client file of which the name ends so; `None` where there is none of this kind.
    fn setup_file(&self, _end: &str, _setup: &ClientSetup<'_>) -> Option<String> {
        None
    }

    /// The package that brings keys and client file to clients; `None` where there is none of this kind, or the repository
    /// is not signed.
    fn release_package(&self, _package: &ReleasePackage<'_>) -> Option<BuiltPackage> {
        None
    }

    /// The version of such a package, where this is one of that name.
    fn release_package_version(&self, _name: &str, _identity: &Identity) -> Option<String> {
        None
    }

    /// What a package is to people; `None` for an identity of something else, such as metadata or a lone file. An identity has one
    /// form for all versions that are equal: the version is written as in the name of the package's own file, where that has it.
    fn package_name(&self, _identity: &Identity, _file: Option<&FileName>) -> Option<PackageName> {
        None
    }

    /// Whether two versions are equal to clients, however they are written.
    fn is_same_version(&self, one: &str, other: &str) -> bool {
        one == other
    }

    /// What a package says of others.
    fn relations(&self, _package: &Inspected) -> PackageRelations {
        PackageRelations::default()
    }

    /// What packages that are built from this source call it in [`PackageRelations::source`]; `None` for what is no source.
    fn source_name(&self, _identity: &Identity, _file: &FileName) -> Option<String> {
        None
    }

    /// The name of a source that [`PackageRelations::source`] has.
    fn source_package<'s>(&self, source: &'s str) -> &'s str {
        source
    }

    /// What entries of a partition tell people; `None` for those that pages do not show.
    fn entry_topic(&self, _partition: &str) -> Option<EntryTopic> {
        None
    }

    /// The source that a package was built from, as [`PackageRelations::source`] has it, by an entry of the topic
    /// [`EntryTopic::Description`] of one that can be installed.
    fn source_of(&self, _entry: &[u8]) -> Option<String> {
        None
    }

    /// The name and the version of the source whose changelog clients ask for by this path; `None` for a path of something else, and
    /// where clients of the format do not ask so.
    fn changelog_source(&self, _path: &str) -> Option<(String, String)> {
        None
    }

    /// Whether that is the source that [`PackageRelations::source`] names.
    fn is_changelog_of(&self, _called: &str, _source: (&str, &str)) -> bool {
        false
    }

    /// Reads the changelog that is inside of a package, where it is so.
    fn changelog_reader(
        &self,
        _file: &FileName,
        _package: &PackageName,
        _memory: Arc<dyn Memory>,
    ) -> Option<Box<dyn ChangelogReader>> {
        None
    }

    /// The line of an entry of the topic [`EntryTopic::Description`] that says in a few words what the package is.
    fn summary(&self, _entry: &[u8]) -> String {
        String::new()
    }

    /// What the entries of one package say of it, as far as they have a topic. They stood in an index: no byte of them is a slot.
    fn describe(&self, _entries: &[Entry]) -> PackageDescription {
        PackageDescription::default()
    }

    /// Whether a package can be installed by its name; not so sources.
    fn is_installable(&self, _package: &PackageName) -> bool {
        true
    }

    /// The ways to install from a target, the one for its usual systems first. Without any only the files are shown.
    fn install_ways(&self, _setup: &ClientSetup<'_>) -> Vec<InstallWay> {
        Vec::new()
    }

    /// The name of the release package that is made of the operator's name; `None` where there is none of this kind.
    fn release_package_name(&self, _name: &str) -> Option<String> {
        None
    }

    /// The components that a root of any tool has, as clients name them in their settings, without those of debug symbols; none where
    /// there are no components.
    fn components(&self, _repository: &RepositoryId, _root: &[RootFile]) -> Vec<String> {
        Vec::new()
    }

    /// What its packages have for debuggers.
    fn debug(&self) -> Option<&dyn DebugFormat> {
        None
    }

    /// The architectures that a root of any tool has packages for, as clients name them in their settings; none where clients need
    /// not be told.
    fn architectures(&self, _repository: &RepositoryId, _root: &[RootFile]) -> Vec<String> {
        Vec::new()
    }
}

/// Reads the changelog of a package while the package streams past, in bounded memory.
pub trait ChangelogReader: Send {
    /// Takes the next bytes of the package.
    ///
    /// # Errors
    ///
    /// When it is seen to be broken. After an error no further call is made but to `finish`.
    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal>;

    /// The text; `None` where none was found.
    fn finish(self: Box<Self>) -> Option<Vec<u8>>;
}

/// What a package is to people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageName {
    /// Its name.
    pub name: String,
    /// Its version, with an epoch before it where it has one; of rpm with its release.
    pub version: String,
    /// Its architecture; `source` or `src` of sources.
    pub architecture: String,
}

/// What a package says of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageRelations {
    /// The source that it was built from, as the format names sources; `None` where it does not say that.
    pub source: Option<String>,
    /// The names of packages that it needs: one of each list.
    pub needs: Vec<Vec<String>>,
}

/// What a client file is made of.
pub struct ClientSetup<'a> {
    /// The URL at which clients reach the service, without a slash at its end.
    pub base: &'a str,
    /// The target.
    pub target: &'a Target,
    /// [`ClientFormat::architectures`] of its repositories; none: not known, or not asked for.
    pub architectures: &'a [String],
    /// [`ClientFormat::components`] of its repositories; none: the usual one.
    pub components: &'a [String],
    /// Whether packages of debug symbols are published apart.
    pub debug_packages: bool,
    /// Whether all packages that are there, and those that will come, have signatures that clients can verify.
    pub packages_are_signed: bool,
    /// What signs it; `None` where nothing does.
    pub key: Option<ClientKey<'a>>,
    /// The state that clients are to read: a generation, a time or a pin; `None`: what is current.
    pub at: Option<&'a str>,
}

impl ClientSetup<'_> {
    /// A name for the repository among others of a client.
    pub fn name(&self) -> String {
        let Target { kind, series, distribution, version } = self.target;
        let state = self.at.map(|at| format!("-at-{at}")).unwrap_or_default();
        format!("rws-{kind}-{series}-{distribution}-{version}{state}")
    }

    /// The URL below which the trees of all repositories are, without a slash at its end.
    pub fn trees(&self) -> String {
        match self.at {
            Some(at) => format!("{}/-/at/{at}", self.base),
            None => self.base.to_owned(),
        }
    }
}

/// The public keys that clients of a target should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientKey<'a> {
    /// In ASCII armour, as one block.
    pub armored: &'a str,
    /// In ASCII armour, a block for each key.
    pub blocks: &'a str,
    /// Without armour, as keyrings have them.
    pub binary: &'a [u8],
    /// The URL at which clients get them.
    pub url: &'a str,
    /// The keys of others that sign packages.
    pub package_keys: Option<PackageKeys<'a>>,
}

/// Keys of others: clients take their signatures on packages, and on nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackageKeys<'a> {
    /// In ASCII armour, a block for each key.
    pub blocks: &'a str,
    /// The URL at which clients get them.
    pub url: &'a str,
}
