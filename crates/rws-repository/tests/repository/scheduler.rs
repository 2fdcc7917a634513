//! Which repositories are published when: bursts, many at once, ones that cannot be, and what the start finds.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{
    self, ACTOR, World, accept, catalogue_of, catalogue_signed_by, everybody, get, id, received, received_as, settings,
};
use async_trait::async_trait;
use rws_model::{Reading, RepositoryId, RepositorySettings, Signer};
use rws_openpgp::{Keyring, SigningKey};
use rws_repository::Heads;
use rws_repository::catalogue::{Catalogue, Policy};
use rws_repository::intake::Accepted;
use rws_repository::limits::Requester;
use rws_repository::publish::{Malformed, Publisher, Trigger, Triggers};
use rws_repository::removal::{self, Removal};
use rws_repository::scheduler::{Progress, Scheduler};
use rws_repository::verify::{Checked, Depth, Verifier};
use rws_store::{
    Body, Condition, Key, MemoryStore, Moment, ObjectClass, ObservedStore, Observer, Operation, Store, StoreError,
    Write,
};
use tokio::sync::Semaphore;

pub const LONG: Duration = Duration::from_secs(120);

/// A store whose clock goes on by itself.
pub fn ticking() -> (World, Arc<dyn Store>) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    (World::new(), store)
}

pub fn scheduler(world: &World, store: &Arc<dyn Store>) -> Arc<Scheduler> {
    Scheduler::new(Publisher::new(Arc::clone(store), Arc::clone(&world.catalogue), Malformed::Stop))
}

pub async fn upload(world: &World, store: &Arc<dyn Store>, path: &str, file: PathBuf) -> Accepted {
    let targets = world.catalogue.resolve(path).unwrap();
    accept(store, &targets, received(&targets[0], &[file])).await.unwrap()
}

pub async fn put(store: &dyn Store, key: &str, bytes: impl Into<Vec<u8>>) {
    let write = Write { condition: Condition::Always, kind: ObjectClass::Mutable };
    store.write(&Key::parse(key).unwrap(), Body::from(bytes.into()), write).await.unwrap();
}

async fn keys(store: &dyn Store, prefix: &str) -> Vec<String> {
    store.list(prefix).await.unwrap().into_iter().map(|listed| listed.key.to_string()).collect()
}

async fn generations(store: &dyn Store, repository: &str) -> usize {
    store.list(&format!(".rws/generations/{repository}/")).await.unwrap().len()
}

/// Holds, or fails, what writes below a prefix, and counts it.
struct Gate {
    prefix: &'static str,
    open: Option<Semaphore>,
    seen: AtomicUsize,
}

#[async_trait]
impl Observer for Gate {
    async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError> {
        let here = matches!(operation.verb, "write" | "copy") && operation.key.starts_with(self.prefix);
        if !here || moment == Moment::After {
            return Ok(());
        }
        self.seen.fetch_add(1, Ordering::SeqCst);
        match &self.open {
            Some(open) => drop(open.acquire().await.unwrap()),
            None => {
                let error = std::io::Error::other("the disk of this repository is full");
                return Err(StoreError::from_io("write", operation.key.as_str(), error));
            }
        }
        Ok(())
    }
}

/// 500 uploads to one repository: the first is visible at once; all that come while one publish is under way go into the
/// next one together.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_needs_few_publishes() {
    const UPLOADS: usize = 500;
    let repository = "release/2.8/ubuntu/focal";
    let (world, inner) = ticking();
    let gate = Gate { prefix: "release/2.8/ubuntu/dists", open: Some(Semaphore::new(1)), seen: AtomicUsize::new(0) };
    let gate = Arc::new(gate);
    let store: Arc<dyn Store> = Arc::new(ObservedStore::new(inner, gate.clone()));
    let scheduler = scheduler(&world, &store);
    let files: Vec<PathBuf> = (0..10).map(|number| world.deb(&format!("aa{number}"), "1", "amd64", "text")).collect();
    let take = async |number: usize| {
        let accepted = upload(&world, &store, repository, files[number % files.len()].clone()).await;
        scheduler.take(&accepted);
        accepted.id
    };
    let first = take(0).await;
    assert!(matches!(scheduler.wait(&first, LONG).await, Progress::Published(_)));
    assert_eq!(generations(&*store, repository).await, 1);
    // the second publish stands still while the others arrive
    let held = gate.open.as_ref().unwrap().acquire().await.unwrap();
    let (mut taken, before) = (vec![take(1).await], gate.seen.load(Ordering::SeqCst));
    while gate.seen.load(Ordering::SeqCst) == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for number in 2..UPLOADS {
        taken.push(take(number).await);
    }
    drop(held);
    for id in &taken {
        assert!(matches!(scheduler.wait(id, LONG).await, Progress::Published(_)));
    }
    assert!(generations(&*store, repository).await <= 4, "one that was under way, and one or two for all the rest");
    assert!(store.list(".rws/pending/").await.unwrap().is_empty());
}

