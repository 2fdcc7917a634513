//! The packages of published repositories, as one may read them: for pages and the API.

use std::sync::{Arc, PoisonError};

use rws_model::{Format, Identity, PackageName, RecordFile, RepositoryId, Target};
use rws_repository::catalogue::ConfiguredTarget;
use rws_repository::entries::{self, FoundEntries, StoredEntries};
use rws_repository::generation_lists::{GenerationList, GenerationLists, TooLarge};
use rws_repository::history::{self, State};
use rws_repository::package_list::PackageList;
use rws_repository::promotion;
use rws_repository::publication::{self, Publication};
use rws_repository::tree::Published;
use rws_repository::{Generation, PackageRow, RepositoryError};
use rws_store::{Content, Key, Span};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::{Closed, Gate, ReadableTarget};
use crate::access::Reader;
use crate::answer::Problem;

/// So many publications are kept in memory, of at most some kilobytes each.
const KEPT_PUBLICATIONS: usize = 500;

/// In so many of the latest states it is looked where a package came from.
const MAX_SEARCHED_STATES: usize = 4;

/// So many packages of a publication are named.
pub const MAX_PUBLISHED: usize = 20;

/// A published repository that may be read, and its target.
#[derive(Clone)]
pub struct ReadableContents {
    target: Arc<ConfiguredTarget>,
    published: Published,
    is_private: bool,
}

/// A package of such a repository.
pub struct ReadablePackage {
    /// What it is to people.
    pub name: PackageName,
    /// Its files, its own first, each with its public path.
    pub files: Vec<(String, RecordFile)>,
    row: PackageRow,
}

impl ReadablePackage {
    /// What its format calls it.
    pub fn identity(&self) -> Identity {
        Identity(self.row.identity.clone())
    }

    /// Whether it has the version and the architecture of another package.
    pub fn is_like(&self, other: &PackageName, format: &dyn Format) -> bool {
        self.name.architecture == other.architecture && format.is_same_version(&self.name.version, &other.version)
    }

    /// The fingerprint of the key that signed it, where RWS knows that.
    pub fn signed_by(&self) -> Option<&str> {
        self.row.signature.as_ref().map(|signature| signature.key.as_str()).filter(|key| !key.is_empty())
    }
}

impl ReadableContents {
    /// The target.
    pub fn target(&self) -> &ConfiguredTarget {
        &self.target
    }

    /// What is published.
    pub fn published(&self) -> &Published {
        &self.published
    }

    /// Whether not everybody may read it.
    pub fn is_private(&self) -> bool {
        self.is_private
    }

    /// A package of it.
    pub(super) fn package(
        &self,
        generation: &Generation,
        name: PackageName,
        row: PackageRow,
    ) -> Result<ReadablePackage, RepositoryError> {
        let repository = &self.published.repository;
        let tree = self.target.format.layout(repository).tree;
        let order = |left: &str, right: &str| left.cmp(right);
        let mut files = Vec::new();
        for file in &row.files {
            let path = [row.directory.as_str(), file.as_str()].join("/");
            let path = path.trim_start_matches('/');
            let known = generation.files.get(path, &order).map_err(RepositoryError::generation(repository))?;
            let public = [tree.as_str(), path].join("/");
            files.extend(
                known.and_then(|file| Some((public.trim_start_matches('/').to_owned(), file.as_record_file()?))),
            );
        }
        Ok(ReadablePackage { name, files, row })
    }
}

