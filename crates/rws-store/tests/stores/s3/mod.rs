//! S3 on real servers, undisturbed and disturbed.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod access;
mod credentials;
mod faults;
mod forged;
mod parts;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rws_lab::{Fault, FaultRule, Proxy, S3Server, Seen};
use rws_store::{
    Addressing, Condition, Conditions, ContentTypes, DirectoryEntry, Key, ObjectClass, S3Credentials, S3Settings,
    S3Store, Span, Store, Write, collect,
};

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn write(condition: Condition, kind: ObjectClass) -> Write {
    Write { condition, kind }
}

fn settings(server: &S3Server, bucket: &str) -> S3Settings {
    S3Settings {
        url: server.url.clone(),
        region: "us-east-1".to_owned(),
        bucket: bucket.to_owned(),
        base_path: String::new(),
        credentials: S3Credentials::keys(server.access_key.clone(), server.secret_key.clone()),
        sse_kms_key_id: None,
        bucket_owner: None,
        public_read: false,
        addressing: Addressing::Path,
        ca_file: None,
        timeout: Duration::from_secs(20),
        retries: 5,
        content_types: ContentTypes::new([
            (".deb", "application/vnd.debian.binary-package"),
            ("InRelease", "text/plain; charset=utf-8"),
        ]),
    }
}

/// A fresh bucket, a store that reaches it directly, and one that reaches it through a proxy and gives up soon.
struct Place {
    server: S3Server,
    bucket: String,
    direct: S3Store,
    proxy: Proxy,
    store: S3Store,
}

async fn place(server: S3Server) -> Place {
    let bucket = server.create_bucket("s3");
    let direct = S3Store::new(&settings(&server, &bucket)).unwrap();
    let proxy = Proxy::start(&server.url);
    let through = S3Settings {
        url: proxy.url().to_owned(),
        // a server of tests may take a second on a machine with much to do
        timeout: Duration::from_millis(1_200),
        retries: 2,
        ..settings(&server, &bucket)
    };
    let store = S3Store::new(&through).unwrap();
    // the probe is not what is tested here: sixteen writers at once may take a busy server longer than this store waits
    let mut probed = store.probe().await;
    for _ in 0..10 {
        if probed.is_err() {
            probed = store.probe().await;
        }
    }
    assert_eq!(probed.unwrap(), Conditions::Kept);
    proxy.forget();
    Place { server, bucket, direct, proxy, store }
}

async fn get(store: &S3Store, name: &str) -> Option<Vec<u8>> {
    let content = store.read(&key(name), Span::Whole).await.unwrap()?;
    Some(collect(content.bytes).await.unwrap().to_vec())
}

async fn put(store: &S3Store, name: &str, bytes: &[u8]) {
    store.write(&key(name), bytes.to_vec().into(), write(Condition::Always, ObjectClass::Private)).await.unwrap();
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

/// Breaks the first request that `which` picks.
fn once(fault: Fault, which: impl Fn(&Seen) -> bool + Send + Sync + 'static) -> FaultRule {
    let count = AtomicUsize::new(0);
    Arc::new(move |seen| (which(seen) && count.fetch_add(1, Ordering::SeqCst) == 0).then(|| fault.clone()))
}

fn large(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|number| (number % 251) as u8 ^ (number >> 16) as u8).collect()
}

