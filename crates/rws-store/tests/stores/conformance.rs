//! One suite over every backend.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rws_lab::S3Server;
use rws_store::{
    Addressing, Body, Condition, Conditions, ContentTypes, Depth, DirectoryEntry, Key, LocalFile, LocalStore,
    MemoryStore, ObjectClass, Page, S3Credentials, S3Settings, S3Store, Span, Store, StoreError, Version, Write,
    collect,
};

pub fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

pub fn write(condition: Condition) -> Write {
    Write { condition, kind: ObjectClass::Mutable }
}

pub async fn put(store: &dyn Store, name: &str, text: &str) -> Version {
    store.write(&key(name), text.as_bytes().to_vec().into(), write(Condition::Always)).await.unwrap().version
}

pub async fn get(store: &dyn Store, name: &str) -> Option<String> {
    let content = store.read(&key(name), Span::Whole).await.unwrap()?;
    Some(String::from_utf8(collect(content.bytes).await.unwrap().to_vec()).unwrap())
}

const AWKWARD: [&str; 6] = [
    "a/with blank/x",
    "a/libstdc++6_1%3a2~rc1^x_amd64.deb",
    "a/quote\"and'tick",
    "a/ümläut/日本",
    "a/&<>?#[]@!$,;=:*",
    "a/..dots.",
];

async fn what_is_written_is_read(store: Arc<dyn Store>) {
    assert_eq!(get(&*store, "none").await, None);
    assert_eq!(store.stat(&key("none/at/all")).await.unwrap(), None);
    for name in AWKWARD {
        put(&*store, name, name).await;
        assert_eq!(get(&*store, name).await.as_deref(), Some(name));
    }
    put(&*store, "a/x", "one").await;
    put(&*store, "a/x", "three").await;
    assert_eq!(get(&*store, "a/x").await.as_deref(), Some("three"));
    let stat = store.stat(&key("a/x")).await.unwrap().unwrap();
    assert_eq!(stat.size_bytes, 5);
    assert!((store.clock_milliseconds().await.unwrap() - stat.modified_milliseconds).abs() < 5_000);
    // a directory is no object, and an object is no directory
    assert_eq!(get(&*store, "a").await, None);
    assert_eq!(get(&*store, "a/x/y").await, None);
    put(&*store, "empty", "").await;
    assert_eq!(get(&*store, "empty").await.as_deref(), Some(""));
}

async fn parts_and_large_objects_are_read(store: Arc<dyn Store>) {
    let large: Vec<u8> = (0..1_500_000_u32).map(|number| (number % 251) as u8).collect();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("large");
    std::fs::write(&file, &large).unwrap();
    store.write(&key("large"), Body::File(LocalFile::whole(file)), write(Condition::Absent)).await.unwrap();
    let content = store.read(&key("large"), Span::Whole).await.unwrap().unwrap();
    assert_eq!(collect(content.bytes).await.unwrap(), large);
    let parts = [(0, 1), (1, 300_000), (1_499_999, 1), (1_499_990, 100), (1_500_000, 5), (9_000_000, 5), (7, 0)];
    let parts = parts.map(|(start, length)| Span::Part { start, length });
    let ends = [1, 300_000, 1_500_000, 2_000_000, 0].map(|length| Span::Last { length });
    for span in parts.into_iter().chain(ends) {
        let content = store.read(&key("large"), span).await.unwrap().unwrap();
        assert_eq!(content.stat.size_bytes, 1_500_000);
        let (start, length) = span.within(1_500_000);
        let expected = &large[start as usize..(start + length) as usize];
        assert_eq!(collect(content.bytes).await.unwrap(), expected, "{span:?}");
    }
    store.write(&key("nothing"), Vec::new().into(), write(Condition::Always)).await.unwrap();
    for span in [Span::Whole, Span::Part { start: 0, length: 5 }, Span::Last { length: 5 }] {
        let content = store.read(&key("nothing"), span).await.unwrap().unwrap();
        assert_eq!(collect(content.bytes).await.unwrap(), "");
    }
}

