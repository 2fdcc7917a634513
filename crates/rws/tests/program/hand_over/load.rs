//! Many clients of every kind, and a service that is replaced under them again and again.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::socket;
use crate::contract::stage::{configuration, expect_status};
use crate::support::form::{File, Form};
use crate::support::packages::rpm::Rpm;
use crate::support::raw::{Connection, Request, fetch};
use crate::support::server::{Credentials, Options, Server};
use crate::support::{file_name, read_file, temporary_directory, wait};

const TARGET: &str = "/live/1.10/el/9";

/// How many requests each client has in one turn of a process.
const REQUESTS: usize = 3;

/// A file that is larger than what the sockets between server and client hold.
const LARGE_BYTES: u32 = 8 << 20;

/// How many packages there are to be uploaded, again and again.
const PACKAGES: usize = 8;

pub struct Load {
    pub clients: usize,
    pub replacements: usize,
}

/// A service whose process is replaced.
pub trait Replaced {
    fn server(&self) -> Served;

    /// Tells the process to stop; returns once it knows.
    fn stop(&mut self, turn: usize);

    /// Returns once the next process answers.
    fn follow(&mut self);
}

/// How a service is reached.
pub struct Served {
    /// `HOST:PORT`
    pub host: String,
    pub credentials: Credentials,
}

impl Replaced for Server {
    fn server(&self) -> Served {
        Served {
            host: self.base_url().trim_start_matches("http://").to_owned(),
            credentials: self.credentials().clone(),
        }
    }

    fn stop(&mut self, turn: usize) {
        self.signal("TERM");
        let told = || (self.log().matches("stopping: waiting for running requests").count() == turn).then_some(());
        wait::until("the stop", wait::BOUND, told);
    }

    fn follow(&mut self) {
        let status = self.terminate();
        assert_eq!(status.code(), Some(0), "{}", self.log());
        self.restart_in_place();
    }
}

/// What the service has to allow: more uploads of one user than usual.
pub fn limits() -> serde_json::Value {
    json!({"limits": {"uploads": 1024, "connections": 20_000, "pending_bytes": 1_000_000_000_000_u64}})
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Small files, each on a connection of its own.
    Anew,
    /// Small files on a connection that is kept, unless the server says that it ends, or has ended it. One that the server ends in the
    /// very moment in which the client asks is opened again, as curl does; such requests are counted.
    Kept,
    /// A large file, of which it takes the rest once the process is told to stop.
    Slow,
    /// A package, whose second half it sends then.
    Upload,
}

impl Kind {
    fn of(client: usize) -> Self {
        match client % 40 {
            0 | 1 => Self::Upload,
            2 => Self::Slow,
            3..=10 => Self::Kept,
            _ => Self::Anew,
        }
    }
}

/// What the clients and the one who replaces the processes know of each other.
struct Stage {
    host: String,
    credentials: Credentials,
    small: (String, Vec<u8>),
    large: (String, Vec<u8>),
    packages: Vec<File>,
    /// The turn that clients may begin.
    begun: AtomicUsize,
    /// The turn in which the process was told to stop.
    stopped: AtomicUsize,
    answered: AtomicUsize,
    finished: AtomicUsize,
    /// Downloads that wait for the stop.
    held: AtomicUsize,
    again: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

impl Load {
    /// Runs it on a server of its own.
    pub fn run(&self) {
        let directory = temporary_directory();
        let environment = configuration(directory.path(), |value| value["server"] = limits());
        let mut server = Server::start_with(Options { socket: Some(socket()), environment, ..Options::default() });
        self.run_on(&mut server);
        assert_eq!(server.terminate().code(), Some(0));
    }

