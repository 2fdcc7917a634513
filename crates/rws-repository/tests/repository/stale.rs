//! Entries that an earlier version of the code rendered: rendered again, in the background, whatever else goes on.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{World, accept, deb, everybody, id, later_catalogue, received, record, rpm, seed};
use async_trait::async_trait;
use rws_model::{Codec, RepositoryId};
use rws_repository::Heads;
use rws_repository::catalogue::Catalogue;
use rws_repository::publish::{Malformed, Publisher};
use rws_repository::scheduler::{Progress, Scheduler};
use rws_repository::verify::{Checked, Depth, Verifier};
use rws_store::{
    Body, Condition, Key, MemoryStore, Moment, ObjectClass, ObservedStore, Observer, Operation, Span, Store,
    StoreError, Write,
};
use tokio::sync::Semaphore;

const DEB: &str = "release/2.8/ubuntu/focal";
const RPM: &str = "release/2.8/el/7/x86_64";
const LONG: Duration = Duration::from_secs(120);

/// So many sweeps look at the roots of all repositories.
const ROUND: usize = 20;

/// One replica.
struct Replica {
    catalogue: Arc<Catalogue>,
    store: Arc<dyn Store>,
    scheduler: Arc<Scheduler>,
}

impl Replica {
    fn new(catalogue: &Arc<Catalogue>, store: &Arc<dyn Store>) -> Self {
        let publisher = Publisher::new(Arc::clone(store), Arc::clone(catalogue), Malformed::Stop);
        let (catalogue, store) = (Arc::clone(catalogue), Arc::clone(store));
        Self { catalogue, store, scheduler: Scheduler::new(publisher) }
    }

    async fn upload(&self, path: &str, files: &[PathBuf]) {
        let targets = self.catalogue.resolve(path).unwrap();
        let accepted = accept(&self.store, &targets, received(&targets[0], files)).await.unwrap();
        self.scheduler.take(&accepted);
        assert!(matches!(self.scheduler.wait(&accepted.id, LONG).await, Progress::Published(_)));
    }

    /// As the program does; waits for all that follows.
    async fn start(&self) {
        self.scheduler.start(false).await.unwrap();
        self.settle().await;
    }

    async fn sweep(&self) {
        for _ in 0..ROUND {
            self.scheduler.sweep().await.unwrap();
        }
        self.settle().await;
    }

