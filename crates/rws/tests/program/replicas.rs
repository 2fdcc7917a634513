//! Three real servers over one store, killed and started again while packages are uploaded to all of them and clients
//! read: every answered package is in the index, once, and no reader ever stumbles.
//!
//! `RWS_TEST_UPLOADS` and `RWS_TEST_KILLS` set the numbers, which are small where nothing else is asked for. With
//! `RWS_TEST_PLAIN=1` dnf and zypper read by plain addresses too, for which nothing is promised: what they meet is counted.

#![expect(clippy::expect_used, reason = "a test says so by failing")]

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::apt::Apt;
use crate::support::bucket::Bucket;
use crate::support::curl::{self, Upload};
use crate::support::dnf::{self, Dnf};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::program::Program;
use crate::support::server::{Credentials, Options, Server};
use crate::support::storage::Storage;
use crate::support::zypper::{self, Zypper};
use crate::support::{configuration_file, project_root, temporary_directory, wait, write_file};

pub const DEB: &str = "/live/1.10/debian/bookworm";
const ARCHIVE: &str = "/live/1.10/debian";
pub const RPM: &str = "/live/1.10/el/7";
const RPM_REPOSITORY: &str = "/live/1.10/el/7/x86_64";

crate::on_every_storage! {
    what_is_answered_is_kept_and_no_reader_stumbles,
}

pub fn number(variable: &str, otherwise: usize) -> usize {
    let text = std::env::var(variable).unwrap_or_default();
    if text.is_empty() { otherwise } else { text.parse().expect("a number") }
}

/// A repository with components, debug symbols apart and a suite that is a path.
fn configuration(directory: &Path) -> String {
    configuration_file(directory, |file| {
        file["repositories"] = serde_json::json!([{
            "match": "live/*/debian/bookworm", "components": ["main", "contrib"], "debug_packages": "publish",
            "suite": "stable",
        }]);
    })
}

/// Three servers over one store, and the address at which its archive can be read without any of them.
#[track_caller]
fn replicas(storage: Storage, directory: &Path) -> (Vec<Server>, String) {
    let configuration = configuration(directory);
    match storage {
        Storage::Ceph => {
            let bucket = Bucket::on_ceph().with("S3_PUBLIC_READ", "true").with("RWS_CFG", &configuration);
            let archive = bucket.url(ARCHIVE.trim_start_matches('/'));
            ((0..3).map(|_| bucket.serve()).collect(), archive)
        }
        Storage::Directory => {
            let environment = || vec![("RWS_CFG".to_owned(), configuration.clone())];
            let first = Server::start_with(Options { environment: environment(), ..Options::default() });
            let other = || {
                let (data_dir, credentials) = (Some(first.data_dir()), Some(first.credentials().clone()));
                Server::start_with(Options { data_dir, credentials, environment: environment(), ..Options::default() })
            };
            let (second, third) = (other(), other());
            let archive = format!("file:{}{ARCHIVE}", first.data_dir().display());
            (vec![first, second, third], archive)
        }
    }
}

/// Where the servers are now; a file for readers in other processes.
pub struct Addresses {
    now: Mutex<Vec<String>>,
    file: PathBuf,
}

impl Addresses {
    pub fn new(servers: &[Server], directory: &Path) -> Self {
        let addresses = Self { now: Mutex::default(), file: directory.join("addresses") };
        addresses.note(servers);
        addresses
    }

    pub fn note(&self, servers: &[Server]) {
        let now: Vec<String> = servers.iter().map(|server| server.base_url().to_owned()).collect();
        // whole at every instant
        let written = self.file.with_extension("new");
        write_file(&written, now.join("\n"));
        std::fs::rename(written, &self.file).expect("the file can be renamed");
        *self.now.lock().expect("nobody panicked") = now;
    }

    pub fn of(&self, server: usize) -> String {
        self.now.lock().expect("nobody panicked")[server].clone()
    }
}

/// Clients that read by plain addresses, and how often each read and failed.
struct PlainReaders {
    dnf: Dnf,
    zypper: Zypper,
    counts: [[AtomicUsize; 2]; 2],
}

impl PlainReaders {
    fn new(server: &Server) -> Option<Self> {
        if number("RWS_TEST_PLAIN", 0) == 0 {
            return None;
        }
        let (repository, key) = (server.url(RPM_REPOSITORY), server.url("/-/keys/main.asc"));
        let zypper = Zypper::new();
        zypper.add_repo_file(&zypper::repo_file("plain", &repository, &key)).expect_success();
        let dnf = Dnf::new(&dnf::repo_file("plain", &repository, &key), "7");
        Some(Self { dnf, zypper, counts: Default::default() })
    }

