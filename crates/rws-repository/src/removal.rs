//! Taking packages out of repositories: a change like any other.

use std::collections::BTreeSet;
use std::sync::Arc;

use rws_model::{FileName, Identity, RepositoryId, Sha256};
use rws_store::Store;

use crate::UploadId;
use crate::catalogue::ConfiguredTarget;
use crate::error::IntakeError;
use crate::intake::{Accepted, announce};
use crate::limits::Requester;
use crate::plan::join;
use crate::presence::{Owner, Presence};
use crate::sources::Sources;
use crate::upload::{RemovedFile, Upload};

/// Which package goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The one with a file of this name.
    Named(FileName),
    /// The one whose file is at this address.
    At(Address),
}

/// Where a file of a package is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The repository that has it there.
    pub repository: RepositoryId,
    /// The directory, below the repository's tree.
    pub directory: String,
    /// Its name.
    pub name: FileName,
}

impl Removal {
    fn name(&self) -> &FileName {
        match self {
            Self::Named(name) | Self::At(Address { name, .. }) => name,
        }
    }
}

/// A package with a file of the name that is to go.
struct RemovalCandidate {
    repository: RepositoryId,
    /// The public path of the file.
    path: String,
    owner: Owner,
    /// The content of the package's own file.
    content: Option<Sha256>,
}

/// Takes a package out of all repositories of some targets. `None` where there is no such file.
///
/// # Errors
///
/// [`IntakeError::PartOfSource`], [`IntakeError::Ambiguous`], and what the store fails with.
pub async fn remove(
    store: &dyn Store,
    targets: &[Arc<ConfiguredTarget>],
    removal: &Removal,
    by: Requester<'_>,
) -> Result<Option<Accepted>, IntakeError> {
    let found = find(store, targets, removal.name()).await?;
    let wanted = wanted(&found, removal);
    let is_own = |found: &&&RemovalCandidate| found.owner.file == *removal.name();
    let own: Vec<&RemovalCandidate> = wanted.iter().filter(is_own).copied().collect();
    if own.is_empty() {
        return match wanted.first() {
            Some(part) => {
                Err(IntakeError::PartOfSource { file: removal.name().to_string(), owner: part.owner.file.to_string() })
            }
            None => Ok(None),
        };
    }
    let identities: BTreeSet<&Identity> = own.iter().map(|found| &found.owner.identity).collect();
    if identities.len() > 1 {
        let packages = own.iter().map(|found| format!("{} at {}", found.owner.identity.0, found.path)).collect();
        return Err(IntakeError::Ambiguous { file: removal.name().to_string(), packages });
    }
    for found in found.iter().filter(|found| identities.contains(&found.owner.identity)) {
        let target = targets.iter().find(|target| target.repositories().contains(&found.repository));
        let Some(target) = target.filter(|target| by.limits.are_for(target)) else { continue };
        let sources = Sources::of(store, target, &found.repository).await?;
        let placed = Presence::load(store, target, &found.repository).await?.placed(&found.owner.identity)?;
        sources.check(by.limits, &found.owner.identity, placed)?;
    }
    let mut upload = Upload::new(UploadId::next(store.clock_milliseconds().await?), by.actor);
    for found in found.iter().filter(|found| identities.contains(&found.owner.identity)) {
        let was = found.content.map(|sha256| RemovedFile { name: found.owner.file.clone(), sha256 });
        upload.remove(found.owner.identity.clone(), found.repository.clone(), was);
    }
    announce(store, upload).await.map(Some)
}

async fn find(
    store: &dyn Store,
    targets: &[Arc<ConfiguredTarget>],
    name: &FileName,
) -> Result<Vec<RemovalCandidate>, IntakeError> {
    let mut found = Vec::new();
    for target in targets {
        for repository in target.repositories() {
            let tree = target.format.layout(&repository).tree;
            let presence = Presence::load(store, target, &repository).await?;
            for owner in presence.owners(name)? {
                let content = presence.content(&owner.identity)?;
                let path = join(&tree, &join(&owner.directory, name.as_str()));
                found.push(RemovalCandidate { repository: repository.clone(), path, owner, content });
            }
        }
    }
    Ok(found)
}

/// Those that are meant. An address is that of the package whose file is there already, before one that is to come.
fn wanted<'f>(found: &'f [RemovalCandidate], removal: &Removal) -> Vec<&'f RemovalCandidate> {
    let Removal::At(address) = removal else { return found.iter().collect() };
    let is_there = |found: &&RemovalCandidate| {
        found.repository == address.repository && found.owner.directory == address.directory
    };
    let there: Vec<&RemovalCandidate> = found.iter().filter(is_there).collect();
    let placed: Vec<&RemovalCandidate> = there.iter().filter(|found| found.owner.is_placed).copied().collect();
    if placed.is_empty() { there } else { placed }
}
