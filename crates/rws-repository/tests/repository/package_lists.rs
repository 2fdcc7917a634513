//! The names of packages that a replica keeps in memory: what they say, that they follow heads, and that they are bounded.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::sync::Arc;

use crate::support::{World, id};
use rws_repository::generation_lists::{GenerationLists, TooLarge};
use rws_repository::package_list::PackageList;
use rws_repository::publication::{self, PackageChange};
use rws_repository::tree::{Published, Tree};

const FOCAL: &str = "release/2.8/ubuntu/focal";
const OTHER: &str = "live/2.8/ubuntu/focal";

/// What readers see; it asks the store anew.
fn reader_of(world: &World) -> Tree {
    Tree::new(world.store(), Arc::clone(&world.catalogue))
}

async fn published(tree: &Tree, repository: &str) -> Published {
    tree.published(&id(repository)).await.unwrap().unwrap()
}

async fn read(
    world: &World,
    lists: &GenerationLists<PackageList>,
    repository: &str,
    is_private: bool,
) -> Result<Arc<PackageList>, TooLarge> {
    let tree = reader_of(world);
    let target = world.catalogue.repository(&id(repository)).unwrap();
    let turn = lists.turn().await;
    lists.read(&turn, &tree, target, &published(&tree, repository).await, is_private).await.unwrap()
}

async fn publish(world: &World, repository: &str, names: &[(&str, &str, &str)]) {
    let debs: Vec<_> = names.iter().map(|(name, version, text)| world.deb(name, version, "amd64", text)).collect();
    world.upload(repository, &debs).await.unwrap();
    world.publish(repository).await.unwrap();
}

#[tokio::test]
async fn a_list_says_what_is_current() {
    let world = World::new();
    let lists = GenerationLists::<PackageList>::new(1 << 20);
    publish(&world, FOCAL, &[("hello", "1.9", "greets"), ("zebra", "1", "stripes")]).await;
    publish(&world, FOCAL, &[("hello", "1.10", "greets more"), ("hello-dev", "1", "headers")]).await;
    let list = read(&world, &lists, FOCAL, false).await.unwrap();
    let said: Vec<(&str, &str, Vec<&str>)> = list
        .names
        .iter()
        .map(|one| (&*one.name, &*one.summary, one.versions.iter().map(|version| &**version).collect()))
        .collect();
    assert_eq!(
        said,
        [
            ("hello", "greets more", vec!["1.10", "1.9"]),
            ("hello-dev", "headers", vec!["1"]),
            ("zebra", "stripes", vec!["1"])
        ]
    );
    assert_eq!(list.architectures, [("amd64".to_owned(), 4)].into());
    assert_eq!(list.architectures_of(&list.names[0]).collect::<Vec<_>>(), ["amd64"]);
    let tree = reader_of(&world);
    let before = published(&tree, FOCAL).await;
    assert!(lists.known(&before, false).is_some_and(|known| known.is_ok()));
    // another head, another list
    publish(&world, FOCAL, &[("later", "1", "came")]).await;
    let tree = reader_of(&world);
    let now = published(&tree, FOCAL).await;
    assert!(lists.known(&now, false).is_none());
    assert!(read(&world, &lists, FOCAL, false).await.unwrap().named("later").is_some());
    assert!(lists.known(&before, false).is_none(), "one list of a repository");
    lists.keep_only(&[], |_| false);
    assert!(lists.known(&now, false).is_some(), "of those that are not meant nothing is known");
    lists.keep_only(&[], |_| true);
    assert!(lists.known(&now, false).is_none() && lists.bytes() == 0);
}

/// Which public lists are there does not depend on private ones.
#[tokio::test]
async fn where_there_is_no_room_public_lists_stay() {
    let world = World::new();
    publish(&world, FOCAL, &[("hello", "1", "greets")]).await;
    publish(&world, OTHER, &[("hello", "1", "greets"), ("secret", "1", "hides")]).await;
    let all = GenerationLists::<PackageList>::new(1 << 20);
    let one = read(&world, &all, FOCAL, false).await.unwrap();
    let bytes = all.bytes();
    assert!(bytes > 100 && one.names.len() == 1);
    // there is room for the public one, and for the private one alone as well
    let lists = GenerationLists::<PackageList>::new(3 * bytes - 1);
    assert!(read(&world, &lists, OTHER, true).await.is_ok());
    assert!(read(&world, &lists, FOCAL, false).await.is_ok());
    let tree = reader_of(&world);
    assert!(lists.known(&published(&tree, FOCAL).await, false).is_some_and(|known| known.is_ok()));
    assert_eq!(lists.known(&published(&tree, OTHER).await, true), Some(Err(TooLarge)));
    assert_eq!(read(&world, &lists, OTHER, true).await, Err(TooLarge));
    assert!(lists.bytes() < 3 * bytes);
    // none fits
    let lists = GenerationLists::<PackageList>::new(50);
    assert_eq!(read(&world, &lists, FOCAL, false).await, Err(TooLarge));
    assert_eq!(lists.bytes(), 0);
}

#[tokio::test]
async fn what_a_generation_brought() {
    let world = World::new();
    publish(&world, FOCAL, &[("hello", "1", "greets"), ("zebra", "1", "stripes")]).await;
    let tree = reader_of(&world);
    let target = world.catalogue.repository(&id(FOCAL)).unwrap();
    let before = tree.past_generation(&id(FOCAL), &published(&tree, FOCAL).await.generation).await.unwrap();
    let first = publication::first(target, &before, 1).unwrap();
    assert_eq!((first.packages.len(), first.changes.added), (1, 2));
    publish(&world, FOCAL, &[("hello", "1", "greets otherwise"), ("new", "1", "came")]).await;
    let tree = reader_of(&world);
    let after = tree.past_generation(&id(FOCAL), &published(&tree, FOCAL).await.generation).await.unwrap();
    let said = |between: publication::Publication| {
        let packages = between.packages.into_iter().map(|one| (one.package.name, one.change));
        packages.collect::<Vec<_>>()
    };
    let forth = publication::between(target, &before, &after, 10).unwrap();
    assert_eq!((forth.changes.added, forth.changes.replaced, forth.changes.removed), (1, 1, 0));
    let expected = [("hello", PackageChange::Replaced), ("new", PackageChange::Added)];
    assert_eq!(said(forth), expected.map(|(name, change)| (name.to_owned(), change)));
    let back = publication::between(target, &after, &before, 10).unwrap();
    let expected = [("hello", PackageChange::Replaced), ("new", PackageChange::Removed)];
    assert_eq!(said(back), expected.map(|(name, change)| (name.to_owned(), change)));
}
