//! The publish protocol on a store in memory: what comes out, what survives a crash, who wins a race.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Crash, World, id, observed};
use async_trait::async_trait;
use rws_repository::RepositoryError;
use rws_repository::publish::{Malformed, Publisher, Trigger, Triggers};
use rws_repository::scheduler::Scheduler;
use rws_store::{Key, Moment, Observer, Operation, Store, StoreError};

const FOCAL: &str = "release/2.8/ubuntu/focal";
const TREE: &str = "release/2.8/ubuntu";

#[tokio::test]
async fn what_is_uploaded_is_published_and_nothing_is_left_over() {
    let world = World::new();
    let files = [world.deb("hello", "1:2.0~rc1+x-1", "amd64", "one"), world.deb("docs", "1", "all", "all")];
    let accepted = world.upload(FOCAL, &files).await.unwrap();
    assert_eq!(accepted.repositories, [id(FOCAL)]);
    assert_eq!(world.root(TREE, "focal").await, None, "handlers write only under the private prefix");
    let outcome = world.publish(FOCAL).await.unwrap();
    assert!(outcome.published_at.is_some());
    assert_eq!(outcome.applied, [accepted.id]);
    let root = world.root(TREE, "focal").await.unwrap();
    assert_eq!(
        world.read_deb(TREE, "focal", &root).await,
        [
            "docs 1 all pool/focal/main/p/product/docs_1_all.deb",
            "hello 1:2.0~rc1+x-1 amd64 pool/focal/main/p/product/hello_2.0~rc1+x-1_amd64.deb"
        ]
    );
    world.check_plain(TREE, "focal").await;
    let amd64 = world.index(&format!("{TREE}/dists/focal/main/binary-amd64/Packages")).await;
    assert!(amd64.contains("Package: docs"), "arch:all is in every index");
    let arm64 = world.get(&format!("{TREE}/dists/focal/main/binary-arm64/Packages")).await;
    assert_eq!(arm64, None, "an architecture without packages has no index");
    assert_eq!(world.leftovers().await, Vec::<String>::new());
}

/// Whatever is pending, so much of it is in memory at once as a batch has; the order of uploads stays.
#[tokio::test]
async fn what_is_pending_is_published_in_batches() {
    let world = World::new();
    let large = "x".repeat(900_000);
    // of one request, more than a batch: it is one alone
    let names: Vec<String> = (0..20).map(|number| format!("large{number:02}")).collect();
    let files: Vec<_> = names.iter().map(|name| world.deb(name, "1", "all", &large)).collect();
    let first = world.upload(FOCAL, &files).await.unwrap();
    let mut others = Vec::new();
    for (name, version) in [("small", "1"), ("small", "2"), ("large00", "2")] {
        others.push(world.upload(FOCAL, &[world.deb(name, version, "all", "text")]).await.unwrap());
    }
    let outcome = world.publish(FOCAL).await.unwrap();
    assert!(outcome.has_more);
    assert_eq!(outcome.applied, [first.id]);
    let outcome = world.publish(FOCAL).await.unwrap();
    assert!(!outcome.has_more);
    assert_eq!(outcome.applied, others.iter().map(|other| other.id.clone()).collect::<Vec<_>>());
    let root = world.root(TREE, "focal").await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &root).await.len(), 20 + 3);
    world.check_plain(TREE, "focal").await;
    assert_eq!(world.leftovers().await, Vec::<String>::new());
}

#[tokio::test]
async fn nothing_changed_nothing_written() {
    let world = World::new();
    let file = world.deb("hello", "1", "amd64", "one");
    world.upload(FOCAL, std::slice::from_ref(&file)).await.unwrap();
    let first = world.publish(FOCAL).await.unwrap();
    let before = world.memory_stats().await;
    world.upload(FOCAL, &[file]).await.unwrap();
    let second = world.publish(FOCAL).await.unwrap();
    assert!(second.published_at.is_none());
    assert_eq!(second.generation, first.generation);
    assert_eq!(world.leftovers().await, Vec::<String>::new());
    let third = world.synchronise(FOCAL).await.unwrap();
    assert!(third.published_at.is_none());
    assert_eq!(world.memory_stats().await, before);
}

