//! What readers see: the public tree, with roots and plain-named indexes as the heads say.

mod past;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::FutureExt;
use rws_model::{Formats, RepositoryId, RootFile, sha256};
use rws_store::{Content, Depth, Key, MAX_PAGE_ENTRIES, Page, Span, Stat, Store, Version};

use crate::catalogue::{Catalogue, PublicTree};
use crate::foreign::ForeignRoots;
use crate::gather::gather;
use crate::generation::{Generation, Head, Heads};
use crate::plan::join;
use crate::readers::{Reader, Readers};
use crate::{GenerationId, RepositoryError, digest_names, private};

/// How many heads are read at the same time.
const HEADS_AT_ONCE: usize = 16;

/// How many repositories' heads are kept in memory.
const KEPT_HEADS: usize = 1024;

/// A root of another tool that is larger is not read.
const LARGEST_ROOT_BYTES: u64 = 4 << 20;

/// The public tree of a store.
pub struct Tree {
    store: Arc<dyn Store>,
    catalogue: Arc<Catalogue>,
    /// The names of generations that were asked for lately.
    kept: Mutex<VecDeque<(Key, Arc<Names>)>>,
    /// Generations whose packages were asked for lately.
    past: Mutex<VecDeque<(Key, Arc<Generation>)>>,
    /// The heads that were asked for lately.
    heads: Mutex<HashMap<RepositoryId, Arc<Current>>>,
    readers: Readers<Current>,
    foreign: Arc<ForeignRoots>,
}

/// A head, as its readers need it.
struct Current {
    head: Head,
    /// What the store said of it.
    version: Version,
    root: Vec<Root>,
}

/// A file of a root.
#[derive(Clone, Debug)]
struct Root {
    /// Its name relative to the tree.
    name: String,
    content: Bytes,
    /// Half of its SHA-256, in hexadecimal digits.
    tag: String,
}

impl From<RootFile> for Root {
    fn from(file: RootFile) -> Self {
        let tag = sha256(&file.content).hex()[..32].to_owned();
        Self { name: file.name, content: file.content.into(), tag }
    }
}

/// What is current in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The repository.
    pub repository: RepositoryId,
    /// Its generation.
    pub generation: GenerationId,
    /// When that was published, in seconds since 1970.
    pub published_at: i64,
    /// How many packages it has, where the head says it.
    pub packages: Option<u64>,
}

/// The files of one generation's metadata.
struct Names {
    root: Vec<Root>,
    /// The object behind each name of an index file, plain and stored, all relative to the tree.
    files: BTreeMap<String, String>,
}

/// A path of a repository's metadata.
struct MetadataLocation<'a> {
    tree: &'a str,
    /// The rest of the path below the tree.
    name: &'a str,
    /// Whether it is the name of a file that a root can have.
    is_root: bool,
}

impl<'a> MetadataLocation<'a> {
    fn of(public: &'a PublicTree, path: &'a str) -> Self {
        let below = path.strip_prefix(&public.tree).and_then(|rest| rest.strip_prefix('/'));
        let name = below.unwrap_or(path);
        Self { tree: &public.tree, name, is_root: public.root_names.iter().any(|root| root == name) }
    }
}

/// What is wanted of a file: with one answer of the store for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRequest {
    /// What it is.
    Stat,
    /// These bytes too.
    Bytes(Span),
}

/// Says who reads, when that matters.
pub type OfReader<'a> = dyn Fn() -> Reader + Send + Sync + 'a;

/// What a public path names.
pub enum PublicFile {
    /// A file of a root, whose content is in the head.
    Root {
        /// The content.
        content: Bytes,
        /// What tells it from all other contents, safe inside an HTTP ETag.
        tag: String,
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
        /// For how long the path names these bytes.
        lasting: CacheLifetime,
        /// When the path came to name these bytes, in seconds since 1970, where that is another time than the object's.
        published_at: Option<i64>,
    },
}

/// For how long a path names the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheLifetime {
    /// Its next publish may change that.
    Revalidated,
    /// It is a package's: its bytes never change while anything refers to them, and the name stays taken for ten minutes after
    /// they are gone. What else lies in the tree is somebody else's.
    Minutes,
    /// For ever: the name holds the digest of the bytes.
    Immutable,
}

impl Tree {
    /// The public tree of `store`.
    pub fn new(store: Arc<dyn Store>, catalogue: Arc<Catalogue>) -> Self {
        Self {
            store,
            catalogue,
            kept: Mutex::default(),
            past: Mutex::default(),
            heads: Mutex::default(),
            readers: Readers::default(),
            foreign: Arc::default(),
        }
    }

