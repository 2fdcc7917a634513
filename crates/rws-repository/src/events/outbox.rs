//! The events that wait for one receiver, and who delivers them.

use rws_store::{Body, Condition, Key, ObjectClass, Store, StoreError, Write};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{EventId, StoredEvent};
use crate::generation::Heads;
use crate::{RepositoryError, private, reading};

/// How long a replica delivers after it took, or renewed, the lease. Longer than one try to deliver.
const LEASE_MILLISECONDS: i64 = 20_000;

/// The events of one subscriber.
#[derive(Clone, Copy)]
pub struct Outbox<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// The subscriber.
    pub subscriber: &'a str,
}

/// An event that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingEvent {
    /// Its name.
    pub id: EventId,
    /// Since when, by the clock of the store, in milliseconds since 1970.
    pub since_milliseconds: i64,
}

/// Who delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// This replica, until this time of the store's clock, in milliseconds since 1970.
    Own(i64),
    /// Another one.
    Other(i64),
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredLease {
    holder: Uuid,
    until_milliseconds: i64,
}

impl Outbox<'_> {
    /// What waits, oldest first.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn list(&self) -> Result<Vec<WaitingEvent>, RepositoryError> {
        let listed = self.store.list(&private::events(self.subscriber)).await?.into_iter();
        let waiting = listed.filter_map(|one| {
            let id = private::event_id(&one.key)?;
            Some(WaitingEvent { id, since_milliseconds: one.stat.modified_milliseconds })
        });
        let mut waiting: Vec<WaitingEvent> = waiting.collect();
        waiting.sort_by(|left, right| (left.since_milliseconds, &left.id).cmp(&(right.since_milliseconds, &right.id)));
        Ok(waiting)
    }

    /// An event; `None` for one that was delivered meanwhile, or that this version cannot read.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn read(&self, id: &EventId) -> Result<Option<StoredEvent>, RepositoryError> {
        match reading::json::<StoredEvent>(self.store, &self.key(id)).await {
            Ok(event) => Ok(event.map(|(event, _)| event).filter(StoredEvent::is_readable)),
            Err(RepositoryError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether what an event reports has happened: the commit of its generation won.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn is_final(&self, event: &StoredEvent) -> Result<bool, RepositoryError> {
        let Some(commit) = &event.commit else { return Ok(true) };
        let head = Heads(self.store).read(&commit.repository).await?;
        Ok(head.is_some_and(|(head, _)| head.keeps(&commit.generation)))
    }

    /// Writes down that what an event reports has happened: the head does not say so for ever.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn confirm(&self, id: &EventId, event: &StoredEvent) -> Result<(), RepositoryError> {
        if event.commit.is_none() {
            return Ok(());
        }
        let event = event.confirmed();
        let key = self.key(id);
        let bytes = serde_json::to_vec(&event).map_err(|error| RepositoryError::damaged(&key, error))?;
        let write = Write { condition: Condition::Always, kind: ObjectClass::Private };
        self.store.write(&key, Body::from(bytes), write).await?;
        Ok(())
    }

    /// Forgets events: they were delivered, or are given up.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn forget<'i>(&self, ids: impl IntoIterator<Item = &'i EventId>) -> Result<(), RepositoryError> {
        let keys: Vec<Key> = ids.into_iter().map(|id| self.key(id)).collect();
        if !keys.is_empty() {
            self.store.delete(&keys).await?;
        }
        Ok(())
    }

    /// Takes, or renews, the lease, unless another replica has it.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn take_lease(&self, holder: Uuid) -> Result<Lease, RepositoryError> {
        let now = self.store.clock_milliseconds().await?;
        let key = private::webhook_lease(self.subscriber);
        let condition = match reading::json::<StoredLease>(self.store, &key).await {
            Ok(None) => Condition::Absent,
            Ok(Some((lease, _))) if lease.holder != holder && lease.until_milliseconds > now => {
                // whatever a clock says, a lease is not longer than that
                return Ok(Lease::Other(lease.until_milliseconds.min(now + LEASE_MILLISECONDS)));
            }
            Ok(Some((_, version))) => Condition::Matches(version),
            Err(RepositoryError::Damaged { .. }) => Condition::Always,
            Err(error) => return Err(error),
        };
        let until_milliseconds = now + LEASE_MILLISECONDS;
        let lease = StoredLease { holder, until_milliseconds };
        let bytes = serde_json::to_vec(&lease).map_err(|error| RepositoryError::damaged(&key, error))?;
        match self.store.write(&key, Body::from(bytes), Write { condition, kind: ObjectClass::Private }).await {
            Ok(_) => Ok(Lease::Own(until_milliseconds)),
            Err(StoreError::Conflict { .. }) => Ok(Lease::Other(until_milliseconds)),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the lease up: another replica need not wait.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn release_lease(&self, holder: Uuid) -> Result<(), RepositoryError> {
        let key = private::webhook_lease(self.subscriber);
        match reading::json::<StoredLease>(self.store, &key).await {
            Ok(Some((lease, _))) if lease.holder == holder => Ok(self.store.delete(&[key]).await?),
            Ok(_) | Err(RepositoryError::Damaged { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn key(&self, id: &EventId) -> Key {
        private::event(self.subscriber, id)
    }
}
