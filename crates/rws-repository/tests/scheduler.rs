//! Which repositories are published when: bursts, many at once, and ones that cannot be.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rws_repository::intake::Accepted;
use rws_repository::publish::{Malformed, Publisher};
use rws_repository::scheduler::{Progress, Scheduler};
use rws_store::{MemoryStore, Moment, ObservedStore, Observer, Operation, Store, StoreError};
use support::{World, accept, received};
use tokio::sync::Semaphore;

const LONG: Duration = Duration::from_secs(120);

/// A store whose clock goes on by itself.
fn ticking() -> (World, Arc<dyn Store>) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    (World::new(), store)
}

fn scheduler(world: &World, store: &Arc<dyn Store>) -> Arc<Scheduler> {
    Scheduler::new(Publisher::new(Arc::clone(store), Arc::clone(&world.catalogue), Malformed::Stop))
}

async fn upload(world: &World, store: &Arc<dyn Store>, path: &str, file: PathBuf) -> Accepted {
    let targets = world.catalogue.resolve(path).unwrap();
    accept(store, &targets, received(&targets[0], &[file])).await.unwrap()
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