#[tokio::test]
async fn other_bytes_under_the_same_name_go_elsewhere_and_the_old_stay() {
    let world = World::new();
    let mut roots = Vec::new();
    // the third brings back the bytes of the first
    for text in ["one", "two", "one", "three"] {
        world.upload(FOCAL, &[world.deb("hello", "1", "amd64", text)]).await.unwrap();
        world.publish(FOCAL).await.unwrap();
        roots.push((world.root(TREE, "focal").await.unwrap(), text));
    }
    for (root, _) in &roots {
        assert_eq!(world.read_deb(TREE, "focal", root).await.len(), 1);
    }
    assert_ne!(roots[0].0, roots[1].0);
    let date = |root: &str| root.lines().find(|line| line.starts_with("Date: ")).unwrap().to_owned();
    assert_ne!(date(&roots[0].0), date(&roots[2].0));
}

#[tokio::test]
async fn a_new_architecture_gets_what_is_for_all() {
    let world = World::new();
    world.upload(FOCAL, &[world.deb("docs", "1", "all", "all"), world.deb("aa", "1", "amd64", "a")]).await.unwrap();
    world.publish(FOCAL).await.unwrap();
    // the original took any architecture that a package has: it is in the index of its own from then on
    let path = world.deb("bb", "1", "i386", "b");
    let key = format!("{TREE}/pool/focal/main/p/product/bb_1_i386.deb");
    world.put(&key, std::fs::read(path).unwrap()).await;
    world.synchronise(FOCAL).await.unwrap();
    let index = world.index(&format!("{TREE}/dists/focal/main/binary-i386/Packages")).await;
    assert!(index.contains("Package: bb\n") && index.contains("Package: docs\n") && !index.contains("Package: aa\n"));
    let root = world.root(TREE, "focal").await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &root).await.len(), 3);
}

/// An upload whose process dies anywhere is wholly in or wholly out.
#[tokio::test]
async fn an_upload_that_was_not_answered_is_in_or_out() {
    for number in 0.. {
        let mut reached = false;
        for moment in [Moment::Before, Moment::After] {
            let world = World::new();
            let targets = world.catalogue.resolve("both/ubuntu/focal").unwrap();
            let files = [world.deb("aa", "1", "amd64", "a"), world.deb("bb", "1", "all", "b")];
            let files = crate::support::received(&targets[0], &files);
            let crash = Crash::at(number, moment);
            let store = observed(&world, crash.clone());
            let accepted = crate::support::accept(&store, &targets, files).await;
            reached |= crash.names.lock().unwrap().len() > number;
            let mut counts = Vec::new();
            for kind in ["live", "release"] {
                world.publish(&format!("{kind}/2.8/ubuntu/focal")).await.unwrap();
                let tree = format!("{kind}/2.8/ubuntu");
                counts.push(match world.root(&tree, "focal").await {
                    Some(root) => world.read_deb(&tree, "focal", &root).await.len(),
                    None => 0,
                });
            }
            assert!(counts == [0, 0] || counts == [2, 2], "{number} {moment:?}: {counts:?}");
            assert!(accepted.is_err() || counts == [2, 2], "{number} {moment:?}: answered and lost");
        }
        if !reached {
            break;
        }
    }
}

/// Lets another publisher finish at a chosen moment.
struct Between {
    world: Arc<World>,
    verb: &'static str,
    prefix: &'static str,
    moment: Moment,
    done: AtomicBool,
}

#[async_trait]
impl Observer for Between {
    async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError> {
        let here = moment == self.moment && operation.verb == self.verb && operation.key.starts_with(self.prefix);
        if here && !self.done.swap(true, Ordering::SeqCst) {
            self.world.upload(FOCAL, &[self.world.deb("cc", "1", "amd64", "c")]).await.unwrap();
            assert!(self.world.publish(FOCAL).await.unwrap().published_at.is_some());
        }
        Ok(())
    }
}

