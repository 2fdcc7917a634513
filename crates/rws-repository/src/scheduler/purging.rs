//! Purges are carried out by whichever replica comes first.

use std::sync::Arc;
use std::time::Duration;

use super::Scheduler;
use crate::actor::Actor;
use crate::error::IntakeError;
use crate::{RepositoryError, purge};

/// How long a purge waits until no index has the packages; then the next sweep goes on.
const LONGEST_PUBLISH: Duration = Duration::from_secs(30);

/// What slips through, or was left by a process that died, goes without a user.
static ACTOR: Actor = Actor::itself("purge");

impl Scheduler {
    /// Goes on with purges that are not done, of whatever replica.
    pub(super) async fn purge(self: &Arc<Self>) -> Result<(), RepositoryError> {
        let store = self.publisher.store();
        self.purged.refresh(store).await?;
        let catalogue = self.publisher.catalogue();
        match purge::remove(store, catalogue, &self.purged, &ACTOR).await {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                self.take(&accepted);
                // the bytes go as soon as no index has them
                let scheduler = Arc::clone(self);
                tokio::spawn(async move {
                    scheduler.wait(&accepted.id, LONGEST_PUBLISH).await;
                    let (store, catalogue) = (scheduler.publisher.store(), scheduler.publisher.catalogue());
                    if let Err(error) = purge::erase(store, catalogue, &scheduler.purged).await {
                        tracing::error!(%error, "RWS could not delete purged bytes; it tries again");
                    }
                });
            }
            Err(IntakeError::Failed(error)) => return Err(error),
            Err(error) => tracing::error!(%error, "RWS could not purge; it tries again"),
        }
        purge::erase(store, catalogue, &self.purged).await.map(|_| ())
    }
}
