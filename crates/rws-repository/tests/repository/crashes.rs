//! The process dies right before and right after every operation of the store, once each. Then readers of the old root
//! and of the new one find a whole repository, and the next start completes the work.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::support::{Crash, World, catalogue_of, check_plain, id, observed, read_deb, read_deb_but, settings};
use rws_model::{Compression, RepositorySettings, TargetPattern};
use rws_repository::catalogue::Policy;
use rws_repository::events::{EventKind, Events, Outbox, Subscriber};
use rws_repository::publish::{Publisher, Trigger, Triggers};
use rws_repository::scheduler::Scheduler;
use rws_repository::{Heads, RepositoryError};
use rws_store::{Key, Moment, Operation, Store};

const SYNCHRONISE: Triggers = Triggers::of(&[Trigger::Synchronise]);
const REBUILD: Triggers = Triggers::of(&[Trigger::Rebuild]);
const RECEIVER: &str = "receiver";
const POOL: &str = "pool/focal/main/p/product";

/// What a process was doing when it died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// Publishing a new package, and one that has other bytes now.
    Upload,
    /// The same for two repositories of an anchor, from one upload.
    Anchor,
    /// The same while a receiver is told of everything: it gets an event for each upload and each generation.
    Told,
    /// Publishing new packages, other bytes and a file of metadata in a repository with components, debug symbols apart, whole
    /// descriptions apart, and a suite that is a path.
    Components,
    /// Taking a package out whose file somebody deleted.
    Removal,
    /// Taking up bytes that somebody wrote over a package.
    Replacement,
    /// Making the indexes anew.
    Rebuild,
    /// Condemning what no reader needs any more.
    Condemning,
    /// Deleting what was condemned.
    Deletion,
}

impl Work {
    fn trees(self) -> &'static [&'static str] {
        match self {
            Self::Anchor | Self::Told => &["live/2.8/ubuntu", "release/2.8/ubuntu"],
            _ => &["release/2.8/ubuntu"],
        }
    }

    fn triggers(self) -> Triggers {
        match self {
            Self::Removal | Self::Replacement => SYNCHRONISE,
            Self::Rebuild => REBUILD,
            _ => Triggers::NONE,
        }
    }

    /// The package paths of the old root that somebody else made unreadable.
    fn spoilt(self) -> &'static [&'static str] {
        match self {
            Self::Removal | Self::Replacement => &["pool/focal/main/p/product/aa_1_amd64.deb"],
            _ => &[],
        }
    }

    /// How many packages there are in the end.
    fn packages(self) -> usize {
        match self {
            Self::Upload | Self::Anchor | Self::Told | Self::Replacement | Self::Rebuild => 3,
            Self::Components => 5,
            Self::Removal => 2,
            Self::Condemning | Self::Deletion => 2,
        }
    }

    fn other_architecture(self) -> &'static str {
        if self == Self::Components { "amd64" } else { "arm64" }
    }

    /// The codenames, and suites, below which the metadata stands.
    fn directories(self) -> &'static [&'static str] {
        match self {
            Self::Components => &["focal", "stable"],
            _ => &["focal"],
        }
    }

    /// A world in which nothing was uploaded.
    fn world(self) -> World {
        // few indexes: each is some operations more of which the process can die
        let of_components = |_: &[&str]| RepositorySettings {
            components: vec!["main".to_owned(), "contrib".to_owned()],
            debug_packages: true,
            translations: true,
            suite: Some("stable".to_owned()),
            compression: vec![Compression::Gz],
            ..settings(&["amd64"])
        };
        match self {
            Self::Components => World::with(catalogue_of(of_components, Policy::default(), None)),
            _ => World::new(),
        }
    }

    /// The repositories as they are before.
    async fn prepare(self, world: &World) {
        let path =
            if matches!(self, Self::Anchor | Self::Told) { "both/ubuntu/focal" } else { "release/2.8/ubuntu/focal" };
        let (aa, bb) = (world.deb("aa", "1", "amd64", "a"), world.deb("bb", "1", "all", "b"));
        world.upload(path, &[aa.clone(), bb]).await.unwrap();
        self.run_all(world, &self.publisher(world, world.store()), Triggers::NONE).await.unwrap();
        match self {
            Self::Condemning | Self::Deletion => {
                for text in ["1", "2", "3", "4", "5"] {
                    world.upload(path, &[world.deb("aa", "1", "amd64", text)]).await.unwrap();
                    self.run_all(world, &self.publisher(world, world.store()), Triggers::NONE).await.unwrap();
                }
                world.pass(2 * 60 * 60);
                if self == Self::Deletion {
                    self.run_all(world, &self.publisher(world, world.store()), Triggers::NONE).await.unwrap();
                    world.pass(11 * 60);
                }
            }
            _ => {
                world.upload(path, &[world.deb("cc", "1", self.other_architecture(), "c")]).await.unwrap();
                self.run_all(world, &self.publisher(world, world.store()), Triggers::NONE).await.unwrap();
            }
        }
        for tree in self.trees() {
            let key = format!("{tree}/{POOL}/aa_1_amd64.deb");
            match self {
                Self::Removal => world.memory.delete(&[Key::parse(&key).unwrap()]).await.unwrap(),
                Self::Replacement => {
                    world.put(&key, std::fs::read(world.deb("aa", "1", "amd64", "other")).unwrap()).await;
                }
                _ => {}
            }
        }
        if self == Self::Components {
            let (debug, dd) = (world.deb("aa-dbgsym", "1", "amd64", "d"), world.deb("dd", "1", "amd64", "d"));
            // `bb` goes from one component to the other
            world.upload_in(path, "contrib", &[dd, world.deb("bb", "1", "all", "b")]).await.unwrap();
            world.upload(path, &[debug, world.deb("aa", "1", "amd64", "other")]).await.unwrap();
            world.describe(path, "contrib/Components-amd64.yml", "File: DEP-11\n").await.unwrap();
        }
        if matches!(self, Self::Upload | Self::Anchor | Self::Told) {
            let files = [world.deb("aa", "1", "amd64", "other"), world.deb("bb", "1", "all", "other")];
            world.upload(path, &files).await.unwrap();
        }
    }

    /// A process that has just started.
    fn publisher(self, world: &World, store: Arc<dyn Store>) -> Publisher {
        let all = EventKind::ALL.into_iter().collect();
        let all = Subscriber { id: RECEIVER.to_owned(), kinds: all, pattern: TargetPattern::parse("*").unwrap() };
        let told = if self == Self::Told { vec![all] } else { Vec::new() };
        world.publisher(store).with_events(Arc::new(Events::new(told)))
    }

    async fn run_all(self, world: &World, publisher: &Publisher, triggers: Triggers) -> Result<(), RepositoryError> {
        world.tick();
        for tree in self.trees() {
            publisher.reconcile(&id(&format!("{tree}/focal")), triggers).await?.synchronised?;
        }
        Ok(())
    }
}

