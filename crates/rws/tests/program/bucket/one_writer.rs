//! A store that ignores conditions (s3rver): one process writes, the others read and wait.

use rws_lab::S3Server;

use crate::support::bucket::{Bucket, LEASE_BOUND, expect_ready, expect_writers};
use crate::support::curl::{self, Answer, Upload};
use crate::support::packages::rpm::Rpm;
use crate::support::server::Server;
use crate::support::temporary_directory;

const TARGET: &str = "/live/1.10/el/7";
const ROOT: &str = "/live/1.10/el/7/x86_64/repodata/repomd.xml";

#[track_caller]
fn upload(server: &Server, name: &str, query: &str) -> Answer {
    let directory = temporary_directory();
    let package = Rpm::new(name, "1.0", "1").build(directory.path());
    Upload::to(&format!("{TARGET}{query}")).file(&package).send(server)
}

#[track_caller]
fn expect_package(server: &Server, name: &str) {
    let path = format!("{TARGET}/x86_64/Packages/{name}-1.0-1.x86_64.rpm");
    curl::get(&server.url(&path)).expect_status(200);
}

/// The content of the lease, if anybody holds it.
fn lease(bucket: &Bucket) -> Option<String> {
    bucket.get(".rws/lease.json").map(|bytes| String::from_utf8(bytes).unwrap())
}

fn is_of(lease: &str, process_id: u32) -> bool {
    lease.contains(&format!("(process {process_id})"))
}

/// A second server beside a writer: it waits, reads, and sends writers away.
#[track_caller]
fn expect_waiting(server: &Server, writer: &Server) {
    let said = expect_writers(server, "waiting", LEASE_BOUND);
    assert!(said.contains("standby") && is_of(&said, writer.process_id()), "{said}");
    assert!(expect_ready(server).contains("standby"));
    server.wait_for_log("standby");
    let refused = upload(server, "rws-refused", "").expect_status(503);
    assert!(refused.header("retry-after").is_some(), "{:?}", refused.headers);
    let message = refused.json()["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("standby") && is_of(&message, writer.process_id()), "{message}");
    curl::get(&server.url(ROOT)).expect_status(200);
}

#[track_caller]
fn expect_alone(server: &Server) {
    let said = expect_writers(server, "single", LEASE_BOUND);
    assert!(said.contains("sole writer"), "{said}");
    assert!(expect_ready(server).contains("sole writer"));
    server.wait_for_log("sole writer");
}

#[test]
fn one_process_writes_and_the_next_goes_on() {
    let bucket = Bucket::on(S3Server::s3rver());
    let mut first = bucket.serve();
    expect_alone(&first);
    upload(&first, "rws-first", "?wait=60").expect_created();
    let second = bucket.serve();
    expect_waiting(&second, &first);
    expect_package(&second, "rws-first");

    // the one that ends gives the lease back
    let ended = first.process_id();
    assert!(first.terminate().success());
    assert!(lease(&bucket).is_none_or(|lease| !is_of(&lease, ended)), "the lease was not given back");
    expect_alone(&second);
    upload(&second, "rws-second", "?wait=60").expect_created();
    expect_package(&second, "rws-second");
}

#[test]
fn a_writer_that_was_killed_is_followed_when_its_lease_has_run_out() {
    let bucket = Bucket::on(S3Server::s3rver());
    let mut first = bucket.serve();
    expect_alone(&first);
    upload(&first, "rws-first", "?wait=60").expect_created();
    let second = bucket.serve();
    expect_waiting(&second, &first);

    let killed = first.process_id();
    upload(&first, "rws-promised", "").expect_created();
    first.kill_hard();
    assert!(lease(&bucket).is_some_and(|lease| is_of(&lease, killed)), "nobody gave the lease back");
    curl::get(&second.url(ROOT)).expect_status(200);
    expect_alone(&second);
    // what the first one promised, the second one keeps
    second.wait_for_body(&format!("{TARGET}/x86_64/Packages/"), |page| page.contains("rws-promised-1.0-1"));
    upload(&second, "rws-second", "?wait=60").expect_created();
    for name in ["rws-first", "rws-promised", "rws-second"] {
        expect_package(&second, name);
    }
}