    async fn settle(&self) {
        let all: Vec<RepositoryId> = self.catalogue.repositories().map(|(id, _)| id.clone()).collect();
        loop {
            assert!(self.scheduler.settle(&all, LONG).await);
            let stale = self.scheduler.stale();
            if stale.values().all(|one| one.packages == one.unreadable.len() as u64) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn check(&self, repository: &str) -> Checked {
        let public = &everybody(&self.catalogue);
        let verifier = Verifier { store: &*self.store, catalogue: &self.catalogue, depth: Depth::Bytes, public };
        verifier.check(&id(repository)).await.unwrap().unwrap()
    }

    /// The texts of the indexes that have summaries, as far as the root lists them.
    async fn indexes(&self, repository: &str) -> Vec<String> {
        let target = self.catalogue.repository(&id(repository)).unwrap();
        let (head, _) = Heads(&*self.store).read(&id(repository)).await.unwrap().unwrap();
        let tree = target.format.layout(&id(repository)).tree;
        let mut texts = Vec::new();
        for file in target.format.read_root(&id(repository), &head.root).unwrap() {
            if file.codec != Codec::Gzip {
                continue;
            }
            let bytes = read(&*self.store, &format!("{tree}/{}", file.names[0])).await;
            let mut text = String::new();
            flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
            texts.push(text);
        }
        texts
    }

    async fn generation(&self, repository: &str) -> String {
        let (head, _) = Heads(&*self.store).read(&id(repository)).await.unwrap().unwrap();
        head.generation.to_string()
    }
}

async fn read(store: &dyn Store, key: &str) -> Vec<u8> {
    let content = store.read(&Key::parse(key).unwrap(), Span::Whole).await.unwrap().unwrap();
    content.collect().await.unwrap().to_vec()
}

/// Asserts how many summaries the indexes have, and that so many of them are those of the later version.
#[track_caller]
fn expect_summaries(texts: &[String], all: usize, later: usize) {
    let count = |what: &str| texts.iter().map(|text| text.matches(what).count()).max().unwrap();
    let counts =
        (count("\nDescription: ") + count("<summary>"), count("\nDescription: later ") + count("<summary>later "));
    assert_eq!(counts, (all, later), "{texts:?}");
    assert!(!texts.iter().any(|text| text.contains("later later")), "{texts:?}");
}

/// What is read of packages, and what is written outside of the private prefix.
#[derive(Default)]
struct Watch {
    packages_read: AtomicUsize,
    packages_written: AtomicUsize,
}

#[async_trait]
impl Observer for Watch {
    async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError> {
        let is_package = operation.key.contains("/pool/") || operation.key.ends_with(".rpm");
        if moment == Moment::Before && is_package && !operation.key.starts_with(".rws/") {
            let count = if operation.verb == "read" { &self.packages_read } else { &self.packages_written };
            count.fetch_add(
                usize::from(matches!(operation.verb, "read" | "write" | "copy" | "delete")),
                Ordering::SeqCst,
            );
        }
        Ok(())
    }
}

/// A store with three packages of each format, published by the version of now.
async fn published(directory: &Path) -> (Arc<Watch>, Arc<dyn Store>, Replica) {
    let watch = Arc::new(Watch::default());
    let store: Arc<dyn Store> = Arc::new(ObservedStore::new(Arc::new(MemoryStore::new()), watch.clone()));
    let now = Replica::new(&World::new().catalogue, &store);
    for name in ["aa", "bb", "cc"] {
        now.upload(DEB, &[deb(name, "1", "amd64", "text")]).await;
        now.upload(RPM.trim_end_matches("/x86_64"), &[rpm(directory, name)]).await;
    }
    (watch, store, now)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_entries_are_rendered_again_once_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (watch, store, now) = published(directory.path()).await;
    for repository in [DEB, RPM] {
        expect_summaries(&now.indexes(repository).await, 3, 0);
    }
    let written = watch.packages_written.load(Ordering::SeqCst);
    let later = Replica::new(&later_catalogue(), &store);
    assert_eq!(later.check(DEB).await.stale, 3);
    later.start().await;
    for repository in [DEB, RPM] {
        expect_summaries(&later.indexes(repository).await, 3, 3);
        let checked = later.check(repository).await;
        assert_eq!((checked.faults, checked.stale), (Vec::new(), 0), "{repository}");
    }
    assert_eq!(watch.packages_written.load(Ordering::SeqCst), written, "packages stay as they are");
    // and nothing more is done, by this process or by another one
    let generations = [later.generation(DEB).await, later.generation(RPM).await];
    let read = watch.packages_read.load(Ordering::SeqCst);
    later.sweep().await;
    Replica::new(&later_catalogue(), &store).start().await;
    assert_eq!([later.generation(DEB).await, later.generation(RPM).await], generations);
    assert_eq!(watch.packages_read.load(Ordering::SeqCst), read);
}

/// Two versions at once: the earlier one undoes nothing, what it adds is rendered again, and both come to rest.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_of_two_versions_do_not_undo_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let (_, store, now) = published(directory.path()).await;
    let later = Replica::new(&later_catalogue(), &store);
    later.start().await;
    let generations = [later.generation(DEB).await, later.generation(RPM).await];
    // what is there comes once more
    now.upload(DEB, &[deb("aa", "1", "amd64", "text")]).await;
    now.upload(RPM.trim_end_matches("/x86_64"), &[directory.path().join("RPMS/x86_64/aa-1-1.x86_64.rpm")]).await;
    assert_eq!([later.generation(DEB).await, later.generation(RPM).await], generations, "nothing changed");
    now.start().await;
    now.sweep().await;
    for repository in [DEB, RPM] {
        expect_summaries(&later.indexes(repository).await, 3, 3);
    }
    // something new comes through the earlier version
    now.upload(DEB, &[deb("dd", "1", "amd64", "text")]).await;
    now.upload(RPM.trim_end_matches("/x86_64"), &[rpm(directory.path(), "dd")]).await;
    for repository in [DEB, RPM] {
        expect_summaries(&later.indexes(repository).await, 4, 3);
    }
    later.sweep().await;
    for repository in [DEB, RPM] {
        expect_summaries(&later.indexes(repository).await, 4, 4);
    }
    let generations = [later.generation(DEB).await, later.generation(RPM).await];
    for _ in 0..2 {
        now.sweep().await;
        later.sweep().await;
    }
    now.start().await;
    assert_eq!([later.generation(DEB).await, later.generation(RPM).await], generations, "both are at rest");
}

/// Holds reads of packages while it is closed.
struct Gate {
    open: Semaphore,
    waiting: AtomicUsize,
}

#[async_trait]
impl Observer for Gate {
    async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError> {
        if moment == Moment::Before && operation.verb == "read" && operation.key.contains("/pool/focal/") {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            drop(self.open.acquire().await.unwrap());
        }
        Ok(())
    }
}

/// The packages cannot be read for a while: uploads are published meanwhile, and what they replace is not rendered over.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_not_held_up() {
    let directory = tempfile::tempdir().unwrap();
    let (_, store, _) = published(directory.path()).await;
    let gate = Arc::new(Gate { open: Semaphore::new(0), waiting: AtomicUsize::new(0) });
    let slow: Arc<dyn Store> = Arc::new(ObservedStore::new(store, gate.clone()));
    let later = Replica::new(&later_catalogue(), &slow);
    later.scheduler.start(false).await.unwrap();
    while gate.waiting.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    later.upload(DEB, &[deb("aa", "1", "amd64", "other text")]).await;
    later.upload(DEB, &[deb("dd", "1", "amd64", "text")]).await;
    expect_summaries(&later.indexes(DEB).await, 4, 2);
    gate.open.add_permits(1000);
    later.settle().await;
    let indexes = later.indexes(DEB).await;
    expect_summaries(&indexes, 4, 4);
    assert!(indexes.iter().any(|text| text.contains("\nDescription: later other text")), "{indexes:?}");
}