/// The packages of all repositories as their roots are now, each read to the last byte.
async fn read(world: &World, work: Work) -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    for tree in work.trees() {
        let root = world.root(tree, "focal").await.unwrap();
        let packages = read_deb_but(&*world.memory, tree, "focal", &root, work.spoilt()).await;
        // who reads by the suite has the same, or what was there before
        for suite in work.directories().iter().skip(1) {
            let root = world.root(tree, suite).await.unwrap();
            read_deb(&*world.memory, tree, suite, &root).await;
        }
        all.push((root, packages));
    }
    all
}

async fn expect_old_readers(world: &World, work: Work, old: &[(String, Vec<String>)], context: &str) {
    for (tree, (root, packages)) in work.trees().iter().zip(old) {
        for directory in work.directories() {
            let now = read_deb_but(&*world.memory, tree, directory, root, work.spoilt()).await;
            assert_eq!(now, *packages, "{context}");
        }
    }
}

/// How many objects there are outside of the private prefix, and how many generations.
async fn stored(world: &World) -> (usize, usize) {
    (world.memory_stats().await.len(), world.keys(".rws/generations/").await.len())
}

/// There is an event for every upload and for every generation, and nothing counts that did not happen; without a receiver
/// nothing is written for one.
async fn expect_told(world: &World, work: Work, context: &str) {
    if work != Work::Told {
        assert!(world.keys(".rws/webhooks/").await.is_empty(), "{context}");
        return;
    }
    let outbox = Outbox { store: &*world.memory, subscriber: RECEIVER };
    let mut expected = BTreeSet::new();
    for key in world.keys(".rws/uploads/").await {
        let id = key.rsplit('/').next().unwrap().trim_end_matches(".json").to_owned();
        expected.insert(("upload.accepted".to_owned(), id));
    }
    for tree in work.trees() {
        let head = Heads(&*world.memory).read(&id(&format!("{tree}/focal"))).await.unwrap().unwrap().0;
        let past = head.history.iter().map(|past| &past.generation).chain([&head.generation]);
        expected.extend(past.map(|id| ("repository.published".to_owned(), id.to_string())));
    }
    let mut told = BTreeSet::new();
    for waiting in outbox.list().await.unwrap() {
        let event = outbox.read(&waiting.id).await.unwrap().unwrap();
        let name = |key: &str| event.data[key].as_str().map(str::to_owned);
        if outbox.is_final(&event).await.unwrap() {
            let name = name("generation").or_else(|| name("upload")).unwrap();
            assert!(told.insert((event.kind.clone(), name)), "{context}: {} twice", waiting.id);
        }
    }
    assert_eq!(told, expected, "{context}");
}