#[tokio::test]
async fn two_publishers_cannot_undo_each_other() {
    for (verb, prefix, moment, lost) in [
        // it did everything: nothing is left to do
        ("list", ".rws/pending/", Moment::Before, 0),
        // it has seen the pointers, and finds the uploads behind them
        ("list", ".rws/pending/", Moment::After, 1),
        ("copy", "release/2.8/ubuntu/pool", Moment::Before, 1),
        ("write", "release/2.8/ubuntu/dists", Moment::Before, 1),
        ("write", ".rws/heads/", Moment::Before, 1),
        // too late: the commit has been made, and the other one exposes
        ("write", ".rws/heads/", Moment::After, 0),
        ("write", "release/2.8/ubuntu/dists/focal/Release", Moment::Before, 0),
        ("delete", ".rws/", Moment::Before, 0),
    ] {
        let world = Arc::new(World::new());
        world.upload(FOCAL, &[world.deb("aa", "1", "amd64", "a")]).await.unwrap();
        world.publish(FOCAL).await.unwrap();
        world.upload(FOCAL, &[world.deb("bb", "1", "amd64", "b")]).await.unwrap();
        let between = Between { world: world.clone(), verb, prefix, moment, done: AtomicBool::new(false) };
        let between = Arc::new(between);
        let publisher = world.publisher(observed(&world, between.clone()));
        let outcome = publisher.reconcile(&id(FOCAL), Triggers::NONE).await.unwrap();
        assert!(between.done.load(Ordering::SeqCst), "{verb} {prefix}");
        assert_eq!(outcome.lost_commits, lost, "{verb} {prefix} {moment:?}");
        assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
        world.publish(FOCAL).await.unwrap();
        let root = world.root(TREE, "focal").await.unwrap();
        let packages = world.read_deb(TREE, "focal", &root).await;
        assert_eq!(packages.len(), 3, "{verb} {prefix} {moment:?}: {packages:?}");
        world.check_plain(TREE, "focal").await;
        assert_eq!(world.leftovers().await, Vec::<String>::new());
    }
}

/// Loses the answer of the commit.
struct LostAnswer;

#[async_trait]
impl Observer for LostAnswer {
    async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError> {
        if moment == Moment::After && operation.verb == "write" && operation.key.starts_with(".rws/heads/") {
            return Err(StoreError::Conflict { key: operation.key.clone() });
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_counts() {
    let world = World::new();
    world.upload(FOCAL, &[world.deb("aa", "1", "amd64", "a")]).await.unwrap();
    let publisher = world.publisher(observed(&world, Arc::new(LostAnswer)));
    let outcome = publisher.reconcile(&id(FOCAL), Triggers::NONE).await.unwrap();
    assert!(outcome.published_at.is_some());
    assert_eq!(outcome.lost_commits, 0);
    world.check_plain(TREE, "focal").await;
}

#[tokio::test]
async fn synchronising_adds_and_removes_what_others_did() {
    let world = World::new();
    let pool = format!("{TREE}/pool/focal/main/p/product");
    for name in ["aa", "bb"] {
        let file = world.deb(name, "1", "amd64", name);
        world.put(&format!("{pool}/{name}_1_amd64.deb"), std::fs::read(file).unwrap()).await;
    }
    assert!(world.synchronise(FOCAL).await.unwrap().published_at.is_some());
    let first = world.root(TREE, "focal").await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &first).await.len(), 2);
    use rws_store::{Key, Store};
    world.memory.delete(&[Key::parse(&format!("{pool}/aa_1_amd64.deb")).unwrap()]).await.unwrap();
    let other = world.deb("bb", "1", "amd64", "other bytes");
    world.put(&format!("{pool}/bb_1_amd64.deb"), std::fs::read(other).unwrap()).await;
    assert!(world.synchronise(FOCAL).await.unwrap().published_at.is_some());
    let second = world.root(TREE, "focal").await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &second).await, ["bb 1 amd64 pool/focal/main/p/product/bb_1_amd64.deb"]);
    assert!(world.synchronise(FOCAL).await.unwrap().published_at.is_none());
    world.memory.delete(&[Key::parse(&format!("{pool}/bb_1_amd64.deb")).unwrap()]).await.unwrap();
    // an empty listing removes nothing, and holds nobody up
    world.upload(FOCAL, &[world.deb("cc", "1", "amd64", "c")]).await.unwrap();
    let outcome = world.synchronise(FOCAL).await.unwrap();
    assert!(matches!(outcome.synchronised, Err(RepositoryError::Damaged { .. })), "{outcome:?}");
    assert_eq!(outcome.applied.len(), 1);
}