    /// The same with what others of this process see of the roots in the store.
    #[must_use]
    pub fn with_foreign_roots(self, foreign: Arc<ForeignRoots>) -> Self {
        Self { foreign, ..self }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    fn formats(&self) -> &Formats {
        self.catalogue.formats()
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
        wanted: FileRequest,
        reader: Option<&OfReader<'_>>,
    ) -> Result<Option<PublicFile>, RepositoryError> {
        if let Some((generation, rest)) = path.strip_prefix('@').and_then(|path| path.split_once('/')) {
            return match GenerationId::parse(generation) {
                Some(generation) => self.file_of_generation(&generation, rest, wanted).await,
                None => Ok(None),
            };
        }
        if self.formats().is_immutable(path) {
            return self.object(path, wanted, CacheLifetime::Immutable, None).await;
        }
        let Some(public) = self.catalogue.by_metadata(path) else { return self.package(path, wanted).await };
        let place = MetadataLocation::of(public, path);
        let reader = reader.map(|reader| reader());
        let Some(current) = self.head_for(reader, public, &place).await? else {
            return self.object(path, wanted, CacheLifetime::Revalidated, None).await;
        };
        let head = &current.head;
        if let Some(Root { content, tag, .. }) = current.root.iter().find(|file| file.name == place.name) {
            return Ok(Some(PublicFile::Root {
                content: content.clone(),
                tag: tag.clone(),
                published_at: head.published_at,
            }));
        }
        if place.is_root {
            // of another time, or of another tool: the root of this repository has no such file
            return Ok(None);
        }
        match head.plain.get(place.name) {
            Some(stored) => {
                let at = Some(head.published_at);
                self.object(&join(place.tree, stored), wanted, CacheLifetime::Revalidated, at).await
            }
            None => self.object(path, wanted, CacheLifetime::Revalidated, None).await,
        }
    }

    /// A package, or what else lies there, under its name or another writing of it.
    async fn package(&self, path: &str, wanted: FileRequest) -> Result<Option<PublicFile>, RepositoryError> {
        let formats = self.formats();
        let lasting =
            |path: &str| if formats.is_package(path) { CacheLifetime::Minutes } else { CacheLifetime::Revalidated };
        let found = self.object(path, wanted, lasting(path), None).await?;
        match formats.other_writing(path) {
            Some(other) if found.is_none() => self.object(&other, wanted, lasting(&other), None).await,
            _ => Ok(found),
        }
    }

    /// The head from which a reader gets a file: the current one, or the one that it began with; `None` where what stands in the
    /// store is served as it is.
    async fn head_for(
        &self,
        reader: Option<Reader>,
        public: &PublicTree,
        place: &MetadataLocation<'_>,
    ) -> Result<Option<Arc<Current>>, RepositoryError> {
        let repository = &public.repository;
        if let Some(head) = reader.and_then(|reader| self.readers.held(reader, repository, place.name)) {
            return Ok(Some(head));
        }
        let head = match self.head(repository).await? {
            // another tool's root is newer: all that it names stands in the store
            Some(one) if self.foreign.is_foreign(&*self.store, public, &one.head, &one.version).await? => None,
            head => head,
        };
        if let (Some(reader), Some(head)) = (reader, &head)
            && place.is_root
        {
            self.readers.begin(reader, repository, place.name, head);
        }
        Ok(head)
    }

    /// The current head: read only when it is another one than last time.
    async fn head(&self, repository: &RepositoryId) -> Result<Option<Arc<Current>>, RepositoryError> {
        let known = lock(&self.heads).get(repository).cloned();
        if let Some(current) = known
            && Heads(&*self.store).stat(repository).await?.is_some_and(|stat| stat.version == current.version)
        {
            return Ok(Some(current));
        }
        let Some((head, version)) = Heads(&*self.store).read(repository).await? else { return Ok(None) };
        let root = head.root.iter().cloned().map(Root::from).collect();
        let current = Arc::new(Current { head, version, root });
        let mut heads = lock(&self.heads);
        if heads.len() >= KEPT_HEADS {
            heads.clear();
        }
        heads.insert(repository.clone(), Arc::clone(&current));
        Ok(Some(current))
    }

    /// The root that readers of a repository get: of its current generation; of another tool, where it has none; empty where there
    /// is no repository.
    ///
    /// # Errors
    ///
    /// When the store fails, or the repository is not configured.
    pub async fn root(&self, repository: &RepositoryId) -> Result<Vec<RootFile>, RepositoryError> {
        if let Some(current) = self.head(repository).await? {
            return Ok(current.head.root.clone());
        }
        let target =
            self.catalogue.repository(repository).ok_or_else(|| RepositoryError::Unknown(repository.clone()))?;
        let tree = target.format.layout(repository).tree;
        let mut root = Vec::new();
        for name in target.format.root_names(repository) {
            let Some(key) = Key::parse(&join(&tree, &name)) else { continue };
            let found = self.store.read(&key, Span::Whole).await?;
            if let Some(content) = found.filter(|content| content.stat.size_bytes <= LARGEST_ROOT_BYTES) {
                root.push(RootFile::new(name, content.collect().await?));
            }
        }
        Ok(root)
    }

    /// The current generation of a repository.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn generation(&self, repository: &RepositoryId) -> Result<Option<GenerationId>, RepositoryError> {
        Ok(self.head(repository).await?.map(|current| current.head.generation.clone()))
    }

