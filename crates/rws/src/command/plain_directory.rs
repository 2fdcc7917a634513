//! Which repositories a directory has that belongs to no installation.

use std::sync::Arc;

use anyhow::Context;
use rws_model::{Format, Formats, PlainDirectory, RepositoryId};
use rws_store::{DirectoryEntry, Key, Listed, Store};

use super::index::MOUNT;

/// The repositories of a store, each with the format of its packages.
///
/// # Errors
///
/// When the store fails, or a name is none of a repository.
pub async fn find(store: &dyn Store, formats: &Formats) -> anyhow::Result<Vec<(RepositoryId, Arc<dyn Format>)>> {
    let mut found = Vec::new();
    for format in formats.iter() {
        if let PlainDirectory::Parts { parent, .. } = format.plain_directory() {
            for entry in store.list_directory(&format!("{parent}/")).await? {
                let DirectoryEntry::Directory(name) = entry else { continue };
                let id = RepositoryId::parse(&format!("{MOUNT}/{name}"));
                found.push((
                    id.with_context(|| format!("the directory name in {parent}/{name} is not a valid codename"))?,
                    Arc::clone(format),
                ));
            }
        }
    }
    if found.is_empty()
        && let Some(format) = of_whole(store, formats).await?
    {
        found.extend(RepositoryId::parse(MOUNT).map(|id| (id, format)));
    }
    Ok(found)
}

/// The format of a directory that is one repository: it has an index, or a package. An indexed directory is not listed once
/// more for this.
async fn of_whole(store: &dyn Store, formats: &Formats) -> anyhow::Result<Option<Arc<dyn Format>>> {
    let mut files: Option<Vec<Listed>> = None;
    for format in formats.iter() {
        let PlainDirectory::Whole { root, package, .. } = format.plain_directory() else { continue };
        let root = Key::parse(root).context("a path of every repository")?;
        if store.stat(&root).await?.is_some() {
            return Ok(Some(Arc::clone(format)));
        }
        let files = match &mut files {
            Some(files) => files,
            none => none.insert(store.list("").await?),
        };
        if files.iter().any(|listed| listed.key.as_str().ends_with(package)) {
            return Ok(Some(Arc::clone(format)));
        }
    }
    Ok(None)
}

/// What is missing where there is none.
pub fn missing(formats: &Formats) -> String {
    let (mut parts, mut whole) = (Vec::new(), Vec::new());
    for format in formats.iter() {
        match format.plain_directory() {
            PlainDirectory::Parts { description, .. } => parts.push(description),
            PlainDirectory::Whole { description, .. } => whole.push(description),
        }
    }
    parts.extend(whole);
    format!("neither {}", parts.join(" nor "))
}
