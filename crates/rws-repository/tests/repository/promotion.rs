//! Packages that are promoted, and repositories that are rolled back. The process dies right before and right after every operation of the store: what was answered is
//! published, whatever becomes of the source; of what was not answered nothing is left.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::sync::Arc;

use rws_model::FileName;
use rws_repository::history::{self, PastState};
use rws_repository::intake::Accepted;
use rws_repository::limits::Requester;
use rws_repository::promotion::{self, Choice, Promotion, PromotionError};
use rws_repository::publish::{Trigger, Triggers};
use rws_repository::removal::{self, Removal};
use rws_repository::rollback;
use rws_repository::scheduler::Scheduler;
use rws_repository::selection::Selector;
use rws_store::{Moment, Operation, Store};

use crate::support::{ACTOR, Crash, World, at_every_crash_point, id, observed, record, seed};

const FROM: &str = "live/2.8/ubuntu/focal";
const TO: &str = "release/2.8/ubuntu/focal";

fn choice(selectors: &[&str]) -> Choice {
    Choice::These(selectors.iter().map(|text| Selector::parse(text).unwrap()).collect())
}

async fn promote(world: &World, store: &Arc<dyn Store>, packages: &Choice) -> Result<Accepted, PromotionError> {
    let from = world.catalogue.resolve(FROM).unwrap().remove(0);
    let to = world.catalogue.resolve(TO).unwrap();
    let promotion = Promotion {
        from: &from,
        to: &to,
        packages,
        sources: true,
        replace: false,
        component: None,
        metadata: &[],
        spool: world.directory(),
        max_entries_bytes: 32 << 20,
    };
    let planned = promotion::plan(store, promotion).await?;
    assert_eq!(planned.refused, []);
    planned.carry_out(store, Requester::unlimited(&ACTOR)).await
}

async fn publish(world: &World, store: Arc<dyn Store>, repository: &str) -> bool {
    world.tick();
    world.publisher(store).reconcile(&id(repository), Triggers::NONE).await.is_ok_and(|done| done.synchronised.is_ok())
}

/// The packages of a repository, each read to the last byte.
async fn read(world: &World, repository: &str) -> Vec<String> {
    let (tree, codename) = repository.rsplit_once('/').unwrap();
    let Some(root) = world.root(tree, codename).await else { return Vec::new() };
    world.read_deb(tree, codename, &root).await
}

/// The same for who reads plain names, when nobody publishes.
async fn read_at_rest(world: &World, repository: &str) -> Vec<String> {
    let packages = read(world, repository).await;
    let (tree, codename) = repository.rsplit_once('/').unwrap();
    if !packages.is_empty() {
        world.check_plain(tree, codename).await;
    }
    packages
}

/// Takes a package out of the source, and its bytes as soon as no reader needs them.
async fn delete_at_source(world: &World, name: &str) {
    let from = world.catalogue.resolve(FROM).unwrap();
    let name = FileName::parse(name).unwrap();
    removal::remove(&*world.store(), &from, &Removal::Named(name), Requester::unlimited(&ACTOR))
        .await
        .unwrap()
        .unwrap();
    assert!(publish(world, world.store(), FROM).await);
    // readers' generations go with later ones, then names, then files
    for (round, seconds) in [3 * 24 * 60 * 60, 11 * 60, 11 * 60, 11 * 60].into_iter().enumerate() {
        world.pass(seconds);
        world.upload(FROM, &[world.deb("other", "1", "amd64", &round.to_string())]).await.unwrap();
        assert!(publish(world, world.store(), FROM).await);
        let triggers = Triggers::of(&[Trigger::Synchronise]);
        world.tick();
        world.publisher(world.store()).reconcile(&id(FROM), triggers).await.unwrap();
    }
}

async fn prepare() -> World {
    let world = World::new();
    let files = [world.deb("aa", "1", "amd64", "a"), world.deb("bb", "1", "all", "b")];
    world.upload(FROM, &files).await.unwrap();
    assert!(publish(&world, world.store(), FROM).await);
    world
}

