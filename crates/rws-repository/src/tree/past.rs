//! Earlier generations: their files under the addresses that name one.

use std::collections::BTreeMap;
use std::sync::Arc;

use rws_model::RepositoryId;

use super::{CacheLifetime, FileRequest, MetadataLocation, Names, PublicFile, Root, Tree, lock};
use crate::generation::{Generation, path_order};
use crate::history::{self, NoState, PastState};
use crate::plan::join;
use crate::{GenerationId, RepositoryError, private, reading};

/// How many generations' names are kept in memory.
const KEPT_GENERATIONS: usize = 64;

/// How many generations with all their tables are kept in memory.
const PAST_GENERATIONS: usize = 4;

impl Tree {
    /// The file at a path of a kept generation: its root and its indexes; packages, and other files whose names hold their
    /// digests, come from the one tree, whatever the generation.
    pub(super) async fn file_of_generation(
        &self,
        id: &GenerationId,
        path: &str,
        wanted: FileRequest,
    ) -> Result<Option<PublicFile>, RepositoryError> {
        let Some(public) = self.catalogue.by_metadata(path) else { return self.package(path, wanted).await };
        let (repository, place) = (&public.repository, MetadataLocation::of(public, path));
        let Some(names) = self.names(repository, id).await? else { return Ok(None) };
        if let Some(Root { content, tag, .. }) = names.root.iter().find(|file| file.name == place.name) {
            return Ok(Some(PublicFile::Root {
                content: content.clone(),
                tag: tag.clone(),
                published_at: id.seconds(),
            }));
        }
        match names.files.get(place.name) {
            Some(stored) => self.object(&join(place.tree, stored), wanted, CacheLifetime::Immutable, None).await,
            // sent and carried metadata: like packages, one file for all generations
            None if self.formats().is_immutable(path) => {
                self.object(path, wanted, CacheLifetime::Immutable, None).await
            }
            None => Ok(None),
        }
    }

    /// The file that a path named in a state of its repository, which never changes; `None` where there was none.
    ///
    /// # Errors
    ///
    /// When the store fails; within it, where the repository does not have that state.
    pub async fn file_at(
        &self,
        state: &PastState,
        path: &str,
        wanted: FileRequest,
    ) -> Result<Result<Option<PublicFile>, NoState>, RepositoryError> {
        let metadata = self.catalogue.by_metadata(path).map(|public| &public.repository);
        let package = self.catalogue.by_package(path);
        let Some(repository) = metadata.or(package.map(|(repository, ..)| repository)) else { return Ok(Ok(None)) };
        let Some(current) = self.head(repository).await? else { return Ok(Ok(None)) };
        let now = self.store.clock_milliseconds().await? / 1000;
        let id = match history::resolve(&current.head, state, now) {
            Ok(id) => id,
            Err(none) => return Ok(Err(none)),
        };
        if metadata.is_some() {
            return self.file_of_generation(&id, path, wanted).await.map(Ok);
        }
        let Some(below) = package.map(|(.., below)| below) else { return Ok(Ok(None)) };
        let generation = self.past_generation(repository, &id).await?;
        let has = |path: &str| -> Result<bool, RepositoryError> {
            let file = generation.files.get(path, &path_order);
            Ok(file.map_err(RepositoryError::generation(repository))?.is_some_and(|file| file.users > 0))
        };
        let other = self.formats().other_writing(below);
        if !has(below)? && !other.as_deref().map_or(Ok(false), has)? {
            return Ok(Ok(None));
        }
        self.package(path, wanted).await.map(Ok)
    }

    /// A generation with its tables. Those that were asked for lately are in memory.
    ///
    /// # Errors
    ///
    /// When the store fails, or it is not kept.
    pub async fn past_generation(
        &self,
        repository: &RepositoryId,
        id: &GenerationId,
    ) -> Result<Arc<Generation>, RepositoryError> {
        let key = private::manifest(repository, id);
        let known = lock(&self.past).iter().find(|(known, _)| *known == key).map(|(_, past)| Arc::clone(past));
        if let Some(known) = known {
            return Ok(known);
        }
        let generation = Arc::new(reading::generation(&*self.store, repository, id).await?);
        let mut past = lock(&self.past);
        past.truncate(PAST_GENERATIONS - 1);
        past.push_front((key, Arc::clone(&generation)));
        Ok(generation)
    }

    /// The names of a generation; `None` where it does not exist (any more).
    async fn names(&self, repository: &RepositoryId, id: &GenerationId) -> Result<Option<Arc<Names>>, RepositoryError> {
        let key = private::manifest(repository, id);
        let known = lock(&self.kept).iter().find(|(known, _)| *known == key).map(|(_, names)| Arc::clone(names));
        if known.is_some() {
            return Ok(known);
        }
        if self.store.stat(&key).await?.is_none() {
            return Ok(None);
        }
        let generation = reading::generation(&*self.store, repository, id).await?;
        let mut files = BTreeMap::new();
        if let Some(target) = self.catalogue.repository(repository) {
            let plain = generation.plain_files(&*target.format);
            files.extend(plain.into_iter().filter_map(|file| Some((file.plain_name?, file.stored_name))));
        }
        for file in generation.indexes.into_iter().flat_map(|index| index.files) {
            files.insert(file.stored_name.clone(), file.stored_name);
        }
        let names = Arc::new(Names { root: generation.root.into_iter().map(Root::from).collect(), files });
        let mut kept = lock(&self.kept);
        kept.truncate(KEPT_GENERATIONS - 1);
        kept.push_front((key, Arc::clone(&names)));
        Ok(Some(names))
    }
}
