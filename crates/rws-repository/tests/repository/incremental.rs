//! What one more package costs does not grow with the repository: what is parsed, recompressed, read and written is
//! counted beside 60, 600 and 6,000 others.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::collections::HashSet;
use std::sync::Arc;

use crate::support::{Crash, World, accept, id, received, record, seed};
use rws_repository::publish::{Malformed, Publisher, Triggers};
use rws_repository::{Generation, Heads, IndexBlock, generation};
use rws_store::{MemoryStore, Moment, ObservedStore, Store};

const FOCAL: &str = "release/2.8/ubuntu/focal";

/// What one more package costs.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    /// Operations of the store, without the waits for its clock.
    operations: Vec<&'static str>,
    /// Packages that were read.
    packages_read: usize,
}

async fn current(store: &dyn Store) -> Generation {
    let (head, _) = Heads(store).read(&id(FOCAL)).await.unwrap().unwrap();
    generation(store, &id(FOCAL), &head.generation).await.unwrap()
}

/// The blocks of each index that are not in the generation before, and how many there are.
fn new_blocks(before: &Generation, after: &Generation) -> Vec<(String, usize, usize)> {
    let key = |block: &IndexBlock| (block.first_key.clone(), block.packages, format!("{:?}", block.spans));
    let of = |state: &rws_repository::IndexState| state.blocks.iter().map(key).collect::<HashSet<_>>();
    let changed = after.indexes.iter().zip(&before.indexes);
    changed
        .map(|(now, then)| {
            let then = of(then);
            let new = now.blocks.iter().filter(|block| !then.contains(&key(block))).count();
            (now.index.name.clone(), new, now.blocks.len())
        })
        .collect()
}

async fn one_more(count: usize) -> (Cost, Vec<(String, usize, usize)>) {
    let world = World::new();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let first = record(&world.catalogue, FOCAL, &world.deb("name00000", "1", "amd64", "text"));
    seed(&*store, &world.catalogue, FOCAL, &first, count).await;
    let before = current(&*store).await;
    assert_eq!(before.packages.len(), count as u64);
    let targets = world.catalogue.resolve(FOCAL).unwrap();
    // in the middle of the index
    let name = format!("name{:05}x", count / 2);
    let files = received(&targets[0], &[world.deb(&name, "1", "amd64", "one more")]);
    let counted = Crash::at(usize::MAX, Moment::Before);
    let observed: Arc<dyn Store> = Arc::new(ObservedStore::new(Arc::clone(&store), counted.clone()));
    accept(&observed, &targets, files).await.unwrap();
    let publisher = Publisher::new(observed, Arc::clone(&world.catalogue), Malformed::Stop);
    publisher.reconcile(&id(FOCAL), Triggers::NONE).await.unwrap();
    let seen = counted.names.lock().unwrap().clone();
    let is_package = |key: &str| key.contains("/pool/");
    let packages_read = seen.iter().filter(|one| one.verb == "read" && is_package(&one.key)).count();
    let operations = seen.iter().map(|one| one.verb).collect();
    let after = current(&*store).await;
    assert_eq!(after.packages.len(), count as u64 + 1);
    (Cost { operations, packages_read }, new_blocks(&before, &after))
}

#[tokio::test]
async fn one_more_package_costs_the_same_beside_few_and_many() {
    let mut costs = Vec::new();
    for count in [60, 600, 6_000] {
        let (cost, blocks) = one_more(count).await;
        println!("{count}: {} operations, blocks made anew {blocks:?}", cost.operations.len());
        assert_eq!(cost.packages_read, 0, "{count}");
        for (index, new, all) in blocks {
            let expected = if index.contains("binary-amd64") { 1..=4 } else { 0..=0 };
            assert!(expected.contains(&new), "{count}: {new} of {all} blocks of {index} were compressed again");
            if index.contains("binary-amd64") && count == 6_000 {
                assert!(all > 20, "{index} has {all} blocks");
            }
        }
        costs.push(cost);
    }
    assert_eq!(costs[0], costs[1]);
    assert_eq!(costs[1], costs[2]);
}
