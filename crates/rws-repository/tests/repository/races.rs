//! Races that are forced: what two processes do to one repository, and what somebody else does to its bucket meanwhile.
//! The number of lost commits is part of each.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{ACTOR, Crash, World, accept, catalogue_signed_by, id, observed, received};
use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use rws_openpgp::{Keyring, SigningKey};
use rws_repository::Heads;
use rws_repository::IncomingFiles;
use rws_repository::intake::{self, Destination};
use rws_repository::limits::Requester;
use rws_repository::pin::{self, NewPin};
use rws_repository::publish::{Malformed, Outcome, Publisher, Trigger, Triggers};
use rws_repository::scheduler::Scheduler;
use rws_store::{Key, Moment, Observer, Operation, Store, StoreError};

const FOCAL: &str = "release/2.8/ubuntu/focal";
const TREE: &str = "release/2.8/ubuntu";
const POOL: &str = "release/2.8/ubuntu/pool/focal/main/p/product";
const SYNCHRONISE: Triggers = Triggers::of(&[Trigger::Synchronise]);

type Action = Box<dyn Fn(Arc<World>) -> BoxFuture<'static, ()> + Send + Sync>;

/// What others do, once, at one operation.
struct Meanwhile {
    world: Arc<World>,
    moment: Moment,
    verb: &'static str,
    prefix: &'static str,
    done: AtomicBool,
    action: Action,
}

#[async_trait]
impl Observer for Meanwhile {
    async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError> {
        let here = moment == self.moment && operation.verb == self.verb && operation.key.starts_with(self.prefix);
        if here && !self.done.swap(true, Ordering::SeqCst) {
            (self.action)(Arc::clone(&self.world)).await;
        }
        Ok(())
    }
}

/// Reconciles, while others do something at an operation, which must occur.
async fn reconcile_while(
    world: &Arc<World>,
    triggers: Triggers,
    at: (Moment, &'static str, &'static str),
    action: impl Fn(Arc<World>) -> BoxFuture<'static, ()> + Send + Sync + 'static,
) -> Outcome {
    let (moment, verb, prefix) = at;
    let (world_of_others, done) = (Arc::clone(world), AtomicBool::new(false));
    let meanwhile = Meanwhile { world: world_of_others, moment, verb, prefix, done, action: Box::new(action) };
    let meanwhile = Arc::new(meanwhile);
    world.tick();
    let publisher = world.publisher(observed(world, meanwhile.clone()));
    let outcome = publisher.reconcile(&id(FOCAL), triggers).await.unwrap();
    assert!(meanwhile.done.load(Ordering::SeqCst), "{verb} {prefix} did not occur");
    outcome
}

async fn upload(world: &World, name: &str, text: &str) {
    world.upload(FOCAL, &[world.deb(name, "1", "amd64", text)]).await.unwrap();
}

async fn world_with(names: &[&str]) -> Arc<World> {
    let world = Arc::new(World::new());
    for name in names {
        upload(&world, name, name).await;
    }
    world.publish(FOCAL).await.unwrap();
    world
}

async fn packages(world: &World) -> Vec<String> {
    let root = world.root(TREE, "focal").await.unwrap();
    world.check_plain(TREE, "focal").await;
    let packages = world.read_deb(TREE, "focal", &root).await;
    packages.into_iter().map(|package| package.split(' ').next().unwrap().to_owned()).collect()
}

async fn delete(world: &World, name: &str) {
    world.memory.delete(&[Key::parse(&format!("{POOL}/{name}_1_amd64.deb")).unwrap()]).await.unwrap();
}

/// The client got no answer, and sends the same to another replica: two uploads, one package, no second generation.
#[tokio::test]
async fn an_upload_sent_again_to_another_replica_is_one_package() {
    let world = Arc::new(World::new());
    upload(&world, "aa", "a").await;
    upload(&world, "aa", "a").await;
    let outcome = world.publish(FOCAL).await.unwrap();
    assert_eq!((outcome.applied.len(), outcome.lost_commits), (2, 0));
    assert_eq!(packages(&world).await, ["aa"]);
    upload(&world, "aa", "a").await;
    assert_eq!(world.publish(FOCAL).await.unwrap().published_at, None);
    assert_eq!(world.leftovers().await, Vec::<String>::new());
}