/// A file that is received while it is written, and one that never becomes whole.
async fn files_that_grow_are_written_whole(store: Arc<dyn Store>) {
    const PIECE: usize = 5_000_001;
    let directory = tempfile::tempdir().unwrap();
    for (name, pieces, expected) in [("small", 1, Some(9 << 20)), ("large", 5, Some(40 << 20)), ("unknown", 4, None)] {
        let bytes: Vec<u8> = (0..PIECE * pieces).map(|number| (number % 251) as u8 ^ (number >> 16) as u8).collect();
        for is_whole in [true, false] {
            let path = directory.path().join(name);
            let mut file = std::fs::File::create(&path).unwrap();
            let (growing, grower) = LocalFile::growing(&path, expected);
            let (store, key) = (Arc::clone(&store), key(&format!("{name}-{is_whole}")));
            let written = tokio::spawn({
                let (store, key) = (Arc::clone(&store), key.clone());
                async move { store.write(&key, Body::File(growing), write(Condition::Always)).await }
            });
            for piece in bytes.chunks(PIECE) {
                std::io::Write::write_all(&mut file, piece).unwrap();
                grower.add(piece.len() as u64, []);
                tokio::task::yield_now().await;
            }
            if is_whole {
                grower.finish();
                assert_eq!(written.await.unwrap().unwrap().size_bytes, bytes.len() as u64);
                let content = store.read(&key, Span::Whole).await.unwrap().unwrap();
                assert!(collect(content.bytes).await.unwrap() == bytes, "{name}");
            } else {
                drop(grower);
                let failed = written.await.unwrap();
                assert!(matches!(failed, Err(StoreError::Failed { .. })), "{failed:?}");
                assert_eq!(store.stat(&key).await.unwrap(), None);
            }
        }
    }
}

async fn conditions_hold(store: Arc<dyn Store>) {
    let head = key("heads/a.json");
    let first = store.write(&head, b"1".to_vec().into(), write(Condition::Absent)).await.unwrap().version;
    let again = store.write(&head, b"2".to_vec().into(), write(Condition::Absent)).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    let second = store.write(&head, b"2".to_vec().into(), write(Condition::Matches(first.clone()))).await.unwrap();
    let stale = store.write(&head, b"3".to_vec().into(), write(Condition::Matches(first.clone()))).await;
    assert!(matches!(stale, Err(StoreError::Conflict { .. })), "{stale:?}");
    assert_eq!(get(&*store, "heads/a.json").await.as_deref(), Some("2"));
    let third = store.write(&head, b"3".to_vec().into(), write(Condition::Matches(second.version))).await.unwrap();
    store.delete(std::slice::from_ref(&head)).await.unwrap();
    let gone = store.write(&head, b"4".to_vec().into(), write(Condition::Matches(third.version))).await;
    assert!(matches!(gone, Err(StoreError::Conflict { .. })), "{gone:?}");
}

async fn one_of_many_writers_wins(store: Arc<dyn Store>) {
    let mut version = put(&*store, "race", "0").await;
    for round in 0..20 {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (store, version) = (Arc::clone(&store), version.clone());
                tokio::spawn(async move {
                    let text = format!("{round} {writer}").into_bytes();
                    store.write(&key("race"), text.into(), write(Condition::Matches(version))).await
                })
            })
            .collect();
        let mut winners = Vec::new();
        for writer in writers {
            match writer.await.unwrap() {
                Ok(stat) => winners.push(stat.version),
                Err(StoreError::Conflict { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(winners.len(), 1);
        version = winners.remove(0);
    }
    let creators: Vec<_> = (0..16)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                store.write(&key("create"), format!("{writer}").into_bytes().into(), write(Condition::Absent)).await
            })
        })
        .collect();
    let mut winners = 0;
    for creator in creators {
        winners += usize::from(creator.await.unwrap().is_ok());
    }
    assert_eq!(winners, 1);
}

