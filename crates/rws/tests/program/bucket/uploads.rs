//! What an upload asks of S3.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rws_lab::{Fault, Proxy, Seen};

use crate::support::bucket::Bucket;
use crate::support::curl::{self, Answer, Upload};
use crate::support::packages::deb::{Compression, Deb};
use crate::support::server::Server;
use crate::support::{read_file, temporary_directory, wait};

const SIZE_BYTES: usize = 300_000;

const SERIES: [&str; 10] = ["1.10", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9"];

/// The 21 repositories of the anchor `tarantool-modules`.
fn targets() -> Vec<String> {
    let kinds = ["live", "release"].into_iter();
    let mut targets: Vec<String> = kinds.flat_map(|kind| SERIES.map(|series| format!("{kind}/{series}"))).collect();
    targets.push("release/modules".to_owned());
    targets
}

/// A package that is larger than all else that its upload writes.
#[track_caller]
fn large_package(directory: &Path) -> PathBuf {
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(SIZE_BYTES)
    .collect();
    let package = Deb::new("rws-large", "1.0-1", "amd64").compression(Compression::None);
    package.file("usr/share/rws-large/noise", &noise).build(directory)
}

#[track_caller]
fn upload(path: &str, package: &Path, server: &Server) -> Answer {
    Upload::to(path).field("product", "product").file(package).send(server)
}

fn is_done(seen: &Seen) -> bool {
    (200..300).contains(&seen.status)
}

/// The writes below a directory of the bucket that succeeded.
fn written<'a>(seen: &'a [Seen], bucket: &Bucket, directory: &str) -> Vec<&'a Seen> {
    let prefix = format!("/{}/{directory}", bucket.name);
    seen.iter().filter(|seen| seen.method == "PUT" && seen.path.starts_with(&prefix) && is_done(seen)).collect()
}

#[test]
fn an_anchor_of_21_repositories_costs_one_transfer() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    let server = bucket.through(&proxy).serve();
    let directory = temporary_directory();
    let package = large_package(directory.path());
    let size_bytes = read_file(&package).len() as u64;
    proxy.forget();
    let answer = upload("/tarantool-modules/ubuntu/focal", &package, &server).expect_created();

    // whatever of it is published already: the promise for all of them was there before the answer
    let seen = proxy.seen();
    let incoming = written(&seen, &bucket, ".rws/incoming/");
    assert_eq!(incoming.iter().map(|seen| seen.request_bytes).collect::<Vec<_>>(), [size_bytes], "one transfer");
    let promises = written(&seen, &bucket, ".rws/uploads/");
    assert_eq!(promises.len(), 1, "one object promises all of them: {promises:?}");
    let name = promises[0].path.rsplit('/').next().unwrap();
    let promise = bucket.get(&format!(".rws/uploads/{name}")).map(|bytes| String::from_utf8(bytes).unwrap());
    let pointers = written(&seen[..promises[0].number], &bucket, ".rws/pending/");
    assert_eq!(pointers.len(), 21, "every repository knows of it before it counts");
    // the published ones may be cleaned away
    for target in targets() {
        let repository = format!("{target}/ubuntu/focal");
        assert!(pointers.iter().any(|pointer| pointer.path.contains(&repository)), "{repository} has no pointer");
        if let Some(promise) = &promise {
            assert!(promise.contains(&repository), "{repository} is not promised: {promise}");
        }
    }

    let status = answer.header("rws-status").unwrap().to_owned();
    wait::until("all 21 repositories", wait::BOUND * 4, || {
        let status = curl::get(&server.url(&status)).expect_status(200).json();
        (status["state"] == "published").then_some(())
    });
    let seen = proxy.seen();
    let packages: Vec<&Seen> = seen
        .iter()
        .filter(|seen| seen.method == "PUT" && is_done(seen))
        .filter(|seen| !seen.path.contains("/.rws/") && seen.path.ends_with("/rws-large_1.0-1_amd64.deb"))
        .collect();
    assert_eq!(packages.len(), 21, "one copy for each repository");
    for copy in packages {
        let source = copy.header("x-amz-copy-source").unwrap_or_default();
        assert!(source.contains("/.rws/incoming/") && copy.request_bytes == 0, "no copy inside the store: {copy:?}");
    }
    let sent_again = seen.iter().filter(|seen| seen.request_bytes >= size_bytes).count();
    assert_eq!(sent_again, 1, "the bytes go to the store once");
    let read = seen.iter().filter(|seen| seen.method == "GET" && seen.response_bytes >= size_bytes);
    assert_eq!(read.count(), 0, "and are never read back");
    for target in targets() {
        let key = format!("{target}/ubuntu/pool/focal/main/p/product/rws-large_1.0-1_amd64.deb");
        assert!(bucket.get(&key) == Some(read_file(&package)), "{key} has other bytes");
        let root = format!("/{target}/ubuntu/dists/focal/InRelease");
        curl::get(&server.url(&root)).expect_status(200);
    }
}

#[test]
fn nothing_is_answered_before_the_promise_is_in_the_bucket() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    let server = bucket.through(&proxy).with("S3_RETRIES", "1").serve();
    let directory = temporary_directory();
    let package = large_package(directory.path());
    proxy.set_fault(Some(Arc::new(|seen| {
        let refused = Fault::Answer { status: 503, code: "SlowDown", effect: false };
        (seen.method == "PUT" && seen.path.contains("/.rws/uploads/")).then_some(refused)
    })));
    let answer = upload("/tarantool-modules/ubuntu/focal", &package, &server).expect_status(503);
    assert!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
    assert_eq!(written(&proxy.seen(), &bucket, ".rws/uploads/").len(), 0);
    proxy.set_fault(None);
    upload("/tarantool-modules/ubuntu/focal?wait=60", &package, &server).expect_created();
    assert_eq!(written(&proxy.seen(), &bucket, ".rws/uploads/").len(), 1);
}
