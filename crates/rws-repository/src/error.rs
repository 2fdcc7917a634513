//! What can go wrong with a repository.

use std::io;

use rws_model::{Identity, Refusal, RepositoryId, Sha256, SignError};
use rws_store::StoreError;

use crate::private;

/// Something about a repository failed. Nothing that was answered is lost by it: the changes stay pending.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signature could not be made.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// An object of RWS itself cannot be read. What to do: synchronise the repository.
    #[error("RWS cannot read {object}: {reason}")]
    Damaged {
        /// The object.
        object: String,
        /// Why.
        reason: String,
    },
    /// An object of RWS itself is of a version that this program does not know.
    #[error("{object} was written by a later version of RWS")]
    Later {
        /// The object.
        object: String,
    },
    /// A public file is not RWS's own: another tool wrote it.
    #[error(
        "{repository}: another tool wrote {file}, and RWS does not overwrite it. Synchronise the repository (POST to its \
         path) to take over the changes of that tool"
    )]
    Foreign {
        /// The repository.
        repository: RepositoryId,
        /// The public file.
        file: String,
    },
    /// A malformed package stops the synchronisation.
    #[error(
        "the synchronisation of {repository} stops at {path}: {reason}. Remove the file, or skip malformed packages with RWS_FORCE_SYNC=1"
    )]
    Malformed {
        /// The repository.
        repository: RepositoryId,
        /// The public path of the package.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The repository is not in the configuration.
    #[error("{0} is not in the configuration")]
    Unknown(RepositoryId),
    /// Other publishers were faster, again and again.
    #[error("{0}: write contention: other publishers were faster in every attempt; the changes stay pending")]
    Contended(RepositoryId),
}

impl RepositoryError {
    /// An object that cannot be read.
    pub fn damaged(object: impl ToString, reason: impl ToString) -> Self {
        Self::Damaged { object: object.to_string(), reason: reason.to_string() }
    }

    /// An object of a later version.
    pub fn later(object: impl ToString) -> Self {
        Self::Later { object: object.to_string() }
    }

    /// The planner or the renderer could not read the present generation, or the local disk is full.
    pub fn generation(repository: &RepositoryId) -> impl FnOnce(io::Error) -> Self {
        let object = format!("the current generation of {repository}");
        let head = private::head(repository);
        move |error| {
            if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                return StoreError::from_io("write", "index files to the local disk", error).into();
            }
            let advice = format!("{error}. To rebuild it from its packages remove {head} and POST to its path");
            Self::damaged(object, advice)
        }
    }
}

/// Other bytes for a package that is there, where these are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The file that was refused.
    pub file: String,
    /// The repository that has the package.
    pub repository: RepositoryId,
    /// What it has.
    pub present: Present,
    /// The digest of what was sent.
    pub uploaded: Sha256,
}

/// What stands in the way of other bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Present {
    /// The package with this digest.
    Content(Sha256),
    /// A file that another package names, with this digest: it is replaced nowhere.
    Named {
        /// Its digest.
        sha256: Sha256,
        /// What that package is.
        by: Identity,
    },
    /// Another upload of the same package, which is not answered yet.
    UnderWay,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, repository, present, uploaded } = self;
        match present {
            Present::Content(present) => write!(
                formatter,
                "{file}: {repository} has this package with other content: SHA-256 {present} in the repository, {uploaded} in this upload"
            ),
            Present::Named { sha256, by: Identity(by) } => write!(
                formatter,
                "{file}: {by} in {repository} uses a file of this name with other content: SHA-256 {sha256} in the repository, {uploaded} in this upload"
            ),
            Present::UnderWay => write!(
                formatter,
                "{file}: another upload of the same package with content other than SHA-256 {uploaded} is running in \
                 {repository}"
            ),
        }
    }
}

/// An upload was not accepted. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// Other bytes for a package that is there, in a repository that refuses them.
    #[error("{0}")]
    Conflict(Box<Conflict>),
    /// The file is there, but only as a part of a source package.
    #[error("{file} belongs to the source package {owner}. Delete the source package; RWS then deletes its files too.")]
    PartOfSource {
        /// The file.
        file: String,
        /// The package's own file.
        owner: String,
    },
    /// Several packages have a file of this name.
    #[error("{} files have the name {file}: {}.", .packages.len(), listed(.packages))]
    Ambiguous {
        /// The name.
        file: String,
        /// Each package and the public path of its file.
        packages: Vec<String>,
    },
    /// The packages of a target have to be signed, and cannot be.
    #[error("Packages for {target} have to be signed, and cannot be: {reason}. RWS kept nothing of the request.")]
    CannotSign {
        /// The target.
        target: String,
        /// Why, as a clause.
        reason: String,
    },
    /// A package that this user may not change.
    #[error("You may not change the package {package} in {target}: there you may change {patterns}.")]
    NotAllowed {
        /// The package.
        package: String,
        /// The target.
        target: String,
        /// What may be changed.
        patterns: String,
    },
    /// A package that only RWS itself makes.
    #[error(
        "{file} has the name of the release package of this repository, which RWS makes itself. RWS kept nothing of the request."
    )]
    Reserved {
        /// The file.
        file: String,
    },
    /// A package could not be signed now.
    #[error("A package could not be signed: {0}. RWS kept nothing of the request. Try again later.")]
    Signing(SignError),
    /// The local disk failed.
    #[error("RWS could not write a signed package to the spool directory: {0}. RWS kept nothing of the request.")]
    Disk(io::Error),
    /// The sender's mistake.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The request took so long that what it brought first may be taken for abandoned.
    #[error("The request took longer than 12 hours. RWS kept nothing of it.")]
    TooSlow,
    /// Too many packages for too many repositories.
    #[error(
        "The request makes more than {most} changes, one for each package and each repository. RWS kept nothing of it."
    )]
    TooManyChanges {
        /// So many may be.
        most: usize,
    },
    /// The store or the repository failed: the sender may try again.
    #[error(transparent)]
    Failed(#[from] RepositoryError),
}

impl IntakeError {
    /// Whether it says what is in a repository.
    pub fn names_contents(&self) -> bool {
        match self {
            Self::Conflict(conflict) => conflict.present != Present::UnderWay,
            Self::PartOfSource { .. } | Self::Ambiguous { .. } => true,
            _ => false,
        }
    }

    /// Whether it is about a package, so that others may be taken all the same.
    pub(crate) fn is_of_package(&self) -> bool {
        let is_of_name = matches!(self, Self::Reserved { .. } | Self::TooManyChanges { .. } | Self::Refused(_));
        is_of_name || self.is_refusal()
    }

    /// Whether what is in a repository, or what the requester may do with it, forbids the change.
    pub fn is_refusal(&self) -> bool {
        self.names_contents() || matches!(self, Self::NotAllowed { .. })
    }
}

/// So many packages are named in a message.
const MOST_NAMED: usize = 20;

fn listed(packages: &[String]) -> String {
    let named = packages.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    match packages.len().saturating_sub(MOST_NAMED) {
        0 => named,
        more => format!("{named}; and {more} more"),
    }
}

impl From<Conflict> for IntakeError {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(Box::new(conflict))
    }
}

impl From<StoreError> for IntakeError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}