/// All copies of an upload to many repositories hang; a small upload to another one is published meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_anchor_does_not_block_small_uploads() {
    let (world, inner) = ticking();
    let gate = Arc::new(Gate { prefix: "live/", open: Some(Semaphore::new(0)), seen: AtomicUsize::new(0) });
    let store: Arc<dyn Store> = Arc::new(ObservedStore::new(inner, gate.clone()));
    let scheduler = scheduler(&world, &store);
    let anchored = upload(&world, &store, "live/all/ubuntu/focal", world.deb("aa", "1", "amd64", "a")).await;
    assert_eq!(anchored.repositories.len(), 6);
    scheduler.take(&anchored);
    while gate.seen.load(Ordering::SeqCst) < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let small = upload(&world, &store, "release/2.8/ubuntu/focal", world.deb("bb", "1", "amd64", "b")).await;
    scheduler.take(&small);
    assert!(matches!(scheduler.wait(&small.id, LONG).await, Progress::Published(_)));
    assert_eq!(scheduler.wait(&anchored.id, Duration::ZERO).await, Progress::Pending);
    assert_eq!(gate.seen.load(Ordering::SeqCst), 3, "one place is kept free");
    gate.open.as_ref().unwrap().add_permits(1000);
    assert!(matches!(scheduler.wait(&anchored.id, LONG).await, Progress::Published(_)));
}

/// One repository fails again and again: it is tried with growing pauses, said, and keeps nobody waiting.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_repository_starves_nobody() {
    let (world, inner) = ticking();
    let gate = Arc::new(Gate { prefix: "live/2.8/ubuntu/dists", open: None, seen: AtomicUsize::new(0) });
    let store: Arc<dyn Store> = Arc::new(ObservedStore::new(inner, gate.clone()));
    let scheduler = scheduler(&world, &store);
    let failing = upload(&world, &store, "live/2.8/ubuntu/focal", world.deb("aa", "1", "amd64", "a")).await;
    scheduler.take(&failing);
    for number in 0..20 {
        let file = world.deb(&format!("bb{number}"), "1", "amd64", "b");
        let small = upload(&world, &store, "release/2.8/ubuntu/focal", file).await;
        scheduler.take(&small);
        if number % 10 == 9 {
            assert!(matches!(scheduler.wait(&small.id, LONG).await, Progress::Published(_)));
        }
    }
    let reported = scheduler.failing();
    assert_eq!(reported.len(), 1);
    assert!(reported[0].1.contains("the disk of this repository is full"), "{reported:?}");
    assert_eq!(scheduler.wait(&failing.id, Duration::ZERO).await, Progress::Pending, "what was answered stays pending");
    let tries = gate.seen.load(Ordering::SeqCst);
    assert!(tries <= 40, "a few tries of up to a dozen writes each, not {tries}");
}

/// A replica answered an upload and died: the sweep of another one publishes it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_replica_answered_is_published_by_another() {
    let (world, store) = ticking();
    let answered = upload(&world, &store, "live/all/ubuntu/focal", world.deb("aa", "1", "amd64", "a")).await;
    let scheduler = scheduler(&world, &store);
    scheduler.sweep().await.unwrap();
    assert!(scheduler.settle(&answered.repositories, LONG).await);
    for repository in &answered.repositories {
        assert_eq!(generations(&*store, repository.as_str()).await, 1, "{repository}");
    }
    assert!(matches!(scheduler.progress(&answered.id).await.unwrap(), Some(Progress::Published(_))));
}

