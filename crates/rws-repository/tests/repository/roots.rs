//! What the sweep does for roots that are not those of their heads, and what that costs.

use std::sync::Arc;

use crate::scheduler::{LONG, put, scheduler, ticking, upload};
use crate::support::{Crash, get, id};
use rws_repository::Heads;
use rws_repository::scheduler::Progress;
use rws_store::{Moment, ObservedStore, Store};

/// An answer that came late left an older root in the store: it is mended without another reason to publish.
#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_is_not_the_heads_is_mended_by_the_sweep() {
    let (repository, root) = ("release/2.8/ubuntu/focal", "release/2.8/ubuntu/dists/focal/Release");
    let (world, store) = ticking();
    let scheduler = scheduler(&world, &store);
    let mut roots = Vec::new();
    for name in ["aa", "bb"] {
        let accepted = upload(&world, &store, repository, world.deb(name, "1", "amd64", "text")).await;
        scheduler.take(&accepted);
        assert!(matches!(scheduler.wait(&accepted.id, LONG).await, Progress::Published(_)));
        roots.push(get(&*store, root).await.unwrap());
    }
    let [older, own] = roots.try_into().unwrap();
    assert_ne!(older, own);
    put(&*store, root, older).await;
    for _ in 0..20 {
        scheduler.sweep().await.unwrap();
    }
    assert!(scheduler.settle(&[id(repository)], LONG).await);
    assert_eq!(get(&*store, root).await.as_ref(), Some(&own));
}

/// A repository in which nothing happens costs no more than a look at its root files now and then, which still finds what another
/// tool did to each of them.
#[tokio::test(flavor = "multi_thread")]
async fn heads_are_not_read_while_their_listing_stays_the_same() {
    let repository = "release/2.8/ubuntu/focal";
    let (world, store) = ticking();
    let counted = Crash::at(usize::MAX, Moment::Before);
    let observed: Arc<dyn Store> = Arc::new(ObservedStore::new(Arc::clone(&store), counted.clone()));
    let scheduler = scheduler(&world, &observed);
    let publish = async |name: &str| {
        let accepted = upload(&world, &store, repository, world.deb(name, "1", "amd64", "text")).await;
        scheduler.take(&accepted);
        assert!(matches!(scheduler.wait(&accepted.id, LONG).await, Progress::Published(_)));
    };
    let sweeps = async || {
        counted.names.lock().unwrap().clear();
        for _ in 0..20 {
            scheduler.sweep().await.unwrap();
        }
        assert!(scheduler.settle(&[id(repository)], LONG).await);
        let seen = counted.names.lock().unwrap().clone();
        let reads = seen.into_iter().filter(|one| one.verb == "read").map(|one| one.key);
        reads.collect::<Vec<String>>()
    };
    publish("aa").await;
    assert!(sweeps().await.iter().any(|key| key.contains("/heads/")));
    let roots = async || Heads(&*store).read(&id(repository)).await.unwrap().unwrap().0.root;
    let paths: Vec<String> = roots().await.iter().map(|file| format!("release/2.8/ubuntu/{}", file.name)).collect();
    assert_eq!(sweeps().await, paths);
    for (number, path) in paths.iter().enumerate() {
        put(&*store, path, b"of another tool".to_vec()).await;
        sweeps().await;
        assert_eq!(get(&*store, path).await.unwrap(), *roots().await[number].content, "{path}");
    }
    // another head is read
    publish("bb").await;
    assert!(sweeps().await.iter().any(|key| key.contains("/heads/")));
    assert_eq!(sweeps().await.len(), paths.len());
}