/// The replica that published died before it deleted the pointer; the package went since.
#[tokio::test]
async fn a_pointer_that_is_seen_again_brings_nothing_back() {
    let world = world_with(&["aa"]).await;
    upload(&world, "bb", "b").await;
    let counted = Crash::at(usize::MAX, Moment::Before);
    let rehearsal = world_with(&["aa"]).await;
    upload(&rehearsal, "bb", "b").await;
    let publisher = rehearsal.publisher(observed(&rehearsal, counted.clone()));
    publisher.reconcile(&id(FOCAL), Triggers::NONE).await.unwrap();
    let deletion = counted.names.lock().unwrap().iter().position(|one| one.verb == "delete").unwrap();

    world.tick();
    let publisher = world.publisher(observed(&world, Crash::at(deletion, Moment::Before)));
    publisher.reconcile(&id(FOCAL), Triggers::NONE).await.unwrap_err();
    assert_eq!(packages(&world).await, ["aa", "bb"]);
    assert_eq!(world.leftovers().await.len(), 2, "the pointer and the package file");
    delete(&world, "bb").await;
    world.synchronise(FOCAL).await.unwrap();
    assert_eq!(packages(&world).await, ["aa"]);
    world.publish(FOCAL).await.unwrap();
    assert_eq!(packages(&world).await, ["aa"]);
    Scheduler::new(world.publisher(world.store())).sweep().await.unwrap();
    assert_eq!(world.leftovers().await, Vec::<String>::new());
}

/// Two replicas take other bytes for one identity, and publish at the same time: the later one in the store's order
/// stays, whoever publishes first.
#[tokio::test]
async fn of_two_contents_at_the_same_time_the_later_one_stays() {
    for (moment, verb, prefix, lost) in [
        // the others did everything before it saw what is pending
        (Moment::After, "read", ".rws/heads/", 0),
        (Moment::After, "list", ".rws/pending/", 1),
        (Moment::Before, "copy", POOL, 1),
        (Moment::Before, "write", ".rws/heads/", 1),
        (Moment::After, "write", ".rws/heads/", 0),
    ] {
        let world = world_with(&["aa"]).await;
        upload(&world, "bb", "earlier").await;
        let outcome = reconcile_while(&world, Triggers::NONE, (moment, verb, prefix), |world| {
            async move {
                upload(&world, "bb", "later").await;
                world.publish(FOCAL).await.unwrap();
            }
            .boxed()
        })
        .await;
        assert_eq!(outcome.lost_commits, lost, "{moment:?} {verb} {prefix}");
        world.publish(FOCAL).await.unwrap();
        assert_eq!(packages(&world).await, ["aa", "bb"]);
        let index = world.index(&format!("{TREE}/dists/focal/main/binary-amd64/Packages")).await;
        assert!(index.contains("Description: later"), "{moment:?} {verb} {prefix}: {index}");
    }
}

/// Somebody deleted the file and uploads the same bytes again: the index knows them still, and needs the file back.
#[tokio::test]
async fn the_same_bytes_again_bring_a_file_back_that_somebody_deleted_or_overwrote() {
    let world = world_with(&["aa", "bb"]).await;
    delete(&world, "aa").await;
    world.put(&format!("{POOL}/bb_1_amd64.deb"), b"no package".to_vec()).await;
    upload(&world, "aa", "aa").await;
    upload(&world, "bb", "bb").await;
    world.publish(FOCAL).await.unwrap();
    assert_eq!(packages(&world).await, ["aa", "bb"]);
    let overwritten = world.get(&format!("{POOL}/bb_1_amd64.deb")).await.unwrap();
    assert_eq!(overwritten, b"no package", "what somebody else wrote is theirs");
}