/// Starts as the program does, and waits for all that the start woke.
async fn start(catalogue: &Arc<Catalogue>, store: &Arc<dyn Store>, malformed: Malformed) -> Arc<Scheduler> {
    let scheduler = Scheduler::new(Publisher::new(Arc::clone(store), Arc::clone(catalogue), malformed));
    scheduler.start(false).await.unwrap();
    let all: Vec<RepositoryId> = catalogue.repositories().map(|(repository, _)| repository.clone()).collect();
    assert!(scheduler.settle(&all, LONG).await);
    assert_eq!(scheduler.failing(), []);
    scheduler
}

/// Reads a repository as its clients do, signatures included; `None` where there is none.
async fn check(catalogue: &Arc<Catalogue>, store: &dyn Store, repository: &RepositoryId) -> Option<Checked> {
    let public = &everybody(catalogue);
    let checked = Verifier { store, catalogue, depth: Depth::Bytes, public }.check(repository).await.unwrap();
    assert_eq!(
        checked.iter().flat_map(|checked| &checked.faults).collect::<Vec<_>>(),
        Vec::<&_>::new(),
        "{repository}"
    );
    checked
}

/// All repositories are to be there before their first package.
fn creating() -> Arc<Catalogue> {
    let key = SigningKey::generate("RWS <rws@example.org>", 1_700_000_000, &mut [7; 32]).unwrap();
    catalogue_of(
        settings,
        Policy { create_empty: true, ..Policy::default() },
        Some(Arc::new(Keyring::of(Arc::new(key)).unwrap())),
    )
}

/// Also where a first publish left its index files and did not come to its end.
#[tokio::test(flavor = "multi_thread")]
async fn the_start_creates_untouched_repositories() {
    let catalogue = creating();
    let broken_off = ["release/2.8/ubuntu/focal", "live/2.8/el/7/x86_64"].map(id);
    let inner: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let gate = Gate { prefix: ".rws/heads/", open: None, seen: AtomicUsize::new(0) };
    let store: Arc<dyn Store> = Arc::new(ObservedStore::new(Arc::clone(&inner), Arc::new(gate)));
    let publisher = Publisher::new(store, Arc::clone(&catalogue), Malformed::Stop);
    for repository in &broken_off {
        publisher.reconcile(repository, Triggers::of(&[Trigger::Create])).await.unwrap_err();
    }
    for (tree, root) in [("release/2.8/ubuntu/", "/Release"), ("live/2.8/el/7/x86_64/", "/repomd.xml")] {
        let left = keys(&*inner, tree).await;
        assert!(!left.is_empty() && !left.iter().any(|key| key.ends_with(root)), "{left:?}");
    }
    // other versions of a distribution are other repositories
    put(&*inner, "release/3.0/ubuntu/dists/jammy/Release", "Origin: another tool\n").await;
    put(&*inner, "release/3.0/ubuntu/pool/jammy/main/a/aa/aa_1_amd64.deb", "package").await;

    let all: Vec<&RepositoryId> = catalogue.repositories().map(|(repository, _)| repository).collect();
    for _ in 0..2 {
        start(&catalogue, &inner, Malformed::Stop).await;
        for repository in &all {
            let checked = check(&catalogue, &*inner, repository).await.expect("it is there");
            assert!(checked.index_files > 0 && checked.packages == 0, "{repository}");
            // a second start changes nothing; the manifest of what broke off is cleared away after a day
            let generations = generations(&*inner, repository.as_str()).await;
            assert_eq!(generations, if broken_off.contains(repository) { 2 } else { 1 }, "{repository}");
        }
    }
    let signed = get(&*inner, "release/2.8/ubuntu/dists/focal/InRelease").await.unwrap();
    assert!(String::from_utf8(signed).unwrap().starts_with("-----BEGIN PGP SIGNED MESSAGE-----\n"));
}