/// A package that cannot be read keeps its entry and is named; all others are rendered again.
#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_cannot_be_read_keeps_its_entry() {
    let directory = tempfile::tempdir().unwrap();
    let (watch, store, _) = published(directory.path()).await;
    let path = "release/2.8/ubuntu/pool/focal/main/p/product/bb_1_amd64.deb";
    let write = Write { condition: Condition::Always, kind: ObjectClass::Mutable };
    store.write(&Key::parse(path).unwrap(), Body::from(b"no package".to_vec()), write).await.unwrap();
    let later = Replica::new(&later_catalogue(), &store);
    later.start().await;
    expect_summaries(&later.indexes(DEB).await, 3, 2);
    let stale = later.scheduler.stale();
    assert_eq!(stale.keys().collect::<Vec<_>>(), [&id(DEB)]);
    let named = &stale[&id(DEB)];
    assert_eq!(named.packages, 1);
    assert_eq!(named.unreadable.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), [path]);
    assert!(!named.unreadable[0].reason.is_empty());
    // nobody reads it again and again
    let read = watch.packages_read.load(Ordering::SeqCst);
    later.sweep().await;
    later.upload(DEB, &[deb("dd", "1", "amd64", "text")]).await;
    later.settle().await;
    assert_eq!(watch.packages_read.load(Ordering::SeqCst), read);
    expect_summaries(&later.indexes(DEB).await, 4, 3);
    // it is sent again: nothing is left to do
    later.upload(DEB, &[deb("bb", "1", "amd64", "text")]).await;
    later.settle().await;
    expect_summaries(&later.indexes(DEB).await, 4, 4);
    assert_eq!(later.scheduler.stale().len(), 0);
}

/// More packages than one batch takes, none of which can be read: each is looked at once, and the server comes to rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_of_unreadable_packages_comes_to_an_end() {
    const COUNT: usize = 1200;
    let watch = Arc::new(Watch::default());
    let store: Arc<dyn Store> = Arc::new(ObservedStore::new(Arc::new(MemoryStore::new()), watch.clone()));
    let catalogue = World::new().catalogue;
    let like = record(&catalogue, DEB, &deb("name00000", "1", "amd64", "text"));
    seed(&*store, &catalogue, DEB, &like, COUNT).await;
    let later = Replica::new(&later_catalogue(), &store);
    later.start().await;
    assert_eq!(later.scheduler.stale()[&id(DEB)].unreadable.len(), COUNT);
    // the front of each, then all of it
    assert_eq!(watch.packages_read.load(Ordering::SeqCst), 2 * COUNT);
    expect_summaries(&later.indexes(DEB).await, COUNT, 0);
}
