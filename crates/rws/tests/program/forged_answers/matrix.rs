//! Every fault on every kind of request: briefly, which an upload outlives unnoticed by whoever sends it, and for as long
//! as it takes to send it, after which everything that was accepted is published.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rws_lab::{FaultRule, Forged, Proxy, S3Server};

use super::faults::{FAULTS, KINDS, Kind, Which, object};
use super::{Sent, package, state};
use crate::replicas::{Addresses, Reader};
use crate::support::bucket::Bucket;
use crate::support::curl::{self, Answer};
use crate::support::server::Server;
use crate::support::{temporary_directory, wait};

/// For how many requests a fault lasts that is to be outlived.
const BRIEFLY: usize = 2;

/// For how long a longer fault goes on after the answer to the upload.
const LONGER: Duration = Duration::from_millis(1500);

/// How long publishing may take once answers are right again: a sweep and two pauses.
const MENDED: Duration = Duration::from_secs(75);

/// How many faults are tried at the same time.
const COLUMNS_AT_ONCE: usize = 4;

/// How long faults last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lasting {
    Briefly,
    Longer,
}

/// A server on a bucket of its own whose requests are broken in one way.
struct Column {
    fault: Kind,
    server: Server,
    proxy: Proxy,
    bucket: Bucket,
    other: Forged,
    expected: BTreeSet<String>,
}

impl Column {
    #[track_caller]
    fn new(s3: S3Server, fault: Kind, directory: &std::path::Path) -> Self {
        let bucket = Bucket::on(s3);
        let proxy = Proxy::start(&bucket.s3.url);
        proxy.keep_answers();
        let through = bucket.through(&proxy).with("S3_RETRIES", "4").with("S3_TIMEOUT", "5");
        let server = through.serve();
        let mut expected = BTreeSet::new();
        for is_deb in [true, false] {
            let first = package(&format!("first-{}", if is_deb { "deb" } else { "rpm" }), is_deb, directory);
            let answer = first.upload(server.base_url(), server.credentials()).expect_created();
            wait::until("the first packages", wait::BOUND, || (state(&server, &answer) == "published").then_some(()));
            expected.insert(first.name);
        }
        let key =
            bucket.keys().into_iter().find(|key| key.ends_with(".deb") && !key.starts_with(".rws")).expect("a package");
        let other = object(&bucket.s3, &bucket, &key);
        Self { fault, server, proxy, bucket, other, expected }
    }

    /// Breaks requests of a kind, so many of them; every second one is carried out all the same.
    fn rule(&self, which: Which, most: usize, hits: &Arc<AtomicUsize>) -> FaultRule {
        let (fault, other, hits) = (self.fault, self.other.clone(), Arc::clone(hits));
        Arc::new(move |seen| {
            if !which(seen) {
                return None;
            }
            let hit = hits.fetch_add(1, Ordering::SeqCst);
            (hit < most).then(|| fault.fault(&other, hit % 2 == 1))
        })
    }

    /// One cell: what the upload was answered, and how long its publish took after that.
    #[track_caller]
    fn cell(&mut self, sent: &Sent, which: Which, lasting: Lasting) -> String {
        let hits = Arc::new(AtomicUsize::new(0));
        let most = if lasting == Lasting::Briefly { BRIEFLY } else { usize::MAX };
        self.proxy.set_fault(Some(self.rule(which, most, &hits)));
        let answer = sent.upload(self.server.base_url(), self.server.credentials());
        let broken = || hits.load(Ordering::SeqCst) > 0;
        // requests after the answer: the publish
        wait::until_or(Duration::from_secs(5), || broken().then_some(()));
        if lasting == Lasting::Longer {
            thread::sleep(LONGER);
        }
        let ready = curl::get(&self.server.url("/-/ready"));
        let says_so = ready.text().contains("not S3's") || ready.text().contains("something other than S3");
        if lasting == Lasting::Briefly {
            assert_eq!(answer.status, 201, "{:?}: {}\n{}", self.fault, answer.text(), self.server.log());
        }
        if lasting == Lasting::Longer {
            self.proxy.set_fault(None);
        }
        let since = Instant::now();
        let first = answer.status;
        let answer = self.accepted(sent, answer);
        let what = format!("{} with {:?} at requests that are broken {lasting:?}", sent.name, self.fault);
        let published = wait::until_or(MENDED, || (state(&self.server, &answer) == "published").then_some(()));
        assert!(published.is_some(), "{what}: {}\n{}", state(&self.server, &answer), self.server.log());
        self.proxy.set_fault(None);
        self.expected.insert(sent.name.clone());
        let asked = match lasting {
            Lasting::Briefly => hits.load(Ordering::SeqCst).min(BRIEFLY),
            Lasting::Longer => hits.load(Ordering::SeqCst),
        };
        let doubt = if says_so { "!" } else { "" };
        format!("{first} {:.1}s {asked}x{doubt}", since.elapsed().as_secs_f32())
    }