async fn copies_and_deletes(store: Arc<dyn Store>) {
    put(&*store, "private/a", "bytes").await;
    for _ in 0..2 {
        store.copy(&key("private/a"), &key("public/deep/b"), write(Condition::Always)).await.unwrap();
        assert_eq!(get(&*store, "public/deep/b").await.as_deref(), Some("bytes"));
    }
    put(&*store, "other", "other").await;
    store.copy(&key("other"), &key("public/deep/b"), write(Condition::Always)).await.unwrap();
    assert_eq!(get(&*store, "public/deep/b").await.as_deref(), Some("other"));
    assert_eq!(get(&*store, "private/a").await.as_deref(), Some("bytes"));
    let there = store.copy(&key("other"), &key("public/deep/b"), write(Condition::Absent)).await;
    assert!(matches!(there, Err(StoreError::Conflict { .. })), "{there:?}");
    let version = store.stat(&key("public/deep/b")).await.unwrap().unwrap().version;
    store.copy(&key("private/a"), &key("public/deep/b"), write(Condition::Matches(version.clone()))).await.unwrap();
    let stale = store.copy(&key("other"), &key("public/deep/b"), write(Condition::Matches(version))).await;
    assert!(matches!(stale, Err(StoreError::Conflict { .. })), "{stale:?}");
    let missing = store.copy(&key("nothing"), &key("public/c"), write(Condition::Always)).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
    store.delete(&[key("private/a"), key("nothing"), key("public/deep/b")]).await.unwrap();
    assert_eq!(get(&*store, "private/a").await, None);
    assert_eq!(store.list("public/").await.unwrap(), []);
    assert_eq!(store.list_directory("public/").await.unwrap(), []);
}

async fn listings_are_in_byte_order(store: Arc<dyn Store>) {
    for name in ["l/b/2", "l/b/1", "l/a", "l/b.x", "l/B", "l/é", "other/a"] {
        put(&*store, name, "x").await;
    }
    let listed: Vec<_> = store.list("l/").await.unwrap().into_iter().map(|listed| listed.key.to_string()).collect();
    assert_eq!(listed, ["l/B", "l/a", "l/b.x", "l/b/1", "l/b/2", "l/é"]);
    let entries = store.list_directory("l/").await.unwrap();
    let names: Vec<_> = entries
        .iter()
        .map(|entry| match entry {
            DirectoryEntry::Directory(name) => format!("{name}/"),
            DirectoryEntry::File(name, stat) => format!("{name} {}", stat.size_bytes),
        })
        .collect();
    assert_eq!(names, ["B 1", "a 1", "b/", "b.x 1", "é 1"]);
    assert_eq!(store.list("nothing/").await.unwrap(), []);
}