async fn objects_are_what_their_kind_says(server: S3Server) {
    let bucket = server.create_bucket("kinds");
    let store = S3Store::new(&S3Settings { public_read: true, ..settings(&server, &bucket) }).unwrap();
    store.probe().await.unwrap();
    let package = b"bytes of a package".to_vec();
    let private = write(Condition::Always, ObjectClass::PrivateImmutable);
    store.write(&key(".rws/incoming/u/0123"), package.clone().into(), private).await.unwrap();
    let public = "live/pool/h/hello_1.0~rc1+b1_amd64.deb";
    let copied = write(Condition::Absent, ObjectClass::Immutable);
    store.copy(&key(".rws/incoming/u/0123"), &key(public), copied).await.unwrap();
    let root = write(Condition::Always, ObjectClass::Mutable);
    store.write(&key("live/dists/focal/InRelease"), b"root".to_vec().into(), root).await.unwrap();

    assert_eq!(server.anonymous_status(&bucket, public), 200);
    assert_eq!(server.anonymous_status(&bucket, "live/dists/focal/InRelease"), 200);
    for name in server.keys(&bucket).iter().filter(|name| name.starts_with(".rws/")) {
        assert_eq!(server.anonymous_status(&bucket, name), 403, "{name}");
    }
    let headers = server.head(&bucket, public);
    assert_eq!(header(&headers, "content-type"), "application/vnd.debian.binary-package");
    assert_eq!(header(&headers, "cache-control"), "public, max-age=31536000, immutable");
    let headers = server.head(&bucket, "live/dists/focal/InRelease");
    assert_eq!(header(&headers, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(header(&headers, "cache-control"), "no-cache");

    // anybody with the address reads, for a while
    let address = store.presigned_url(&key(".rws/incoming/u/0123"), 600).unwrap();
    let curl = std::process::Command::new("curl").args(["-sf", &address]).output().unwrap();
    assert_eq!(curl.stdout, package);

    // without S3_PUBLIC_READ nothing is open
    let closed = S3Store::new(&settings(&server, &bucket)).unwrap();
    closed
        .write(&key("live/closed.deb"), package.into(), write(Condition::Always, ObjectClass::Immutable))
        .await
        .unwrap();
    assert_eq!(server.anonymous_status(&bucket, "live/closed.deb"), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_what_their_kind_says_on_moto() {
    objects_are_what_their_kind_says(S3Server::moto()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_what_their_kind_says_on_ceph() {
    objects_are_what_their_kind_says(S3Server::ceph()).await;
}

#[tokio::test]
async fn a_presigned_address_expires() {
    let server = S3Server::ceph();
    let bucket = server.create_bucket("presign");
    let store = S3Store::new(&settings(&server, &bucket)).unwrap();
    put(&store, "a", b"a").await;
    let address = store.presigned_url(&key("a"), 1).unwrap();
    let status = || {
        let curl = ["-s", "-o", "/dev/null", "-w", "%{http_code}", &address];
        String::from_utf8(std::process::Command::new("curl").args(curl).output().unwrap().stdout).unwrap()
    };
    while status() == "200" {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(status(), "403");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_peoples_objects_are_left_alone() {
    for server in [S3Server::moto(), S3Server::ceph()] {
        let bucket = server.create_bucket("odd");
        let odd =
            ["base//live/double", "base/live/", "base/live/dir/", "base/live/file", "base/a b+c~d:e%41é&", "elsewhere"];
        for name in odd {
            server.put(&bucket, name, b"theirs");
        }
        let settings = S3Settings { base_path: "base".to_owned(), ..settings(&server, &bucket) };
        let store = S3Store::new(&settings).unwrap();
        store.probe().await.unwrap();
        let listed: Vec<String> = store.list("").await.unwrap().into_iter().map(|one| one.key.to_string()).collect();
        assert_eq!(listed, ["a b+c~d:e%41é&", "live/file"]);
        let names = |entries: Vec<DirectoryEntry>| {
            let name = |entry: &DirectoryEntry| match entry {
                DirectoryEntry::Directory(name) => format!("{name}/"),
                DirectoryEntry::File(name, _) => name.clone(),
            };
            entries.iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(names(store.list_directory("").await.unwrap()), ["a b+c~d:e%41é&", "live/"]);
        assert_eq!(names(store.list_directory("live/").await.unwrap()), ["dir/", "file"]);
        assert_eq!(store.stat(&key("live")).await.unwrap(), None);
        let mut kept = server.keys(&bucket);
        kept.sort();
        let mut expected = odd.map(str::to_owned).to_vec();
        expected.sort();
        assert_eq!(kept, expected);
    }
}
