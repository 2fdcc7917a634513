//! Roots in the store that are not those of their heads: an answer of the store came late, or another tool wrote them.

use std::sync::Arc;

use rws_model::RepositoryId;
use rws_store::{Key, Span};

use super::{Scheduler, Urgency};
use crate::generation::Head;
use crate::plan::join;
use crate::publish::Occasion;
use crate::{RepositoryError, private, reading};

/// One sweep of so many looks at the roots of a repository: about one in ten minutes.
const SWEEPS: usize = 20;

impl Scheduler {
    /// Wakes repositories whose roots in the store are other than their heads say. Each sweep looks at some of them.
    pub(super) async fn look_at_roots(self: &Arc<Self>, sweep: usize) -> Result<(), RepositoryError> {
        let heads = self.publisher.store().list(private::HEADS).await?;
        let due = heads.iter().enumerate().filter(|(number, _)| number % SWEEPS == sweep % SWEEPS);
        for (_, listed) in due {
            let Some(repository) = private::head_repository(&listed.key) else { continue };
            if self.publisher.catalogue().repository(&repository).is_none() {
                continue;
            }
            match self.has_another_root(&repository).await {
                Ok(true) => {
                    let occasion = Occasion { start: true, ..Occasion::default() };
                    self.wake(&repository, occasion, Urgency::Patient);
                }
                Ok(false) => {}
                // the others are looked at all the same
                Err(error @ RepositoryError::Damaged { .. }) => {
                    tracing::error!(%repository, %error, "its root cannot be looked at");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn has_another_root(&self, repository: &RepositoryId) -> Result<bool, RepositoryError> {
        let store = self.publisher.store();
        let Some((head, version)) = reading::head(store, repository).await? else { return Ok(false) };
        if self.fits(repository, &head).await? {
            return Ok(false);
        }
        // a publish that is under way writes its roots after its head
        Ok(reading::head(store, repository).await?.is_some_and(|(_, now)| now == version)
            && !self.fits(repository, &head).await?)
    }

    /// Whether the roots in the store are those of a head.
    async fn fits(&self, repository: &RepositoryId, head: &Head) -> Result<bool, RepositoryError> {
        let Some(target) = self.publisher.catalogue().repository(repository) else { return Ok(true) };
        let tree = target.format.layout(repository).tree;
        for file in &head.root {
            let path = join(&tree, &file.name);
            let key = Key::parse(&path).ok_or_else(|| RepositoryError::damaged(&path, "it is no name of a file"))?;
            let Some(content) = self.publisher.store().read(&key, Span::Whole).await? else { return Ok(false) };
            if content.stat.size_bytes != file.content.len() as u64 || content.collect().await? != file.content {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
