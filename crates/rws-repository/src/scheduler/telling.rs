//! Receivers of webhooks are told of repositories that cannot be published.

use std::sync::Arc;

use rws_model::RepositoryId;

use super::{Scheduler, is_passing, lock};
use crate::RepositoryError;

/// Of what may pass by itself nobody is told before it has failed so often in a row: for about ten seconds.
const TOLD_AFTER: u32 = 5;

impl Scheduler {
    /// Writes the event of a failure, once until there is a success or another reason. It is written beside what goes on: the store
    /// itself may be what fails, and nothing waits for it. One that could not be written is tried again with the next failure.
    pub(super) fn tell_failure(self: &Arc<Self>, repository: &RepositoryId, error: &RepositoryError) {
        let reason = error.to_string();
        let mut slots = lock(&self.slots);
        let Some(slot) = slots.get_mut(repository) else { return };
        let is_lasting = !is_passing(error) || slot.failures >= TOLD_AFTER;
        if !is_lasting || slot.told.as_ref() == Some(&reason) {
            return;
        }
        slot.told = Some(reason.clone());
        drop(slots);
        let (scheduler, repository) = (Arc::clone(self), repository.clone());
        tokio::spawn(async move {
            let publisher = &scheduler.publisher;
            let Some(target) = publisher.catalogue().repository(&repository) else { return };
            let written = publisher.events().note_failure(publisher.store(), (target, &repository), &reason).await;
            if let Err(error) = written {
                tracing::debug!(%repository, %error, "RWS could not write the event of a failure");
                let mut slots = lock(&scheduler.slots);
                let slot = slots.get_mut(&repository).filter(|slot| slot.told.as_ref() == Some(&reason));
                slot.into_iter().for_each(|slot| slot.told = None);
            }
        });
    }
}