    /// What is current in a repository.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn published(&self, repository: &RepositoryId) -> Result<Option<Published>, RepositoryError> {
        Ok(self.head(repository).await?.map(|current| Published {
            repository: repository.clone(),
            generation: current.head.generation.clone(),
            published_at: current.head.published_at,
            packages: current.head.packages,
        }))
    }

    /// How many packages of a repository have the signature of each key, by its fingerprint; `None` where that is not known.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn package_signatures(
        &self,
        repository: &RepositoryId,
    ) -> Result<Option<BTreeMap<String, u64>>, RepositoryError> {
        Ok(match self.head(repository).await? {
            Some(current) => current.head.package_signatures.clone(),
            None => Some(BTreeMap::new()),
        })
    }

    /// The current generations of all repositories, in the order of their names. Heads that did not change are not read again.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn generations(
        &self,
        is_wanted: impl Fn(&RepositoryId) -> bool,
    ) -> Result<Vec<Published>, RepositoryError> {
        let mut reads = Vec::new();
        let heads = Heads(&*self.store).list().await?;
        for (repository, stat) in heads.into_iter().filter(|(repository, _)| is_wanted(repository)) {
            reads.push(
                async move {
                    let known = lock(&self.heads).get(&repository).cloned();
                    let current = match known.filter(|current| current.version == stat.version) {
                        Some(current) => Some(current),
                        None => self.head(&repository).await?,
                    };
                    Ok(current.map(|current| Published {
                        repository,
                        generation: current.head.generation.clone(),
                        published_at: current.head.published_at,
                        packages: current.head.packages,
                    }))
                }
                .boxed(),
            );
        }
        let published = gather::<_, RepositoryError>(HEADS_AT_ONCE, reads).await?;
        Ok(published.into_iter().flatten().collect())
    }

    /// A part of what is below a path without slashes at its ends, private names left out; `None` where there is nothing.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn page(
        &self,
        path: &str,
        depth: Depth,
        from: Option<&str>,
        most: usize,
    ) -> Result<Option<Page>, RepositoryError> {
        if private::is_private(path) || (!path.is_empty() && Key::parse(path).is_none()) {
            return Ok(None);
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let (mut from, mut most) = (from.map(str::to_owned), most);
        loop {
            let mut page = self.store.page(&prefix, depth, from.as_deref(), most).await?;
            page.entries.retain(|entry| !private::is_private(entry.name()));
            match page.next {
                Some(next) if page.entries.is_empty() => (from, most) = (Some(next), MAX_PAGE_ENTRIES),
                // the top is there even when it is empty
                _ => return Ok((!page.entries.is_empty() || path.is_empty()).then_some(page)),
            }
        }
    }

    async fn object(
        &self,
        path: &str,
        wanted: FileRequest,
        lasting: CacheLifetime,
        published_at: Option<i64>,
    ) -> Result<Option<PublicFile>, RepositoryError> {
        let Some(key) = Key::parse(path).filter(|_| !private::is_private(path)) else { return Ok(None) };
        let (stat, content) = match wanted {
            FileRequest::Stat => (self.store.stat(&key).await?, None),
            FileRequest::Bytes(span) => {
                let mut content = self.store.read(&key, span).await?;
                if let (Some(content), Some(digest), Span::Whole) =
                    (&mut content, self.formats().named_digest(path), span)
                {
                    let bytes = std::mem::replace(&mut content.bytes, Box::pin(futures::stream::empty()));
                    content.bytes = digest_names::checked(bytes, digest, key.clone());
                }
                (content.as_ref().map(|content| content.stat.clone()), content)
            }
        };
        Ok(stat.map(|stat| PublicFile::Object { key, stat, content, lasting, published_at }))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