/// What another tool put there is taken in when somebody uploads or synchronises, never for an empty repository.
#[tokio::test(flavor = "multi_thread")]
async fn the_start_creates_nothing_where_another_tool_was() {
    let catalogue = creating();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let foreign = [
        ("release/2.8/ubuntu/focal", "release/2.8/ubuntu/dists/focal/Release"),
        ("release/2.9/ubuntu/focal", "release/2.9/ubuntu/dists/focal/InRelease"),
        ("release/3.0/ubuntu/focal", "release/3.0/ubuntu/pool/focal/main/a/aa/aa_1_amd64.deb"),
        ("live/2.8/el/7/x86_64", "live/2.8/el/7/x86_64/repodata/repomd.xml"),
        ("live/2.9/el/7/x86_64", "live/2.9/el/7/x86_64/aa-1-1.x86_64.rpm"),
        ("live/3.0/el/7/x86_64", "live/3.0/el/7/x86_64/Packages/a/aa-1-1.x86_64.rpm"),
    ];
    for (_, key) in foreign {
        put(&*store, key, "of another tool").await;
    }
    start(&catalogue, &store, Malformed::Stop).await;
    for (repository, _) in catalogue.repositories() {
        let own = foreign.iter().find(|(name, _)| repository.as_str() == *name);
        assert_eq!(check(&catalogue, &*store, repository).await.is_some(), own.is_none(), "{repository}");
    }
    for (repository, key) in foreign {
        let target = catalogue.repository(&id(repository)).unwrap();
        let tree = target.format.layout(&id(repository)).tree;
        assert_eq!(keys(&*store, &format!("{tree}/")).await, [key], "{repository}");
        assert_eq!(get(&*store, key).await.unwrap(), b"of another tool");
    }
    // and nowhere where nobody wants it
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    start(&crate::support::catalogue(), &store, Malformed::Stop).await;
    assert_eq!(keys(&*store, "").await.len(), 0);
}

/// What changes when the settings ask for the files that packages install.
fn with_contents(architectures: &[&str]) -> RepositorySettings {
    RepositorySettings { contents: true, ..settings(architectures) }
}

/// A package with its data member changed: `change` has the header of the member (ar) and what follows it.
fn with_other_data(world: &World, name: &str, change: impl Fn(&mut [u8])) -> PathBuf {
    let path = world.deb(name, "1", "amd64", name);
    let mut bytes = std::fs::read(&path).unwrap();
    let member = bytes.windows(16).position(|window| window == b"data.tar        ").unwrap();
    change(&mut bytes[member..]);
    let directory = world.directory().join(format!("changed-{name}"));
    std::fs::create_dir_all(&directory).unwrap();
    let changed = directory.join(path.file_name().unwrap());
    std::fs::write(&changed, bytes).unwrap();
    changed
}

async fn unpacked(store: &dyn Store, key: &str) -> String {
    let (packed, mut text) = (get(store, key).await.unwrap(), String::new());
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&packed[..]), &mut text).unwrap();
    text
}

const FOCAL: &str = "release/2.8/ubuntu/focal";
const DISTS: &str = "release/2.8/ubuntu/dists/focal";

