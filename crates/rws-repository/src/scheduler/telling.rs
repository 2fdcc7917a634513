//! Receivers of webhooks are told of repositories that cannot be published.

use rws_model::RepositoryId;

use super::{Scheduler, is_passing, lock};
use crate::RepositoryError;

/// Of what may pass by itself nobody is told before it has failed so often in a row: for about ten seconds.
const TOLD_AFTER: u32 = 5;

impl Scheduler {
    /// Writes the event of a failure, once until there is a success or another reason. One that cannot be written is tried again
    /// with the next failure: the store itself may have failed.
    pub(super) async fn tell_failure(&self, repository: &RepositoryId, error: &RepositoryError) {
        let reason = error.to_string();
        let is_news = lock(&self.slots).get(repository).is_some_and(|slot| {
            let is_lasting = !is_passing(error) || slot.failures >= TOLD_AFTER;
            is_lasting && slot.told.as_ref() != Some(&reason)
        });
        let target = self.publisher.catalogue().repository(repository);
        let (true, Some(target)) = (is_news, target) else { return };
        match self.publisher.events().note_failure(self.publisher.store(), (target, repository), &reason).await {
            Ok(()) => {
                if let Some(slot) = lock(&self.slots).get_mut(repository) {
                    slot.told = Some(reason);
                }
            }
            Err(error) => tracing::debug!(%repository, %error, "RWS could not write the event of a failure"),
        }
    }
}
