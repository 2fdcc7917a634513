//! Purges are carried out by whichever replica comes first.

use std::sync::Arc;

use super::Scheduler;
use crate::actor::Actor;
use crate::error::IntakeError;
use crate::{RepositoryError, purge};

/// What slips through, or was left by a process that died, goes without a user.
static ACTOR: Actor = Actor::itself("purge");

impl Scheduler {
    /// Goes on with purges that are not done, of whatever replica.
    pub(super) async fn purge(self: &Arc<Self>) -> Result<(), RepositoryError> {
        let store = self.publisher.store();
        self.purged.refresh(store).await?;
        let catalogue = self.publisher.catalogue();
        match purge::remove(store, catalogue, &self.purged, &ACTOR).await {
            Ok(accepted) => accepted.iter().for_each(|accepted| self.take(accepted)),
            Err(IntakeError::Failed(error)) => return Err(error),
            Err(error) => tracing::error!(%error, "RWS could not purge; it tries again"),
        }
        purge::erase(store, catalogue, &self.purged).await.map(|_| ())
    }
}
