//! What is bounded, with a store in memory and a receiver that is not there.

use std::sync::Arc;

use rws_model::TargetPattern;
use rws_repository::events::{EventKind, Events, Lease, Outbox};
use rws_store::{MemoryStore, Store};
use uuid::Uuid;

use super::receiver::{Bounds, Receiver};
use super::{WebhookSecret, WebhookSettings};

/// Nobody listens there: it is the port of the discard protocol.
const NOBODY: &str = "http://127.0.0.1:9/";

fn settings() -> WebhookSettings {
    WebhookSettings {
        name: "nobody".to_owned(),
        url: NOBODY.to_owned(),
        secret: WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap(),
        ca_file: None,
        kinds: EventKind::ALL.into(),
        pattern: TargetPattern::parse("*").unwrap(),
    }
}

/// A store with so many events.
async fn with_events(count: usize) -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let events = Events::new(vec![settings().subscriber()]);
    for number in 0..count {
        events.note_key(&*store, ("main", "AB"), &format!("warning {number}")).await.unwrap();
    }
    store
}

#[tokio::test]
async fn of_too_many_events_the_oldest_are_given_up() {
    let store = with_events(5).await;
    let id = settings().subscriber().id;
    let outbox = Outbox { store: &*store, subscriber: &id };
    let all = outbox.list().await.unwrap();
    assert_eq!(all.len(), 5);
    let mut receiver = Receiver::new(&settings(), Arc::clone(&store)).unwrap();
    receiver.bounds = Bounds { waiting: 3, milliseconds: i64::MAX };
    // it fails, and is tried again
    assert!(!receiver.pass().await.unwrap().is_zero());
    assert_eq!(outbox.list().await.unwrap(), all[2..]);
    // a warning that was given up is not told again
    let events = Events::new(vec![settings().subscriber()]);
    events.note_key(&*store, ("main", "AB"), "warning 0").await.unwrap();
    assert_eq!(outbox.list().await.unwrap().len(), 3);
    receiver.bounds = Bounds { waiting: 3, milliseconds: -1 };
    receiver.pass().await.unwrap();
    assert_eq!(outbox.list().await.unwrap(), []);
}

#[tokio::test]
async fn one_replica_has_the_lease() {
    let store = with_events(1).await;
    let id = settings().subscriber().id;
    let outbox = Outbox { store: &*store, subscriber: &id };
    let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
    let until = |lease: Lease| match lease {
        Lease::Own(until) | Lease::Other(until) => until - 20_000,
    };
    let own = outbox.take_lease(one).await.unwrap();
    assert!(matches!(own, Lease::Own(_)) && until(own) <= store.clock_milliseconds().await.unwrap());
    assert!(matches!(outbox.take_lease(one).await.unwrap(), Lease::Own(_)));
    assert!(matches!(outbox.take_lease(other).await.unwrap(), Lease::Other(_)));
    // who has none gives none up
    outbox.release_lease(other).await.unwrap();
    assert!(matches!(outbox.take_lease(other).await.unwrap(), Lease::Other(_)));
    // while another replica has it, nothing is sent
    let mut receiver = Receiver::new(&settings(), Arc::clone(&store)).unwrap();
    assert!(!receiver.pass().await.unwrap().is_zero());
    outbox.release_lease(one).await.unwrap();
    assert!(matches!(outbox.take_lease(other).await.unwrap(), Lease::Own(_)));
}
