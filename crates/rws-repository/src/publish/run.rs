//! What one run works with: a repository, and its present state.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use rws_model::RepositoryId;
use rws_store::{Key, Store, Version};

use super::{Publisher, Turn};
use crate::catalogue::ConfiguredTarget;
use crate::generation::{Generation, Head, Heads};
use crate::plan::join;
use crate::{RepositoryError, disk_format, private, reading};

/// What one run works with.
pub(super) struct Run<'a> {
    pub(super) publisher: &'a Publisher,
    pub(super) repository: &'a RepositoryId,
    pub(super) target: &'a ConfiguredTarget,
    /// Where the files of the repository are.
    pub(super) tree: String,
    /// The turn of what takes much memory, where it was waited for.
    pub(super) turn: Option<Turn>,
    /// Whether the run needs that, and did nothing.
    pub(super) needs_turn: AtomicBool,
    /// What was written for commits that were lost.
    pub(super) unused: Mutex<BTreeSet<Key>>,
    /// Whether packages are not read again for what the settings want of them now: it was tried in vain.
    pub(super) keeps_entries: AtomicBool,
    /// Whether another tool wrote the root that stands there: what it did is taken in, but for malformed packages.
    pub(super) takes_over: AtomicBool,
}

/// The present state of a repository.
pub(super) struct CurrentState {
    pub(super) head: Option<(Head, Version)>,
    pub(super) generation: Option<Generation>,
    /// The generation of the head, where its indexes are to be made anew because files of them are gone.
    pub(super) former: Option<Generation>,
}

impl CurrentState {
    pub(super) fn head(&self) -> Option<&Head> {
        self.head.as_ref().map(|(head, _)| head)
    }
}

impl Run<'_> {
    /// The store.
    pub(super) fn store(&self) -> &dyn Store {
        &*self.publisher.store
    }

    /// The key of a file of this repository.
    pub(super) fn key(&self, name: &str) -> Result<Key, RepositoryError> {
        let path = join(&self.tree, name);
        Key::parse(&path).ok_or_else(|| RepositoryError::damaged(&path, "it is no name of a file"))
    }

    /// Reads the head and its generation, but for one that is to be made anew.
    pub(super) async fn state(&self, rebuild: bool) -> Result<CurrentState, RepositoryError> {
        let head = Heads(self.store()).read(self.repository).await?;
        let generation = match &head {
            Some((head, _)) if head.format > disk_format::HEAD => {
                return Err(RepositoryError::later(private::head(self.repository)));
            }
            Some(_) if rebuild => None,
            Some((head, _)) => Some(reading::generation(self.store(), self.repository, &head.generation).await?),
            None => None,
        };
        Ok(CurrentState { head, generation, former: None })
    }

    /// Sets the generation aside when another tool removed files of its indexes: then they have to be made anew, of packages
    /// that are known.
    pub(super) async fn set_aside_what_is_broken(&self, state: &mut CurrentState) -> Result<(), RepositoryError> {
        let Some(generation) = &state.generation else { return Ok(()) };
        for file in generation.indexes.iter().flat_map(|index| &index.files) {
            let stat = self.store().stat(&self.key(&file.stored_name)?).await?;
            if stat.is_none_or(|stat| stat.size_bytes != file.size_bytes) {
                tracing::warn!(repository = %self.repository, file = file.stored_name, "gone; the indexes are made anew");
                state.former = state.generation.take();
                return Ok(());
            }
        }
        Ok(())
    }

    /// The counter of the head that is current now.
    pub(super) async fn current_counter(&self) -> Result<Option<u64>, RepositoryError> {
        Ok(Heads(self.store()).read(self.repository).await?.map(|(head, _)| head.counter))
    }
}
