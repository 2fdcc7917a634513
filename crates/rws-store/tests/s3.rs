//! S3 on real servers, undisturbed and disturbed.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rws_lab::{Fault, FaultRule, Proxy, S3Server, Seen};
use rws_store::{
    Addressing, Body, Condition, Conditions, DirectoryEntry, Key, Kind, LocalFile, Retry, S3Settings, S3Store, Span,
    Store, StoreError, Write, collect,
};

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn write(condition: Condition, kind: Kind) -> Write {
    Write { condition, kind }
}

fn settings(server: &S3Server, bucket: &str) -> S3Settings {
    S3Settings {
        url: server.url.clone(),
        region: "us-east-1".to_owned(),
        bucket: bucket.to_owned(),
        base_path: String::new(),
        access_key: server.access_key.clone(),
        secret_key: server.secret_key.clone(),
        public_read: false,
        addressing: Addressing::Path,
        ca_file: None,
        timeout: Duration::from_secs(20),
        retries: 5,
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
    store.write(&key(name), bytes.to_vec().into(), write(Condition::Always, Kind::Private)).await.unwrap();
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

/// Breaks the first request that `which` picks.
fn once(fault: Fault, which: impl Fn(&Seen) -> bool + Send + Sync + 'static) -> FaultRule {
    let count = AtomicUsize::new(0);
    Arc::new(move |seen| (which(seen) && count.fetch_add(1, Ordering::SeqCst) == 0).then(|| fault.clone()))
}

async fn objects_are_what_their_kind_says(server: S3Server) {
    let bucket = server.create_bucket("kinds");
    let store = S3Store::new(&S3Settings { public_read: true, ..settings(&server, &bucket) }).unwrap();
    store.probe().await.unwrap();
    let package = b"bytes of a package".to_vec();
    let private = write(Condition::Always, Kind::PrivateImmutable);
    store.write(&key(".rws/incoming/u/0123"), package.clone().into(), private).await.unwrap();
    let public = "live/pool/h/hello_1.0~rc1+b1_amd64.deb";
    let copied = write(Condition::Absent, Kind::Immutable);
    store.copy(&key(".rws/incoming/u/0123"), &key(public), copied).await.unwrap();
    let root = write(Condition::Always, Kind::Mutable);
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
    closed.write(&key("live/closed.deb"), package.into(), write(Condition::Always, Kind::Immutable)).await.unwrap();
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

fn large(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|number| (number % 251) as u8 ^ (number >> 16) as u8).collect()
}

async fn large_files_go_in_parts(server: S3Server) {
    let place = place(server).await;
    let bytes = large(30 << 20);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("large");
    std::fs::write(&file, &bytes).unwrap();
    let (store, proxy) = (&place.store, &place.proxy);
    let send = async || {
        store.write(&key("large"), Body::File(LocalFile::whole(&file)), write(Condition::Always, Kind::Immutable)).await
    };

    // one part fails once: it is sent again, and no other
    let second = |seen: &Seen| seen.query.contains("partNumber=2");
    proxy.set_fault(Some(once(Fault::Answer { status: 500, code: "InternalError", effect: false }, second)));
    let stat = send().await.unwrap();
    assert_eq!(stat.size_bytes, bytes.len() as u64);
    let parts = proxy.seen().iter().filter(|seen| seen.query.contains("partNumber=")).count();
    assert_eq!(parts, 4 + 1);
    assert!(get(&place.direct, "large").await.unwrap() == bytes);
    assert_eq!(place.direct.stat(&key("large")).await.unwrap().unwrap(), stat);

    // the answer of the end is lost
    let end = |seen: &Seen| seen.method == "POST" && seen.query.contains("uploadId=");
    proxy.set_fault(Some(once(Fault::Reset { effect: true }, end)));
    send().await.unwrap();
    assert!(get(&place.direct, "large").await.unwrap() == bytes);

    // a part fails for good: nothing is left
    proxy.forget();
    proxy.set_fault(Some(Arc::new(move |seen| {
        second(seen).then_some(Fault::Answer { status: 500, code: "InternalError", effect: false })
    })));
    place.direct.delete(&[key("large")]).await.unwrap();
    let failed = send().await;
    assert!(matches!(failed, Err(StoreError::Failed { retry: Retry::Later, .. })), "{failed:?}");
    let aborted = |seen: &Seen| seen.method == "DELETE" && seen.query.contains("uploadId=") && seen.status == 204;
    assert!(proxy.seen().iter().any(aborted));
    assert_eq!(place.server.keys(&place.bucket), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_go_in_parts_on_moto() {
    large_files_go_in_parts(S3Server::moto()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_go_in_parts_on_ceph() {
    large_files_go_in_parts(S3Server::ceph()).await;
}

/// What has come is sent before the rest has; and is taken back when the rest never comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_while_it_grows() {
    let place = place(S3Server::ceph()).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large");
    std::fs::write(&path, large(20 << 20)).unwrap();
    let (file, grower) = LocalFile::growing(&path, Some(1 << 30));
    let store = place.store.clone();
    let written = tokio::spawn(async move {
        store.write(&key("large"), Body::File(file), write(Condition::Always, Kind::Immutable)).await
    });
    grower.add(20 << 20, []);
    let parts = || place.proxy.seen().iter().filter(|seen| seen.query.contains("partNumber=")).count();
    while parts() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(grower);
    assert!(written.await.unwrap().is_err());
    assert_eq!(parts(), 2, "the third part is not there");
    let aborted = |seen: &Seen| seen.method == "DELETE" && seen.query.contains("uploadId=") && seen.status == 204;
    assert!(place.proxy.seen().iter().any(aborted));
    assert_eq!(place.server.keys(&place.bucket), [""; 0]);
}

/// What S3 answers to a copy of more than 5 GiB.
/// A process dies while it sends a large file: its parts stay until somebody gives them up.
async fn parts_of_dead_processes_go(server: S3Server, tells_when_they_began: bool) {
    let place = place(server).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large");
    std::fs::write(&path, large(20 << 20)).unwrap();
    let (file, grower) = LocalFile::growing(&path, Some(100 << 20));
    grower.add(20 << 20, []);
    let store = place.store.clone();
    let name = key(".rws/incoming/upload/large");
    let sending = tokio::spawn(async move {
        store.write(&name, Body::File(file), write(Condition::Always, Kind::PrivateImmutable)).await
    });
    let sent = |seen: &Seen| seen.query.contains("partNumber=2") && seen.status == 200;
    while !place.proxy.seen().iter().any(sent) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    let now = place.direct.clock_milliseconds().await.unwrap();
    let give_up = async |prefix: &str, before| place.direct.give_up_unfinished(prefix, before).await.unwrap();
    if tells_when_they_began {
        assert_eq!(give_up(".rws/incoming/", now - 3_600_000).await, 0, "it may be under way still");
    }
    assert_eq!(give_up("live/", now + 60_000).await, 0);
    assert_eq!(give_up(".rws/incoming/", now + 60_000).await, 1);
    assert_eq!(give_up(".rws/incoming/", now + 60_000).await, 0);
    assert_eq!(place.server.keys(&place.bucket), [""; 0]);
    drop(grower);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_dead_processes_go_on_moto() {
    // it says of all that they began in 2010
    parts_of_dead_processes_go(S3Server::moto(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_dead_processes_go_on_ceph() {
    parts_of_dead_processes_go(S3Server::ceph(), true).await;
}

async fn what_one_request_cannot_copy_is_copied_in_parts(server: S3Server) {
    let place = place(server).await;
    let bytes = large(11 << 20);
    put(&place.direct, "from +&é~", &bytes).await;
    let whole = |seen: &Seen| {
        let is_target = seen.path.ends_with("/to") && !seen.path.contains("/.rws/");
        seen.method == "PUT" && is_target && !seen.query.contains("partNumber")
    };
    place.proxy.set_fault(Some(Arc::new(move |seen| {
        whole(seen).then_some(Fault::Answer { status: 400, code: "InvalidRequest", effect: false })
    })));
    let version =
        place.store.copy(&key("from +&é~"), &key("to"), write(Condition::Absent, Kind::Immutable)).await.unwrap();
    assert!(get(&place.direct, "to").await.unwrap() == bytes);
    assert_eq!(place.direct.stat(&key("to")).await.unwrap().unwrap().version, version);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_request_cannot_copy_is_copied_in_parts_on_moto() {
    what_one_request_cannot_copy_is_copied_in_parts(S3Server::moto()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_request_cannot_copy_is_copied_in_parts_on_ceph() {
    what_one_request_cannot_copy_is_copied_in_parts(S3Server::ceph()).await;
}

/// Every operation with every fault on each of its requests, once before and once after the request takes effect: all
/// come to the same end as without it.
async fn every_operation_outlives_every_fault(server: fn() -> S3Server) {
    let effects = [false, true];
    let mut faults: Vec<Fault> = Vec::new();
    for effect in effects {
        faults.push(Fault::Answer { status: 500, code: "InternalError", effect });
        faults.push(Fault::Answer { status: 503, code: "SlowDown", effect });
        faults.push(Fault::Reset { effect });
        faults.push(Fault::Stall { effect });
    }
    faults.push(Fault::Answer { status: 403, code: "RequestTimeTooSkewed", effect: false });
    faults.push(Fault::Truncate { bytes: 10 });
    faults.push(Fault::Slow { pause: Duration::from_millis(50) });
    faults.push(Fault::Trickle { bytes: 7, pause: Duration::from_millis(1) });
    let mut operations = tokio::task::JoinSet::new();
    for operation in OPERATIONS {
        let (server, faults) = (server(), faults.clone());
        operations.spawn(async move {
            let place = place(server).await;
            let mut count = 0;
            for fault in faults {
                // a fault on the request of each number, until the operation has no such request
                for number in 0.. {
                    count += 1;
                    if !carry_out(&place, operation, &format!("run{count}"), number, fault.clone()).await {
                        break;
                    }
                }
            }
        });
    }
    operations.join_all().await;
}

const OPERATIONS: [&str; 13] = [
    "stat",
    "absent",
    "read",
    "part",
    "write",
    "create",
    "swap",
    "copy",
    "create copy",
    "delete",
    "delete many",
    "list",
    "list directory",
];

/// Whether the operation had a request of this number.
async fn carry_out(place: &Place, operation: &str, name: &str, number: usize, fault: Fault) -> bool {
    let (store, direct) = (&place.store, &place.direct);
    let (this, other) = (key(&format!("{name}/this")), key(&format!("{name}/other")));
    put(direct, other.as_str(), b"the other object, of some length").await;
    let wrote = |condition| write(condition, Kind::Private);
    let swapped = match operation {
        "swap" => Some(direct.write(&this, b"0".to_vec().into(), wrote(Condition::Always)).await.unwrap().version),
        _ => None,
    };
    if operation == "list" {
        // before the fault: claims of earlier copies go with a deletion
        store.delete(&[key("nothing/at/all")]).await.unwrap();
    }
    let hit = Arc::new(AtomicUsize::new(0));
    let (hits, seen_requests) = (Arc::clone(&hit), AtomicUsize::new(0));
    let shown = format!("{operation} with {fault:?} at {number}");
    place.proxy.set_fault(Some(Arc::new(move |_| {
        let breaks = seen_requests.fetch_add(1, Ordering::SeqCst) == number;
        hits.fetch_add(usize::from(breaks), Ordering::SeqCst);
        breaks.then(|| fault.clone())
    })));
    match operation {
        "stat" => assert_eq!(store.stat(&other).await.expect(&shown).unwrap().size_bytes, 32, "{shown}"),
        "absent" => assert_eq!(store.stat(&this).await.expect(&shown), None, "{shown}"),
        "read" | "part" => {
            let span = if operation == "part" { Span::Part { start: 4, length: 20 } } else { Span::Whole };
            let content = store.read(&other, span).await.expect(&shown).unwrap();
            let (start, length) = span.within(32);
            let expected = &b"the other object, of some length"[start as usize..(start + length) as usize];
            assert_eq!(collect(content.bytes).await.expect(&shown), expected, "{shown}");
        }
        "write" => _ = store.write(&this, b"1".to_vec().into(), wrote(Condition::Always)).await.expect(&shown),
        "create" => _ = store.write(&this, b"1".to_vec().into(), wrote(Condition::Absent)).await.expect(&shown),
        "swap" => {
            let condition = Condition::Matches(swapped.unwrap());
            let stat = store.write(&this, b"1".to_vec().into(), wrote(condition)).await.expect(&shown);
            assert_eq!(direct.stat(&this).await.unwrap().unwrap().version, stat.version, "{shown}");
        }
        "copy" => _ = store.copy(&other, &this, wrote(Condition::Always)).await.expect(&shown),
        "create copy" => _ = store.copy(&other, &this, wrote(Condition::Absent)).await.expect(&shown),
        "delete" => store.delete(std::slice::from_ref(&other)).await.expect(&shown),
        "delete many" => store.delete(&[other.clone(), this.clone()]).await.expect(&shown),
        "list" => {
            let listed = store.list(&format!("{name}/")).await.expect(&shown);
            assert!(matches!(&listed[..], [listed] if listed.key == other), "{shown}");
        }
        "list directory" => {
            let entries = store.list_directory(&format!("{name}/")).await.expect(&shown);
            assert!(matches!(&entries[..], [DirectoryEntry::File(name, _)] if name == "other"), "{shown}");
        }
        _ => panic!("{operation}"),
    }
    place.proxy.set_fault(None);
    let expected = match operation {
        "write" | "create" | "swap" => Some(b"1".to_vec()),
        "copy" | "create copy" => Some(b"the other object, of some length".to_vec()),
        _ => None,
    };
    assert_eq!(get(direct, this.as_str()).await, expected, "{shown}");
    assert_eq!(get(direct, other.as_str()).await.is_none(), operation.starts_with("delete"), "{shown}");
    hit.load(Ordering::SeqCst) > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_outlives_every_fault_on_moto() {
    every_operation_outlives_every_fault(S3Server::moto).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_outlives_every_fault_on_ceph() {
    every_operation_outlives_every_fault(S3Server::ceph).await;
}

/// A lost answer of somebody else's success is no success of one's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_race_is_lost_even_after_a_fault() {
    let place = place(S3Server::moto()).await;
    let first = place.direct.write(&key("head"), b"0".to_vec().into(), write(Condition::Absent, Kind::Private)).await;
    let stale = Condition::Matches(first.unwrap().version);
    put(&place.direct, "head", b"theirs").await;
    place.proxy.set_fault(Some(once(Fault::Reset { effect: true }, |seen| seen.method == "PUT")));
    let lost = place.store.write(&key("head"), b"ours".to_vec().into(), write(stale, Kind::Private)).await;
    assert!(matches!(lost, Err(StoreError::Conflict { .. })), "{lost:?}");
    assert_eq!(get(&place.direct, "head").await.unwrap(), b"theirs");
}

/// A read of megabytes that breaks off again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_breaks_off_is_taken_up_where_it_broke() {
    let place = place(S3Server::moto()).await;
    let bytes = large(5 << 20);
    put(&place.direct, "large", &bytes).await;
    place.proxy.set_fault(Some(Arc::new(|_| Some(Fault::Truncate { bytes: 1 << 20 }))));
    assert!(get(&place.store, "large").await.unwrap() == bytes);
    let ranges: Vec<String> = place.proxy.seen().iter().map(|seen| header(&seen.headers, "range").to_owned()).collect();
    assert_eq!(ranges.len(), 5, "{ranges:?}");
    assert_eq!(ranges[4], format!("bytes={}-{}", 4 << 20, (5 << 20) - 1));
    // it does not go on with another object
    let content = place.store.read(&key("large"), Span::Whole).await.unwrap().unwrap();
    put(&place.direct, "large", &large(6 << 20)).await;
    let changed = collect(content.bytes).await.unwrap_err();
    assert!(changed.to_string().contains("changed while it was read"), "{changed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_is_an_error_that_says_what_to_do() {
    let place = place(S3Server::moto()).await;
    for (fault, expected) in [
        (Fault::Answer { status: 503, code: "SlowDown", effect: false }, "S3 answered 503 SlowDown"),
        (Fault::Reset { effect: false }, "S3 cannot be reached"),
        (Fault::Stall { effect: false }, "S3 made no progress for 1.2 seconds"),
    ] {
        place.proxy.forget();
        place.proxy.set_fault(Some(Arc::new(move |_| Some(fault.clone()))));
        let error = place.store.list("a/").await.unwrap_err();
        assert!(matches!(error, StoreError::Failed { retry: Retry::Later, .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(place.proxy.seen().len(), 3, "{expected}: one request and two repetitions");
    }
    // something else than S3 answers
    place.proxy.set_fault(Some(Arc::new(|_| Some(Fault::Answer { status: 200, code: "Hello", effect: false }))));
    let error = place.store.list("a/").await.unwrap_err();
    assert!(error.to_string().contains("Hello"), "{error}");
}

/// The message of a probe with changed settings.
async fn refused(server: &S3Server, change: impl FnOnce(&mut S3Settings)) -> String {
    let bucket = server.create_bucket("messages");
    let mut settings = S3Settings { retries: 0, ..settings(server, &bucket) };
    change(&mut settings);
    S3Store::new(&settings).unwrap().probe().await.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_cannot_be_used_says_why() {
    let ceph = S3Server::ceph();
    let other = S3Server::ceph_other();
    let wrong_bucket = refused(&ceph, |settings| settings.bucket = "no-such-bucket".to_owned()).await;
    assert!(wrong_bucket.contains("make it, or correct S3_BUCKET"), "{wrong_bucket}");
    let wrong_key = refused(&ceph, |settings| settings.access_key = "NOBODY".to_owned()).await;
    assert!(wrong_key.contains("S3_ACCESS_KEY is not known"), "{wrong_key}");
    let wrong_secret = refused(&ceph, |settings| settings.secret_key = "wrong".to_owned()).await;
    assert!(wrong_secret.contains("S3_SECRET_KEY does not belong to S3_ACCESS_KEY"), "{wrong_secret}");
    assert!(!wrong_secret.contains("wrong\"") && !wrong_secret.contains("Signature="), "{wrong_secret}");
    let no_rights = refused(&ceph, |settings| {
        settings.access_key = other.access_key.clone();
        settings.secret_key = other.secret_key.clone();
    })
    .await;
    assert!(no_rights.contains("S3_ACCESS_KEY needs the right to list the bucket"), "{no_rights}");
    let unreachable = refused(&ceph, |settings| settings.url = "http://127.0.0.1:1".to_owned()).await;
    assert!(unreachable.contains("S3 cannot be reached"), "{unreachable}");
    let no_tls = refused(&ceph, |settings| settings.url = settings.url.replace("http:", "https:")).await;
    assert!(no_tls.contains("S3 cannot be reached"), "{no_tls}");
}

/// Rights that a key lacks, as far as a server in a test can take them: the answers are the proxy's.
#[tokio::test(flavor = "multi_thread")]
async fn each_missing_right_is_named() {
    for (method, expected) in
        [("GET", "right to list the bucket"), ("PUT", "right to write objects"), ("DELETE", "right to delete objects")]
    {
        let place = place(S3Server::moto()).await;
        place.proxy.set_fault(Some(Arc::new(move |seen| {
            let denied = seen.method == method
                || (method == "DELETE" && seen.query.starts_with("delete"))
                || (method == "DELETE" && seen.query.contains("&delete"));
            denied.then_some(Fault::Answer { status: 403, code: "AccessDenied", effect: false })
        })));
        let error = place.store.probe().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let place = place(S3Server::moto()).await;
    place.proxy.set_fault(Some(Arc::new(|_| {
        Some(Fault::Answer { status: 400, code: "AuthorizationHeaderMalformed", effect: false })
    })));
    let error = place.store.probe().await.unwrap_err().to_string();
    assert!(error.contains("S3_REGION is not the region of the bucket"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_finds_out_and_cleans_up() {
    for (server, conditions) in [
        (S3Server::moto(), Conditions::Kept),
        (S3Server::ceph(), Conditions::Kept),
        (S3Server::s3rver(), Conditions::NotKept),
    ] {
        let bucket = server.create_bucket("probe");
        let store = S3Store::new(&settings(&server, &bucket)).unwrap();
        assert_eq!(store.probe().await.unwrap(), conditions, "{}", server.url);
        assert_eq!(store.list("").await.unwrap(), []);
    }
}

/// Ceph compares If-Match with an ETag without its quotes.
#[tokio::test(flavor = "multi_thread")]
async fn the_form_of_tags_is_the_servers() {
    for (server, quoted) in [(S3Server::moto(), true), (S3Server::ceph(), false)] {
        let place = place(server).await;
        let first = place.store.write(&key("a"), b"1".to_vec().into(), write(Condition::Always, Kind::Private)).await;
        let condition = Condition::Matches(first.unwrap().version);
        place.store.write(&key("a"), b"2".to_vec().into(), write(condition, Kind::Private)).await.unwrap();
        let seen = place.proxy.seen();
        assert_eq!(header(&seen.last().unwrap().headers, "if-match").starts_with('"'), quoted);
    }
}

/// `http://bucket.localhost:…/key`
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_may_be_a_part_of_the_host() {
    let server = S3Server::ceph();
    let bucket = server.create_bucket("host");
    let url = server.url.replace("127.0.0.1", "localhost");
    let virtual_host = S3Settings { url, addressing: Addressing::VirtualHost, ..settings(&server, &bucket) };
    let store = S3Store::new(&virtual_host).unwrap();
    assert_eq!(store.probe().await.unwrap(), Conditions::Kept);
    put(&store, "a/b c+d~é", b"text").await;
    assert_eq!(server.get(&bucket, "a/b c+d~é").unwrap(), b"text");
    store.copy(&key("a/b c+d~é"), &key("copy"), write(Condition::Absent, Kind::Immutable)).await.unwrap();
    assert_eq!(get(&store, "copy").await.unwrap(), b"text");
    assert_eq!(store.list("").await.unwrap().len(), 3);
}

/// A moto of its own that speaks https with a certificate that nobody knows.
struct Encrypted {
    process: std::process::Child,
    directory: tempfile::TempDir,
    server: S3Server,
}

impl Encrypted {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, secret) = (directory.path().join("certificate.pem"), directory.path().join("key.pem"));
        let made = std::process::Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .args([&secret, Path::new("-out"), &certificate])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = std::process::Command::new(rws_lab::cache().join("venv/bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string(), "-c"])
            .args([&certificate, Path::new("-k"), &secret])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let server = S3Server {
            url: format!("https://127.0.0.1:{port}"),
            access_key: "a".to_owned(),
            secret_key: "b".to_owned(),
        };
        let encrypted = Self { process, directory, server };
        while encrypted.curl("GET", "").is_empty() {
            std::thread::sleep(Duration::from_millis(100));
        }
        encrypted.curl("PUT", "encrypted");
        encrypted
    }

    fn curl(&self, method: &str, path: &str) -> Vec<u8> {
        let url = format!("{}/{path}", self.server.url);
        let curl = ["-sk", "-X", method, "-H", "Content-Length: 0", &url];
        std::process::Command::new("curl").args(curl).output().unwrap().stdout
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_spoken_with_those_whose_authority_is_known() {
    let encrypted = Encrypted::start();
    let unknown = S3Settings { retries: 0, ..settings(&encrypted.server, "encrypted") };
    let refused = S3Store::new(&unknown).unwrap().probe().await.unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    let ca_file = Some(encrypted.directory.path().join("certificate.pem"));
    let store = S3Store::new(&S3Settings { ca_file, ..unknown.clone() }).unwrap();
    assert_eq!(store.probe().await.unwrap(), Conditions::Kept);
    put(&store, "a", b"text").await;
    assert_eq!(get(&store, "a").await.unwrap(), b"text");
    let broken = encrypted.directory.path().join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let error = S3Store::new(&S3Settings { ca_file: Some(broken), ..unknown }).unwrap_err().to_string();
    assert!(error.contains("S3_CA_FILE") && error.contains("broken.pem"), "{error}");
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
