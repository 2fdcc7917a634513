//! Malformed packages that a person removed by other means.

use std::sync::Arc;

use rws_model::RepositoryId;
use rws_store::Key;

use super::{Priority, Scheduler, Slot, lock};
use crate::RepositoryError;
use crate::publish::{Trigger, Triggers};

impl Scheduler {
    /// Wakes the repositories whose malformed package is gone, to compare them with the store again.
    pub(super) async fn look_for_malformed(self: &Arc<Self>) -> Result<(), RepositoryError> {
        let path = |slot: &Slot| Key::parse(&slot.malformed.as_ref()?.path);
        let named: Vec<(RepositoryId, Key)> = {
            let slots = lock(&self.slots);
            slots.iter().filter_map(|(repository, slot)| Some((repository.clone(), path(slot)?))).collect()
        };
        for (repository, key) in named {
            if self.publisher.store().stat(&key).await?.is_none() {
                let triggers = Triggers::of(&[Trigger::Synchronise]);
                self.wake(&repository, triggers, Priority::Background);
            }
        }
        Ok(())
    }
}