/// Packages are read again for new settings, and one of them is damaged: all keep their entries, what waits is published, and
/// what comes later has what the settings ask for.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_package_is_not_lost_when_the_start_reads_all_again() {
    for malformed in [Malformed::Stop, Malformed::Skip] {
        let (world, store) = ticking();
        // an earlier version of RWS took it: nobody looked into its data
        let bad = with_other_data(&world, "bad", |member| member[60] ^= 1);
        let first = scheduler(&world, &store);
        for file in [world.deb("aa", "1", "amd64", "a"), bad] {
            let targets = world.catalogue.resolve(FOCAL).unwrap();
            let files = received_as(&targets[0], &[file], Reading::Entries);
            let accepted = accept(&store, &targets, files).await.unwrap();
            first.take(&accepted);
            assert!(matches!(first.wait(&accepted.id, LONG).await, Progress::Published(_)));
        }
        let before = support::index(&*store, &format!("{DISTS}/main/binary-amd64/Packages")).await;
        assert!(before.contains("Package: aa\n") && before.contains("Package: bad\n"), "{before}");

        let world = World::with(catalogue_of(with_contents, Policy::default(), None));
        upload(&world, &store, FOCAL, world.deb("cc", "1", "amd64", "c")).await;
        let scheduler = start(&world.catalogue, &store, malformed).await;
        check(&world.catalogue, &*store, &id(FOCAL)).await.unwrap();
        let now = support::index(&*store, &format!("{DISTS}/main/binary-amd64/Packages")).await;
        let new = now.strip_prefix(&before).unwrap_or_else(|| panic!("{malformed:?}: {now}"));
        assert!(new.trim_start().starts_with("Package: cc\n"), "{malformed:?}: {new}");
        let contents = format!("{DISTS}/main/Contents-amd64.gz");
        assert_eq!(unpacked(&*store, &contents).await, "usr/share/doc/cc\tcc\n", "{malformed:?}");
        assert_eq!(get(&*store, &format!("{DISTS}/malformed_list.txt")).await, None, "{malformed:?}");

        // once it is gone the others are read, whatever lies beside them
        let targets = world.catalogue.resolve(FOCAL).unwrap();
        let name = rws_model::FileName::parse("bad_1_amd64.deb").unwrap();
        let removed = removal::remove(&*store, &targets, &Removal::Named(name.clone()), Requester::unlimited(&ACTOR))
            .await
            .unwrap()
            .unwrap();
        scheduler.take(&removed);
        assert!(matches!(scheduler.wait(&removed.id, LONG).await, Progress::Published(_)));
        let foreign = "release/2.8/ubuntu/pool/focal/main/f/foreign/foreign_1_amd64.deb";
        if malformed == Malformed::Skip {
            put(&*store, foreign, "no package").await;
        }
        start(&world.catalogue, &store, malformed).await;
        check(&world.catalogue, &*store, &id(FOCAL)).await.unwrap();
        assert_eq!(unpacked(&*store, &contents).await, "usr/share/doc/aa\taa\nusr/share/doc/cc\tcc\n");
    }
}

/// A malformed package is named until it is gone, whatever is published meanwhile; the sweep finds out that it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_package_is_named_until_it_is_gone() {
    let (world, store) = ticking();
    let scheduler = scheduler(&world, &store);
    let path = "release/2.8/ubuntu/pool/focal/main/b/bad/bad_1_amd64.deb";
    put(&*store, path, "no package").await;
    for name in ["aa", "bb"] {
        let accepted = upload(&world, &store, FOCAL, world.deb(name, "1", "amd64", name)).await;
        scheduler.take(&accepted);
        assert!(matches!(scheduler.wait(&accepted.id, LONG).await, Progress::Published(_)));
        assert!(scheduler.settle(&[id(FOCAL)], LONG).await);
        let error = scheduler.last_error(&id(FOCAL)).unwrap();
        assert!(error.contains(path), "{error}");
        scheduler.sweep().await.unwrap();
        assert_eq!(scheduler.failing(), [(id(FOCAL), error)]);
    }
    store.delete(&[Key::parse(path).unwrap()]).await.unwrap();
    scheduler.sweep().await.unwrap();
    assert!(scheduler.settle(&[id(FOCAL)], LONG).await);
    assert_eq!(scheduler.failing(), []);
    assert_eq!(get(&*store, &format!("{DISTS}/malformed_list.txt")).await, None);
}

