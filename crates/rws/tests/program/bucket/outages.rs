//! A store that is slow, or away for a while.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rws_lab::{Fault, Proxy};

use crate::replicas::number;
use crate::support::bucket::Bucket;
use crate::support::curl::{self, Upload};
use crate::support::packages::rpm::Rpm;
use crate::support::{temporary_directory, wait};

const TARGET: &str = "/live/1.10/el/7";

/// The store takes three seconds of the four that a client waits, and then nothing can be published: the client is answered
/// after these four, not after seven.
#[test]
fn a_slow_store_takes_of_the_time_that_a_client_waits() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    let server = bucket.through(&proxy).serve();
    let directory = temporary_directory();
    let package = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    proxy.set_fault(Some(Arc::new(|seen| {
        let is_promise = seen.method == "PUT" && seen.path.contains("/.rws/uploads/");
        let is_publish = seen.path.contains("/.rws/heads/") && seen.method == "PUT";
        match (is_promise, is_publish) {
            (true, _) => Some(Fault::Slow { pause: Duration::from_secs(3) }),
            (_, true) => Some(Fault::Stall { effect: false }),
            _ => None,
        }
    })));
    let began = Instant::now();
    let answer = Upload::to(&format!("{TARGET}?wait=4")).file(&package).send(&server).expect_status(202);
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}: {}", began.elapsed(), answer.text());
    proxy.set_fault(None);
}

/// A store that answers nothing at all: who asks to wait ten seconds is not kept for longer, and nothing is lost.
#[test]
fn who_waits_is_answered_in_time_by_a_store_that_stands_still() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    let server = bucket.through(&proxy).serve();
    let directory = temporary_directory();
    let package = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    for broken in ["/.rws/", "/live/"] {
        proxy.set_fault(Some(Arc::new(move |seen| {
            seen.path.contains(broken).then_some(Fault::Stall { effect: false })
        })));
        let answer = Upload::to(&format!("{TARGET}?wait=10")).file(&package).send(&server);
        let took = wait::until("the line in the log", wait::BOUND, || {
            let log = server.log();
            let line = log.lines().rev().find(|line| line.contains("method=PUT"))?;
            line.split_once("microseconds=")?.1.trim().parse::<u64>().ok()
        });
        assert!(took < 11_000_000, "{broken}: {took} us: {}", answer.text());
        match answer.status {
            202 => {}
            503 => assert_eq!(answer.json()["code"], "slow-store"),
            _ => panic!("{broken}: {} {}", answer.status, answer.text()),
        }
        proxy.set_fault(None);
    }
    Upload::to(&format!("{TARGET}?wait=60")).file(&package).send(&server).expect_created();
}

/// Pauses do not grow so long that an outage is felt after its end. `RWS_TEST_OUTAGE` sets its seconds.
#[test]
fn what_is_pending_is_published_soon_after_an_outage() {
    let bucket = Bucket::on_ceph();
    let proxy = Proxy::start(&bucket.s3.url);
    let server = bucket.through(&proxy).serve();
    let directory = temporary_directory();
    let package = Rpm::new("rws-one", "1.0", "1").build(directory.path());
    let heads = Arc::new(|seen: &rws_lab::Seen| {
        (seen.path.contains("/.rws/heads/") && seen.method == "PUT").then_some(Fault::Reset { effect: false })
    });
    proxy.set_fault(Some(heads));
    let answer = Upload::to(TARGET).file(&package).send(&server).expect_created();
    proxy.set_fault(Some(Arc::new(|_| Some(Fault::Reset { effect: false }))));
    thread::sleep(Duration::from_secs(number("RWS_TEST_OUTAGE", 15) as u64));
    let status = answer.header("RWS-Status").unwrap().to_owned();
    proxy.set_fault(None);
    let began = Instant::now();
    wait::until("the publish", wait::BOUND, || {
        let answer = curl::get(&server.url(&status));
        (answer.status == 200 && answer.json()["state"] == "published").then_some(())
    });
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}\n{}", began.elapsed(), server.log());
}
