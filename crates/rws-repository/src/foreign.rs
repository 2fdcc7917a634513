//! Whether the root that stands in the store is one of RWS's own: where another tool wrote it since, it is newer than the head.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rws_model::{RepositoryId, sha256};
use rws_store::{Key, Span, Store, Version};

use crate::RepositoryError;
use crate::catalogue::PublicTree;
use crate::generation::{Head, Heads};
use crate::plan::join;

/// For how long it is believed that nobody else wrote a root.
const BELIEVED: Duration = Duration::from_secs(60);

/// No root of RWS's own is longer; another tool's is not read to its end.
const LONGEST_ROOT_BYTES: u64 = 64 << 20;

/// How many repositories are remembered.
const KEPT: usize = 4096;

/// What was seen of the roots in a store, by readers and by the publisher of this process.
#[derive(Debug, Default)]
pub struct ForeignRoots {
    seen: Mutex<HashMap<RepositoryId, Seen>>,
}

#[derive(Clone, Debug)]
struct Seen {
    at: Instant,
    /// The version of the head that the root is foreign to; `None` where the root is RWS's own.
    foreign_to: Option<Version>,
}

impl ForeignRoots {
    /// Whether a plain-named root stands in the store that belongs to no generation which the head, of this version, knows. The
    /// store is asked again after a while, and for each new head where one was foreign.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn is_foreign(
        &self,
        store: &dyn Store,
        public: &PublicTree,
        head: &Head,
        version: &Version,
    ) -> Result<bool, RepositoryError> {
        let known = self.seen().get(&public.repository).cloned();
        if let Some(seen) = known
            && seen.at.elapsed() < BELIEVED
            && seen.foreign_to.as_ref().is_none_or(|head| head == version)
        {
            return Ok(seen.foreign_to.is_some());
        }
        let is_foreign = look(store, public, head).await?;
        if is_foreign {
            if Heads(store).stat(&public.repository).await?.is_none_or(|stat| stat.version != *version) {
                // another replica publishes at this instant
                return Ok(false);
            }
            tracing::warn!(
                repository = %public.repository,
                "another tool wrote the root file in the store: RWS serves it as it is until it takes the repository over"
            );
        }
        self.note(&public.repository, is_foreign.then(|| version.clone()));
        Ok(is_foreign)
    }

    /// The publisher brought the root in line with the head.
    pub fn is_own(&self, repository: &RepositoryId) {
        self.note(repository, None);
    }

    fn note(&self, repository: &RepositoryId, foreign_to: Option<Version>) {
        let mut all = self.seen();
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(repository.clone(), Seen { at: Instant::now(), foreign_to });
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<RepositoryId, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn look(store: &dyn Store, public: &PublicTree, head: &Head) -> Result<bool, RepositoryError> {
    for name in &public.root_names {
        let Some(key) = Key::parse(&join(&public.tree, name)) else { continue };
        let Some(content) = store.read(&key, Span::Whole).await? else { continue };
        if content.stat.size_bytes > LONGEST_ROOT_BYTES {
            return Ok(true);
        }
        let digest = sha256(&content.collect().await?);
        // one of a generation that the head has forgotten says of itself that it is RWS's own, where the store keeps that
        if !head.own.contains_key(&digest) && !store.is_own(&key).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
