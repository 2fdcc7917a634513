//! Pinned states: all that they need is kept until the pin is removed, whoever dies or publishes meanwhile.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::sync::Arc;

use rws_model::FileName;
use rws_repository::history::{self, PastState};
use rws_repository::limits::Requester;
use rws_repository::pin::{self, NewPin, Pin, PinError};
use rws_repository::removal::{self, Removal};
use rws_repository::rollback;
use rws_repository::scheduler::Scheduler;
use rws_store::{Moment, Operation, Store};

use crate::support::{ACTOR, Crash, World, at_every_crash_point, id, observed};

const TREE: &str = "live/2.8/ubuntu";
const TARGET: &str = "live/2.8/ubuntu/focal";

async fn create(world: &World, store: &dyn Store, name: &str) -> Result<Pin, PinError> {
    let targets = world.catalogue.resolve(TARGET).unwrap();
    pin::create(store, NewPin { name, targets: &targets, state: None, actor: &ACTOR }).await
}

async fn publish(world: &World) {
    world.tick();
    world.publish(TARGET).await.unwrap().synchronised.unwrap();
}

async fn put(world: &World, name: &str, text: &str) {
    world.upload(TARGET, &[world.deb(name, "1", "amd64", text)]).await.unwrap();
    publish(world).await;
}

async fn remove_package(world: &World, name: &str) {
    let targets = world.catalogue.resolve(TARGET).unwrap();
    let name = FileName::parse(name).unwrap();
    removal::remove(&*world.store(), &targets, &Removal::Named(name), Requester::unlimited(&ACTOR))
        .await
        .unwrap()
        .unwrap();
    publish(world).await;
}

/// A repository whose package `aa` is there; its root.
async fn prepare() -> (World, String) {
    let world = World::new();
    put(&world, "aa", "first").await;
    let root = world.root(TREE, "focal").await.unwrap();
    (world, root)
}

/// Years go by: what is pinned no more goes.
async fn age(world: &World) {
    for number in 0..4 {
        world.pass(4 * 24 * 60 * 60);
        put(world, "other", &number.to_string()).await;
        world.pass(11 * 60);
        put(world, "other", &format!("{number} again")).await;
    }
}

async fn marks(world: &World) -> usize {
    let head = history::head(&*world.store(), &id(TARGET)).await.unwrap().unwrap();
    head.pinned.values().map(|marks| marks.len()).sum()
}

async fn sweep(world: &World) {
    Scheduler::new(world.publisher(world.store())).sweep().await.unwrap();
}

#[tokio::test]
async fn a_pinned_state_stays_until_the_pin_goes() {
    let (world, root) = prepare().await;
    let store = world.store();
    let pinned = create(&world, &*store, "march").await.unwrap();
    assert_eq!(pin::read(&*store, "march").await.unwrap(), Some(pinned.clone()));
    assert!(matches!(create(&world, &*store, "march").await, Err(PinError::Exists(_))));
    assert_eq!(marks(&world).await, 1);
    // two names for one state
    create(&world, &*store, "also").await.unwrap();
    put(&world, "aa", "second").await;
    remove_package(&world, "aa_1_amd64.deb").await;
    age(&world).await;
    for gone in ["also", "march"] {
        let packages = world.read_deb(TREE, "focal", &root).await;
        assert_eq!(packages.len(), 1, "{packages:?}");
        assert!(pin::remove(&*store, gone, &ACTOR).await.unwrap());
        assert!(!pin::remove(&*store, gone, &ACTOR).await.unwrap());
        if gone == "also" {
            age(&world).await;
        }
    }
    assert_eq!(marks(&world).await, 0);
    age(&world).await;
    let kept = world.keys(&format!("{TREE}/pool/")).await;
    assert!(kept.iter().all(|key| !key.contains("aa_1")), "{kept:?}");
    assert_eq!(world.keys(".rws/pins/").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_repository_goes_back_to_its_pin() {
    let (world, root) = prepare().await;
    let store = world.store();
    create(&world, &*store, "march").await.unwrap();
    let then = world.read_deb(TREE, "focal", &root).await;
    remove_package(&world, "aa_1_amd64.deb").await;
    age(&world).await;
    let target = world.catalogue.resolve(TARGET).unwrap().remove(0);
    let state = pin::state(&*store, "march").await.unwrap().unwrap();
    assert!(matches!(&state, PastState::Pinned(name, _) if name == "march"));
    let planned = rollback::plan(&*store, &target, None, &state).await.unwrap();
    planned.carry_out(&store, &ACTOR).await.unwrap();
    publish(&world).await;
    let now = world.root(TREE, "focal").await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &now).await, then);
    age(&world).await;
    assert_eq!(world.read_deb(TREE, "focal", &root).await, then);
    assert_eq!(pin::state(&*store, "april").await.unwrap(), None);
}