impl Gate {
    /// All published repositories that are configured, as far as this one may read them, in the order of their names.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn readable_contents(&self, reader: &Reader) -> Result<Vec<ReadableContents>, RepositoryError> {
        let may_see = |repository: &RepositoryId| self.may_see(reader, repository.as_str());
        let published = self.tree.generations(may_see).await?;
        self.lists.keep_only(&published, may_see);
        self.build_ids.keep_only(&published, may_see);
        Ok(published.into_iter().filter_map(|published| self.contents(reader, published)).collect())
    }

    /// One of them; `None` for one that is not configured, or was never published.
    ///
    /// # Errors
    ///
    /// When this one may not know of it, and when the store fails.
    pub async fn readable_published(
        &self,
        reader: &Reader,
        repository: &str,
    ) -> Result<Option<ReadableContents>, Problem> {
        let Some(id) = RepositoryId::parse(repository) else { return Ok(None) };
        if !self.may_see(reader, repository) {
            return Err(Closed::to(reader).into());
        }
        let published = self.tree.published(&id).await?;
        Ok(published.and_then(|published| self.contents(reader, published)))
    }

    /// The same of one target.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn contents_of(
        &self,
        reader: &Reader,
        readable: &ReadableTarget<'_>,
    ) -> Result<Vec<ReadableContents>, RepositoryError> {
        let mut contents = Vec::new();
        for repository in readable.configured().repositories() {
            let published = self.tree.published(&repository).await?;
            contents.extend(published.and_then(|published| self.contents(reader, published)));
        }
        Ok(contents)
    }

    fn contents(&self, reader: &Reader, published: Published) -> Option<ReadableContents> {
        let target = Arc::clone(self.catalogue.repository(&published.repository)?);
        let is_private = self.depends_on_reader(reader, published.repository.as_str());
        Some(ReadableContents { target, published, is_private })
    }

    /// The names of the packages of a repository; within it, where there is no room for them in memory.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn package_list(
        self: &Arc<Self>,
        contents: &ReadableContents,
    ) -> Result<Result<Arc<PackageList>, TooLarge>, Problem> {
        self.list(contents, |gate| &gate.lists).await
    }

    /// What is made of all packages of a repository.
    pub(super) async fn list<L: GenerationList + 'static>(
        self: &Arc<Self>,
        contents: &ReadableContents,
        lists: fn(&Self) -> &GenerationLists<L>,
    ) -> Result<Result<Arc<L>, TooLarge>, Problem> {
        let ReadableContents { published, is_private, .. } = contents;
        if let Some(known) = lists(self).known(published, *is_private) {
            return Ok(known);
        }
        let turn = lists(self).turn().await;
        // it is read to its end although the one who asked may go: the next one who asks finds it
        let (gate, contents, runtime) = (Arc::clone(self), contents.clone(), Handle::current());
        let reading = spawn_blocking(move || {
            let ReadableContents { target, published, is_private } = &contents;
            runtime.block_on(lists(&gate).read(&turn, &gate.tree, target, published, *is_private))
        });
        Ok(reading.await??)
    }

    /// How many bytes lists of packages and of build IDs take.
    pub fn list_bytes(&self) -> usize {
        self.lists.bytes() + self.build_ids.bytes()
    }

    /// The packages of a name, as the format orders them: for most the older version first.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn packages_of(
        &self,
        contents: &ReadableContents,
        name: &str,
    ) -> Result<Vec<ReadablePackage>, RepositoryError> {
        let generation = self.generation_of(contents).await?;
        let named = entries::of_name(&contents.target, &generation, name)?;
        named.into_iter().map(|(name, row)| contents.package(&generation, name, row)).collect()
    }

    /// The index entries of a package.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn entries_of(
        &self,
        contents: &ReadableContents,
        package: &ReadablePackage,
    ) -> Result<FoundEntries, RepositoryError> {
        let generation = self.generation_of(contents).await?;
        let stored = StoredEntries { store: self.store(), target: &contents.target, generation: &generation };
        stored.of(&package.row).await
    }

    /// The bytes of a package at a public path that `ReadablePackage` has; `None` where it is gone.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn package_content(&self, path: &str) -> Result<Option<Content>, RepositoryError> {
        let Some(key) = Key::parse(path) else { return Ok(None) };
        Ok(self.store().read(&key, Span::Whole).await?)
    }

    /// When a file was put where it is, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn stored_at(&self, package: &ReadablePackage) -> Result<Option<i64>, RepositoryError> {
        let Some(key) = package.files.first().and_then(|(path, _)| Key::parse(path)) else { return Ok(None) };
        let stat = self.store().stat(&key).await?;
        Ok(stat.map(|stat| stat.modified_milliseconds.div_euclid(1000)))
    }

    /// The target that a package was promoted from, where this one may read that, and the state that brought the package is one of
    /// the latest.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn promoted_from(
        &self,
        reader: &Reader,
        contents: &ReadableContents,
        package: &ReadablePackage,
    ) -> Result<Option<Target>, RepositoryError> {
        let repository = &contents.published.repository;
        let Some(head) = history::head(&**self.store(), repository).await? else { return Ok(None) };
        let mut came_with = None;
        for state in history::states(&head).iter().take(MAX_SEARCHED_STATES) {
            let generation = self.tree.past_generation(repository, &state.generation).await?;
            if !entries::has_row(&contents.target, &generation, &package.row)? {
                break;
            }
            came_with = Some(generation);
        }
        let Some(generation) = came_with else { return Ok(None) };
        let from = promotion::source_of(&**self.store(), &generation, &package.row).await?;
        let from = from.and_then(|from| self.catalogue.targets().find(|target| target.target.to_string() == from));
        Ok(from.map(|target| target.target.clone()).filter(|target| reader.may_read(target)))
    }

    /// The latest states of a repository, newest first, each with what it brought. Where the state before one is not kept, that is not
    /// known, but for the first of all.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn publications(
        &self,
        contents: &ReadableContents,
        most: usize,
    ) -> Result<Vec<(State, Arc<Publication>)>, RepositoryError> {
        let repository = &contents.published.repository;
        let Some(head) = history::head(&**self.store(), repository).await? else { return Ok(Vec::new()) };
        let states = history::states(&head);
        let mut found = Vec::new();
        for (position, state) in states.iter().enumerate().take(most) {
            let before = states.get(position + 1);
            let is_first = head.first_published_at == Some(state.published_at);
            if before.is_none() && !is_first {
                break;
            }
            found.push((state.clone(), self.publication(contents, before, state).await?));
        }
        Ok(found)
    }

    async fn publication(
        &self,
        contents: &ReadableContents,
        before: Option<&State>,
        state: &State,
    ) -> Result<Arc<Publication>, RepositoryError> {
        let (target, repository) = (&contents.target, &contents.published.repository);
        let key = (repository.clone(), state.generation.clone());
        let kept = || self.publications.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept().get(&key) {
            return Ok(Arc::clone(known));
        }
        let after = self.tree.past_generation(repository, &state.generation).await?;
        let publication = match before {
            Some(before) => {
                let before = self.tree.past_generation(repository, &before.generation).await?;
                publication::between(target, &before, &after, MAX_PUBLISHED)?
            }
            None => publication::first(target, &after, MAX_PUBLISHED)?,
        };
        let publication = Arc::new(publication);
        let mut kept = kept();
        if kept.len() >= KEPT_PUBLICATIONS {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&publication));
        Ok(publication)
    }

    pub(super) async fn generation_of(&self, contents: &ReadableContents) -> Result<Arc<Generation>, RepositoryError> {
        let Published { repository, generation, .. } = &contents.published;
        self.tree.past_generation(repository, generation).await
    }
}
