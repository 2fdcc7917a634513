//! Which packages of a target are meant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rws_model::{FileName, Identity, PackageName, RepositoryId};
use rws_store::Store;

use super::PromotionError;
use crate::catalogue::ConfiguredTarget;
use crate::error::RepositoryError;
use crate::generation::{Generation, Heads, PackageRow};
use crate::selection::Selector;
use crate::{GenerationId, reading};

/// Which packages are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// All.
    All,
    /// Those that one of these stands for; each stands for one at least. A name without a version stands for the only version that
    /// there is.
    These(Vec<Selector>),
}

/// A package of the source.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    /// Where it is.
    pub(super) repository: RepositoryId,
    /// What the generation says of it.
    pub(super) row: PackageRow,
    /// What it is.
    pub(super) package: PackageName,
    /// Its own file.
    pub(super) file: FileName,
    /// What packages that were built from it call it; `None` for one that is no source.
    pub(super) source_name: Option<String>,
}

/// The target that packages come from, as it is now.
pub(super) struct Source<'a> {
    target: &'a Arc<ConfiguredTarget>,
    generations: BTreeMap<RepositoryId, Generation>,
    packages: Vec<Chosen>,
}

impl<'a> Source<'a> {
    /// Reads the current generations of its repositories.
    pub(super) async fn load(
        store: &Arc<dyn Store>,
        target: &'a Arc<ConfiguredTarget>,
    ) -> Result<Self, RepositoryError> {
        let (mut generations, mut packages) = (BTreeMap::new(), Vec::new());
        for repository in target.repositories() {
            let Some((head, _)) = Heads(&**store).read(&repository).await? else { continue };
            let generation = reading::generation(&**store, &repository, &head.generation).await?;
            let rows = generation.packages.all().map_err(RepositoryError::generation(&repository))?;
            packages.extend(rows.into_iter().filter_map(|row| chosen(target, &repository, row)));
            generations.insert(repository, generation);
        }
        Ok(Self { target, generations, packages })
    }

    /// Its repositories with their generations.
    pub(super) fn generations(&self) -> impl Iterator<Item = (RepositoryId, GenerationId)> {
        self.generations.iter().map(|(repository, generation)| (repository.clone(), generation.id.clone()))
    }

    /// What one of its repositories has.
    pub(super) fn generation(&self, repository: &RepositoryId) -> Option<&Generation> {
        self.generations.get(repository)
    }

    /// The names of all its packages.
    pub(super) fn names(&self) -> BTreeSet<&String> {
        self.packages.iter().filter(|one| one.source_name.is_none()).map(|one| &one.package.name).collect()
    }

    /// The sources that packages were built from, by what those call them.
    pub(super) fn sources(&self, wanted: &BTreeSet<String>) -> Vec<Chosen> {
        let is_wanted = |one: &&Chosen| one.source_name.as_ref().is_some_and(|name| wanted.contains(name));
        self.packages.iter().filter(is_wanted).cloned().collect()
    }

    /// The packages that are meant. Sources are among them only where they are asked for, and by a name only where no binary
    /// package has it.
    pub(super) fn choose(&self, choice: &Choice, sources: bool) -> Result<Vec<Chosen>, PromotionError> {
        let from = || self.target.target.to_string();
        let selectors = match choice {
            Choice::All => {
                let all: Vec<Chosen> =
                    self.packages.iter().filter(|one| sources || one.source_name.is_none()).cloned().collect();
                let nothing = || PromotionError::NoPackage { from: from(), selector: "there".to_owned() };
                return if all.is_empty() { Err(nothing()) } else { Ok(all) };
            }
            Choice::These(selectors) => selectors,
        };
        let mut chosen: BTreeMap<(RepositoryId, Identity), &Chosen> = BTreeMap::new();
        for selector in selectors {
            let of_kind = |is_source: bool| {
                let fitting = self.packages.iter().filter(move |one| one.source_name.is_some() == is_source);
                fitting.filter(|one| selector.matches(&*self.target.format, &one.package)).collect::<Vec<_>>()
            };
            let mut found = of_kind(false);
            if found.is_empty() && sources {
                found = of_kind(true);
            }
            if found.is_empty() {
                return Err(PromotionError::NoPackage { from: from(), selector: selector.to_string() });
            }
            if selector.version.is_none() {
                let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
                for one in &found {
                    versions.entry(&one.package.name).or_default().insert(&one.package.version);
                }
                if let Some((name, versions)) = versions.into_iter().find(|(_, versions)| versions.len() > 1) {
                    let versions = versions.into_iter().map(str::to_owned).collect();
                    return Err(PromotionError::Ambiguous { from: from(), name: name.to_owned(), versions });
                }
            }
            chosen.extend(
                found.into_iter().map(|one| ((one.repository.clone(), Identity(one.row.identity.clone())), one)),
            );
        }
        Ok(chosen.into_values().cloned().collect())
    }
}

/// A row that is a package; not one of metadata or of a lone file.
fn chosen(target: &ConfiguredTarget, repository: &RepositoryId, row: PackageRow) -> Option<Chosen> {
    let identity = Identity(row.identity.clone());
    let file = row.files.first()?.clone();
    let package = target.format.package_name(&identity, Some(&file))?;
    let source_name = target.format.source_name(&identity, &file);
    Some(Chosen { repository: repository.clone(), row, package, file, source_name })
}
