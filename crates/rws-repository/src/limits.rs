//! Which packages somebody may change, where that is not all of a target.

use std::collections::{BTreeMap, BTreeSet};

use rws_model::{Assembled, Inspected, Role, Target, glob_matches};

use crate::actor::Actor;
use crate::catalogue::ConfiguredTarget;
use crate::error::IntakeError;
use crate::presence::Presences;
use crate::sources::Sources;

/// Lists of patterns of the packages that somebody may change, for those targets that may not be changed as a whole. A pattern of each
/// list has to fit the name of a package, and one the name of the source that it says it was built from: both are read from the
/// package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageLimits {
    targets: BTreeMap<Target, Vec<Vec<String>>>,
}

/// Who asks for a change of packages, and which of them may be changed.
#[derive(Clone, Copy, Debug)]
pub struct Requester<'a> {
    /// Who asks, as the record of the change says it.
    pub actor: &'a Actor,
    /// Which packages may be changed.
    pub limits: &'a PackageLimits,
}

impl<'a> Requester<'a> {
    /// Somebody who may change all packages.
    pub const fn unlimited(actor: &'a Actor) -> Self {
        const NONE: &PackageLimits = &PackageLimits::none();
        Self { actor, limits: NONE }
    }
}

impl PackageLimits {
    /// All packages may be changed.
    pub const fn none() -> Self {
        Self { targets: BTreeMap::new() }
    }

    /// In this target only these packages may be changed.
    pub fn limit(&mut self, target: Target, lists: Vec<Vec<String>>) {
        self.targets.insert(target, lists);
    }

    /// A target of which not all may be changed.
    pub fn limited(&self) -> Option<&Target> {
        self.targets.keys().next()
    }

    /// Whether not all packages of a target may be changed.
    pub(crate) fn are_for(&self, target: &ConfiguredTarget) -> bool {
        self.targets.contains_key(&target.target)
    }

    /// Refuses a package that may not be changed; `source` is what it says of its source.
    pub(crate) fn check(&self, target: &ConfiguredTarget, name: &str, source: Option<&str>) -> Result<(), IntakeError> {
        let Some(lists) = self.targets.get(&target.target) else { return Ok(()) };
        let fits = |text: &str| lists.iter().all(|patterns| patterns.iter().any(|pattern| glob_matches(pattern, text)));
        let source = source.map(|source| target.format.source_package(source));
        if fits(name) && source.is_none_or(fits) {
            return Ok(());
        }
        let package = match source.filter(|source| *source != name) {
            Some(source) => format!("{name}, built from {source}"),
            None => name.to_owned(),
        };
        self.refuse(target, &package)
    }

    /// Refuses a package of a target that is limited.
    pub(crate) fn refuse(&self, target: &ConfiguredTarget, package: &str) -> Result<(), IntakeError> {
        let Some(lists) = self.targets.get(&target.target) else { return Ok(()) };
        let patterns = lists.iter().map(|patterns| patterns.join(", ")).collect::<Vec<_>>().join("; and also ");
        let (package, target) = (package.to_owned(), target.target.to_string());
        Err(IntakeError::NotAllowed { package, target, patterns })
    }

    /// Refuses an upload with a package that may not be changed, or a file that no package of it names.
    pub(crate) fn check_upload(&self, target: &ConfiguredTarget, files: &[Inspected]) -> Result<(), IntakeError> {
        if !self.are_for(target) {
            return Ok(());
        }
        let of_packages = files.iter().filter(|file| matches!(file.role, Role::Binary | Role::Source));
        let named: BTreeSet<_> = of_packages.flat_map(|file| &file.names).map(|named| &named.name).collect();
        for file in files {
            match (file.role, target.format.package_name(&file.identity, None)) {
                (Role::Binary | Role::Source, Some(package)) => {
                    let source = target.format.relations(file).source;
                    self.check(target, &package.name, source.as_deref())?;
                }
                (Role::Listing, _) => {}
                _ if named.contains(&file.file.name) => {}
                _ => self.check(target, file.file.name.as_str(), None)?,
            }
        }
        Ok(())
    }

    /// Refuses to replace packages that may not be changed.
    pub(crate) async fn check_replaced(
        &self,
        presences: &mut Presences<'_>,
        target: &ConfiguredTarget,
        assembled: &[Assembled],
    ) -> Result<(), IntakeError> {
        if !self.are_for(target) {
            return Ok(());
        }
        for repository in target.repositories() {
            let store = presences.store();
            let presence = presences.of(&repository).await?;
            let mut present = Vec::new();
            for one in assembled.iter().filter(|one| one.repositories.contains(&repository)) {
                let identity = &one.record.identity;
                let content = presence.content(identity)?;
                if content.is_some() && content != one.record.uploaded() {
                    present.push((identity, presence.placed(identity)?));
                }
            }
            if present.is_empty() {
                continue;
            }
            let sources = Sources::of(store, target, &repository).await?;
            for (identity, placed) in present {
                sources.check(self, identity, placed)?;
            }
        }
        Ok(())
    }
}
