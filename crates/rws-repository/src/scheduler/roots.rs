//! Roots that have to be written again: those in the store are not those of their heads, because an answer of the store came
//! late or another tool wrote them; or a replica with earlier settings or keys wrote the head.

use std::sync::Arc;

use rws_model::{RepositoryId, Sha256, sha256};
use rws_store::{Key, Span, Stat, Version};

use super::{Priority, Scheduler, lock};
use crate::RepositoryError;
use crate::catalogue::ConfiguredTarget;
use crate::generation::{Head, Heads};
use crate::plan::join;
use crate::publish::{Trigger, Triggers};

/// One sweep of so many looks at the roots of a repository: about one in ten minutes.
const SWEEPS: usize = 20;

/// A repository with nothing to be done: as long as the listing has the same version of its head, the head is not read again.
pub(super) struct Settled {
    head: Version,
    /// The root files of the head.
    roots: Vec<RootCopy>,
}

/// A root file as it should be in the store.
#[derive(Clone)]
struct RootCopy {
    key: Key,
    size_bytes: u64,
    sha256: Sha256,
}

/// The root files of a head, as they should be in the store.
fn copies(target: &ConfiguredTarget, repository: &RepositoryId, head: &Head) -> Result<Vec<RootCopy>, RepositoryError> {
    let tree = target.format.layout(repository).tree;
    let copy = |file: &rws_model::RootFile| {
        let path = join(&tree, &file.name);
        let key = Key::parse(&path).ok_or_else(|| RepositoryError::damaged(&path, "it is not a file name"))?;
        Ok(RootCopy { key, size_bytes: file.content.len() as u64, sha256: sha256(&file.content) })
    };
    head.root.iter().map(copy).collect()
}

impl Scheduler {
    /// Wakes repositories whose roots in the store are other than their heads say. Each sweep looks at some of them.
    pub(super) async fn look_at_roots(self: &Arc<Self>, sweep: usize) -> Result<(), RepositoryError> {
        let heads = Heads(self.publisher.store()).list().await?;
        let due = heads.into_iter().enumerate().filter(|(number, _)| number % SWEEPS == sweep % SWEEPS);
        for (_, (repository, stat)) in due {
            if self.publisher.catalogue().repository(&repository).is_none() {
                continue;
            }
            if self.is_settled(&repository, &stat).await? {
                continue;
            }
            match self.has_another_root(&repository).await {
                Ok(true) => {
                    let triggers = Triggers::of(&[Trigger::Start]);
                    self.wake(&repository, triggers, Priority::Background);
                }
                Ok(false) => {}
                // the others are looked at all the same
                Err(error @ RepositoryError::Damaged { .. }) => {
                    tracing::error!(%repository, %error, "RWS cannot read its root file");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether nothing is to be done for a repository: its head is the one that was read, and its root files are as they were written.
    async fn is_settled(&self, repository: &RepositoryId, stat: &Stat) -> Result<bool, RepositoryError> {
        let roots = {
            let settled = lock(&self.settled);
            let known = settled.get(repository).filter(|known| known.head == stat.version);
            known.map(|known| known.roots.clone())
        };
        match roots {
            Some(roots) => self.are_there(&roots).await,
            None => Ok(false),
        }
    }

    async fn has_another_root(self: &Arc<Self>, repository: &RepositoryId) -> Result<bool, RepositoryError> {
        let store = self.publisher.store();
        lock(&self.settled).remove(repository);
        let Some(target) = self.publisher.catalogue().repository(repository) else { return Ok(false) };
        let Some((head, version)) = Heads(store).read(repository).await? else { return Ok(false) };
        let is_stale = self.look_at_renderer(repository, &head);
        let is_overruled = self.publisher.is_superseded(target, &head);
        self.note_overruled(repository, is_overruled);
        if self.publisher.supersedes(target, &head) {
            return Ok(true);
        }
        let roots = copies(target, repository, &head)?;
        if self.are_there(&roots).await? {
            if !is_stale && !is_overruled {
                lock(&self.settled).insert(repository.clone(), Settled { head: version, roots });
            }
            return Ok(false);
        }
        // a publish that is under way writes its roots after its head
        Ok(Heads(store).read(repository).await?.is_some_and(|(_, now)| now == version)
            && !self.are_there(&roots).await?)
    }

    /// Says it once when a replica that started later has other settings or keys.
    fn note_overruled(&self, repository: &RepositoryId, is_overruled: bool) {
        let mut overruled = lock(&self.overruled);
        match is_overruled {
            true if overruled.is_empty() => tracing::warn!(
                %repository,
                "a replica that started later has other settings or keys for this repository, and perhaps for others; if that \
                 is not a rolling change, compare the configurations"
            ),
            _ => {}
        }
        if is_overruled { _ = overruled.insert(repository.clone()) } else { _ = overruled.remove(repository) }
    }

    /// Whether the store has all of these root files.
    async fn are_there(&self, roots: &[RootCopy]) -> Result<bool, RepositoryError> {
        for copy in roots {
            if !self.is_there(copy).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn is_there(&self, copy: &RootCopy) -> Result<bool, RepositoryError> {
        let Some(content) = self.publisher.store().read(&copy.key, Span::Whole).await? else { return Ok(false) };
        Ok(content.stat.size_bytes == copy.size_bytes && sha256(&content.collect().await?) == copy.sha256)
    }
}
