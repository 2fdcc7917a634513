//! What readers of earlier generations still need stays; everything else goes, and nothing leaks.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::time::Duration;

use crate::support::{World, catalogue_of, id, settings};
use rws_model::RepositorySettings;
use rws_repository::Heads;
use rws_repository::catalogue::Policy;
use rws_repository::scheduler::Scheduler;
use rws_store::{Key, Store};

const FOCAL: &str = "release/2.8/ubuntu/focal";
const TREE: &str = "release/2.8/ubuntu";
const HOUR: i64 = 60 * 60;

/// Publishes one more state of one package.
async fn publish(world: &World, text: &str) -> String {
    world.upload(FOCAL, &[world.deb("hello", "1", "amd64", text)]).await.unwrap();
    world.publish(FOCAL).await.unwrap();
    world.root(TREE, "focal").await.unwrap()
}

#[tokio::test]
async fn readers_of_the_last_hour_find_everything() {
    let world = World::new();
    let mut roots = Vec::new();
    for number in 0..30 {
        roots.push(publish(&world, &number.to_string()).await);
        world.pass(100);
    }
    for root in &roots {
        assert_eq!(world.read_deb(TREE, "focal", root).await.len(), 1);
    }
}

#[tokio::test]
async fn a_generation_that_was_current_for_a_while_is_kept_for_a_day() {
    let world = World::new();
    let lasting = publish(&world, "lasting").await;
    world.pass(HOUR);
    for number in 0..30 {
        publish(&world, &number.to_string()).await;
    }
    for _ in 0..22 {
        world.pass(HOUR);
        world.publish(FOCAL).await.unwrap();
        assert_eq!(world.read_deb(TREE, "focal", &lasting).await.len(), 1);
    }
}

#[tokio::test]
async fn all_generations_of_the_configured_time_are_kept() {
    let policy = Policy { keep_generations: Some(5), keep_seconds: Some(6 * HOUR), ..Policy::default() };
    let world = World::with(catalogue_of(settings, policy, None));
    let mut roots = Vec::new();
    for number in 0..20 {
        roots.push(publish(&world, &number.to_string()).await);
    }
    for _ in 0..5 {
        world.pass(HOUR);
        world.publish(FOCAL).await.unwrap();
        for root in &roots {
            assert_eq!(world.read_deb(TREE, "focal", root).await.len(), 1);
        }
    }
    for _ in 0..4 {
        world.pass(HOUR);
        world.publish(FOCAL).await.unwrap();
    }
    let head = Heads(&*world.memory).read(&id(FOCAL)).await.unwrap().unwrap().0;
    assert_eq!((head.history.len(), head.condemned.len()), (5, 0));
    for root in &roots[14..] {
        assert_eq!(world.read_deb(TREE, "focal", root).await.len(), 1);
    }
}

#[tokio::test]
async fn a_root_that_expires_is_renewed_in_time_by_one_of_many() {
    let expiring =
        |architectures: &[&str]| RepositorySettings { valid_until_seconds: Some(8 * 60), ..settings(architectures) };
    let world = World::with(catalogue_of(expiring, Policy::default(), None));
    let first = publish(&world, "text").await;
    let replicas = [(); 2].map(|()| Scheduler::new(world.publisher(world.store())));
    let sweep = async || {
        for replica in &replicas {
            replica.sweep().await.unwrap();
        }
        for replica in &replicas {
            assert!(replica.settle(&[id(FOCAL)], Duration::from_secs(30)).await);
        }
        world.root(TREE, "focal").await.unwrap()
    };
    let history = async || Heads(&*world.memory).read(&id(FOCAL)).await.unwrap().unwrap().0.history.len();
    world.pass(3 * 60);
    assert_eq!(sweep().await, first);
    world.pass(60);
    let second = sweep().await;
    let field = |root: &str, name: &str| -> String {
        root.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned()
    };
    assert_ne!(field(&second, "Date: "), field(&first, "Date: "));
    assert_ne!(field(&second, "Valid-Until: "), field(&first, "Valid-Until: "));
    assert_eq!(second.split_once("SHA256:").unwrap().1, first.split_once("SHA256:").unwrap().1);
    assert_eq!(history().await, 1);
    // and again, as long as anybody runs
    world.pass(5 * 60);
    assert_ne!(sweep().await, second);
    assert_eq!(history().await, 2);
}

