//! Events: what RWS tells the receivers of webhooks.
//!
//! An event is an object that is written before what it reports becomes final, or before the last trace of it goes: the event of
//! a publish before the commit, that of an upload before the pointer of the upload is deleted. A process that is killed at any
//! moment loses none. What was written for a commit that another publisher won is told apart by the head ([`Outbox::is_final`]).
//! The name of an event is made of what happened, so that it is the same for all tries and replicas.

mod outbox;
mod record;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use rws_model::{RepositoryId, TargetPattern};
use rws_store::{Body, Condition, Key, ObjectClass, Store, Write};
use tokio::sync::watch;

use crate::catalogue::{Catalogue, ConfiguredTarget};
use crate::gather::gather;
use crate::generation::{Generation, Heads};
use crate::upload::Upload;
use crate::{GenerationId, RepositoryError, UploadId, private};

pub use outbox::{Lease, Outbox, WaitingEvent};
pub use record::{Commit, EventId, StoredEvent};

/// How many events are written at once.
const WRITES_AT_ONCE: usize = 8;

/// So many uploads this process remembers to have noted.
const REMEMBERED: usize = 4096;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// RWS accepted an upload, or another change that none of the following names.
    UploadAccepted,
    /// A repository has a new generation.
    RepositoryPublished,
    /// A repository, or an upload in it, cannot be published.
    RepositoryFailed,
    /// RWS accepted that packages are removed.
    PackageRemoved,
    /// RWS accepted a promotion.
    PackagePromoted,
    /// A key expires soon, is weak, or cannot sign.
    KeyWarning,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::UploadAccepted,
        Self::RepositoryPublished,
        Self::RepositoryFailed,
        Self::PackageRemoved,
        Self::PackagePromoted,
        Self::KeyWarning,
    ];

    /// The `type` of the event, as the configuration names it too.
    pub const fn word(self) -> &'static str {
        match self {
            Self::UploadAccepted => "upload.accepted",
            Self::RepositoryPublished => "repository.published",
            Self::RepositoryFailed => "repository.failed",
            Self::PackageRemoved => "package.removed",
            Self::PackagePromoted => "package.promoted",
            Self::KeyWarning => "key.warning",
        }
    }

    /// The kind of an accepted change.
    fn of_upload(upload: &Upload) -> Self {
        match upload.actor.as_ref().map(|actor| &*actor.verb) {
            Some("promote") => Self::PackagePromoted,
            Some("delete" | "retain" | "purge") => Self::PackageRemoved,
            _ => Self::UploadAccepted,
        }
    }
}

/// Somebody who is told of events.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// The name of its directory in the store: letters and digits.
    pub id: String,
    /// Which events it wants.
    pub kinds: BTreeSet<EventKind>,
    /// Of which targets.
    pub pattern: TargetPattern,
}

/// Writes down what happens, for all subscribers. Without any it does nothing, and asks the store for nothing.
pub struct Events {
    subscribers: Vec<Subscriber>,
    noted: Mutex<BTreeSet<UploadId>>,
    written: watch::Sender<u64>,
}

impl Default for Events {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// An object that is an event for one subscriber.
pub(crate) type EventObject = (Key, Vec<u8>);

impl Events {
    /// Events for these subscribers.
    pub fn new(subscribers: Vec<Subscriber>) -> Self {
        Self { subscribers, noted: Mutex::default(), written: watch::Sender::new(0) }
    }

