//! What a package format has to know.

mod client;
mod debug;
mod description;
mod list;
mod release_package;
mod repository;
mod root;
mod signing;
mod upload;

pub use client::{ChangelogReader, ClientFormat, ClientKey, ClientSetup, PackageKeys, PackageName, PackageRelations};
pub use debug::{BuildId, DebugFile, DebugFormat, DebugKind, FileOutput, FileReader, FoundFile, NamedBuildId};
pub use description::{ChangelogItem, EntryTopic, InstallWay, NamedRelation, PackageDescription, RelationList};
pub use list::Formats;
pub use release_package::{
    BuiltPackage, CLIENT_FILE_FUNCTIONS, ReleasePackage, quoted, release_version, released_at, with_digest,
};
pub use repository::{
    Codec, Frame, Index, IndexFile, Layout, ListedFile, ListedPackage, ListedRole, PlainDirectory, RepositoryFormat,
};
pub use root::{DraftContent, DraftFile, RootError, RootFile, RootInput};
pub use signing::{FrontError, PackageFront, PackageSigning, SignatureAlgorithm};
pub use upload::{
    Assembled, FileByFile, Inspected, Inspector, Listed, Metadata, MetadataOffer, MetadataOrigin, NameRule, NamedFile,
    PackagePlace, Placement, ProductRule, Reading, Role, UploadFormat,
};

/// A package format: reads files into records ([`UploadFormat`]), says how a repository of it looks
/// ([`RepositoryFormat`]), and what its clients are told ([`ClientFormat`]).
///
/// Pure: no clock, network, file or random number. Everything above the format crates uses formats through this trait
/// only, and gets them as a list ([`Formats`]): no other code knows their names or the names of their files.
pub trait Format: UploadFormat + RepositoryFormat + ClientFormat {
    /// The name in the configuration's `base`: `deb`, `rpm`.
    fn name(&self) -> &'static str;
}