#[tokio::test]
async fn after_a_thousand_publishes_the_store_is_bounded() {
    let world = World::new();
    let mut most = (0, 0);
    for number in 0..1000 {
        let root = publish(&world, &(number % 7).to_string()).await;
        world.pass(HOUR);
        if number % 100 == 99 {
            Scheduler::new(world.publisher(world.store())).sweep().await.unwrap();
            world.read_deb(TREE, "focal", &root).await;
            let bytes: u64 = world.memory.list("").await.unwrap().iter().map(|listed| listed.stat.size_bytes).sum();
            let count = world.keys("").await.len();
            if number == 199 {
                most = (count, bytes);
            } else if number > 199 {
                assert!(count <= most.0 + most.0 / 10, "{count} objects after {number}, {} before", most.0);
                assert!(bytes <= most.1 + most.1 / 10, "{bytes} bytes after {number}, {} before", most.1);
            }
        }
    }
    // left alone, it comes down to what is current and the last three
    for _ in 0..60 {
        world.pass(HOUR);
        world.publish(FOCAL).await.unwrap();
    }
    let head = Heads(&*world.memory).read(&id(FOCAL)).await.unwrap().unwrap().0;
    assert_eq!(head.history.len(), 3);
    assert_eq!(head.condemned, []);
    assert_eq!(world.keys(".rws/generations/").await.len(), 4);
    let root = world.root(TREE, "focal").await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &root).await.len(), 1);
    assert_eq!(world.leftovers().await, Vec::<String>::new());
}

/// A name that is condemned, or was deleted just now, is never referred to again: somebody slow may still delete it.
#[tokio::test]
async fn content_that_comes_back_while_its_names_go_gets_others() {
    let world = World::new();
    let first = publish(&world, "first").await;
    for number in 0..4 {
        publish(&world, &number.to_string()).await;
    }
    // the first generation goes: its names are condemned
    world.pass(2 * HOUR);
    world.publish(FOCAL).await.unwrap();
    let condemned: Vec<Key> = {
        let head = Heads(&*world.memory).read(&id(FOCAL)).await.unwrap().unwrap().0;
        head.condemned.into_iter().map(|one| one.key).collect()
    };
    assert!(condemned.iter().any(|key| key.as_str().ends_with("pool/focal/main/p/product/hello_1_amd64.deb")));
    assert!(condemned.iter().any(|key| key.as_str().contains("/by-hash/")));
    let again = publish(&world, "first").await;
    assert_ne!(again, first);
    // the slow one deletes now
    world.memory.delete(&condemned).await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &again).await.len(), 1);
    world.check_plain(TREE, "focal").await;
    // and once they are forgotten they may be used again
    for _ in 0..10 {
        world.pass(HOUR);
        world.publish(FOCAL).await.unwrap();
    }
    let root = world.root(TREE, "focal").await.unwrap();
    assert_eq!(world.read_deb(TREE, "focal", &root).await.len(), 1);
}

/// The files of an upload whose request was cut off go after a day; those of a request under way stay.
#[tokio::test]
async fn what_a_cut_off_request_left_goes_after_a_day() {
    let world = World::new();
    for name in [
        ".rws/incoming/20261119T120000Z-0123456789abcdef/00",
        ".rws/pending/live/2.8/ubuntu/focal/20261119T120000Z-0123456789abcdef",
        ".rws/claims/a/b",
        ".rws/probe/x/create",
    ] {
        world.put(name, b"left".to_vec()).await;
    }
    let sweep = async || Scheduler::new(world.publisher(world.store())).sweep().await.unwrap();
    world.pass(23 * HOUR);
    sweep().await;
    assert_eq!(world.keys(".rws/").await.len(), 4);
    world.pass(2 * HOUR);
    sweep().await;
    assert_eq!(world.keys(".rws/").await, Vec::<String>::new());
}
