//! The shared vocabulary of RWS, free of clocks, networks and files.
//!
//! * [`Digests`], [`FileName`], [`Target`], [`RepositoryId`]: what is parsed once at the edge and then trusted.
//! * [`Record`], [`Change`]: what one package says to the indexes, and what is to happen to one repository.
//! * [`TargetPattern`], [`Grant`], [`Readers`]: what the configuration says of who may do what, and where.
//! * [`Format`]: what a package format (deb, rpm) has to know. Everything above talks to formats through it.
//! * [`Signer`]: what can sign a root.

mod digest;
mod format;
mod glob;
mod grant;
mod md5_pieces;
mod memory;
mod name;
mod pattern;
mod record;
mod refusal;
mod settings;
mod signer;
mod target;
mod unsaid;
mod verb;

pub use digest::{Algorithm, AlgorithmDigester, ContentDigester, Digester, Digests, Sha256, ShaDigester, sha256};
pub use format::{
    Assembled, BuildId, BuiltPackage, CLIENT_FILE_FUNCTIONS, ChangelogItem, ChangelogReader, ClientFormat, ClientKey,
    ClientSetup, Codec, DebugFile, DebugFormat, DebugKind, DraftContent, DraftFile, EntryTopic, FileByFile, FileOutput,
    FileReader, Format, Formats, FoundFile, Frame, FrontError, Index, IndexFile, Inspected, Inspector, InstallWay,
    Layout, Listed, ListedFile, ListedPackage, ListedRole, Metadata, MetadataOffer, MetadataOrigin, NameRule,
    NamedBuildId, NamedFile, NamedRelation, PackageDescription, PackageFront, PackageKeys, PackageName, PackagePlace,
    PackageRelations, PackageSigning, Placement, PlainDirectory, ProductRule, Reading, RelationList, ReleasePackage,
    RepositoryFormat, Role, RootError, RootFile, RootInput, SignatureAlgorithm, UploadFormat, quoted, release_version,
    released_at, with_digest,
};
pub use glob::glob_matches;
pub use grant::{Allowed, Grant, Readers};
pub use md5_pieces::Md5Pieces;
pub use memory::{Memory, Unlimited};
pub use name::FileName;
pub use pattern::TargetPattern;
pub use record::{Change, Entry, Identity, PackageSignature, Partition, ROOT, Record, RecordFile, SLOT, fill_slot};
pub use refusal::{Refusal, RefusalKind};
pub use settings::{Compression, RepositorySettings};
pub use signer::{SignError, Signer, SigningPurpose, SigningRequest};
pub use target::{RepositoryId, Target};
pub use unsaid::unsaid;
pub use verb::Verb;