    fn read(&self, client: usize) {
        let ran = if client == 0 { self.dnf.makecache() } else { self.zypper.refresh() };
        self.counts[client][0].fetch_add(1, Ordering::SeqCst);
        if ran.code != Some(0) {
            self.counts[client][1].fetch_add(1, Ordering::SeqCst);
            println!("by a plain address: {}", ran.output());
        }
    }
}

/// Uploads until a server says that it is safe, as a job does that tries again.
fn upload(path: &str, package: &Path, addresses: &Addresses, first: usize, credentials: &Credentials) {
    for attempt in 0..200 {
        let upload = Upload::to(path).field("product", "replicas").file(package);
        let answer = upload.send_to(&addresses.of((first + attempt) % 3), Some(credentials));
        match answer.status {
            201 => return,
            // killed before or during the answer, or starting
            0 | 502 | 503 => thread::sleep(Duration::from_millis(50)),
            status => panic!("{path}: status {status}: {}", answer.text()),
        }
    }
    panic!("{} was never taken", package.display());
}

/// The reader that trusts nothing.
pub struct Reader {
    arguments: Vec<PathBuf>,
    child: Option<Child>,
}

impl Reader {
    pub fn new(server: &Server, addresses: &Addresses, directory: &Path) -> Self {
        let key = curl::get(&server.url("/-/keys/main.asc")).expect_status(200).body;
        let (armored, keyring) = (directory.join("key.asc"), directory.join("key.gpg"));
        write_file(&armored, key);
        Program::new("gpg", directory).arg("--dearmor").arg("-o").arg(&keyring).arg(&armored).succeed();
        let script = project_root().join("crates/rws/tests/program/replicas/reader.py");
        let arguments = vec![script, addresses.file.clone(), keyring, ARCHIVE.into(), "bookworm".into()];
        let arguments = [arguments, vec![RPM_REPOSITORY.into()]].concat();
        Self { arguments, child: None }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("python3");
        command.args(&self.arguments).stdout(Stdio::piped());
        command
    }

    /// A status that is not 200 is no fault.
    #[must_use]
    pub fn of_any_status(mut self) -> Self {
        self.arguments.push("--any-status".into());
        self
    }

    pub fn start(&mut self) {
        self.child = Some(self.command().stdin(Stdio::piped()).spawn().expect("python3 starts: run tests/setup"));
    }

    /// Ends it; what it found.
    pub fn end(&mut self) -> serde_json::Value {
        let child = self.child.take().expect("it was started");
        // the end of its input ends it
        let output = child.wait_with_output().expect("it can be waited for");
        serde_json::from_slice(&output.stdout).expect("it prints JSON")
    }

    /// One round.
    pub fn once(&self) -> serde_json::Value {
        let output = self.command().arg("--once").stdin(Stdio::null()).output().expect("python3 starts");
        serde_json::from_slice(&output.stdout).expect("it prints JSON")
    }
}

/// A number that is another one each time, from 0 to below 1000; where it begins is printed, so that a run can be told.
pub fn random() -> impl FnMut() -> u64 {
    let mut state = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64);
    println!("random numbers begin with {state}");
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 1000
    }
}