/// The same bytes again while a synchronisation is about to take the package out whose file is gone.
#[tokio::test]
async fn the_same_bytes_again_while_their_removal_is_under_way() {
    let at = [
        (Moment::Before, "list", "release/2.8/ubuntu/pool", 1),
        // the file is back when it asks for it
        (Moment::After, "list", "release/2.8/ubuntu/pool", 0),
        (Moment::After, "stat", POOL, 1),
        (Moment::Before, "write", ".rws/heads/", 1),
        (Moment::After, "write", ".rws/heads/", 0),
    ];
    for (moment, verb, prefix, lost) in at {
        let world = world_with(&["aa", "bb"]).await;
        delete(&world, "aa").await;
        let outcome = reconcile_while(&world, SYNCHRONISE, (moment, verb, prefix), |world| {
            async move {
                upload(&world, "aa", "aa").await;
                world.publish(FOCAL).await.unwrap();
            }
            .boxed()
        })
        .await;
        assert_eq!(outcome.lost_commits, lost, "{moment:?} {verb} {prefix}");
        world.publish(FOCAL).await.unwrap();
        assert_eq!(packages(&world).await, ["aa", "bb"], "{moment:?} {verb} {prefix}");
    }
}

#[tokio::test]
async fn a_synchronisation_that_listed_before_an_upload_was_published_removes_nothing() {
    let world = world_with(&["aa"]).await;
    let at = (Moment::After, "list", "release/2.8/ubuntu/pool");
    let outcome = reconcile_while(&world, SYNCHRONISE, at, |world| {
        async move {
            upload(&world, "bb", "b").await;
            world.publish(FOCAL).await.unwrap();
        }
        .boxed()
    })
    .await;
    assert_eq!(outcome.lost_commits, 1, "the root is none that it knows");
    assert_eq!(packages(&world).await, ["aa", "bb"]);
}

/// A listing that misses a file which is there: asking for the file itself decides.
#[tokio::test]
async fn a_listing_that_misses_a_file_removes_nothing() {
    let world = world_with(&["aa", "bb"]).await;
    let file = std::fs::read(world.deb("aa", "1", "amd64", "aa")).unwrap();
    delete(&world, "aa").await;
    let at = (Moment::After, "list", "release/2.8/ubuntu/pool");
    reconcile_while(&world, SYNCHRONISE, at, move |world| {
        let file = file.clone();
        async move { world.put(&format!("{POOL}/aa_1_amd64.deb"), file).await }.boxed()
    })
    .await;
    assert_eq!(packages(&world).await, ["aa", "bb"]);
}

/// What was written at the beginning of a request is deleted after a day: a promise must not rest on it.
#[tokio::test]
async fn a_request_that_takes_half_a_day_is_refused() {
    let world = World::new();
    let targets = world.catalogue.resolve(FOCAL).unwrap();
    for (hours, is_accepted) in [(11, true), (13, false)] {
        let files = received(&targets[0], &[world.deb("aa", "1", "amd64", "a")]);
        let reception = IncomingFiles::begin(world.store()).await.unwrap();
        world.pass(hours * 3600);
        let answer = intake::accept(reception, Destination::all(&targets, Requester::unlimited(&ACTOR)), files).await;
        assert_eq!(answer.is_ok(), is_accepted, "{answer:?}");
    }
}

/// A request that was cut off before its upload object was written left files: no synchronisation publishes them.
#[tokio::test]
async fn what_an_unanswered_upload_left_is_not_published() {
    for number in 0.. {
        let world = world_with(&["aa"]).await;
        let targets = world.catalogue.resolve(FOCAL).unwrap();
        let files = received(&targets[0], &[world.deb("bb", "1", "amd64", "b")]);
        let crash = Crash::at(number, Moment::Before);
        world.tick();
        let answer = accept(&observed(&world, crash.clone()), &targets, files).await;
        if answer.is_ok() {
            assert!(number >= 3, "a file, a pointer and the upload object");
            break;
        }
        world.synchronise(FOCAL).await.unwrap();
        assert_eq!(packages(&world).await, ["aa"], "{:?}", crash.names.lock().unwrap());
    }
}

