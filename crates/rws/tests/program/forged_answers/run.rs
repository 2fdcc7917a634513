//! Two replicas, both formats, kills, and a part of all requests answered by something other than the store. Once answers
//! are right again, everything that was accepted is published, without anybody doing anything.
//!
//! `RWS_TEST_UPLOADS` and `RWS_TEST_KILLS` set the numbers for each rate of faults.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rws_lab::{FaultRule, Forged, Proxy, S3Server};

use super::faults::{FAULTS, object};
use super::{Sent, package, state};
use crate::replicas::{Addresses, Reader, number, random};
use crate::support::bucket::Bucket;
use crate::support::curl::Answer;
use crate::support::server::Server;
use crate::support::{temporary_directory, wait};

/// How long publishing may take once answers are right again.
const MENDED: Duration = Duration::from_secs(180);

/// How often an upload is sent until it is accepted.
const ATTEMPTS: usize = 400;

/// Breaks so many of a thousand requests, each in a way of its own.
fn rule(of_thousand: u64, other: Forged, counts: &Arc<Mutex<BTreeMap<&'static str, usize>>>) -> FaultRule {
    let (random, counts) = (Mutex::new(random()), Arc::clone(counts));
    Arc::new(move |_| {
        let mut random = random.lock().expect("nobody panicked");
        if random() >= of_thousand {
            return None;
        }
        let fault = FAULTS[random() as usize % FAULTS.len()];
        *counts.lock().expect("nobody panicked").entry(fault.name()).or_default() += 1;
        Some(fault.fault(&other, random() % 2 == 0))
    })
}

/// What became of the uploads.
#[derive(Default)]
struct Tally {
    statuses: Mutex<BTreeMap<u16, usize>>,
    accepted: Mutex<Vec<(String, Answer)>>,
}

impl Tally {
    /// Sends an upload until it is accepted, as a job does that tries again.
    fn send(&self, sent: &Sent, addresses: &Addresses, first: usize, server: &Server) {
        for attempt in 0..ATTEMPTS {
            let answer = sent.upload(&addresses.of((first + attempt) % 2), server.credentials());
            *self.statuses.lock().expect("nobody panicked").entry(answer.status).or_default() += 1;
            match answer.status {
                201 | 202 => {
                    self.accepted.lock().expect("nobody panicked").push((sent.name.clone(), answer));
                    return;
                }
                0 | 502 | 503 => thread::sleep(Duration::from_millis(100)),
                status => panic!("{}: status {status}: {}", sent.name, answer.text()),
            }
        }
        panic!("{} was never accepted", sent.name);
    }
}

#[track_caller]
fn nothing_accepted_is_lost(s3: S3Server, of_thousand: u64) {
    let (uploads, kills) = (number("RWS_TEST_UPLOADS", 60), number("RWS_TEST_KILLS", 4));
    let directory = temporary_directory();
    let mut packages: VecDeque<Sent> =
        (0..uploads).map(|at| package(&format!("sent-{at}"), at % 2 == 0, directory.path())).collect();
    let expected: BTreeSet<String> = packages.iter().map(|sent| sent.name.clone()).collect();
    let bucket = Bucket::on(s3);
    let proxies = [Proxy::start(&bucket.s3.url), Proxy::start(&bucket.s3.url)];
    proxies.iter().for_each(Proxy::keep_answers);
    let mut servers: Vec<Server> = proxies.iter().map(|proxy| bucket.through(proxy).serve()).collect();
    let addresses = Addresses::new(&servers, directory.path());
    let tally = Tally::default();
    let client = bucket.start();
    for sent in packages.drain(..2) {
        tally.send(&sent, &addresses, 0, &client);
    }
    let key = wait::until("a package", wait::BOUND, || {
        bucket.keys().into_iter().find(|key| key.ends_with(".deb") && !key.starts_with(".rws"))
    });
    let mut reader = Reader::new(&servers[0], &addresses, directory.path()).of_any_status();
    reader.start();
    let (other, counts) = (object(&bucket.s3, &bucket, &key), Arc::default());
    for proxy in &proxies {
        proxy.set_fault(Some(rule(of_thousand, other.clone(), &counts)));
    }

    let (queue, sending, began) = (Mutex::new(packages), AtomicBool::new(true), Instant::now());
    thread::scope(|scope| {
        let uploaders: Vec<_> = (0..3)
            .map(|first| {
                let (queue, addresses, tally, client) = (&queue, &addresses, &tally, &client);
                scope.spawn(move || {
                    loop {
                        let next = queue.lock().expect("nobody panicked").pop_front();
                        let Some(sent) = next else { return };
                        tally.send(&sent, addresses, first, client);
                    }
                })
            })
            .collect();
        let killer = scope.spawn(|| {
            let mut random = random();
            for kill in 0..kills {
                thread::sleep(Duration::from_millis(1000 + 3 * random()));
                if !sending.load(Ordering::SeqCst) {
                    return;
                }
                servers[kill % 2].restart();
                addresses.note(&servers);
            }
        });
        let ended: Vec<_> = uploaders.into_iter().map(|uploader| uploader.join()).collect();
        sending.store(false, Ordering::SeqCst);
        for ended in ended.into_iter().chain([killer.join()]) {
            if let Err(panic) = ended {
                std::panic::resume_unwind(panic);
            }
        }
    });
    let (sent_in, lifted) = (began.elapsed(), Instant::now());
    proxies.iter().for_each(|proxy| proxy.set_fault(None));

    let mut last = serde_json::Value::Null;
    let complete = wait::until_or(MENDED, || {
        last = reader.once();
        let found: BTreeSet<String> =
            last["packages"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        (found == expected).then(|| lifted.elapsed())
    });
    let read = reader.end();
    println!(
        "{of_thousand} of 1,000 requests broken: {uploads} uploads in {:.0} s, answers {:?}, broken {:?}, reader {} rounds \
         ({} ended early), all there {:.1} s after the last fault",
        sent_in.as_secs_f32(),
        tally.statuses.lock().expect("nobody panicked"),
        counts.lock().expect("nobody panicked"),
        read["rounds"],
        read["cut"],
        complete.unwrap_or(MENDED).as_secs_f32(),
    );
    if complete.is_none() {
        let found = last["packages"].as_object();
        let missing: Vec<_> =
            expected.iter().filter(|name| found.is_none_or(|found| !found.contains_key(*name))).collect();
        let accepted = tally.accepted.lock().expect("nobody panicked");
        for (name, answer) in accepted.iter().filter(|(name, _)| missing.contains(&name)) {
            println!("missing: {name} {:?}: {}", answer.header("RWS-Status"), state(&servers[0], answer));
        }
        panic!(
            "of {} accepted uploads {missing:?} are missing; logs:\n{}\n{}",
            expected.len(),
            servers[0].log(),
            servers[1].log()
        );
    }
    assert_eq!(read["faults"], serde_json::json!([]), "wrong bytes");
    for (name, answer) in tally.accepted.into_inner().expect("nobody panicked") {
        wait::until(&format!("the state of {name}"), MENDED, || {
            (state(&servers[0], &answer) == "published").then_some(())
        });
    }
    bucket.command(&["verify", "--all", "--deep"]).expect_success();
}

#[test]
fn nothing_accepted_is_lost_with_2_of_100_answers_forged() {
    nothing_accepted_is_lost(S3Server::ceph(), 20);
}

#[test]
fn nothing_accepted_is_lost_with_10_of_100_answers_forged() {
    nothing_accepted_is_lost(S3Server::ceph(), 100);
}
