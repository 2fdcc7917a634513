//! Changes of phases beside other changes.

use rws_repository::limits::Requester;
use rws_repository::phasing::{self, Phasing};
use rws_repository::selection::{self, Selector};

use crate::support::{ACTOR, World};

#[tokio::test]
async fn a_package_that_is_removed_meanwhile_does_not_come_back() {
    let world = World::new();
    let (path, tree) = ("release/2.8/ubuntu/focal", "release/2.8/ubuntu");
    let files = [world.deb("aa", "1", "amd64", "a"), world.deb("bb", "1", "amd64", "b")];
    world.upload(path, &files).await.unwrap();
    world.publish(path).await.unwrap();
    let targets = world.catalogue.resolve(path).unwrap();
    let selectors = [Selector::parse("aa").unwrap()];
    let phasing = Phasing { targets: &targets, packages: &selectors, percentage: 20 };
    let planned = phasing::plan(&world.store(), phasing).await.unwrap();
    world.tick();
    let by = Requester::unlimited(&ACTOR);
    let removed = selection::remove(&*world.store(), &targets, &selectors[0], false, by).await.unwrap();
    assert!(removed.1.is_some());
    world.tick();
    planned.carry_out(&world.store(), &ACTOR).await.unwrap();
    let outcome = world.publish(path).await.unwrap();
    let root = world.root(tree, "focal").await.unwrap();
    let packages = world.read_deb(tree, "focal", &root).await;
    assert!(packages.len() == 1 && packages[0].starts_with("bb "), "{packages:?} {outcome:?}");
}
