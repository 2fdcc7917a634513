//! Which repositories there are, of all that can be.

use std::collections::{BTreeSet, HashMap};

use rws_model::RepositoryId;
use rws_store::{DirectoryEntry, Key, Store};

use crate::catalogue::{Catalogue, ConfiguredTarget};
use crate::generation::Heads;
use crate::plan::join;
use crate::{RepositoryError, private};

/// Those of some repositories that have a head, anything in their part of the tree, or an upload that waits. One listing of all
/// heads, one of what waits, and one of each directory above a repository that is there.
///
/// # Errors
///
/// When the store fails, or a repository is not configured.
pub async fn existing(
    store: &dyn Store,
    catalogue: &Catalogue,
    repositories: &[RepositoryId],
) -> Result<Vec<RepositoryId>, RepositoryError> {
    let heads = Heads(store).list().await?;
    let pointers = store.list(private::PENDING).await?;
    let waiting = pointers.iter().filter_map(|listed| private::pointer_parts(&listed.key));
    let known = heads.into_iter().map(|(repository, _)| repository);
    let known: BTreeSet<RepositoryId> = known.chain(waiting.map(|(repository, _)| repository)).collect();
    let mut directories = Directories { store, listed: HashMap::new() };
    let mut existing = Vec::new();
    for repository in repositories {
        let target = catalogue.repository(repository).ok_or_else(|| RepositoryError::Unknown(repository.clone()))?;
        let layout = target.format.layout(repository);
        let mut exists = known.contains(repository);
        for directory in [&layout.packages, &layout.metadata] {
            let path = join(&layout.tree, directory);
            exists = exists || directories.contains(path.trim_end_matches('/')).await?;
        }
        if exists {
            existing.push(repository.clone());
        }
    }
    Ok(existing)
}

/// Whether a repository without a head has neither a root nor packages, of whatever tool. Index files alone are what a first
/// publish left that did not come to its end.
///
/// # Errors
///
/// When the store fails.
pub async fn is_untouched(
    store: &dyn Store,
    target: &ConfiguredTarget,
    repository: &RepositoryId,
) -> Result<bool, RepositoryError> {
    let layout = target.format.layout(repository);
    for name in target.format.root_names(repository) {
        let key = Key::parse(&join(&layout.tree, &name));
        if let Some(key) = key
            && store.stat(&key).await?.is_some()
        {
            return Ok(false);
        }
    }
    let packages = join(&layout.tree, &layout.packages);
    let entries = store.list_directory(&format!("{}/", packages.trim_end_matches('/'))).await?;
    let is_metadata = |entry: &DirectoryEntry| matches!(entry, DirectoryEntry::Directory(name) if join(&layout.packages, name) == layout.metadata);
    Ok(entries.iter().all(is_metadata))
}

/// The directories of a store, each listed once.
struct Directories<'a> {
    store: &'a dyn Store,
    /// The names of the directories in each that was looked at.
    listed: HashMap<String, BTreeSet<String>>,
}

impl Directories<'_> {
    /// Whether a directory is there: nothing below one that is not is asked for.
    async fn contains(&mut self, path: &str) -> Result<bool, RepositoryError> {
        let mut above = String::new();
        for name in path.split('/') {
            if !self.names(&above).await?.contains(name) {
                return Ok(false);
            }
            above = join(&above, name);
        }
        Ok(true)
    }

    async fn names(&mut self, path: &str) -> Result<&BTreeSet<String>, RepositoryError> {
        if !self.listed.contains_key(path) {
            let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
            let directory = |entry| match entry {
                DirectoryEntry::Directory(name) => Some(name),
                DirectoryEntry::File(..) => None,
            };
            let names = self.store.list_directory(&prefix).await?.into_iter().filter_map(directory).collect();
            self.listed.insert(path.to_owned(), names);
        }
        Ok(self.listed.entry(path.to_owned()).or_default())
    }
}