    /// An upload that was refused for the store's sake is sent again.
    #[track_caller]
    fn accepted(&self, sent: &Sent, answer: Answer) -> Answer {
        if answer.status == 201 || answer.status == 202 {
            return answer;
        }
        assert!([502, 503].contains(&answer.status), "{:?}: {} {}", self.fault, answer.status, answer.text());
        sent.upload(self.server.base_url(), self.server.credentials()).expect_created()
    }
}

/// All cells of one fault, and then everything that was sent, byte by byte.
#[track_caller]
fn column(s3: S3Server, fault: Kind, lasting: &[Lasting]) -> BTreeMap<&'static str, String> {
    let directory = temporary_directory();
    let mut column = Column::new(s3, fault, directory.path());
    let addresses = Addresses::new(std::slice::from_ref(&column.server), directory.path());
    let mut reader = Reader::new(&column.server, &addresses, directory.path()).of_any_status();
    reader.start();
    let mut cells = BTreeMap::new();
    for (at, (kind, which)) in KINDS.into_iter().enumerate() {
        let mut cell = Vec::new();
        for (turn, lasting) in lasting.iter().enumerate() {
            // both formats meet both
            let is_deb = (at + turn) % 2 == 0;
            let sent = package(&format!("{}-{turn}", kind.replace(' ', "-")), is_deb, directory.path());
            cell.push(column.cell(&sent, which, *lasting));
        }
        cells.insert(kind, cell.join(", "));
    }
    let read = reader.end();
    assert_eq!(read["faults"], serde_json::json!([]), "{fault:?}: wrong bytes");
    let found = reader.once();
    let names: BTreeSet<String> = found["packages"].as_object().expect("packages").keys().cloned().collect();
    assert_eq!(names, column.expected, "{fault:?}: {found}");
    column.bucket.command(&["verify", "--all", "--deep"]).expect_success();
    cells
}

/// Prints the matrix; panics where a cell is empty.
fn matrix(s3: fn() -> S3Server, faults: &[Kind], lasting: &[Lasting]) {
    let queue: Mutex<VecDeque<Kind>> = Mutex::new(faults.iter().copied().collect());
    let done = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..COLUMNS_AT_ONCE.min(faults.len()) {
            scope.spawn(|| {
                loop {
                    let Some(fault) = queue.lock().expect("nobody panicked").pop_front() else { return };
                    let cells = column(s3(), fault, lasting);
                    done.lock().expect("nobody panicked").insert(fault.name(), cells);
                }
            });
        }
    });
    let done = done.into_inner().expect("nobody panicked");
    println!("{} ({lasting:?}): status, seconds until published, broken requests, ! where /-/ready says so", s3().url);
    for fault in faults {
        for (kind, _) in KINDS {
            let cell = done.get(fault.name()).and_then(|cells| cells.get(kind)).map_or("", String::as_str);
            println!("| {:<16} | {kind:<13} | {cell} |", fault.name());
            assert!(!cell.is_empty() && !cell.contains(" 0x"), "{} at {kind}: {cell:?}", fault.name());
        }
    }
}

/// The form for each change: the two faults that cost most.
#[test]
fn no_page_and_no_404_loses_an_upload() {
    matrix(S3Server::ceph, &[Kind::Page, Kind::Absent], &[Lasting::Briefly]);
}

#[test]
fn every_forged_answer_to_every_kind_of_request_on_ceph() {
    matrix(S3Server::ceph, &FAULTS, &[Lasting::Briefly, Lasting::Longer]);
}

#[test]
fn every_forged_answer_to_every_kind_of_request_on_moto() {
    matrix(S3Server::moto, &FAULTS, &[Lasting::Briefly, Lasting::Longer]);
}
