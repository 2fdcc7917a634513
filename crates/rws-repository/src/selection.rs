//! Packages by what they are: name, version and architecture, each as a pattern; and what a change of them would do.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rws_model::{FileName, Format, Identity, PackageName, RepositoryId, Sha256, glob_matches};
use rws_store::Store;

use crate::catalogue::ConfiguredTarget;
use crate::error::{IntakeError, RepositoryError};
use crate::intake::{Accepted, announce};
use crate::limits::Requester;
use crate::presence::Presence;
use crate::sources::Sources;
use crate::upload::{RemovedFile, Upload};
use crate::{GenerationId, UploadId};

/// Which packages are meant. What is not said stands for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// A pattern of the name.
    pub name: Option<String>,
    /// A pattern of the version.
    pub version: Option<String>,
    /// A pattern of the architecture; sources have their own.
    pub architecture: Option<String>,
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name.as_deref().unwrap_or("*"))?;
        self.version.iter().try_for_each(|version| write!(formatter, "={version}"))?;
        self.architecture.iter().try_for_each(|architecture| write!(formatter, " {architecture}"))
    }
}

impl Selector {
    /// Reads `NAME` or `NAME=VERSION`, each a pattern; `None` for an empty name or version.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, version) = match text.split_once('=') {
            Some((name, version)) => (name, Some(version.to_owned())),
            None => (text, None),
        };
        let is_empty = name.is_empty() || version.as_ref().is_some_and(String::is_empty);
        (!is_empty).then(|| Self { name: Some(name.to_owned()), version, architecture: None })
    }

    /// Whether a package is one of those.
    pub fn matches(&self, format: &dyn Format, package: &PackageName) -> bool {
        let fits = |pattern: &Option<String>, text: &str| pattern.as_ref().is_none_or(|one| glob_matches(one, text));
        fits(&self.name, &package.name)
            && self.version.as_ref().is_none_or(|version| is_version(format, version, package))
            && fits(&self.architecture, &package.architecture)
    }
}

/// Whether a package has a version that a pattern stands for, or one that is equal to it.
fn is_version(format: &dyn Format, pattern: &str, package: &PackageName) -> bool {
    glob_matches(pattern, &package.version) || format.is_same_version(pattern, &package.version)
}

/// A package in a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlannedPackage {
    /// What it is.
    pub package: PackageName,
    /// Its own file.
    pub file: FileName,
    /// The content of that, as it was uploaded.
    pub sha256: Sha256,
}

impl PlannedPackage {
    /// Its own file, as an upload that removes it says it.
    pub(crate) fn own_file(&self) -> RemovedFile {
        RemovedFile { name: self.file.clone(), sha256: self.sha256 }
    }
}

/// What a change would do to one repository.
#[derive(Clone, Debug, Default)]
pub struct RepositoryPlan {
    /// The generation that it was planned on; `None` where there is none yet.
    pub generation: Option<GenerationId>,
    /// What comes.
    pub added: Vec<PlannedPackage>,
    /// Whose bytes change.
    pub replaced: Vec<PlannedPackage>,
    /// What goes.
    pub removed: Vec<PlannedPackage>,
    /// How many packages stay as they are.
    pub unchanged: usize,
    /// The kinds of metadata that change.
    pub metadata: Vec<String>,
}

/// What a change would do, by repository: only to those that change.
pub type ChangePlan = BTreeMap<RepositoryId, RepositoryPlan>;

/// Takes all packages that a selector means out of the repositories of some targets. Without any there is no upload; with
/// `dry_run` there is none in any case.
///
/// # Errors
///
/// What the store fails with.
pub async fn remove(
    store: &dyn Store,
    targets: &[Arc<ConfiguredTarget>],
    selector: &Selector,
    dry_run: bool,
    by: Requester<'_>,
) -> Result<(ChangePlan, Option<Accepted>), IntakeError> {
    let mut plan = ChangePlan::new();
    let mut upload = Upload::new(UploadId::next(store.clock_milliseconds().await?), by.actor);
    for target in targets {
        for repository in target.repositories() {
            let presence = Presence::load(store, target, &repository).await?;
            let (planned, identities) = removed(&presence, target, selector)?;
            if identities.is_empty() {
                continue;
            }
            if by.limits.are_for(target) {
                let sources = Sources::of(store, target, &repository).await?;
                for identity in &identities {
                    sources.check(by.limits, identity, presence.placed(identity)?)?;
                }
            }
            for (identity, package) in identities.into_iter().zip(&planned.removed) {
                upload.remove(identity, repository.clone(), Some(package.own_file()));
            }
            plan.insert(repository, planned);
        }
    }
    let accepted = match dry_run || upload.changes.is_empty() {
        true => None,
        false => Some(announce(store, upload).await?),
    };
    Ok((plan, accepted))
}

/// What a selector means in one repository.
fn removed(
    presence: &Presence<'_>,
    target: &ConfiguredTarget,
    selector: &Selector,
) -> Result<(RepositoryPlan, Vec<Identity>), RepositoryError> {
    let generation = presence.generation().map(|generation| generation.id.clone());
    let mut plan = RepositoryPlan { generation, ..RepositoryPlan::default() };
    let mut identities = Vec::new();
    for (identity, file) in presence.own_files()? {
        let Some(package) = target.format.package_name(&identity, Some(&file)) else { continue };
        if !selector.matches(&*target.format, &package) {
            plan.unchanged += 1;
            continue;
        }
        let Some(sha256) = presence.content(&identity)? else { continue };
        plan.removed.push(PlannedPackage { package, file, sha256 });
        identities.push(identity);
    }
    Ok((plan, identities))
}