/// Bytes that somebody overwrote take every package along that had them.
#[tokio::test]
async fn a_path_that_became_another_package_is_that_one() {
    let world = World::new();
    let path = format!("{TREE}/pool/focal/main/p/product/current.deb");
    let get = |file| std::fs::read(file).unwrap();
    world.put(&path, get(world.deb("aa", "1", "amd64", "a"))).await;
    world.synchronise(FOCAL).await.unwrap();
    world.put(&path, get(world.deb("bb", "1", "amd64", "b"))).await;
    world.synchronise(FOCAL).await.unwrap();
    let root = world.root(TREE, "focal").await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &root).await, ["bb 1 amd64 pool/focal/main/p/product/current.deb"]);
}

#[tokio::test]
async fn a_file_that_comes_back_is_indexed_again() {
    use rws_store::{Key, Store};
    let world = World::new();
    let files = [world.deb("aa", "1", "amd64", "a"), world.deb("bb", "1", "amd64", "b")];
    world.upload(FOCAL, &files).await.unwrap();
    world.publish(FOCAL).await.unwrap();
    let path = format!("{TREE}/pool/focal/main/p/product/aa_1_amd64.deb");
    for expected in [1, 2] {
        match expected {
            1 => world.memory.delete(&[Key::parse(&path).unwrap()]).await.unwrap(),
            _ => world.put(&path, std::fs::read(&files[0]).unwrap()).await,
        }
        world.synchronise(FOCAL).await.unwrap();
        let root = world.root(TREE, "focal").await.unwrap();
        assert_eq!(world.read_deb(TREE, "focal", &root).await.len(), expected);
    }
}

/// A duplicate that was left out is known, and may have gone when its bytes are uploaded.
#[tokio::test]
async fn a_known_file_without_a_package_is_not_trusted() {
    use rws_store::{Key, Store};
    let world = World::new();
    let file = world.deb("aa", "1", "amd64", "a");
    let (first, second) =
        (format!("{TREE}/pool/focal/a.deb"), format!("{TREE}/pool/focal/main/p/product/aa_1_amd64.deb"));
    world.put(&first, std::fs::read(&file).unwrap()).await;
    world.put(&second, std::fs::read(&file).unwrap()).await;
    world.upload(FOCAL, &[world.deb("bb", "1", "amd64", "b")]).await.unwrap();
    world.synchronise(FOCAL).await.unwrap();
    world.memory.delete(&[Key::parse(&second).unwrap()]).await.unwrap();
    world.upload(FOCAL, &[file]).await.unwrap();
    world.publish(FOCAL).await.unwrap();
    let root = world.root(TREE, "focal").await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &root).await.len(), 2);
}

/// That an upload changes nothing must be true of the head that is current when it is forgotten.
#[tokio::test]
async fn the_same_bytes_again_while_somebody_replaces_them() {
    struct Replace(Arc<World>, AtomicBool);
    #[async_trait]
    impl Observer for Replace {
        async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError> {
            let here = moment == Moment::After && operation.verb == "read" && operation.key.starts_with(".rws/heads/");
            if here && !self.1.swap(true, Ordering::SeqCst) {
                self.0.upload(FOCAL, &[self.0.deb("aa", "1", "amd64", "other")]).await.unwrap();
                self.0.publish(FOCAL).await.unwrap();
                self.0.upload(FOCAL, &[self.0.deb("aa", "1", "amd64", "first")]).await.unwrap();
            }
            Ok(())
        }
    }
    let world = Arc::new(World::new());
    world.upload(FOCAL, &[world.deb("aa", "1", "amd64", "first")]).await.unwrap();
    world.publish(FOCAL).await.unwrap();
    let first = world.root(TREE, "focal").await.unwrap();
    let replace = Arc::new(Replace(Arc::clone(&world), AtomicBool::new(false)));
    let publisher = world.publisher(observed(&world, replace));
    let outcome = publisher.reconcile(&id(FOCAL), Triggers::NONE).await.unwrap();
    assert_eq!(outcome.lost_commits, 1);
    let root = world.root(TREE, "focal").await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &root).await, world.read_deb(TREE, "focal", &first).await);
}

