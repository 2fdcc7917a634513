//! Rules of retention are applied once in a while, by whichever replica comes first.

use std::sync::Arc;

use super::Scheduler;
use crate::RepositoryError;
use crate::actor::Actor;
use crate::error::IntakeError;
use crate::retention;

impl Scheduler {
    /// Applies the rules of all targets, each by itself. What fails for one is said, and tried again the next time.
    pub(super) async fn retain(self: &Arc<Self>) -> Result<(), RepositoryError> {
        let targets: Vec<_> = self.publisher.catalogue().targets().cloned().collect();
        for target in targets.iter().filter(|target| target.retention.is_some()) {
            let store = self.publisher.store();
            let done = async {
                let planned = retention::plan(store, target).await?;
                retention::carry_out(store, planned.into_iter().collect(), &Actor::itself("retain")).await
            };
            match done.await {
                Ok(Some(accepted)) => {
                    tracing::info!(upload = %accepted.id, target = %target.target, "retention");
                    self.take(&accepted);
                }
                Ok(None) => {}
                Err(IntakeError::Failed(error @ RepositoryError::Store(_))) => return Err(error),
                Err(error) => {
                    tracing::error!(target = %target.target, %error, "RWS could not apply retention; it tries again")
                }
            }
        }
        Ok(())
    }
}