/// The content of the repository changes and changes back while a publisher is about to commit.
#[tokio::test]
async fn a_content_that_came_back_is_another_head() {
    let world = world_with(&["aa"]).await;
    upload(&world, "cc", "c").await;
    let outcome = reconcile_while(&world, Triggers::NONE, (Moment::Before, "write", ".rws/heads/"), |world| {
        async move {
            upload(&world, "bb", "b").await;
            world.publish(FOCAL).await.unwrap();
            for name in ["bb", "cc"] {
                delete(&world, name).await;
            }
            world.synchronise(FOCAL).await.unwrap();
            assert_eq!(packages(&world).await, ["aa"]);
        }
        .boxed()
    })
    .await;
    assert_eq!(outcome.lost_commits, 1);
    // cc was published and deleted by the others: the slow one does not bring it back
    assert_eq!(packages(&world).await, ["aa"]);
}

/// A publisher stops for hours right before its commit; meanwhile what its generation refers to is cleared away.
#[tokio::test]
async fn a_publisher_that_slept_through_a_clean_up_loses() {
    const HOUR: i64 = 60 * 60;
    let world = world_with(&["aa"]).await;
    upload(&world, "bb", "b").await;
    let outcome = reconcile_while(&world, Triggers::NONE, (Moment::Before, "write", ".rws/heads/"), |world| {
        async move {
            for text in ["1", "2", "3", "4", "5"] {
                upload(&world, "aa", text).await;
                world.publish(FOCAL).await.unwrap();
            }
            for _ in 0..4 {
                world.pass(2 * HOUR);
                world.publish(FOCAL).await.unwrap();
            }
            assert_eq!(world.get(&format!("{POOL}/aa_1_amd64.deb")).await, None, "the first content went");
        }
        .boxed()
    })
    .await;
    assert_eq!(outcome.lost_commits, 1);
    assert_eq!(packages(&world).await, ["aa", "bb"]);
}

/// While a rolling change goes on, replicas have different keys: only a start publishes anew, once.
#[tokio::test]
async fn replicas_with_different_keys_do_not_flap() {
    let world = world_with(&["aa"]).await;
    let key = SigningKey::generate("RWS <rws@example.org>", 1_700_000_000, &mut [7; 32]).unwrap();
    let signed = catalogue_signed_by(Some(Arc::new(Keyring::of(Arc::new(key)).unwrap())));
    let other = Publisher::new(world.store(), signed, Malformed::Stop);
    let reconcile = async |publisher: &Publisher, start: bool| {
        world.tick();
        let triggers = Triggers::NONE.and_if(start, Trigger::Start);
        publisher.reconcile(&id(FOCAL), triggers).await.unwrap().published_at.is_some()
    };
    let own = world.publisher(world.store());
    assert!(!reconcile(&other, false).await);
    assert!(reconcile(&other, true).await);
    assert!(!reconcile(&own, false).await);
    assert!(!reconcile(&other, true).await);
    assert!(world.get(&format!("{TREE}/dists/focal/InRelease")).await.is_some());
    // an upload is published by whoever takes it, with its own key
    upload(&world, "bb", "b").await;
    assert!(reconcile(&own, false).await);
    assert_eq!(world.get(&format!("{TREE}/dists/focal/InRelease")).await, None);
    assert_eq!(packages(&world).await, ["aa", "bb"]);
}

