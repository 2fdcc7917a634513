//! What readers cost: requests to S3, counted.

use rws_lab::{Proxy, Seen};
use serde_json::json;

use crate::support::bucket::Bucket;
use crate::support::curl::{self, Answer, Upload};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::server::Server;
use crate::support::{configuration_file, read_file, temporary_directory};
use tempfile::TempDir;

const PACKAGE: &str = "/live/1.10/el/7/x86_64/Packages/rws-one-1.0-1.x86_64.rpm";
const INRELEASE: &str = "/release/2.8/ubuntu/dists/focal/InRelease";

/// A server that only serves, so that all requests to S3 are those of readers.
struct Reading {
    bucket: Bucket,
    proxy: Proxy,
    server: Server,
    package: Vec<u8>,
    _directory: TempDir,
}

impl Reading {
    #[track_caller]
    fn start() -> Self {
        let bucket = Bucket::on_ceph();
        let directory = temporary_directory();
        let rpm = Rpm::new("rws-one", "1.0", "1").build(directory.path());
        let deb = Deb::new("rws-one", "1.0-1", "amd64").build(directory.path());
        let writer = bucket.serve();
        Upload::to("/live/1.10/el/7?wait=60").file(&rpm).send(&writer).expect_created();
        let upload = Upload::to("/release/2.8/ubuntu/focal?wait=60").field("product", "product");
        upload.file(&deb).send(&writer).expect_created();
        drop(writer);

        let read_only = configuration_file(directory.path(), |value| value["server"] = json!({ "read_only": true }));
        let proxy = Proxy::start(&bucket.s3.url);
        let server = bucket.through(&proxy).with("RWS_CFG", &read_only).serve();
        let package = read_file(&rpm);
        let reading = Self { bucket, proxy, server, package, _directory: directory };
        // the first reader of a process has it looked whether another tool wrote the root that stands there
        for path in [INRELEASE, "/live/1.10/el/7/x86_64/repodata/repomd.xml"] {
            let (answer, seen) = reading.ask(path, &[]);
            answer.expect_status(200);
            assert!(seen.len() <= 1 + 3, "{path}: {seen:#?}");
        }
        reading
    }

    /// The answer to a request, and what was asked of S3 for it.
    #[track_caller]
    fn ask(&self, path: &str, arguments: &[&str]) -> (Answer, Vec<Seen>) {
        self.proxy.forget();
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let answer = curl::request(&self.server.url(path), None, &arguments);
        (answer, self.proxy.seen())
    }

    /// The key of the only request.
    #[track_caller]
    fn only<'a>(&self, seen: &'a [Seen], method: &str) -> &'a Seen {
        let [one] = seen else { panic!("{} requests instead of one: {seen:#?}", seen.len()) };
        assert_eq!(one.method, method, "{one:?}");
        one
    }
}

#[test]
fn a_package_is_one_request() {
    let reading = Reading::start();
    for _ in 0..2 {
        let (answer, seen) = reading.ask(PACKAGE, &[]);
        assert!(answer.expect_status(200).body == reading.package);
        let one = reading.only(&seen, "GET");
        assert_eq!(one.path, format!("/{}{PACKAGE}", reading.bucket.name));
        assert_eq!(one.response_bytes, reading.package.len() as u64);
    }
}

#[test]
fn a_root_is_at_most_one_request() {
    let reading = Reading::start();
    for path in [
        INRELEASE,
        "/release/2.8/ubuntu/dists/focal/Release",
        "/release/2.8/ubuntu/dists/focal/Release.gpg",
        "/live/1.10/el/7/x86_64/repodata/repomd.xml",
        "/live/1.10/el/7/x86_64/repodata/repomd.xml.asc",
        "/live/1.10/el/7/x86_64/repodata/repomd.xml.key",
    ] {
        let (answer, seen) = reading.ask(path, &[]);
        let answer = answer.expect_status(200);
        assert!(seen.len() <= 1, "{path}: {seen:#?}");
        let tag = answer.header("etag").unwrap();
        let (answer, seen) = reading.ask(path, &["--header", &format!("If-None-Match: {tag}")]);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{path}");
        assert!(seen.len() <= 1, "{path}: {seen:#?}");
        let (answer, seen) = reading.ask(path, &["--head"]);
        answer.expect_status(200);
        assert!(seen.len() <= 1, "{path}: {seen:#?}");
    }
}

#[test]
fn an_index_by_its_digest_is_one_request() {
    let reading = Reading::start();
    let (release, _) = reading.ask("/release/2.8/ubuntu/dists/focal/Release", &[]);
    let release = release.expect_status(200).text();
    let sums = release.split("\nSHA256:").nth(1).unwrap();
    let line = sums.lines().find(|line| line.ends_with(" main/binary-amd64/Packages.gz")).unwrap();
    let digest = line.split_whitespace().next().unwrap();
    let path = format!("/release/2.8/ubuntu/dists/focal/main/binary-amd64/by-hash/SHA256/{digest}");
    let (answer, seen) = reading.ask(&path, &[]);
    answer.expect_status(200);
    reading.only(&seen, "GET");
}

#[test]
fn a_range_is_passed_on() {
    let reading = Reading::start();
    let size = reading.package.len();
    for (range, part) in [
        ("0-0".to_owned(), 0..1),
        ("100-199".to_owned(), 100..200),
        (format!("{}-", size - 10), size - 10..size),
        ("-10".to_owned(), size - 10..size),
    ] {
        let (answer, seen) = reading.ask(PACKAGE, &["--range", &range]);
        let answer = answer.expect_status(206);
        assert!(answer.body == reading.package[part.clone()], "{range}: other bytes");
        let stated = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        assert_eq!(answer.header("content-range"), Some(stated.as_str()));
        let one = reading.only(&seen, "GET");
        assert_eq!((one.status, one.response_bytes), (206, part.len() as u64), "{range}: {one:?}");
    }
    let (answer, _) = reading.ask(PACKAGE, &["--range", &format!("{size}-")]);
    assert_eq!(answer.expect_status(416).header("content-range"), Some(format!("bytes */{size}").as_str()));
}

#[test]
fn heads_and_conditions_read_no_bytes() {
    let reading = Reading::start();
    let (head, seen) = reading.ask(PACKAGE, &["--head"]);
    let head = head.expect_status(200);
    reading.only(&seen, "HEAD");
    assert_eq!(head.header("content-length"), Some(reading.package.len().to_string().as_str()));
    let tag = head.header("etag").unwrap();
    let modified = head.header("last-modified").unwrap();
    for condition in [format!("If-None-Match: {tag}"), format!("If-Modified-Since: {modified}")] {
        let (answer, seen) = reading.ask(PACKAGE, &["--header", &condition]);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{condition}");
        assert_eq!(answer.header("etag"), Some(tag));
        reading.only(&seen, "HEAD");
    }
    let (answer, seen) = reading.ask(PACKAGE, &["--header", "If-None-Match: \"other\""]);
    assert!(answer.expect_status(200).body == reading.package);
    assert!(seen.iter().map(|seen| seen.response_bytes).sum::<u64>() <= reading.package.len() as u64, "{seen:#?}");
}

#[test]
fn what_does_not_exist_is_404() {
    let reading = Reading::start();
    for path in
        ["/live/1.10/el/7/x86_64/Packages/none.rpm", "/live/1.10/el/7/x86_64/repodata/none", "/nothing", "/.rws/"]
    {
        let (answer, _) = reading.ask(path, &[]);
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
}