async fn die(number: usize, moment: Moment) -> Option<Operation> {
    let world = prepare().await;
    let crash = Crash::at(number, moment);
    let store = observed(&world, crash.clone());
    let promoted = promote(&world, &store, &Choice::All).await;
    let done = promoted.is_ok() && publish(&world, store, TO).await;
    let operation = crash.names.lock().unwrap().get(number).cloned();
    let context = format!("{moment:?} {operation:?}");
    assert_eq!(!done, operation.is_some(), "{context}");
    let now = read(&world, TO).await;
    assert!(now.is_empty() || now.len() == 2, "{context}: {now:?}");

    // the next start, when the source does not have one of them any more
    delete_at_source(&world, "aa_1_amd64.deb").await;
    assert!(publish(&world, world.store(), TO).await, "{context}");
    let now = read_at_rest(&world, TO).await;
    match (promoted.is_ok(), now.is_empty()) {
        // right behind the promise it counts, although nobody was answered
        (true, _) | (false, false) => assert_eq!(now.len(), 2, "{context}: {now:?}"),
        (false, true) => {}
    }
    world.pass(2 * 24 * 60 * 60);
    Scheduler::new(world.publisher(world.store())).sweep().await.unwrap();
    assert_eq!(world.leftovers().await, Vec::<String>::new(), "{context}");
    operation
}

#[tokio::test]
async fn every_crash_point_of_promoting_and_publishing() {
    at_every_crash_point(60, die).await;
}

/// Rolls `FROM` back to its first generation; nothing is known of it after the death of the process but what is in the store.
async fn die_rolling_back(number: usize, moment: Moment) -> Option<Operation> {
    let world = prepare().await;
    let first = read(&world, FROM).await;
    let target = world.catalogue.resolve(FROM).unwrap().remove(0);
    let state = history::head(&*world.store(), &id(FROM)).await.unwrap().unwrap().generation;
    world.tick();
    let files = [world.deb("aa", "1", "amd64", "other"), world.deb("cc", "1", "amd64", "c")];
    world.upload(FROM, &files).await.unwrap();
    assert!(publish(&world, world.store(), FROM).await);
    let second = read(&world, FROM).await;
    assert_ne!(first, second);

    let crash = Crash::at(number, moment);
    let store = observed(&world, crash.clone());
    let rolled = async {
        let planned = rollback::plan(&*store, &target, None, &PastState::Generation(state)).await.ok()?;
        planned.carry_out(&store, &ACTOR).await.ok()
    };
    let is_promised = rolled.await.is_some();
    let done = is_promised && publish(&world, Arc::clone(&store), FROM).await;
    let operation = crash.names.lock().unwrap().get(number).cloned();
    let context = format!("{moment:?} {operation:?}");
    assert_eq!(!done, operation.is_some(), "{context}");
    let now = read(&world, FROM).await;
    assert!(now == first || now == second, "{context}: {now:?}");
    // all earlier generations go before the next start
    world.pass(4 * 24 * 60 * 60);
    assert!(publish(&world, world.store(), FROM).await, "{context}");
    let now = read_at_rest(&world, FROM).await;
    assert!(now == first || (!is_promised && now == second), "{context}: {now:?}");
    world.pass(2 * 24 * 60 * 60);
    Scheduler::new(world.publisher(world.store())).sweep().await.unwrap();
    assert_eq!(world.leftovers().await, Vec::<String>::new(), "{context}");
    operation
}

#[tokio::test]
async fn every_crash_point_of_rolling_back_and_publishing() {
    at_every_crash_point(50, die_rolling_back).await;
}