/// The answer of a commit is lost, and another publisher has committed since: the generation was current once, and its
/// readers keep it.
#[tokio::test]
async fn a_commit_whose_answer_was_lost_and_that_was_followed_by_another_counts() {
    struct Lost(Arc<World>, AtomicBool);
    #[async_trait]
    impl Observer for Lost {
        async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError> {
            let here = moment == Moment::After && operation.verb == "write" && operation.key.starts_with(".rws/heads/");
            if here && !self.1.swap(true, Ordering::SeqCst) {
                upload(&self.0, "cc", "c").await;
                self.0.publish(FOCAL).await.unwrap();
                return Err(StoreError::Conflict { key: operation.key.clone() });
            }
            Ok(())
        }
    }
    let world = world_with(&["aa"]).await;
    upload(&world, "bb", "b").await;
    world.tick();
    let publisher = world.publisher(observed(&world, Arc::new(Lost(Arc::clone(&world), AtomicBool::new(false)))));
    let outcome = publisher.reconcile(&id(FOCAL), Triggers::NONE).await.unwrap();
    assert_eq!(outcome.lost_commits, 0);
    assert_eq!(packages(&world).await, ["aa", "bb", "cc"]);
    assert_eq!(world.leftovers().await, Vec::<String>::new());
    let head = Heads(&*world.memory).read(&id(FOCAL)).await.unwrap().unwrap().0;
    let kept = world.keys(".rws/generations/").await;
    for past in &head.history {
        assert!(kept.iter().any(|key| key.ends_with(&past.generation.to_string())), "{kept:?}");
    }
    let generation = outcome.generation.unwrap();
    assert!(head.history.iter().any(|past| past.generation == generation));
}

/// Index files of a commit that was lost, or of a publisher that died before its own, are in no generation: they go.
#[tokio::test]
async fn what_was_written_for_nothing_goes() {
    for dies in [false, true] {
        let world = world_with(&["aa"]).await;
        upload(&world, "bb", "b").await;
        let meanwhile = |world: Arc<World>| async move {
            upload(&world, "cc", "c").await;
            world.publish(FOCAL).await.unwrap();
        };
        if dies {
            let died = Crash::at(usize::MAX, Moment::Before);
            let rehearsal = world_with(&["aa"]).await;
            upload(&rehearsal, "bb", "b").await;
            let publisher = rehearsal.publisher(observed(&rehearsal, died.clone()));
            publisher.reconcile(&id(FOCAL), Triggers::NONE).await.unwrap();
            let is_commit = |one: &Operation| one.verb == "write" && one.key.starts_with(".rws/heads/");
            let commit = died.names.lock().unwrap().iter().position(is_commit).unwrap();
            world.tick();
            let publisher = world.publisher(observed(&world, Crash::at(commit, Moment::Before)));
            publisher.reconcile(&id(FOCAL), Triggers::NONE).await.unwrap_err();
            meanwhile(Arc::clone(&world)).await;
        } else {
            let at = (Moment::Before, "write", ".rws/heads/");
            let outcome = reconcile_while(&world, Triggers::NONE, at, move |world| meanwhile(world).boxed()).await;
            assert_eq!(outcome.lost_commits, 1);
            // whoever lost it, and lives, does not wait for that
            let head = Heads(&*world.memory).read(&id(FOCAL)).await.unwrap().unwrap().0;
            assert!(head.condemned.iter().any(|one| one.key.as_str().contains("/by-hash/")), "{:?}", head.condemned);
        }
        assert_eq!(packages(&world).await, ["aa", "bb", "cc"]);
        // a day later nothing is left but what the head knows
        for hours in [25, 1, 1, 1, 1] {
            world.pass(hours * 60 * 60);
            let scheduler = Scheduler::new(world.publisher(world.store()));
            scheduler.sweep().await.unwrap();
            scheduler.settle(&[id(FOCAL)], Duration::from_secs(30)).await;
            world.publish(FOCAL).await.unwrap();
        }
        let head = Heads(&*world.memory).read(&id(FOCAL)).await.unwrap().unwrap().0;
        assert_eq!(head.condemned, []);
        assert_eq!(world.keys(".rws/generations/").await.len(), 1 + head.history.len(), "dies: {dies}");
        let known: BTreeSet<String> = head.retired.iter().map(|file| format!("{TREE}/{}", file.path)).collect();
        let current = rws_repository::generation(&*world.memory, &id(FOCAL), &head.generation).await.unwrap();
        let current = current.indexes.iter().flat_map(|index| &index.files);
        let known: BTreeSet<String> =
            known.into_iter().chain(current.map(|file| format!("{TREE}/{}", file.stored_name))).collect();
        let by_hash = world.keys(&format!("{TREE}/dists/")).await.into_iter().filter(|key| key.contains("/by-hash/"));
        let unknown: Vec<String> = by_hash.filter(|key| !known.contains(key)).collect();
        assert_eq!(unknown, Vec::<String>::new(), "dies: {dies}");
        assert_eq!(packages(&world).await, ["aa", "bb", "cc"]);
    }
}