/// A rolling change of keys: the replica that started later counts. What one that started earlier publishes meanwhile is signed
/// anew once, and the earlier one undoes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_with_different_keys_do_not_undo_each_others_work() {
    const RELEASE: &str = "release/2.8/ubuntu/focal";
    let ring = |seed: u8| {
        let key = SigningKey::generate("RWS <rws@example.org>", 1_700_000_000, &mut [seed; 32]).unwrap();
        Arc::new(Keyring::of(Arc::new(key)).unwrap()) as Arc<dyn Signer>
    };
    let (world, store) = ticking();
    let replica = |seed: u8| {
        let catalogue = catalogue_signed_by(Some(ring(seed)));
        Scheduler::new(Publisher::new(Arc::clone(&store), catalogue, Malformed::Stop))
    };
    let signed_by = async || {
        let head = Heads(&*store).read(&id(RELEASE)).await.unwrap().unwrap().0;
        let message =
            head.root.iter().find(|file| file.name.ends_with("InRelease")).unwrap().text().unwrap().to_owned();
        [1, 2].into_iter().find(|seed| ring(*seed).verify_clear(&message).is_some()).unwrap()
    };
    let earlier = replica(1);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let later = replica(2);
    let publish_of = async |scheduler: &Arc<Scheduler>, accepted: &Accepted| {
        scheduler.take(accepted);
        assert!(matches!(scheduler.wait(&accepted.id, LONG).await, Progress::Published(_)));
    };
    let publish = async |scheduler: &Arc<Scheduler>, name: &str| {
        let accepted = upload(&world, &store, RELEASE, world.deb(name, "1", "amd64", "text")).await;
        publish_of(scheduler, &accepted).await;
    };
    let sweeps = async |scheduler: &Arc<Scheduler>| {
        for _ in 0..20 {
            scheduler.sweep().await.unwrap();
        }
        assert!(scheduler.settle(&[id(RELEASE)], LONG).await);
    };
    publish(&earlier, "aa").await;
    assert_eq!(signed_by().await, 1);
    later.start(false).await.unwrap();
    assert!(later.settle(&[id(RELEASE)], LONG).await);
    assert_eq!((signed_by().await, later.unchecked()), (2, Some(0)));
    // the earlier one sees that it is overruled, and leaves it so
    let head = Heads(&*store).read(&id(RELEASE)).await.unwrap().unwrap().0;
    sweeps(&earlier).await;
    sweeps(&later).await;
    assert_eq!(Heads(&*store).read(&id(RELEASE)).await.unwrap().unwrap().0, head);
    assert_eq!((earlier.overruled(), later.overruled()), (1, 0));
    // what it accepts is published by the later one
    let accepted = upload(&world, &store, RELEASE, world.deb("bb", "1", "amd64", "text")).await;
    earlier.take(&accepted);
    assert_eq!(earlier.wait(&accepted.id, Duration::from_millis(1500)).await, Progress::Pending);
    assert_eq!(signed_by().await, 2);
    later.sweep().await.unwrap();
    assert!(later.settle(&[id(RELEASE)], LONG).await);
    assert!(matches!(earlier.wait(&accepted.id, LONG).await, Progress::Published(_)));
    assert_eq!(signed_by().await, 2);
}

/// A later replica that does not come any more keeps nothing from being published.
#[tokio::test]
async fn what_is_left_to_a_later_replica_is_not_left_for_ever() {
    const RELEASE: &str = "release/2.8/ubuntu/focal";
    let world = World::new();
    let replica = |seed: u8| {
        let key = SigningKey::generate("RWS <rws@example.org>", 1_700_000_000, &mut [seed; 32]).unwrap();
        let signer = Arc::new(Keyring::of(Arc::new(key)).unwrap()) as Arc<dyn Signer>;
        Publisher::new(world.store(), catalogue_signed_by(Some(signer)), Malformed::Stop)
    };
    let earlier = replica(1);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let later = replica(2);
    world.upload(RELEASE, &[world.deb("aa", "1", "amd64", "text")]).await.unwrap();
    assert!(later.reconcile(&id(RELEASE), Triggers::NONE).await.unwrap().published_at.is_some());
    world.tick();
    world.upload(RELEASE, &[world.deb("bb", "1", "amd64", "text")]).await.unwrap();
    for seconds in [0, 70] {
        world.pass(seconds);
        let outcome = earlier.reconcile(&id(RELEASE), Triggers::NONE).await.unwrap();
        assert_eq!((outcome.published_at, outcome.applied.len()), (None, 0));
        assert!(outcome.look_again_seconds.is_some());
    }
    world.pass(10);
    assert_eq!(earlier.reconcile(&id(RELEASE), Triggers::NONE).await.unwrap().applied.len(), 1);
}
