//! Roots that have to be written again: those in the store are not those of their heads, because an answer of the store came
//! late or another tool wrote them; or a replica with earlier settings or keys wrote the head.

use std::sync::Arc;

use rws_model::RepositoryId;
use rws_store::{Key, Span};

use super::{Priority, Scheduler, lock};
use crate::RepositoryError;
use crate::generation::{Head, Heads};
use crate::plan::join;
use crate::publish::{Trigger, Triggers};

/// One sweep of so many looks at the roots of a repository: about one in ten minutes.
const SWEEPS: usize = 20;

impl Scheduler {
    /// Wakes repositories whose roots in the store are other than their heads say. Each sweep looks at some of them.
    pub(super) async fn look_at_roots(self: &Arc<Self>, sweep: usize) -> Result<(), RepositoryError> {
        let heads = Heads(self.publisher.store()).list().await?;
        let due = heads.into_iter().enumerate().filter(|(number, _)| number % SWEEPS == sweep % SWEEPS);
        for (_, (repository, _)) in due {
            if self.publisher.catalogue().repository(&repository).is_none() {
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

    async fn has_another_root(self: &Arc<Self>, repository: &RepositoryId) -> Result<bool, RepositoryError> {
        let store = self.publisher.store();
        let Some((head, version)) = Heads(store).read(repository).await? else { return Ok(false) };
        self.look_at_renderer(repository, &head);
        let target = self.publisher.catalogue().repository(repository);
        self.note_overruled(repository, target.is_some_and(|target| self.publisher.is_superseded(target, &head)));
        if target.is_some_and(|target| self.publisher.supersedes(target, &head)) {
            return Ok(true);
        }
        if self.fits(repository, &head).await? {
            return Ok(false);
        }
        // a publish that is under way writes its roots after its head
        Ok(Heads(store).read(repository).await?.is_some_and(|(_, now)| now == version)
            && !self.fits(repository, &head).await?)
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

    /// Whether the roots in the store are those of a head.
    async fn fits(&self, repository: &RepositoryId, head: &Head) -> Result<bool, RepositoryError> {
        let Some(target) = self.publisher.catalogue().repository(repository) else { return Ok(true) };
        let tree = target.format.layout(repository).tree;
        for file in &head.root {
            let path = join(&tree, &file.name);
            let key = Key::parse(&path).ok_or_else(|| RepositoryError::damaged(&path, "it is not a file name"))?;
            let Some(content) = self.publisher.store().read(&key, Span::Whole).await? else { return Ok(false) };
            if content.stat.size_bytes != file.content.len() as u64 || content.collect().await? != file.content {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
