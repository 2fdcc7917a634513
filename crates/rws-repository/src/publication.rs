//! What a generation brought: the packages that it has and the one before it had not, or had otherwise.

use rws_model::{FileName, Identity, PackageName};

use crate::RepositoryError;
use crate::catalogue::ConfiguredTarget;
use crate::generation::{Generation, PackageRow, package_order};
use crate::history::{CommitChanges, is_same};

/// What a generation brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    /// The first packages that came, changed or went; those that went come last.
    pub packages: Vec<PublishedPackage>,
    /// How many there are of each.
    pub changes: CommitChanges,
}

/// A package that came, changed or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedPackage {
    /// The package.
    pub package: PackageName,
    /// What became of it.
    pub change: PackageChange,
    /// Its own file.
    pub file: Option<FileName>,
}

/// What became of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageChange {
    /// It came.
    Added,
    /// It got other content.
    Replaced,
    /// It went.
    Removed,
}

/// What a generation brought; at most `most` packages of it are named. Only the parts of the manifests that differ are read.
///
/// # Errors
///
/// When a manifest is damaged.
pub fn between(
    target: &ConfiguredTarget,
    before: &Generation,
    after: &Generation,
    most: usize,
) -> Result<Publication, RepositoryError> {
    let order = package_order(&*target.format);
    let mut publication = Publication::default();
    let mut gone = Vec::new();
    let mut note = |row: &PackageRow, change: PackageChange| {
        let named = target.format.package_name(&Identity(row.identity.clone()), row.files.first());
        let Some(package) = named else { return };
        let packages = match change {
            PackageChange::Added => {
                publication.changes.added += 1;
                &mut publication.packages
            }
            PackageChange::Replaced => {
                publication.changes.replaced += 1;
                &mut publication.packages
            }
            PackageChange::Removed => {
                publication.changes.removed += 1;
                &mut gone
            }
        };
        if packages.len() < most {
            packages.push(PublishedPackage { package, change, file: row.files.first().cloned() });
        }
    };
    for row in after.packages.rows_not_in(&before.packages).map_err(damaged(after))? {
        match before.packages.get(&row.identity, &order).map_err(damaged(before))? {
            None => note(&row, PackageChange::Added),
            Some(was) if is_same((before, &was), (after, &row))? => {}
            Some(_) => note(&row, PackageChange::Replaced),
        }
    }
    for row in before.packages.rows_not_in(&after.packages).map_err(damaged(before))? {
        if after.packages.get(&row.identity, &order).map_err(damaged(after))?.is_none() {
            note(&row, PackageChange::Removed);
        }
    }
    publication.packages.extend(gone);
    publication.packages.truncate(most);
    Ok(publication)
}

fn damaged(generation: &Generation) -> impl FnOnce(std::io::Error) -> RepositoryError + use<'_> {
    RepositoryError::generation(&generation.repository)
}

/// What the first generation of a repository brought: all that it has.
///
/// # Errors
///
/// When the manifest is damaged.
pub fn first(target: &ConfiguredTarget, generation: &Generation, most: usize) -> Result<Publication, RepositoryError> {
    let named = |row: &PackageRow| target.format.package_name(&Identity(row.identity.clone()), row.files.first());
    let rows = generation.packages.first(most, |row| named(row).is_some());
    let rows = rows.map_err(RepositoryError::generation(&generation.repository))?;
    let packages = rows.iter().filter_map(|row| {
        let file = row.files.first().cloned();
        Some(PublishedPackage { package: named(row)?, change: PackageChange::Added, file })
    });
    let added = usize::try_from(generation.renderers.values().sum::<u64>()).unwrap_or(usize::MAX);
    let packages = packages.collect();
    Ok(Publication { packages, changes: CommitChanges { added, ..CommitChanges::default() } })
}
