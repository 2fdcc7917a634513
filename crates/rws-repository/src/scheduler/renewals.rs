//! Roots that clients accept for a limited time.

use std::sync::Arc;

use super::{Priority, Scheduler, lock};
use crate::RepositoryError;
use crate::generation::Heads;
use crate::publish::Triggers;

impl Scheduler {
    /// Wakes the repositories whose roots do not stay valid for much longer. Each head is read when its time has come: another
    /// replica may have been faster.
    pub(super) async fn renew(self: &Arc<Self>, now: i64) -> Result<(), RepositoryError> {
        let (store, catalogue) = (self.publisher.store(), self.publisher.catalogue());
        if !catalogue.targets().any(|target| target.renew_at(0).is_some()) {
            return Ok(());
        }
        for (repository, _) in Heads(store).list().await? {
            let Some(target) = catalogue.repository(&repository) else { continue };
            if target.renew_at(0).is_none() || lock(&self.renewals).get(&repository).is_some_and(|at| *at > now) {
                continue;
            }
            let head = match Heads(store).read(&repository).await {
                Ok(head) => head,
                // others are renewed all the same
                Err(error @ RepositoryError::Damaged { .. }) => {
                    tracing::error!(%repository, %error, "RWS cannot sign its root file again");
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some((head, _)) = head else { continue };
            match target.renew_at(head.published_at) {
                Some(at) if at > now => _ = lock(&self.renewals).insert(repository, at),
                _ => self.wake(&repository, Triggers::NONE, Priority::Background),
            }
        }
        Ok(())
    }
}
