//! What readers see: the public tree, with roots and plain-named indexes as the heads say.

use std::sync::Arc;

use rws_model::RepositoryId;
use rws_store::{DirectoryEntry, Key, Stat, Store};

use crate::catalogue::Catalogue;
use crate::generation::Head;
use crate::plan::join;
use crate::{GenerationId, RepositoryError, private, reading};

/// The public tree of a store.
#[derive(Clone)]
pub struct Tree {
    store: Arc<dyn Store>,
    catalogue: Arc<Catalogue>,
}

/// What a public path names.
#[derive(Debug)]
pub enum Found {
    /// A file of a root, whose content is in the head.
    Root {
        /// The content.
        text: String,
        /// When it was published, in seconds since 1970.
        published_at: i64,
    },
    /// An object of the store.
    Object {
        /// Its key.
        key: Key,
        /// The object.
        stat: Stat,
        /// Whether the bytes behind the path can never change.
        immutable: bool,
        /// When the path came to name these bytes, in seconds since 1970, where that is another time than the object's.
        published_at: Option<i64>,
    },
}

impl Tree {
    /// The public tree of `store`.
    pub fn new(store: Arc<dyn Store>, catalogue: Arc<Catalogue>) -> Self {
        Self { store, catalogue }
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The file at a path without slashes at its ends; `None` where there is none.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn file(&self, path: &str) -> Result<Option<Found>, RepositoryError> {
        if let Some((generation, rest)) = path.strip_prefix('@').and_then(|path| path.split_once('/')) {
            return match GenerationId::parse(generation) {
                Some(generation) => self.file_of_generation(&generation, rest).await,
                None => Ok(None),
            };
        }
        if let Some(repository) = self.catalogue.by_metadata(path) {
            let (name, tree) = self.name(repository, path)?;
            if let Some((head, _)) = reading::head(&*self.store, repository).await? {
                if let Some(found) = root_file(&head, &name) {
                    return Ok(Some(found));
                }
                if let Some(stored) = head.plain.get(&name) {
                    return self.object(&join(&tree, stored), false, Some(head.published_at)).await;
                }
            }
        }
        self.object(path, is_immutable(path), None).await
    }

    /// The file at a path of a kept generation: its root, or what the public tree has.
    async fn file_of_generation(&self, id: &GenerationId, path: &str) -> Result<Option<Found>, RepositoryError> {
        let Some(repository) = self.catalogue.by_metadata(path) else {
            // packages come from the one tree, whatever the generation
            return self.object(path, true, None).await;
        };
        let (name, tree) = self.name(repository, path)?;
        let Ok(generation) = reading::generation(&*self.store, repository, id).await else { return Ok(None) };
        if let Some(file) = generation.root.into_iter().find(|file| file.name == name) {
            let published_at = id.seconds();
            return Ok(Some(Found::Root { text: file.text, published_at }));
        }
        let mut files = generation.indexes.into_iter().flat_map(|index| index.files);
        let stored = files.find(|file| file.plain_name.as_deref() == Some(&*name)).map(|file| file.stored_name);
        self.object(&join(&tree, stored.as_deref().unwrap_or(&name)), true, None).await
    }

    /// The current generation of a repository.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn generation(&self, repository: &RepositoryId) -> Result<Option<GenerationId>, RepositoryError> {
        Ok(reading::head(&*self.store, repository).await?.map(|(head, _)| head.generation))
    }

    /// The entries of a directory, private ones left out; `None` where there are none.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn directory(&self, path: &str) -> Result<Option<Vec<DirectoryEntry>>, RepositoryError> {
        if private::is_private(path) || (!path.is_empty() && Key::parse(path).is_none()) {
            return Ok(None);
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut entries = self.store.list_directory(&prefix).await?;
        entries.retain(|entry| match entry {
            DirectoryEntry::Directory(name) | DirectoryEntry::File(name, _) => {
                !private::is_private(&format!("{prefix}{name}"))
            }
        });
        // the top is there even when it is empty
        Ok((!entries.is_empty() || path.is_empty()).then_some(entries))
    }

    fn name(&self, repository: &RepositoryId, path: &str) -> Result<(String, String), RepositoryError> {
        let target =
            self.catalogue.repository(repository).ok_or_else(|| RepositoryError::Unknown(repository.clone()))?;
        let tree = target.format.layout(repository).tree;
        let name = path.strip_prefix(&format!("{tree}/")).unwrap_or(path).to_owned();
        Ok((name, tree))
    }

    async fn object(
        &self,
        path: &str,
        immutable: bool,
        published_at: Option<i64>,
    ) -> Result<Option<Found>, RepositoryError> {
        let Some(key) = Key::parse(path).filter(|_| !private::is_private(path)) else { return Ok(None) };
        let stat = self.store.stat(&key).await?;
        Ok(stat.map(|stat| Found::Object { key, stat, immutable, published_at }))
    }
}

fn root_file(head: &Head, name: &str) -> Option<Found> {
    let file = head.root.iter().find(|file| file.name == name)?;
    Some(Found::Root { text: file.text.clone(), published_at: head.published_at })
}

/// Whether a name holds the digest of what it names.
fn is_immutable(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.contains("/by-hash/")
        || name.get(..64).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