/// The head says for ever what a pin needs, and nothing else of what came and went since.
#[tokio::test]
async fn the_head_does_not_grow_with_history() {
    let (world, root) = prepare().await;
    create(&world, &*world.store(), "march").await.unwrap();
    let key = format!(".rws/heads/{TARGET}.json");
    let mut sizes = Vec::new();
    // the first 128 uploads are remembered in any case
    for round in 0..2 {
        for number in 0..130 {
            world.pass(24 * 60 * 60);
            put(&world, "aa", &format!("{round} {number}")).await;
        }
        sizes.push(world.get(&key).await.unwrap().len());
    }
    println!("bytes of the head with one old pin, after each 130 publishes: {sizes:?}");
    assert!(sizes[1] < sizes[0] + 64, "{sizes:?}");
    assert_eq!(world.read_deb(TREE, "focal", &root).await.len(), 1);
    assert!(pin::remove(&*world.store(), "march", &ACTOR).await.unwrap());
    for number in 0..10 {
        world.pass(24 * 60 * 60);
        put(&world, "aa", &format!("without {number}")).await;
    }
    let without = world.get(&key).await.unwrap().len();
    assert!(sizes[1] < without + 4096, "{sizes:?} {without}");
}

async fn die(number: usize, moment: Moment) -> Option<Operation> {
    let (world, root) = prepare().await;
    let crash = Crash::at(number, moment);
    let store = observed(&world, crash.clone());
    let created = create(&world, &*store, "march").await.is_ok();
    let removed = created && pin::remove(&*store, "march", &ACTOR).await.is_ok();
    let operation = crash.names.lock().unwrap().get(number).cloned();
    let context = format!("{moment:?} {operation:?}");
    assert_eq!(!removed, operation.is_some(), "{context}");
    // the next start: a pin is there as a whole, or not at all
    world.pass(2 * 60 * 60);
    sweep(&world).await;
    let is_there = pin::read(&*world.store(), "march").await.unwrap().is_some();
    assert_eq!(marks(&world).await, usize::from(is_there), "{context}");
    remove_package(&world, "aa_1_amd64.deb").await;
    age(&world).await;
    if is_there {
        assert_eq!(world.read_deb(TREE, "focal", &root).await.len(), 1, "{context}");
    } else {
        let kept = world.keys(&format!("{TREE}/pool/")).await;
        assert!(kept.iter().all(|key| !key.contains("aa_1")), "{context}: {kept:?}");
    }
    operation
}

#[tokio::test]
async fn every_crash_point_of_pinning_and_of_removing_a_pin() {
    at_every_crash_point(15, die).await;
}

/// A publisher that dies anywhere while a state is pinned leaves all that the pin needs.
#[tokio::test]
async fn whoever_dies_leaves_what_is_pinned() {
    for number in 0.. {
        let (world, root) = prepare().await;
        create(&world, &*world.store(), "march").await.unwrap();
        remove_package(&world, "aa_1_amd64.deb").await;
        world.pass(4 * 24 * 60 * 60);
        put(&world, "other", "1").await;
        world.pass(4 * 24 * 60 * 60);
        world.upload(TARGET, &[world.deb("other", "1", "amd64", "2")]).await.unwrap();
        world.tick();
        let crash = Crash::at(number, Moment::After);
        let store: Arc<dyn Store> = observed(&world, crash.clone());
        let done = world.publisher(store).reconcile(&id(TARGET), rws_repository::publish::Triggers::NONE).await;
        age(&world).await;
        assert_eq!(world.read_deb(TREE, "focal", &root).await.len(), 1, "{number}");
        if done.is_ok_and(|done| done.synchronised.is_ok()) && crash.names.lock().unwrap().len() <= number {
            assert!(number > 10, "only {number} crash points");
            return;
        }
    }
}

/// Somebody publishes between the plan of a pin and its mark, again and again.
#[tokio::test]
async fn publishing_meanwhile_does_not_stop_a_pin() {
    let (world, _) = prepare().await;
    for number in 0..10 {
        let name = format!("pin{number}");
        let (pinned, ()) = tokio::join!(create(&world, &*world.memory, &name), async {
            put(&world, "aa", &number.to_string()).await;
        });
        let generation = &pinned.unwrap().repositories[&id(TARGET)];
        let head = history::head(&*world.store(), &id(TARGET)).await.unwrap().unwrap();
        assert!(head.pinned.contains_key(generation));
    }
    assert_eq!(marks(&world).await, 10);
}