#[track_caller]
fn what_is_answered_is_kept_and_no_reader_stumbles(storage: Storage) {
    let (uploads, kills) = (number("RWS_TEST_UPLOADS", 60), number("RWS_TEST_KILLS", 10));
    let directory = temporary_directory();
    let mut expected = BTreeMap::new();
    let mut packages = VecDeque::new();
    for at in 0..uploads {
        let name = match at % 6 {
            0 | 2 => format!("rws-deb-{at}"),
            4 => format!("rws-deb-{at}-dbgsym"),
            _ => format!("rws-rpm-{at}"),
        };
        packages.push_back(match at % 6 {
            0 => (format!("{DEB}?component=main"), Deb::new(&name, "1.0-1", "amd64").build(directory.path())),
            2 => (format!("{DEB}?component=contrib"), Deb::new(&name, "1.0-1", "amd64").build(directory.path())),
            4 => (format!("{DEB}?"), Deb::new(&name, "1.0-1", "amd64").build(directory.path())),
            _ => (format!("{RPM}?"), Rpm::new(&name, "1.0", "1").build(directory.path())),
        });
        expected.insert(name, 1);
    }
    let (mut servers, direct) = replicas(storage, directory.path());
    let credentials = servers[0].credentials().clone();
    let addresses = Addresses::new(&servers, directory.path());
    for _ in 0..2 {
        let (path, package) = packages.pop_front().expect("two packages at least");
        upload(&format!("{path}&wait=60"), &package, &addresses, 0, &credentials);
    }
    // the first server is not killed: clients that have its address read on
    let key = curl::get(&servers[0].url("/-/keys/main.asc")).expect_status(200).body;
    let apt = Apt::signed_by(&servers[0].url(ARCHIVE), "bookworm", &key);
    let apt_of_store = Apt::signed_by(&direct, "stable", &key);
    let repo = curl::get(&servers[0].url("/-/setup/live/1.10/el/7.repo")).expect_status(200).text();
    assert!(repo.contains("mirrorlist=") && repo.contains("repo_gpgcheck=1"), "{repo}");
    let dnf = Dnf::new(&repo, "7");
    let mut reader = Reader::new(&servers[0], &addresses, directory.path());
    reader.start();

    let plain = PlainReaders::new(&servers[0]);
    let (queue, reading, updates) = (Mutex::new(packages), AtomicBool::new(true), AtomicUsize::new(0));
    let (caches, updates_of_store) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let uploaders: Vec<_> = (0..3)
            .map(|first| {
                let (queue, addresses, credentials) = (&queue, &addresses, &credentials);
                scope.spawn(move || {
                    let mut random = random();
                    loop {
                        let next = queue.lock().expect("nobody panicked").pop_front();
                        let Some((path, package)) = next else { return };
                        upload(&path, &package, addresses, first, credentials);
                        thread::sleep(Duration::from_millis(random() / 4));
                    }
                })
            })
            .collect();
        let apt_loop = scope.spawn(|| {
            while reading.load(Ordering::SeqCst) {
                apt.update().expect_clean();
                updates.fetch_add(1, Ordering::SeqCst);
            }
        });
        let store_loop = scope.spawn(|| {
            while reading.load(Ordering::SeqCst) {
                apt_of_store.update().expect_clean();
                updates_of_store.fetch_add(1, Ordering::SeqCst);
            }
        });
        let dnf_loop = scope.spawn(|| {
            while reading.load(Ordering::SeqCst) {
                dnf.makecache().expect_success();
                caches.fetch_add(1, Ordering::SeqCst);
            }
        });
        for client in 0..2 {
            let (plain, reading) = (&plain, &reading);
            scope.spawn(move || {
                while let Some(plain) = plain.as_ref().filter(|_| reading.load(Ordering::SeqCst)) {
                    plain.read(client);
                }
            });
        }
        let mut random = random();
        for kill in 0..kills {
            thread::sleep(Duration::from_millis(random()));
            let victim = 1 + kill % 2;
            servers[victim].restart();
            addresses.note(&servers);
        }
        let uploaded: Vec<_> = uploaders.into_iter().map(|uploader| uploader.join()).collect();
        reading.store(false, Ordering::SeqCst);
        for ended in uploaded.into_iter().chain([apt_loop.join(), store_loop.join(), dnf_loop.join()]) {
            if let Err(panic) = ended {
                std::panic::resume_unwind(panic);
            }
        }
    });

    let mut last = serde_json::Value::Null;
    let complete = wait::until_or(wait::BOUND, || {
        last = reader.once();
        let found: BTreeMap<String, u64> = serde_json::from_value(last["packages"].clone()).unwrap_or_default();
        (found == expected).then_some(())
    });
    assert!(complete.is_some(), "{} packages were answered, found are {last}", expected.len());
    let read = reader.end();
    println!(
        "{storage:?}: {uploads} uploads, {kills} kills; apt {updates:?}, apt on the store itself {updates_of_store:?}, dnf \
         {caches:?}, reader {}",
        read["rounds"]
    );
    if let Some(plain) = &plain {
        println!(
            "{storage:?}: by plain addresses, read and failed: dnf {:?}, zypper {:?}",
            plain.counts[0], plain.counts[1]
        );
    }
    assert_eq!(read["faults"], serde_json::json!([]));
    assert!(read["rounds"][1].as_u64() > Some(3), "{read}");
    for count in [updates, updates_of_store, caches] {
        assert!(count.into_inner() > 1, "the clients read too little");
    }
}
