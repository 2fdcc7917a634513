//! The package lists that are in memory: one for each repository that somebody asked for, within a bound.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rws_model::RepositoryId;

use crate::catalogue::ConfiguredTarget;
use crate::package_list::{PackageList, TooLarge};
use crate::tree::{Published, Tree};
use crate::{GenerationId, RepositoryError};

/// The lists in memory, of at most so many bytes together. Where there is no room for all, those of public repositories stay: which
/// of them are there does not depend on others, so that nobody learns of what is private.
pub struct PackageLists {
    max_bytes: usize,
    kept: Mutex<Kept>,
    /// One list is read at a time: each takes the memory of a manifest.
    reading: tokio::sync::Mutex<()>,
}

/// The order in which lists stay: public ones first, then by name.
type Rank = (bool, RepositoryId);

#[derive(Default)]
struct Kept {
    lists: BTreeMap<Rank, Arc<PackageList>>,
    /// Those for which there was no room.
    refused: BTreeSet<(RepositoryId, GenerationId)>,
}

impl PackageLists {
    /// No list yet, and at most so many bytes of them.
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, kept: Mutex::default(), reading: tokio::sync::Mutex::default() }
    }

    /// The bound.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// The list of what is current in a repository: `Err` where there is no room for it.
    ///
    /// # Errors
    ///
    /// When the store fails, or the generation is damaged.
    pub async fn of(
        &self,
        tree: &Tree,
        target: &ConfiguredTarget,
        published: &Published,
        is_private: bool,
    ) -> Result<Result<Arc<PackageList>, TooLarge>, RepositoryError> {
        let rank = (is_private, published.repository.clone());
        if let Some(known) = self.known(&rank, &published.generation) {
            return Ok(known);
        }
        let _turn = self.reading.lock().await;
        // somebody else may have read it meanwhile
        if let Some(known) = self.known(&rank, &published.generation) {
            return Ok(known);
        }
        let generation = tree.past_generation(&published.repository, &published.generation).await?;
        let read = PackageList::read(tree.store(), target, &generation, self.max_bytes).await?;
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
            kept.refused.insert((repository, dropped.generation.clone()));
        }
        Ok(if kept.lists.contains_key(&rank) { Ok(list) } else { Err(TooLarge) })
    }

    /// Forgets repositories that are not published any more, and lets those try again for which there may be room now.
    pub fn keep_only(&self, published: &[Published]) {
        let current: BTreeSet<_> = published.iter().map(|one| (&one.repository, &one.generation)).collect();
        let mut kept = self.lock();
        let before = kept.bytes();
        kept.lists.retain(|(_, repository), list| current.contains(&(repository, &list.generation)));
        kept.refused.retain(|(repository, generation)| current.contains(&(repository, generation)));
        // a refused one took more than what was left then
        if kept.bytes() + self.max_bytes / 4 < before {
            kept.refused.clear();
        }
    }

    /// How many bytes the lists take.
    pub fn bytes(&self) -> usize {
        self.lock().bytes()
    }

    fn known(&self, rank: &Rank, generation: &GenerationId) -> Option<Result<Arc<PackageList>, TooLarge>> {
        let kept = self.lock();
        if let Some(list) = kept.lists.get(rank).filter(|list| list.generation == *generation) {
            return Some(Ok(Arc::clone(list)));
        }
        kept.refused.contains(&(rank.1.clone(), generation.clone())).then_some(Err(TooLarge))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        self.lists.values().map(|list| list.bytes()).sum()
    }
}
