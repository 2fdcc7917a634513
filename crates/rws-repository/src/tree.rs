//! What readers see: the public tree, with roots and plain-named indexes as the heads say.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rws_model::{RepositoryId, RootFile};
use rws_store::{Content, DirectoryEntry, Key, Span, Stat, Store};

use crate::catalogue::Catalogue;
use crate::generation::Head;
use crate::pins::{Pins, Reader};
use crate::plan::join;
use crate::{GenerationId, RepositoryError, private, reading};

/// How many generations' names are kept in memory.
const KEPT_GENERATIONS: usize = 64;

/// The public tree of a store.
pub struct Tree {
    store: Arc<dyn Store>,
    catalogue: Arc<Catalogue>,
    /// The names of generations that were asked for lately.
    kept: Mutex<VecDeque<(Key, Arc<Names>)>>,
    pins: Pins,
}

/// The files of one generation's metadata.
struct Names {
    root: Vec<RootFile>,
    /// The object behind each name of an index file, plain and stored, all relative to the tree.
    files: BTreeMap<String, String>,
}

/// A path of a repository's metadata.
struct Place {
    tree: String,
    /// The rest of the path below the tree.
    name: String,
    /// Whether it is the name of a file that a root can have.
    is_root: bool,
}

/// What is wanted of a file: with one answer of the store for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What it is.
    Stat,
    /// These bytes too.
    Bytes(Span),
}

/// What a public path names.
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
        /// The bytes that are wanted.
        content: Option<Content>,
        /// Whether the bytes behind the path can never change.
        immutable: bool,
        /// When the path came to name these bytes, in seconds since 1970, where that is another time than the object's.
        published_at: Option<i64>,
    },
}

impl Tree {
    /// The public tree of `store`.
    pub fn new(store: Arc<dyn Store>, catalogue: Arc<Catalogue>) -> Self {
        Self { store, catalogue, kept: Mutex::default(), pins: Pins::default() }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The file at a path without slashes at its ends; `None` where there is none. A `reader` goes on with the state of a
    /// repository that it began with.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn file(
        &self,
        path: &str,
        wanted: Wanted,
        reader: Option<&Reader>,
    ) -> Result<Option<Found>, RepositoryError> {
        if let Some((generation, rest)) = path.strip_prefix('@').and_then(|path| path.split_once('/')) {
            return match GenerationId::parse(generation) {
                Some(generation) => self.file_of_generation(&generation, rest, wanted).await,
                None => Ok(None),
            };
        }
        let Some(repository) = self.catalogue.by_metadata(path) else {
            return self.object(path, wanted, is_immutable(path), None).await;
        };
        let place = self.place(repository, path)?;
        let Some(head) = self.head_for(reader, repository, &place).await? else {
            return self.object(path, wanted, is_immutable(path), None).await;
        };
        if let Some(file) = head.root.iter().find(|file| file.name == place.name) {
            return Ok(Some(Found::Root { text: file.text.clone(), published_at: head.published_at }));
        }
        if place.is_root {
            // of another time, or of another tool: the root of this repository has no such file
            return Ok(None);
        }
        match head.plain.get(&place.name) {
            Some(stored) => self.object(&join(&place.tree, stored), wanted, false, Some(head.published_at)).await,
            None => self.object(path, wanted, is_immutable(path), None).await,
        }
    }

    /// The head from which a reader gets a file: the current one, or the one that it began with.
    async fn head_for(
        &self,
        reader: Option<&Reader>,
        repository: &RepositoryId,
        place: &Place,
    ) -> Result<Option<Arc<Head>>, RepositoryError> {
        if let Some(head) = reader.and_then(|reader| self.pins.held(reader, repository, &place.name)) {
            return Ok(Some(head));
        }
        let head = reading::head(&*self.store, repository).await?.map(|(head, _)| Arc::new(head));
        if let (Some(reader), Some(head)) = (reader, &head)
            && place.is_root
        {
            self.pins.begin(reader, repository, &place.name, head);
        }
        Ok(head)
    }

    /// The file at a path of a kept generation: its root and its indexes; packages, and other files whose names hold their
    /// digests, come from the one tree, whatever the generation.
    async fn file_of_generation(
        &self,
        id: &GenerationId,
        path: &str,
        wanted: Wanted,
    ) -> Result<Option<Found>, RepositoryError> {
        let Some(repository) = self.catalogue.by_metadata(path) else {
            return self.object(path, wanted, false, None).await;
        };
        let place = self.place(repository, path)?;
        let Some(names) = self.names(repository, id).await? else { return Ok(None) };
        if let Some(file) = names.root.iter().find(|file| file.name == place.name) {
            return Ok(Some(Found::Root { text: file.text.clone(), published_at: id.seconds() }));
        }
        match names.files.get(&place.name) {
            Some(stored) => self.object(&join(&place.tree, stored), wanted, true, None).await,
            // sent and carried metadata: like packages, one file for all generations
            None if is_immutable(path) => self.object(path, wanted, true, None).await,
            None => Ok(None),
        }
    }

    /// The names of a generation; `None` where it does not exist (any more).
    async fn names(&self, repository: &RepositoryId, id: &GenerationId) -> Result<Option<Arc<Names>>, RepositoryError> {
        let key = private::manifest(repository, id);
        let known = self.kept().iter().find(|(known, _)| *known == key).map(|(_, names)| Arc::clone(names));
        if known.is_some() {
            return Ok(known);
        }
        if self.store.stat(&key).await?.is_none() {
            return Ok(None);
        }
        let generation = reading::generation(&*self.store, repository, id).await?;
        let mut files = BTreeMap::new();
        for file in generation.indexes.into_iter().flat_map(|index| index.files) {
            files.extend(file.plain_name.map(|plain| (plain, file.stored_name.clone())));
            files.insert(file.stored_name.clone(), file.stored_name);
        }
        let names = Arc::new(Names { root: generation.root, files });
        let mut kept = self.kept();
        kept.truncate(KEPT_GENERATIONS - 1);
        kept.push_front((key, Arc::clone(&names)));
        Ok(Some(names))
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(Key, Arc<Names>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn place(&self, repository: &RepositoryId, path: &str) -> Result<Place, RepositoryError> {
        let target =
            self.catalogue.repository(repository).ok_or_else(|| RepositoryError::Unknown(repository.clone()))?;
        let tree = target.format.layout(repository).tree;
        let name = path.strip_prefix(&format!("{tree}/")).unwrap_or(path).to_owned();
        let is_root = target.format.root_names(repository).contains(&name);
        Ok(Place { tree, name, is_root })
    }

    async fn object(
        &self,
        path: &str,
        wanted: Wanted,
        immutable: bool,
        published_at: Option<i64>,
    ) -> Result<Option<Found>, RepositoryError> {
        let Some(key) = Key::parse(path).filter(|_| !private::is_private(path)) else { return Ok(None) };
        let (stat, content) = match wanted {
            Wanted::Stat => (self.store.stat(&key).await?, None),
            Wanted::Bytes(span) => {
                let content = self.store.read(&key, span).await?;
                (content.as_ref().map(|content| content.stat.clone()), content)
            }
        };
        Ok(stat.map(|stat| Found::Object { key, stat, content, immutable, published_at }))
    }
}

/// Whether a name holds the digest of what it names.
fn is_immutable(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.contains("/by-hash/")
        || name.get(..64).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