/// A package that goes while it is promoted is promoted, or nothing is.
#[tokio::test]
async fn a_source_that_changes_meanwhile_is_no_loss() {
    let world = prepare().await;
    let from = world.catalogue.resolve(FROM).unwrap().remove(0);
    let to = world.catalogue.resolve(TO).unwrap();
    let (store, packages) = (world.store(), choice(&["aa"]));
    let promotion = Promotion {
        from: &from,
        to: &to,
        packages: &packages,
        sources: false,
        replace: false,
        component: None,
        metadata: &[],
        spool: world.directory(),
        max_entries_bytes: 32 << 20,
    };
    let planned = promotion::plan(&store, promotion).await.unwrap();
    delete_at_source(&world, "aa_1_amd64.deb").await;
    let answer = planned.carry_out(&store, Requester::unlimited(&ACTOR)).await;
    assert!(matches!(&answer, Err(PromotionError::Moved { path }) if path.ends_with("aa_1_amd64.deb")), "{answer:?}");
    assert!(publish(&world, world.store(), TO).await);
    assert_eq!(read(&world, TO).await, Vec::<String>::new());
    world.pass(2 * 24 * 60 * 60);
    Scheduler::new(world.publisher(world.store())).sweep().await.unwrap();
    assert_eq!(world.leftovers().await, Vec::<String>::new());
}

/// Other bytes that come to the target between the plan and the promise are not replaced.
#[tokio::test]
async fn what_comes_to_the_target_meanwhile_stays() {
    let world = prepare().await;
    let from = world.catalogue.resolve(FROM).unwrap().remove(0);
    let to = world.catalogue.resolve(TO).unwrap();
    let (store, packages) = (world.store(), choice(&["aa"]));
    let promotion = Promotion {
        from: &from,
        to: &to,
        packages: &packages,
        sources: false,
        replace: false,
        component: None,
        metadata: &[],
        spool: world.directory(),
        max_entries_bytes: 32 << 20,
    };
    let planned = promotion::plan(&store, promotion).await.unwrap();
    world.upload(TO, &[world.deb("aa", "1", "amd64", "other")]).await.unwrap();
    let answer = planned.carry_out(&store, Requester::unlimited(&ACTOR)).await;
    assert!(matches!(&answer, Err(PromotionError::Intake(_))), "{answer:?}");
}

/// What promoting costs: per package its front is read once, and it is copied twice.
#[tokio::test]
async fn requests_grow_with_the_packages_alone() {
    let mut counts = Vec::new();
    for packages in [5, 10] {
        let world = World::new();
        let files: Vec<_> = (0..packages).map(|number| world.deb(&format!("p{number}"), "1", "amd64", "x")).collect();
        world.upload(FROM, &files).await.unwrap();
        assert!(publish(&world, world.store(), FROM).await);
        let counting = Crash::at(usize::MAX, Moment::Before);
        let store = observed(&world, counting.clone());
        promote(&world, &store, &Choice::All).await.unwrap();
        assert!(publish(&world, store, TO).await);
        assert_eq!(read(&world, TO).await.len(), packages);
        counts.push(counting.names.lock().unwrap().len());
    }
    println!("operations of the store: 5 packages {}, 10 packages {}", counts[0], counts[1]);
    // front, copy to the upload, source looked at again, copy to its place; deletion is one for all
    assert_eq!(counts[1] - counts[0], 5 * 4, "{counts:?}");
}

/// The size of the repositories costs nothing more: their manifests are read, whatever is in them.
#[tokio::test]
async fn a_thousand_packages_between_repositories_of_ten_thousand() {
    let world = World::new();
    for repository in [FROM, TO] {
        let package = world.deb("name00000", "1.0", "amd64", repository);
        let record = record(&world.catalogue, repository, &package);
        seed(&*world.memory, &world.catalogue, repository, &record, 10_000).await;
    }
    let files: Vec<_> = (0..1000).map(|number| world.deb(&format!("p{number}"), "1", "amd64", "x")).collect();
    world.upload(FROM, &files).await.unwrap();
    assert!(publish(&world, world.store(), FROM).await);
    let counting = Crash::at(usize::MAX, Moment::Before);
    let store = observed(&world, counting.clone());
    promote(&world, &store, &choice(&["p*=*"])).await.unwrap();
    let promised = counting.names.lock().unwrap().len();
    assert!(publish(&world, store, TO).await);
    let all = counting.names.lock().unwrap().len();
    let head = history::head(&*world.store(), &id(TO)).await.unwrap().unwrap();
    assert_eq!(head.packages, Some(11_000));
    println!("operations of the store: {promised} until the promise, {all} until 1,000 packages are published");
    // as above: four for each package
    assert!(all < 4 * 1000 + 100, "{all}");
}
