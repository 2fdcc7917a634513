//! Starts: before the store is there, with a variable forgotten, beside another installation.

use std::sync::Arc;
use std::time::Duration;

use rws_lab::{Fault, Proxy};

use crate::support::bucket::{Bucket, expect_not_ready, expect_ready, expect_writers};
use crate::support::curl::{self, Answer, Upload};
use crate::support::packages::rpm::Rpm;
use crate::support::server::{Server, refused_start};
use crate::support::{temporary_directory, wait};

const TARGET: &str = "/live/1.10/el/7";
const ROOT: &str = "/live/1.10/el/7/x86_64/repodata/repomd.xml";

#[track_caller]
fn upload(server: &Server) -> Answer {
    let directory = temporary_directory();
    let package = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    Upload::to(&format!("{TARGET}?wait=60")).file(&package).send(server)
}

/// A refusal that asks the client to come back, and says why.
#[track_caller]
fn expect_unavailable(answer: &Answer, reason: &str) {
    assert_eq!(answer.status, 503, "{}: {}", answer.transcript, answer.text());
    let seconds = answer.header("retry-after").unwrap_or_default();
    assert!(seconds.parse::<u32>().is_ok(), "Retry-After: {seconds:?}");
    assert!(answer.text().contains(reason), "{}", answer.text());
}

#[test]
fn a_store_that_comes_later_is_used_without_a_restart() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    proxy.set_fault(Some(Arc::new(|_| Some(Fault::Reset { effect: false }))));
    let server = bucket.through(&proxy).with("S3_RETRIES", "1").start();
    curl::get(&server.url("/-/health")).expect_status(200);
    expect_not_ready(&server, &["RWS cannot reach S3"]);
    expect_unavailable(&curl::get(&server.url("/-/ready")), "RWS cannot reach S3");
    assert!(expect_writers(&server, "unknown", wait::BOUND).contains("RWS cannot reach S3"));
    expect_unavailable(&upload(&server), "RWS cannot reach S3");
    let page = curl::get(&server.url(ROOT)).expect_status(503);
    assert!(page.header("retry-after").is_some(), "{:?}", page.headers);

    proxy.set_fault(None);
    expect_ready(&server);
    assert_eq!(expect_writers(&server, "many", wait::BOUND), "multi-writer: any number of replicas may write");
    upload(&server).expect_created();
    curl::get(&server.url(ROOT)).expect_status(200);
}

#[test]
fn a_store_that_goes_away_is_missed_and_used_again() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    let server = bucket.through(&proxy).with("S3_RETRIES", "1").serve();
    upload(&server).expect_created();
    proxy.set_fault(Some(Arc::new(|_| Some(Fault::Answer { status: 503, code: "SlowDown", effect: false }))));
    expect_not_ready(&server, &["SlowDown"]);
    expect_unavailable(&upload(&server), "SlowDown");
    assert_eq!(curl::get(&server.url(ROOT)).status, 503);
    proxy.set_fault(None);
    expect_ready(&server);
    upload(&server).expect_created();
    curl::get(&server.url(ROOT)).expect_status(200);
}

#[test]
fn nobody_listens_at_the_address() {
    let bucket = Bucket::on_ceph();
    let gone = Proxy::start(&bucket.s3.url);
    let mut bucket = bucket.through(&gone);
    drop(gone);
    let server = bucket.clone().with("S3_RETRIES", "0").start();
    expect_not_ready(&server, &["RWS cannot reach S3", "refused"]);
    expect_unavailable(&upload(&server), "RWS cannot reach S3");
    bucket.s3.url = "http://no-such-host.invalid".to_owned();
    let server = bucket.with("S3_RETRIES", "0").start();
    expect_not_ready(&server, &["RWS cannot reach S3"]);
}

#[test]
fn a_forgotten_variable_is_named() {
    let environment = Bucket::on_ceph().environment();
    for missing in ["S3_URL", "S3_REGION", "S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY"] {
        let rest = environment.iter().filter(|(name, _)| name != missing);
        let rest: Vec<(&str, &str)> = rest.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for variables in [rest.clone(), [rest, vec![(missing, "")]].concat()] {
            let ran = refused_start(&variables);
            assert_eq!(ran.code, Some(2), "{}", ran.transcript());
            let said = ran.everything();
            let line = said.lines().find(|line| line.contains(missing)).unwrap_or_else(|| panic!("{said}"));
            assert!(line.contains("missing"), "{said}");
        }
    }
    let ran = refused_start(&[("S3_BUCKET", "packages"), ("S3_SECRET_KEY", "hush-hush")]);
    assert_eq!(ran.code, Some(2), "{}", ran.transcript());
    assert!(ran.everything().contains("S3_URL, S3_REGION, S3_ACCESS_KEY"), "{}", ran.transcript());
    assert!(!ran.everything().contains("hush-hush"), "{}", ran.transcript());
}

#[test]
fn another_installation_above_or_below_is_named() {
    let bucket = Bucket::on_ceph();
    upload(&bucket.clone().with("S3_BASE_PATH", "packages/deep").serve()).expect_created();
    for (path, other, place) in [
        ("packages", "packages/deep", "is inside this installation's S3_BASE_PATH"),
        ("packages/deep/deeper", "packages/deep", "contains this installation's S3_BASE_PATH"),
    ] {
        let server = bucket.clone().with("S3_BASE_PATH", path).serve();
        let warning = format!("another installation of RWS at {other:?} {place}");
        server.wait_for_log(&warning);
        server.wait_for_log("Give each a path of its own");
    }
    let apart = bucket.with("S3_BASE_PATH", "packages/beside").serve();
    assert!(!apart.log().contains("another installation"), "{}", apart.log());
}

#[test]
fn a_change_waits_while_the_store_is_being_checked() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    proxy.set_fault(Some(Arc::new(|_| Some(Fault::Slow { pause: Duration::from_millis(100) }))));
    let server = bucket.through(&proxy).start();
    std::thread::scope(|scope| {
        let requests = [("POST", 404), ("DELETE", 404)].map(|(method, status)| {
            let path = format!("/live/1.10/el/8{}", if method == "DELETE" { "/x.rpm" } else { "" });
            let arguments = ["--request".to_owned(), method.to_owned()];
            let server = &server;
            scope.spawn(move || {
                let answer = curl::request(&server.url(&path), Some(server.credentials()), &arguments);
                answer.expect_status(status)
            })
        });
        // the first request of all, before the store has answered anything
        upload(&server).expect_created();
        requests.into_iter().for_each(|request| _ = request.join().unwrap());
    });
    expect_ready(&server);
    proxy.set_fault(None);
    curl::get(&server.url(ROOT)).expect_status(200);
}

#[test]
fn a_change_waits_for_a_store_that_does_not_answer_no_longer_than_a_while() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    proxy.set_fault(Some(Arc::new(|_| Some(Fault::Stall { effect: false }))));
    let server = bucket.through(&proxy).with("S3_TIMEOUT", "60").start();
    expect_unavailable(&upload(&server), "RWS is still checking it");
    // reading and asking how it is do not wait
    assert!(expect_writers(&server, "unknown", wait::BOUND).contains("RWS is still checking it"));
    proxy.set_fault(None);
}
