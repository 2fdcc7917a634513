//! What is read of whole generations and stays in memory: one list for each repository that somebody asked for, within a bound.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rws_model::RepositoryId;
use rws_store::Store;
use tokio::sync::OwnedMutexGuard;

use crate::catalogue::ConfiguredTarget;
use crate::generation::Generation;
use crate::tree::{Published, Tree};
use crate::{GenerationId, RepositoryError};

/// Something that is made of all packages of a generation.
pub trait GenerationList: Sized + Send + Sync {
    /// Makes it.
    ///
    /// # Errors
    ///
    /// When the store fails, or the generation is damaged; within it, when the list would take more memory than `max_bytes`.
    fn read(
        store: &Arc<dyn Store>,
        target: &ConfiguredTarget,
        generation: &Arc<Generation>,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Result<Self, TooLarge>, RepositoryError>> + Send;

    /// What it was made of.
    fn generation(&self) -> &GenerationId;

    /// About how much memory it takes.
    fn bytes(&self) -> usize;
}

/// A list is larger than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// The lists in memory, of at most so many bytes together. Where there is no room for all, those of public repositories stay: which
/// of them are there does not depend on others, so that nobody learns of what is private.
pub struct GenerationLists<L> {
    max_bytes: usize,
    kept: Mutex<Kept<L>>,
    /// One list is read at a time: each takes the memory of a manifest.
    reading: Arc<tokio::sync::Mutex<()>>,
}

/// The order in which lists stay: public ones first, then by name.
type Rank = (bool, RepositoryId);

struct Kept<L> {
    lists: BTreeMap<Rank, Arc<L>>,
    /// Those for which there was no room.
    refused: BTreeSet<(RepositoryId, GenerationId)>,
}

impl<L: GenerationList> GenerationLists<L> {
    /// No list yet, and at most so many bytes of them.
    pub fn new(max_bytes: usize) -> Self {
        let kept = Kept { lists: BTreeMap::new(), refused: BTreeSet::new() };
        Self { max_bytes, kept: Mutex::new(kept), reading: Arc::default() }
    }

    /// The turn of one that reads a list.
    pub async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.reading).lock_owned().await
    }

    /// Reads the list of what is current in a repository: `Err` where there is no room for it.
    ///
    /// # Errors
    ///
    /// When the store fails, or the generation is damaged.
    pub async fn read(
        &self,
        _turn: &OwnedMutexGuard<()>,
        tree: &Tree,
        target: &ConfiguredTarget,
        published: &Published,
        is_private: bool,
    ) -> Result<Result<Arc<L>, TooLarge>, RepositoryError> {
        let rank = (is_private, published.repository.clone());
        // somebody else may have read it meanwhile
        if let Some(known) = self.known(published, is_private) {
            return Ok(known);
        }
        let generation = tree.past_generation(&published.repository, &published.generation).await?;
        let read = L::read(tree.store(), target, &generation, self.max_bytes).await?;
        let mut kept = self.lock();
        // who may read it may have changed
        kept.lists.retain(|(_, repository), _| *repository != published.repository);
        let refusal = (published.repository.clone(), published.generation.clone());
        let Ok(list) = read else {
            kept.refused.insert(refusal);
            return Ok(Err(TooLarge));
        };
        let list = Arc::new(list);
        kept.lists.insert(rank.clone(), Arc::clone(&list));
        while kept.bytes() > self.max_bytes {
            let Some(((_, repository), dropped)) = kept.lists.pop_last() else { break };
            kept.refused.insert((repository, dropped.generation().clone()));
        }
        Ok(if kept.lists.contains_key(&rank) { Ok(list) } else { Err(TooLarge) })
    }

    /// Forgets repositories that are not published any more, and lets those try again for which there may be room now. Only of those
    /// that are `meant` it is known here whether they are published.
    pub fn keep_only(&self, published: &[Published], meant: impl Fn(&RepositoryId) -> bool) {
        let current: BTreeMap<_, _> = published.iter().map(|one| (&one.repository, &one.generation)).collect();
        let mut kept = self.lock();
        let before = kept.bytes();
        let stays = |repository: &RepositoryId, generation: &GenerationId| {
            current.get(repository).is_some_and(|current| **current == *generation) || !meant(repository)
        };
        kept.lists.retain(|(_, repository), list| stays(repository, list.generation()));
        kept.refused.retain(|(repository, generation)| stays(repository, generation));
        // a refused one took more than what was left then
        if kept.bytes() + self.max_bytes / 4 < before {
            kept.refused.clear();
        }
    }

    /// How many bytes the lists take.
    pub fn bytes(&self) -> usize {
        self.lock().bytes()
    }

    /// The list of what is current in a repository, where it is in memory, or known to be too large.
    pub fn known(&self, published: &Published, is_private: bool) -> Option<Result<Arc<L>, TooLarge>> {
        let Published { repository, generation, .. } = published;
        let kept = self.lock();
        let list = kept.lists.get(&(is_private, repository.clone()));
        if let Some(list) = list.filter(|list| list.generation() == generation) {
            return Some(Ok(Arc::clone(list)));
        }
        kept.refused.contains(&(repository.clone(), generation.clone())).then_some(Err(TooLarge))
    }

    fn lock(&self) -> MutexGuard<'_, Kept<L>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: GenerationList> Kept<L> {
    fn bytes(&self) -> usize {
        self.lists.values().map(|list| list.bytes()).sum()
    }
}
