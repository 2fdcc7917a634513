//! A purge is carried out whoever dies: no byte of it is left, and nothing else is harmed.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::collections::BTreeSet;
use std::sync::Arc;

use rws_model::{Sha256, sha256};
use rws_repository::pin::{self, NewPin};
use rws_repository::publish::Triggers;
use rws_repository::purge::{self, Choice, Purged};
use rws_repository::scheduler::Scheduler;
use rws_store::{Moment, Operation, Store};

use crate::support::{ACTOR, Crash, World, at_every_crash_point, id, observed};

const TREE: &str = "live/2.8/ubuntu";
const TARGET: &str = "live/2.8/ubuntu/focal";

async fn publish(world: &World, store: Arc<dyn Store>) -> bool {
    world.tick();
    world.publisher(store).reconcile(&id(TARGET), Triggers::NONE).await.is_ok_and(|done| done.synchronised.is_ok())
}

/// A repository with a secret in the current and in a pinned state, and another package; the digest of the secret.
async fn prepare() -> (World, Sha256) {
    let world = World::new();
    let secret = world.deb("aa", "1", "amd64", "secret");
    let digest = sha256(&std::fs::read(&secret).unwrap());
    world.upload(TARGET, &[secret, world.deb("bb", "1", "amd64", "b")]).await.unwrap();
    assert!(publish(&world, world.store()).await);
    let targets = world.catalogue.resolve(TARGET).unwrap();
    let new = NewPin { name: "march", targets: &targets, state: None, actor: &ACTOR };
    pin::create(&*world.store(), new).await.unwrap();
    (world, digest)
}

/// Objects that hold the secret.
async fn holders(world: &World, digest: &Sha256) -> Vec<String> {
    let mut holders = Vec::new();
    for key in world.keys("").await {
        if world.get(&key).await.is_some_and(|bytes| sha256(&bytes) == *digest) {
            holders.push(key);
        }
    }
    holders
}

/// The steps of a purge, as a request takes them. Whether the record was written, and whether all was done.
async fn purged(world: &World, store: &Arc<dyn Store>, digest: Sha256) -> (bool, bool) {
    let memory = Purged::default();
    let choice = Choice::Digests(BTreeSet::from([digest]));
    let Ok((plan, digests)) = purge::plan(&**store, &world.catalogue, choice).await else { return (false, false) };
    assert_eq!(plan.len(), 1);
    if purge::record(&**store, &memory, &plan, &digests, &ACTOR).await.is_err() {
        return (false, false);
    }
    let done = async {
        purge::remove(&**store, &world.catalogue, &memory, &ACTOR).await.ok()?;
        publish(world, Arc::clone(store)).await.then_some(())?;
        purge::erase(&**store, &world.catalogue, &memory).await.ok()?.then_some(())
    };
    (true, done.await.is_some())
}

async fn die(number: usize, moment: Moment) -> Option<Operation> {
    let (world, digest) = prepare().await;
    let crash = Crash::at(number, moment);
    let store = observed(&world, crash.clone());
    let (is_recorded, is_done) = purged(&world, &store, digest).await;
    let operation = crash.names.lock().unwrap().get(number).cloned();
    let context = format!("{moment:?} {operation:?}");
    assert_eq!(!is_done, operation.is_some(), "{context}");
    // the next start, of a process that knows nothing of it
    let is_known = is_recorded || !world.keys(".rws/purged/").await.is_empty();
    for _ in 0..3 {
        world.pass(60);
        Scheduler::new(world.publisher(world.store())).sweep().await.unwrap();
        assert!(publish(&world, world.store()).await, "{context}");
    }
    let root = world.root(TREE, "focal").await.unwrap();
    let packages = world.read_deb(TREE, "focal", &root).await;
    world.check_plain(TREE, "focal").await;
    match is_known {
        true => {
            assert_eq!(holders(&world, &digest).await, Vec::<String>::new(), "{context}");
            assert_eq!(packages.len(), 1, "{context}: {packages:?}");
        }
        false => assert_eq!(packages.len(), 2, "{context}: {packages:?}"),
    }
    assert!(packages.iter().any(|package| package.starts_with("bb ")), "{context}: {packages:?}");
    world.pass(2 * 24 * 60 * 60);
    Scheduler::new(world.publisher(world.store())).sweep().await.unwrap();
    assert_eq!(world.leftovers().await, Vec::<String>::new(), "{context}");
    operation
}

#[tokio::test]
async fn every_crash_point_of_a_purge() {
    at_every_crash_point(40, die).await;
}

/// Other bytes that come to the path of a purged file stay.
#[tokio::test]
async fn other_bytes_at_the_same_path_stay() {
    let (world, digest) = prepare().await;
    let store = world.store();
    assert_eq!(purged(&world, &store, digest).await, (true, true));
    assert_eq!(holders(&world, &digest).await, Vec::<String>::new());
    world.pass(60);
    world.upload(TARGET, &[world.deb("aa", "1", "amd64", "clean")]).await.unwrap();
    assert!(publish(&world, world.store()).await);
    for _ in 0..3 {
        world.pass(20 * 60);
        Scheduler::new(world.publisher(world.store())).sweep().await.unwrap();
    }
    let root = world.root(TREE, "focal").await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &root).await.len(), 2);
}
