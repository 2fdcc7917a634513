//! What only a local directory has: symbolic links, modes, directories that are made while others make them.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::sync::Arc;

use rws_store::{Body, Condition, Depth, LocalFile, LocalStore, ObjectClass, Store, Write};

use crate::conformance::{get, key, put, write};

/// What a link leads to is there when it lies in the directory or in one that was allowed.
#[tokio::test]
async fn links_lead_nowhere_else() {
    use std::os::unix::fs::symlink;
    let (root, outside, other_disk) = (tempdir(), tempdir(), tempdir());
    let path = |name: &str| root.path().join(name);
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    std::fs::write(other_disk.path().join("file"), "shared").unwrap();
    let store = LocalStore::open_with_links(root.path(), &[other_disk.path().to_owned()]).unwrap();
    put(&store, "live/file", "own").await;
    put(&store, ".rws/private", "private").await;
    for (name, target) in [
        ("live/out", outside.path().to_str().unwrap()),
        ("live/secret", outside.path().join("secret").to_str().unwrap()),
        ("live/private", "../.rws"),
        ("live/up", ".."),
        ("live/self", "self"),
        ("live/zero", "/dev/zero"),
        ("live/process", "/proc/self/environ"),
        ("live/nowhere", "missing"),
        ("live/inside", "file"),
        ("live/absolute", path("live/file").to_str().unwrap()),
        ("live/disk", other_disk.path().to_str().unwrap()),
        ("live/disk-file", other_disk.path().join("file").to_str().unwrap()),
    ] {
        symlink(target, path(name)).unwrap();
    }
    for (name, content) in [
        ("live/inside", Some("own")),
        ("live/absolute", Some("own")),
        ("live/up/live/file", Some("own")),
        ("live/disk/file", Some("shared")),
        ("live/disk-file", Some("shared")),
        (".rws/private", Some("private")),
        ("live/out/secret", None),
        ("live/secret", None),
        ("live/private/private", None),
        ("live/up/.rws/private", None),
        ("live/up/live/private/private", None),
        ("live/self", None),
        ("live/zero", None),
        ("live/process", None),
        ("live/nowhere", None),
    ] {
        assert_eq!(get(&store, name).await.as_deref(), content, "{name}");
        assert_eq!(store.stat(&key(name)).await.unwrap().is_some(), content.is_some(), "{name}");
        let copied = store.copy(&key(name), &key("copied"), write(Condition::Always)).await;
        assert_eq!(copied.is_ok(), content.is_some(), "{name}: {copied:?}");
    }
    let page = store.page("live", Depth::Directory, None, 100).await.unwrap();
    let names: Vec<String> = page.entries.iter().map(|entry| format!("{entry:?}")).collect();
    for hidden in ["out", "secret", "private", "self", "zero", "process", "nowhere"] {
        assert!(!names.iter().any(|name| name.contains(&format!("\"{hidden}\""))), "{hidden}: {names:?}");
    }
    for shown in ["up", "inside", "absolute", "disk", "disk-file"] {
        assert!(names.iter().any(|name| name.contains(&format!("\"{shown}\""))), "{shown}: {names:?}");
    }
    for hidden in ["live/out", "live/private", "live/up/.rws"] {
        assert_eq!(store.page(hidden, Depth::All, None, 100).await.unwrap().entries, [], "{hidden}");
        assert_eq!(store.list(&format!("{hidden}/")).await.unwrap(), [], "{hidden}");
    }
    let listed = store.list("live/").await.unwrap();
    assert!(!listed.iter().any(|one| one.key.as_str().contains("secret")), "{listed:?}");
    let body = || Body::from(b"new".to_vec());
    for name in ["live/out/new", "live/out/deep/new", "live/private/new", "live/nowhere/new"] {
        let written = store.write(&key(name), body(), write(Condition::Always)).await;
        assert!(written.is_err(), "{name}");
        let copied = store.copy(&key("live/file"), &key(name), write(Condition::Always)).await;
        assert!(copied.is_err(), "{name}");
    }
    assert!(store.delete(&[key("live/out/secret")]).await.is_err());
    put(&store, "live/disk/new/file", "new").await;
    assert_eq!(std::fs::read_to_string(other_disk.path().join("new/file")).unwrap(), "new");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1, "something was written outside");
    assert!(outside.path().join("secret").exists());
}

/// Many write into directories that none of them has made yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn new_directories_are_made_by_many_at_once() {
    let root = tempdir();
    let store = Arc::new(LocalStore::open_volatile(root.path()).unwrap());
    for round in 0..40 {
        let writes = (0..16).map(|number| {
            let store = Arc::clone(&store);
            let name = key(&format!("live/{round}/a/b/repodata/{number}"));
            tokio::spawn(async move { store.write(&name, Body::from(b"x".to_vec()), write(Condition::Always)).await })
        });
        for written in futures::future::join_all(writes).await {
            written.unwrap().unwrap();
        }
    }
}

/// Modes do not depend on the umask, and what is private can be read by its owner only.
#[tokio::test]
async fn modes_are_fixed() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempdir();
    let (data, received) = (root.path().join("data"), root.path().join("received"));
    std::fs::write(&received, "file").unwrap();
    std::fs::set_permissions(&received, std::fs::Permissions::from_mode(0o600)).unwrap();
    let store = LocalStore::open(&data).unwrap();
    put(&store, "live/a/public", "x").await;
    put(&store, ".rws/a/private", "x").await;
    let file = Body::File(LocalFile::whole(&received));
    store.write(&key(".rws/incoming/file"), file, write(Condition::Always)).await.unwrap();
    let immutable = || Write { condition: Condition::Always, kind: ObjectClass::Immutable };
    let mode = |name: &str| std::fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(".rws/incoming/file"), 0o600);
    store.copy(&key(".rws/incoming/file"), &key("live/pool/file"), immutable()).await.unwrap();
    for (name, expected) in [
        ("live", 0o755),
        ("live/a", 0o755),
        ("live/a/public", 0o644),
        ("live/pool/file", 0o644),
        (".rws", 0o700),
        (".rws/a", 0o700),
        (".rws/a/private", 0o600),
    ] {
        assert_eq!(mode(name), expected, "{name}: {:o}", mode(name));
    }
}

fn tempdir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}