#[tokio::test]
async fn the_first_upload_keeps_what_was_there() {
    let world = World::new();
    let file = world.deb("old", "1", "amd64", "old");
    world.put(&format!("{TREE}/pool/focal/main/o/old/old_1_amd64.deb"), std::fs::read(file).unwrap()).await;
    world.put(&format!("{TREE}/dists/focal/Release"), b"Origin: the old tool\n".to_vec()).await;
    world.put(&format!("{TREE}/dists/focal/main/binary-amd64/Packages"), b"".to_vec()).await;
    world.upload(FOCAL, &[world.deb("new", "1", "amd64", "new")]).await.unwrap();
    world.publish(FOCAL).await.unwrap();
    let root = world.root(TREE, "focal").await.unwrap();
    assert_eq!(
        world.read_deb(TREE, "focal", &root).await,
        ["new 1 amd64 pool/focal/main/p/product/new_1_amd64.deb", "old 1 amd64 pool/focal/main/o/old/old_1_amd64.deb"]
    );
    world.check_plain(TREE, "focal").await;
}

/// The old tool indexed whatever it found, under names that nobody has configured here.
#[tokio::test]
async fn an_old_tree_with_other_architectures_is_taken_over() {
    let world = World::new();
    let file = world.deb("old", "1", "i386", "old");
    world.put(&format!("{TREE}/pool/focal/main/o/old/old_1_i386.deb"), std::fs::read(file).unwrap()).await;
    world.put(&format!("{TREE}/dists/focal/main/binary-i386/Packages"), b"Package: old\n".to_vec()).await;
    world.put(&format!("{TREE}/dists/focal/InRelease"), b"signed by the old tool\n".to_vec()).await;
    world.put(&format!("{TREE}/pool/focal/main/o/old/.DS_Store"), b"x".to_vec()).await;
    world.put(&format!("{TREE}/pool/focal/main/o/old/a note.txt"), b"x".to_vec()).await;
    world.put(&format!("{TREE}/pool/focal/main/o/old/bad_1_i386.deb"), b"no package".to_vec()).await;
    world.upload(FOCAL, &[world.deb("new", "1", "amd64", "new")]).await.unwrap();
    let outcome = world.publish(FOCAL).await.unwrap();
    assert_eq!(outcome.applied.len(), 1, "a malformed package of others never blocks uploads");
    let root = world.root(TREE, "focal").await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &root).await.len(), 2);
    world.check_plain(TREE, "focal").await;
    // this repository is not signed: a signature of other times would be a lie
    assert_eq!(world.get(&format!("{TREE}/dists/focal/InRelease")).await, None);
}