    /// Runs it, and panics where one request failed.
    pub fn run_on(&self, service: &mut impl Replaced) {
        let directory = temporary_directory();
        let build = |version: &str| {
            let path = Rpm::new("rws-thing", version, "1").build(directory.path());
            File::new(&file_name(&path), read_file(&path))
        };
        let mut packages: Vec<File> = (0..PACKAGES).map(|number| build(&format!("1.{number}"))).collect();
        let noise =
            (0..LARGE_BYTES).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect::<Vec<u8>>();
        let large = Rpm::new("rws-large", "1.0", "1").padding(&noise).build(directory.path());
        packages.push(File::new(&file_name(&large), read_file(&large)));
        let Served { host, credentials } = service.server();
        for package in [&packages[0], &packages[PACKAGES]] {
            let upload = Request::new("PUT", &format!("{TARGET}?wait=60")).user(&credentials);
            expect_status(&upload.form(Form::of([package])).send_to(&host), 201);
        }
        let [small, large] = [&packages[0], &packages[PACKAGES]]
            .map(|file| (format!("{TARGET}/x86_64/Packages/{}", file.name), file.bytes.clone()));
        packages.truncate(PACKAGES);
        let stage = Stage {
            host,
            credentials,
            small,
            large,
            packages,
            begun: AtomicUsize::new(0),
            stopped: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            again: AtomicUsize::new(0),
            failures: Mutex::default(),
        };
        std::thread::scope(|scope| {
            for client in 0..self.clients {
                let (stage, turns) = (&stage, self.replacements);
                let thread = std::thread::Builder::new().stack_size(256 << 10);
                thread.spawn_scoped(scope, move || stage.client(client, turns)).unwrap();
            }
            for turn in 1..=self.replacements {
                self.replace(&stage, service, turn);
            }
        });
        let failures = std::mem::take(&mut *stage.failures.lock().unwrap());
        let answered = stage.answered.load(Ordering::Relaxed);
        eprintln!(
            "{answered} requests answered, {} of them on another connection",
            stage.again.load(Ordering::Relaxed)
        );
        assert!(
            failures.is_empty(),
            "{} failed, {answered} did not:\n{}",
            failures.len(),
            failures[..failures.len().min(20)].join("\n")
        );
        let expected =
            (0..self.clients).map(|client| if is_held(Kind::of(client)) { 1 } else { REQUESTS }).sum::<usize>();
        assert_eq!(answered, expected * self.replacements);
        let uploads = (0..self.clients).filter(|client| Kind::of(*client) == Kind::Upload);
        let uploads = uploads.flat_map(|client| (1..=self.replacements).map(move |turn| package_of(client, turn)));
        for package in uploads.collect::<BTreeSet<usize>>().into_iter().map(|number| &stage.packages[number]) {
            let path = format!("{TARGET}/x86_64/Packages/{}", package.name);
            wait::until("all packages to be published", wait::BOUND, || {
                (fetch("GET", &format!("{}{path}", stage.host)).status == 200).then_some(())
            });
        }
    }