/// Page by page, however small the pages are, everything comes once.
async fn pages_are_the_whole_listing(store: Arc<dyn Store>) {
    for name in ["p/b/2", "p/b/1", "p/a", "p/b.x", "p/b0", "p/c/d/e", "p/c/d.e", "p/é/ü", "other/a"] {
        put(&*store, name, "x").await;
    }
    for most in [1, 2, 3, 100] {
        for depth in [Depth::Directory, Depth::All] {
            let (mut names, mut from) = (Vec::new(), None::<String>);
            loop {
                let page = store.page("p/", depth, from.as_deref(), most).await.unwrap();
                assert!(page.entries.len() <= most);
                names.extend(page.entries.iter().map(|entry| match entry {
                    DirectoryEntry::Directory(name) => format!("{name}/"),
                    DirectoryEntry::File(name, stat) => format!("{name} {}", stat.size_bytes),
                }));
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
            names.sort();
            let expected: &[&str] = match depth {
                Depth::Directory => &["a 1", "b.x 1", "b/", "b0 1", "c/", "é/"],
                Depth::All => &["a 1", "b.x 1", "b/1 1", "b/2 1", "b0 1", "c/d.e 1", "c/d/e 1", "é/ü 1"],
            };
            assert_eq!(names, expected, "{depth:?}, {most} at a time");
        }
    }
    assert_eq!(store.page("nothing/", Depth::All, None, 10).await.unwrap(), Page::default());
}

/// Where the versions do not depend on the content alone.
async fn a_version_never_comes_back(store: Arc<dyn Store>) {
    let first = put(&*store, "swapped", "1").await;
    let second = put(&*store, "swapped", "2").await;
    let third = store.write(&key("swapped"), b"1".to_vec().into(), write(Condition::Matches(second))).await.unwrap();
    assert_ne!(third.version, first);
}

/// A copy that must not write over anything, by many at once: one wins, and the bytes are the winner's.
async fn one_of_many_copies_wins(store: Arc<dyn Store>) {
    for round in 0..5 {
        let to = key(&format!("public/{round}"));
        let mut copies = Vec::new();
        for copier in 0..8 {
            put(&*store, &format!("private/{copier}"), &format!("{round} {copier}")).await;
        }
        for copier in 0..8 {
            let (store, to) = (Arc::clone(&store), to.clone());
            copies.push(tokio::spawn(async move {
                let from = key(&format!("private/{copier}"));
                let write = Write { condition: Condition::Absent, kind: ObjectClass::Immutable };
                store.copy(&from, &to, write).await.map(|_| copier)
            }));
        }
        let mut winners = Vec::new();
        for copy in copies {
            match copy.await.unwrap() {
                Ok(copier) => winners.push(copier),
                Err(StoreError::Conflict { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(get(&*store, to.as_str()).await, Some(format!("{round} {}", winners[0])));
        // and nobody comes later
        let write = Write { condition: Condition::Absent, kind: ObjectClass::Immutable };
        let later = store.copy(&key("private/0"), &to, write).await;
        assert!(matches!(later, Err(StoreError::Conflict { .. })), "{later:?}");
    }
}

/// More entries than a page of any listing has.
async fn long_listings_are_complete(store: Arc<dyn Store>) {
    let count = 1100;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..count {
        let store = Arc::clone(&store);
        writers.spawn(async move { put(&*store, &format!("many/{:02}/{number:04}", number % 10), "x").await });
        if writers.len() >= 16 {
            writers.join_next().await.unwrap().unwrap();
        }
    }
    writers.join_all().await;
    let listed = store.list("many/").await.unwrap();
    assert_eq!(listed.len(), count);
    assert!(listed.is_sorted_by_key(|listed| listed.key.clone()));
    assert_eq!(store.list_directory("many/").await.unwrap().len(), 10);
    let keys: Vec<Key> = listed.into_iter().map(|listed| listed.key).collect();
    store.delete(&keys).await.unwrap();
    assert_eq!(store.list("many/").await.unwrap(), []);
}

/// A store in a fresh bucket of a real server, below a path of it.
async fn s3(server: S3Server) -> Arc<S3Store> {
    let settings = S3Settings {
        bucket: server.create_bucket("conformance"),
        url: server.url,
        region: "us-east-1".to_owned(),
        base_path: "base/path".to_owned(),
        credentials: S3Credentials::keys(server.access_key, server.secret_key),
        sse_kms_key_id: None,
        bucket_owner: None,
        public_read: false,
        addressing: Addressing::Path,
        ca_file: None,
        timeout: std::time::Duration::from_secs(30),
        retries: 5,
        content_types: ContentTypes::default(),
    };
    let store = Arc::new(S3Store::new(&settings).unwrap());
    assert_eq!(store.probe().await.unwrap(), Conditions::Kept);
    store
}

macro_rules! suite {
    ($($check:ident),*) => {
        mod local { $(#[tokio::test(flavor = "multi_thread")] async fn $check() {
            let directory = tempfile::tempdir().unwrap();
            super::$check(std::sync::Arc::new(super::LocalStore::open(directory.path()).unwrap())).await;
        })* }
        mod memory { $(#[tokio::test(flavor = "multi_thread")] async fn $check() {
            super::$check(std::sync::Arc::new(super::MemoryStore::new())).await;
        })* }
        mod moto { $(#[tokio::test(flavor = "multi_thread")] async fn $check() {
            super::$check(super::s3(super::S3Server::moto()).await).await;
        })* }
        mod ceph { $(#[tokio::test(flavor = "multi_thread")] async fn $check() {
            super::$check(super::s3(super::S3Server::ceph()).await).await;
        })* }
    };
}

suite!(
    what_is_written_is_read,
    parts_and_large_objects_are_read,
    files_that_grow_are_written_whole,
    conditions_hold,
    one_of_many_writers_wins,
    copies_and_deletes,
    one_of_many_copies_wins,
    listings_are_in_byte_order,
    pages_are_the_whole_listing,
    long_listings_are_complete
);

#[tokio::test]
async fn where_versions_are_the_stores_own_they_never_come_back() {
    let directory = tempfile::tempdir().unwrap();
    a_version_never_comes_back(Arc::new(LocalStore::open(directory.path()).unwrap())).await;
    a_version_never_comes_back(Arc::new(MemoryStore::new())).await;
}

/// Two handles on one directory are what two processes have: they share only the file system.
#[tokio::test(flavor = "multi_thread")]
async fn conditions_hold_between_two_local_stores() {
    let directory = tempfile::tempdir().unwrap();
    let left = LocalStore::open(directory.path()).unwrap();
    let right = LocalStore::open(directory.path()).unwrap();
    let mut version = put(&left, "head", "0").await;
    for round in 0..50 {
        let condition = Condition::Matches(version);
        let head = key("head");
        let (one, other) = tokio::join!(
            left.write(&head, format!("l{round}").into_bytes().into(), write(condition.clone())),
            right.write(&head, format!("r{round}").into_bytes().into(), write(condition.clone())),
        );
        assert!(one.is_ok() != other.is_ok());
        version = one.or(other).unwrap().version;
    }
}

#[tokio::test]
async fn the_private_directory_is_the_owners() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    LocalStore::open(directory.path()).unwrap();
    let mode = std::fs::metadata(directory.path().join(".rws")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

/// What a reader has just read, it may have open still.
#[tokio::test]
async fn whoever_changes_a_file_the_next_read_sees_it() {
    let directory = tempfile::tempdir().unwrap();
    let reader = LocalStore::open(directory.path()).unwrap();
    let writer = LocalStore::open(directory.path()).unwrap();
    let path = |name: &str| directory.path().join(name);
    let names = ["own", "others", "copied", "removed", "own-removed", "moved", "written", "link"];
    for name in names {
        put(&writer, name, "old").await;
        put(&writer, &format!("new-{name}"), "new").await;
    }
    put(&writer, "target", "old").await;
    std::fs::remove_file(path("link")).unwrap();
    std::os::unix::fs::symlink("target", path("link")).unwrap();
    // a file that was changed lately is not kept open
    let changed = names.map(|name| std::fs::metadata(path(name)).unwrap().ctime());
    let newest = UNIX_EPOCH + Duration::from_secs(changed.into_iter().max().unwrap().unsigned_abs());
    while SystemTime::now() < newest + Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for name in names {
        for _ in 0..2 {
            assert_eq!(get(&reader, name).await.as_deref(), Some("old"), "{name}");
        }
    }
    put(&reader, "own", "new").await;
    put(&writer, "others", "new").await;
    writer.copy(&key("new-copied"), &key("copied"), write(Condition::Always)).await.unwrap();
    writer.delete(&[key("removed")]).await.unwrap();
    reader.delete(&[key("own-removed")]).await.unwrap();
    std::fs::rename(path("new-moved"), path("moved")).unwrap();
    std::fs::write(path("written"), "new").unwrap();
    std::os::unix::fs::symlink("new-link", path("other-link")).unwrap();
    std::fs::rename(path("other-link"), path("link")).unwrap();
    for name in names {
        let expected = if name.contains("removed") { None } else { Some("new") };
        assert_eq!(get(&reader, name).await.as_deref(), expected, "{name}");
        let stat = reader.stat(&key(name)).await.unwrap();
        assert_eq!(stat.is_some(), expected.is_some(), "{name}");
    }
}