    /// Changes when this process may have written an event: whoever delivers looks then.
    pub fn written(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    /// Tells those who deliver to look.
    pub(crate) fn wake(&self) {
        if !self.subscribers.is_empty() {
            self.written.send_modify(|count| *count += 1);
        }
    }

    /// The subscribers that want an event of a target.
    fn wanting(&self, kind: EventKind, target: &ConfiguredTarget) -> impl Iterator<Item = &Subscriber> {
        let all = self.subscribers.iter().filter(move |one| one.kinds.contains(&kind));
        all.filter(|one| one.pattern.matches(&target.target))
    }

    /// The objects to be written before a generation is committed. They mean nothing until a head has the generation.
    pub(crate) fn of_commit(
        &self,
        target: &ConfiguredTarget,
        generation: &Generation,
        (previous, published_at): (Option<&GenerationId>, i64),
    ) -> Vec<EventObject> {
        let mut subscribers = self.wanting(EventKind::RepositoryPublished, target).peekable();
        if subscribers.peek().is_none() {
            return Vec::new();
        }
        let (id, event) = record::published(target, generation, previous, published_at);
        subscribers.filter_map(|one| object(one, &id, &event)).collect()
    }

    /// Writes the events of accepted uploads, once in this process. Of an upload to several repositories one is responsible: the
    /// first one that is configured.
    pub(crate) async fn note_uploads(
        &self,
        store: &dyn Store,
        catalogue: &Catalogue,
        (repository, uploads): (&RepositoryId, &[Upload]),
    ) -> Result<(), RepositoryError> {
        if self.subscribers.is_empty() {
            return Ok(());
        }
        let is_noted = |id: &UploadId| self.noted.lock().unwrap_or_else(PoisonError::into_inner).contains(id);
        let is_responsible = |upload: &&Upload| {
            let mut repositories = upload.repositories().into_iter();
            repositories.find(|one| catalogue.repository(one).is_some()) == Some(repository)
        };
        let new: Vec<&Upload> = uploads.iter().filter(|one| !is_noted(&one.id)).filter(is_responsible).collect();
        let mut objects = Vec::new();
        for upload in &new {
            let kind = EventKind::of_upload(upload);
            for subscriber in self.subscribers.iter().filter(|one| one.kinds.contains(&kind)) {
                let event = record::accepted(catalogue, upload, kind, &subscriber.pattern);
                objects.extend(event.and_then(|(id, event)| object(subscriber, &id, &event)));
            }
        }
        write(store, objects).await?;
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.extend(new.into_iter().map(|upload| upload.id.clone()));
        while noted.len() > REMEMBERED {
            noted.pop_first();
        }
        drop(noted);
        self.wake();
        Ok(())
    }

    /// Writes the events of uploads that could not be carried out in a repository.
    pub(crate) async fn note_failed_uploads(
        &self,
        store: &dyn Store,
        (target, repository): (&ConfiguredTarget, &RepositoryId),
        failed: &[(UploadId, String)],
    ) -> Result<(), RepositoryError> {
        let mut objects = Vec::new();
        for (upload, reason) in failed {
            let (id, event) = record::failed(target, repository, record::Failed::Upload(upload), reason);
            let wanting = self.wanting(EventKind::RepositoryFailed, target);
            objects.extend(wanting.filter_map(|one| object(one, &id, &event)));
        }
        write(store, objects).await
    }

    /// Writes the event that a repository cannot be published.
    pub(crate) async fn note_failure(
        &self,
        store: &dyn Store,
        (target, repository): (&ConfiguredTarget, &RepositoryId),
        reason: &str,
    ) -> Result<(), RepositoryError> {
        let wanting: Vec<&Subscriber> = self.wanting(EventKind::RepositoryFailed, target).collect();
        if wanting.is_empty() {
            return Ok(());
        }
        // what is wrong may be the head itself
        let head = Heads(store).read(repository).await.ok().flatten();
        let generation = head.as_ref().map(|(head, _)| &head.generation);
        let (id, event) = record::failed(target, repository, record::Failed::Repository(generation), reason);
        write(store, wanting.into_iter().filter_map(|one| object(one, &id, &event)).collect()).await?;
        self.wake();
        Ok(())
    }

    /// Writes the event of a warning about a key, which all subscribers of the kind get, once for each of them. `fingerprint` is
    /// that of the key.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn note_key(
        &self,
        store: &dyn Store,
        (name, fingerprint): (&str, &str),
        warning: &str,
    ) -> Result<(), RepositoryError> {
        let (id, event) = record::key(name, fingerprint, warning);
        for subscriber in self.subscribers.iter().filter(|one| one.kinds.contains(&EventKind::KeyWarning)) {
            let said = private::said(&subscriber.id, &id);
            if store.stat(&said).await?.is_some() {
                continue;
            }
            write(store, object(subscriber, &id, &event).into_iter().collect()).await?;
            write(store, vec![(said, Vec::new())]).await?;
            self.wake();
        }
        Ok(())
    }
}

/// The object of an event for a subscriber; events are made of texts and numbers.
fn object(subscriber: &Subscriber, id: &EventId, event: &StoredEvent) -> Option<EventObject> {
    let bytes = serde_json::to_vec(event).ok()?;
    Some((private::event(&subscriber.id, id), bytes))
}

async fn write(store: &dyn Store, objects: Vec<EventObject>) -> Result<(), RepositoryError> {
    let write = |(key, bytes): EventObject| {
        async move {
            let write = Write { condition: Condition::Always, kind: ObjectClass::Private };
            store.write(&key, Body::from(bytes), write).await
        }
        .boxed()
    };
    gather(WRITES_AT_ONCE, objects.into_iter().map(write).collect()).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
