//! What readers of earlier generations still need stays; everything else goes, and nothing leaks.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use rws_repository::scheduler::{Progress, Scheduler};
use rws_store::{Key, Store};
use support::{World, id};

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
    let head = rws_repository::head(&*world.memory, &id(FOCAL)).await.unwrap().unwrap().0;
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
        let head = rws_repository::head(&*world.memory, &id(FOCAL)).await.unwrap().unwrap().0;
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

/// What became of an upload is known for a week, by any replica, and then forgotten.
#[tokio::test]
async fn a_status_survives_a_restart_for_a_week() {
    let world = World::new();
    let publisher = || world.publisher(world.store());
    let first = world.upload("both/ubuntu/focal", &[world.deb("hello", "1", "amd64", "a")]).await.unwrap();
    // another process each time
    let progress = async || Scheduler::new(publisher()).progress(&first.id).await.unwrap();
    assert_eq!(progress().await, Some(Progress::Pending));
    world.publish(FOCAL).await.unwrap();
    assert_eq!(progress().await, Some(Progress::Pending));
    let generation = world.publish("live/2.8/ubuntu/focal").await.unwrap().generation;
    let Some(Progress::Published(published)) = progress().await else { panic!("{:?}", progress().await) };
    assert_eq!(published.len(), 2);
    assert_eq!(published[&id("live/2.8/ubuntu/focal")], generation);
    // its files go once all repositories have it, its name a week later
    let sweep = async || Scheduler::new(publisher()).sweep().await.unwrap();
    assert_eq!(world.leftovers().await.len(), 1);
    sweep().await;
    assert_eq!(world.leftovers().await, Vec::<String>::new());
    for _ in 0..6 {
        world.pass(24 * HOUR);
        sweep().await;
        assert!(matches!(progress().await, Some(Progress::Published(_))));
    }
    world.pass(25 * HOUR);
    sweep().await;
    assert_eq!(progress().await, None);
    assert_eq!(world.keys(".rws/uploads/").await, Vec::<String>::new());
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