/// Dies at one operation; the operation, where there was one.
async fn die(world: &World, work: Work, number: usize, moment: Moment) -> Option<Operation> {
    work.prepare(world).await;
    let old = read(world, work).await;
    let crash = Crash::at(number, moment);
    let died = work.run_all(world, &work.publisher(world, observed(world, crash.clone())), work.triggers()).await;
    let operation = crash.names.lock().unwrap().get(number).cloned();
    let context = format!("{work:?}: {moment:?} {operation:?}");
    assert_eq!(died.is_err(), operation.is_some(), "{context}: {died:?}");
    // for one who holds the old root, and for one who comes now
    expect_old_readers(world, work, &old, &context).await;
    read(world, work).await;

    work.run_all(world, &work.publisher(world, world.store()), work.triggers()).await.unwrap();
    for tree in work.trees() {
        let root = world.root(tree, "focal").await.unwrap();
        let packages = read_deb(&*world.memory, tree, "focal", &root).await;
        assert_eq!(packages.len(), work.packages(), "{context}: {packages:?}");
        for directory in work.directories() {
            check_plain(&*world.memory, tree, directory).await;
            assert!(
                world.root(tree, directory).await.as_ref() == Some(&root),
                "{context}: {directory} has another root"
            );
        }
        let head = Heads(&*world.memory).read(&id(&format!("{tree}/focal"))).await.unwrap().unwrap().0;
        assert!(
            head.root.iter().any(|file| file.text() == Some(&root)),
            "{context}: readers of the store have another root"
        );
    }
    expect_old_readers(world, work, &old, &context).await;
    expect_told(world, work, &context).await;
    Scheduler::new(world.publisher(world.store())).sweep().await.unwrap();
    assert_eq!(world.leftovers().await, Vec::<String>::new(), "{context}");
    operation
}

/// Takes every crash point of some work.
async fn every_crash_point(work: Work, at_least: usize) {
    let undisturbed = work.world();
    assert_eq!(die(&undisturbed, work, usize::MAX, Moment::Before).await, None);
    let expected = stored(&undisturbed).await;
    let mut points = 0;
    for number in 0.. {
        for moment in [Moment::Before, Moment::After] {
            let world = work.world();
            let Some(operation) = die(&world, work, number, moment).await else {
                assert!(points >= at_least, "{work:?}: only {points} crash points");
                println!("{work:?}: {points} crash points");
                return;
            };
            points += 1;
            let (public, generations) = stored(&world).await;
            assert_eq!(public, expected.0, "{work:?}: {moment:?} {operation:?}");
            // a manifest that was written right before the end may be left over; indexes are made anew as often as asked
            assert!(generations.abs_diff(expected.1) <= 1, "{work:?}: {moment:?} {operation:?}: {generations}");
        }
    }
}

#[tokio::test]
async fn upload() {
    every_crash_point(Work::Upload, 40).await;
}

#[tokio::test]
async fn told() {
    every_crash_point(Work::Told, 80).await;
}

#[tokio::test]
async fn anchor() {
    every_crash_point(Work::Anchor, 80).await;
}

#[tokio::test]
async fn components() {
    every_crash_point(Work::Components, 80).await;
}

#[tokio::test]
async fn removal() {
    every_crash_point(Work::Removal, 30).await;
}

#[tokio::test]
async fn replacement() {
    every_crash_point(Work::Replacement, 30).await;
}

#[tokio::test]
async fn rebuild() {
    every_crash_point(Work::Rebuild, 20).await;
}

#[tokio::test]
async fn condemning() {
    every_crash_point(Work::Condemning, 4).await;
}

#[tokio::test]
async fn deletion() {
    every_crash_point(Work::Deletion, 6).await;
}

#[tokio::test]
async fn index_names_below_a_suite_go_with_the_first_ones() {
    let (world, work) = (Work::Components.world(), Work::Components);
    let path = "release/2.8/ubuntu/focal";
    let run = async || work.run_all(&world, &world.publisher(world.store()), Triggers::NONE).await.unwrap();
    let names = async |directory: &str| {
        let start = format!("release/2.8/ubuntu/dists/{directory}/");
        let names = world.keys(&start).await.into_iter();
        let names = names.filter(|name| name.contains("/by-hash/"));
        names.map(|name| name.replacen(&start, "", 1)).collect::<Vec<_>>()
    };
    for text in ["1", "2", "3", "4", "5", "6"] {
        world.upload(path, &[world.deb("aa", "1", "amd64", text)]).await.unwrap();
        run().await;
    }
    let before = names("stable").await;
    assert_eq!(before, names("focal").await);
    world.pass(25 * 60 * 60);
    run().await;
    world.pass(11 * 60);
    run().await;
    let after = names("stable").await;
    assert_eq!(after, names("focal").await);
    assert!(after.len() < before.len(), "{after:?}");
}