/// As the original listed them: one path below the tree a line, no end of the last one, no file without any.
#[tokio::test]
async fn malformed_packages_are_listed_until_they_are_gone() {
    use rws_store::{Key, Store};
    let world = World::new();
    world.upload(FOCAL, &[world.deb("aa", "1", "amd64", "a")]).await.unwrap();
    world.publish(FOCAL).await.unwrap();
    let list = format!("{TREE}/dists/focal/malformed_list.txt");
    let names = ["pool/focal/main/a/a/bad_1_amd64.deb", "pool/focal/main/b/b/worse_1_all.deb"];
    for name in names {
        world.put(&format!("{TREE}/{name}"), b"no package".to_vec()).await;
    }
    let root = world.root(TREE, "focal").await;
    let stopped = world.synchronise(FOCAL).await.unwrap().synchronised;
    assert!(matches!(stopped, Err(RepositoryError::Malformed { .. })), "{stopped:?}");
    assert_eq!((world.root(TREE, "focal").await, world.get(&list).await), (root, None));

    let force = Publisher::new(world.store(), Arc::clone(&world.catalogue), Malformed::Skip);
    let synchronise = async || {
        world.tick();
        let triggers = Triggers::of(&[Trigger::Synchronise]);
        force.reconcile(&id(FOCAL), triggers).await.unwrap().synchronised.unwrap();
        world.get(&list).await.map(|bytes| String::from_utf8(bytes).unwrap())
    };
    assert_eq!(synchronise().await, Some(names.join("\n")));
    for (name, left) in names.into_iter().zip([Some(names[1].to_owned()), None]) {
        world.memory.delete(&[Key::parse(&format!("{TREE}/{name}")).unwrap()]).await.unwrap();
        assert_eq!(synchronise().await, left);
    }
    assert_eq!(world.keys(&list).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_another_tool_did_is_taken_in_at_start_and_with_an_upload() {
    for uploads in [false, true] {
        let world = World::new();
        world.upload(FOCAL, &[world.deb("aa", "1", "amd64", "a")]).await.unwrap();
        world.publish(FOCAL).await.unwrap();
        // somebody put a package there and ran the old tool
        let by_hand = std::fs::read(world.deb("hand", "1", "amd64", "hand")).unwrap();
        world.put(&format!("{TREE}/pool/focal/main/p/product/hand_1_amd64.deb"), by_hand).await;
        world.put(&format!("{TREE}/dists/focal/Release"), b"Origin: the old tool\n".to_vec()).await;
        // and that removed the index files of RWS
        for listed in world.store().list(&format!("{TREE}/dists/focal/main/")).await.unwrap() {
            world.store().delete(&[listed.key]).await.unwrap();
        }
        world.tick();
        if uploads {
            world.upload(FOCAL, &[world.deb("bb", "1", "amd64", "b")]).await.unwrap();
            let outcome = world.publish(FOCAL).await.unwrap();
            assert_eq!((outcome.applied.len(), outcome.lost_commits), (1, 0));
            Scheduler::new(world.publisher(world.store())).sweep().await.unwrap();
            assert_eq!(world.leftovers().await, Vec::<String>::new());
        } else {
            let start = Triggers::of(&[Trigger::Start]);
            world.publisher(world.store()).reconcile(&id(FOCAL), start).await.unwrap();
        }
        let root = world.root(TREE, "focal").await.unwrap();
        assert_eq!(world.read_deb(TREE, "focal", &root).await.len(), if uploads { 3 } else { 2 });
        world.check_plain(TREE, "focal").await;
    }
}

/// The old tool deletes the index files that it finds named in a root, so those of the current generation: a synchronisation
/// makes them anew, without reading the packages.
#[tokio::test]
async fn indexes_that_another_tool_deleted_are_made_anew() {
    let world = World::new();
    let files = [world.deb("aa", "1", "amd64", "a"), world.deb("bb", "1", "all", "b")];
    world.upload(FOCAL, &files).await.unwrap();
    world.publish(FOCAL).await.unwrap();
    let root = world.root(TREE, "focal").await.unwrap();
    let before = world.read_deb(TREE, "focal", &root).await;
    for key in world.keys(&format!("{TREE}/dists/focal/main/")).await {
        world.memory.delete(&[Key::parse(&key).unwrap()]).await.unwrap();
    }
    world.tick();
    let counted = Crash::at(usize::MAX, Moment::Before);
    let publisher = world.publisher(observed(&world, counted.clone()));
    let triggers = Triggers::of(&[Trigger::Synchronise]);
    assert!(publisher.reconcile(&id(FOCAL), triggers).await.unwrap().published_at.is_some());
    let root = world.root(TREE, "focal").await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &root).await, before);
    world.check_plain(TREE, "focal").await;
    world.upload(FOCAL, &[world.deb("cc", "1", "amd64", "c")]).await.unwrap();
    world.publish(FOCAL).await.unwrap();
}

/// However a repository came to be, the same packages give the same indexes.
#[tokio::test]
async fn output_is_a_function_of_the_package_set() {
    let (one, two) = (World::new(), World::new());
    let names: Vec<String> = (0..40).map(|number| format!("package{number}")).collect();
    let files: Vec<_> = names.iter().map(|name| one.deb(name, "1", "amd64", name)).collect();
    one.upload(FOCAL, &files).await.unwrap();
    one.publish(FOCAL).await.unwrap();
    two.upload(FOCAL, &[two.deb("gone", "1", "amd64", "gone")]).await.unwrap();
    two.publish(FOCAL).await.unwrap();
    for some in files.rchunks(13) {
        two.upload(FOCAL, some).await.unwrap();
        two.publish(FOCAL).await.unwrap();
    }
    use rws_store::{Key, Store};
    let gone = Key::parse(&format!("{TREE}/pool/focal/main/p/product/gone_1_amd64.deb")).unwrap();
    two.memory.delete(&[gone]).await.unwrap();
    two.synchronise(FOCAL).await.unwrap();
    for name in ["Packages", "Packages.gz", "Packages.xz"] {
        let key = format!("{TREE}/dists/focal/main/binary-amd64/{name}");
        assert_eq!(one.get(&key).await, two.get(&key).await, "{name}");
    }
}