/// A commit whose answer is lost, and a head that somebody changed since without publishing anything: the commit was won, and
/// nothing of it may ever be given up as that of a lost one.
struct LostAnswer {
    world: Arc<World>,
    done: AtomicBool,
}

#[async_trait]
impl Observer for LostAnswer {
    async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError> {
        let is_commit =
            moment == Moment::After && operation.verb == "write" && operation.key.starts_with(".rws/heads/");
        if !is_commit || self.done.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let target = Arc::clone(self.world.catalogue.repository(&id(FOCAL)).unwrap());
        let new = NewPin { name: "meanwhile", targets: &[target], state: None, actor: &ACTOR };
        pin::create(&*self.world.memory, new).await.unwrap();
        // what the store says to a repeated request whose first answer was lost
        Err(StoreError::Conflict { key: operation.key.clone() })
    }
}

#[tokio::test]
async fn a_commit_is_won_whose_answer_is_lost_while_somebody_pins_it() {
    let world = world_with(&["one"]).await;
    upload(&world, "two", "two").await;
    world.tick();
    let lost = Arc::new(LostAnswer { world: Arc::clone(&world), done: AtomicBool::new(false) });
    let outcome = world.publisher(observed(&world, lost.clone())).reconcile(&id(FOCAL), Triggers::NONE).await.unwrap();
    assert!(lost.done.load(Ordering::SeqCst));
    assert_eq!(outcome.lost_commits, 0);
    let (head, _) = Heads(&*world.memory).read(&id(FOCAL)).await.unwrap().unwrap();
    assert_eq!(outcome.generation.as_ref(), Some(&head.generation));
    // nothing is taken away from it later
    for name in ["three", "four"] {
        world.pass(3600);
        upload(&world, name, name).await;
        world.publish(FOCAL).await.unwrap();
    }
    let manifests = world.keys(".rws/generations/").await;
    assert!(manifests.iter().any(|key| key.ends_with(&head.generation.to_string())), "{manifests:?}");
}

/// Readers of the store itself get a generation also when its head was changed before it was exposed: a pin exposes nothing.
#[tokio::test]
async fn a_generation_is_exposed_that_was_pinned_at_once() {
    let world = world_with(&["one"]).await;
    upload(&world, "two", "two").await;
    let outcome = reconcile_while(&world, Triggers::NONE, (Moment::After, "write", ".rws/heads/"), |world| {
        async move {
            let target = Arc::clone(world.catalogue.repository(&id(FOCAL)).unwrap());
            let new = NewPin { name: "at-once", targets: &[target], state: None, actor: &ACTOR };
            pin::create(&*world.memory, new).await.unwrap();
        }
        .boxed()
    })
    .await;
    assert_eq!(outcome.lost_commits, 0);
    let (head, _) = Heads(&*world.memory).read(&id(FOCAL)).await.unwrap().unwrap();
    for file in &head.root {
        assert_eq!(world.get(&format!("{TREE}/{}", file.name)).await.unwrap(), file.content, "{}", file.name);
    }
    world.check_plain(TREE, "focal").await;
}