    /// One turn: the clients ask, the process is told to stop in the middle, the next one answers the rest.
    fn replace(&self, stage: &Stage, service: &mut impl Replaced, turn: usize) {
        let count = |kind| (0..self.clients).filter(|client| Kind::of(*client) == kind).count();
        let is_answered = stage.answered.load(Ordering::Relaxed) + self.clients / 10;
        stage.begun.store(turn, Ordering::Release);
        let until = |what: &str, ask: &dyn Fn() -> bool| wait::until(what, wait::BOUND * 4, || ask().then_some(()));
        until("some answers", &|| stage.answered.load(Ordering::Relaxed) >= is_answered);
        until("all large downloads", &|| stage.held.load(Ordering::Relaxed) == turn * count(Kind::Slow));
        let open = format!("rws_uploads_open {}\n", count(Kind::Upload));
        until("all uploads", &|| fetch("GET", &format!("{}/-/metrics", stage.host)).text().contains(&open));
        service.stop(turn);
        stage.stopped.store(turn, Ordering::Release);
        service.follow();
        until("all answers", &|| stage.finished.load(Ordering::Relaxed) == turn * self.clients);
    }
}

/// The number of the package that a client uploads.
fn package_of(client: usize, turn: usize) -> usize {
    (client / 40 * 2 + client % 40 + turn) % PACKAGES
}

fn is_held(kind: Kind) -> bool {
    matches!(kind, Kind::Slow | Kind::Upload)
}

impl Stage {
    fn client(&self, client: usize, turns: usize) {
        // all of 127.0.0.0/8 is this machine: who is one client has few connections
        let address = format!("127.1.{}.{}", client / 250, client % 250 + 1);
        let mut kept = None;
        for turn in 1..=turns {
            reached(&self.begun, turn);
            let kind = Kind::of(client);
            for _ in 0..if is_held(kind) { 1 } else { REQUESTS } {
                let done = match kind {
                    Kind::Anew => {
                        self.connect(&address).and_then(|mut connection| self.small(&mut connection)).map(|_| ())
                    }
                    Kind::Kept => self.kept(&address, &mut kept),
                    Kind::Slow => self.slow(&address, turn),
                    Kind::Upload => self.upload(&address, client, turn),
                };
                match done {
                    Ok(()) => _ = self.answered.fetch_add(1, Ordering::Relaxed),
                    Err(failure) => self.failures.lock().unwrap().push(format!("turn {turn}, {kind:?}: {failure}")),
                }
            }
            self.finished.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn connect(&self, address: &str) -> Result<Connection, String> {
        Connection::try_open_from(&self.host, address).map_err(|error| format!("no connection: {error}"))
    }

    /// Says whether the connection may be kept.
    fn small(&self, connection: &mut Connection) -> Result<bool, String> {
        let request = Request::get(&self.small.0);
        connection.write(&request.head_for(&self.host));
        let answer = connection.answer(&request);
        let is_right = answer.status == 200 && answer.body == self.small.1;
        let is_kept = answer.header("connection") != Some("close");
        if is_right { Ok(is_kept) } else { Err(format!("{} {}", answer.status, answer.transcript)) }
    }

    fn kept(&self, address: &str, kept: &mut Option<Connection>) -> Result<(), String> {
        if let Some(mut connection) = kept.take().filter(|connection| !connection.is_ended()) {
            match self.small(&mut connection) {
                Err(failure) if failure.starts_with("0 ") => _ = self.again.fetch_add(1, Ordering::Relaxed),
                done => {
                    *kept = Some(connection).filter(|_| done == Ok(true));
                    return done.map(|_| ());
                }
            }
        }
        let mut connection = self.connect(address)?;
        let is_kept = self.small(&mut connection)?;
        *kept = Some(connection).filter(|_| is_kept);
        Ok(())
    }

    fn slow(&self, address: &str, turn: usize) -> Result<(), String> {
        let request = Request::get(&self.large.0);
        let mut connection = self.connect(address)?;
        connection.write(&request.head_for(&self.host));
        let begin = connection.begins();
        self.held.fetch_add(1, Ordering::Relaxed);
        reached(&self.stopped, turn);
        begin.map_err(|error| format!("no begin: {error}"))?;
        let answer = connection.answer(&request);
        let is_right = answer.status == 200 && answer.body == self.large.1;
        if is_right {
            Ok(())
        } else {
            Err(format!("{} {}, {} bytes", answer.status, answer.transcript, answer.body.len()))
        }
    }

    fn upload(&self, address: &str, client: usize, turn: usize) -> Result<(), String> {
        let package = &self.packages[package_of(client, turn)];
        let request = Request::new("PUT", TARGET).user(&self.credentials).form(Form::of([package]));
        let mut connection = self.connect(address)?;
        let (first, second) = request.content().split_at(request.content().len() / 2);
        connection.write(&request.head_for(&self.host));
        connection.write(first);
        reached(&self.stopped, turn);
        connection.write(second);
        let answer = connection.answer(&request);
        if answer.status == 201 {
            Ok(())
        } else {
            Err(format!("{} {} {}", answer.status, answer.transcript, answer.text()))
        }
    }
}

/// Waits until a turn has come.
fn reached(turn: &AtomicUsize, wanted: usize) {
    wait::until("a turn", Duration::from_secs(200), || (turn.load(Ordering::Acquire) >= wanted).then_some(()));
}
