//! The real program, started as a user starts it.

use super::program::{Program, Ran};
use super::{curl, temporary_directory, wait};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tempfile::TempDir;

/// How to start the program, beyond `serve --listen 127.0.0.1:0`.
#[derive(Default)]
pub struct Options {
    /// the data directory; a temporary one when none is given, none at all with a bucket
    pub data_dir: Option<PathBuf>,
    /// the only variables with RWS_, S3_ or GPG_ names that the program sees
    pub environment: Vec<(String, String)>,
    pub arguments: Vec<String>,
    /// another program than the one that is tested
    pub program: Option<PathBuf>,
    /// for a data directory or an environment that has its users already
    pub credentials: Option<Credentials>,
    /// what starts the program, where that is not done directly: it is told `serve` and no more, and has its own address,
    /// data directory and spool
    pub launcher: Option<Vec<String>>,
    /// a socket that listens, and that the program gets as systemd passes it (`sd_listen_fds(3)`)
    pub socket: Option<TcpListener>,
}

/// Gives a program its standard input as the descriptor that systemd would pass.
const PASS_SOCKET: &str = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";

impl Options {
    fn is_on_bucket(&self) -> bool {
        self.environment.iter().any(|(name, _)| name.starts_with("S3_"))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: String,
}

/// A running (or stopped) program on its data directory. Dropping it kills the program.
pub struct Server {
    options: Options,
    directory: TempDir,
    child: Option<Child>,
    base_url: String,
    credentials: Option<Credentials>,
}

impl Server {
    /// A fresh server on an empty data directory.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    #[track_caller]
    pub fn start_with(options: Options) -> Self {
        let credentials = options.credentials.clone();
        let mut server =
            Self { options, directory: temporary_directory(), child: None, base_url: String::new(), credentials };
        server.launch("127.0.0.1:0");
        server
    }

    /// `http://127.0.0.1:PORT`; changes with every start.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The whole address of a path that starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// The user and password that may upload.
    #[track_caller]
    pub fn credentials(&self) -> &Credentials {
        self.credentials.as_ref().expect("the program printed a user and a password at its first start")
    }

    pub fn data_dir(&self) -> PathBuf {
        self.options.data_dir.clone().unwrap_or_else(|| self.directory.path().join("data"))
    }

    /// Both streams of all starts, line by line.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Waits (bounded) until the log says this: a line may be written a moment after an answer.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        let said = wait::until_or(wait::BOUND, || self.log().contains(text).then_some(()));
        assert!(said.is_some(), "the log does not say {text:?}: {}", self.log());
    }

    /// Process id of the running program.
    #[track_caller]
    pub fn process_id(&self) -> u32 {
        self.child.as_ref().expect("the program runs").id()
    }

    /// SIGKILL, as when the machine dies.
    pub fn kill_hard(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the program can be killed");
            child.wait().expect("the program can be waited for");
        }
    }

    /// Sends a signal: `TERM`, `HUP`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        // The shell's own kill: the program of that name is not on every machine.
        let command = format!("kill -{name} {}", self.process_id());
        Program::new("sh", self.directory.path()).args(["-c", command.as_str()]).succeed();
    }

    /// SIGTERM, then waits (bounded) until the program has ended.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        let child = self.child.as_mut().expect("the program runs");
        let ended = wait::until_or(wait::BOUND, || child.try_wait().expect("the program can be waited for"));
        let Some(status) = ended else { panic!("the program did not end after SIGTERM; its log:\n{}", self.log()) };
        self.child = None;
        status
    }

    /// Starts again on the same data directory, killing what still runs. The address is another one.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill_hard();
        self.launch("127.0.0.1:0");
    }

    /// The same at the same address, for clients that stay.
    #[track_caller]
    pub fn restart_in_place(&mut self) {
        self.kill_hard();
        let address = self.base_url.strip_prefix("http://").expect("it is plain HTTP").to_owned();
        self.launch(&address);
    }

    /// Waits (bounded) until the body at a path satisfies the predicate, and returns that body.
    #[track_caller]
    pub fn wait_for_body(&self, path: &str, accept: impl Fn(&str) -> bool) -> String {
        let url = self.url(path);
        let mut last = String::from("nothing");
        let found = wait::until_or(wait::BOUND, || {
            let answer = curl::get(&url);
            let body = answer.text();
            if answer.status == 200 && accept(&body) {
                return Some(body);
            }
            last = format!("status {}:\n{body}", answer.status);
            None
        });
        found.unwrap_or_else(|| panic!("{url} never had the expected body; last {last}\nlog:\n{}", self.log()))
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("server.log")
    }

    #[track_caller]
    fn launch(&mut self, address: &str) {
        let program = self.options.program.as_ref().map(|program| program.display().to_string());
        let direct = vec![program.unwrap_or_else(|| env!("CARGO_BIN_EXE_rws").to_owned())];
        let launcher = self.options.launcher.as_ref().unwrap_or(&direct);
        let passes: &[&str] = if self.options.socket.is_some() { &["sh", "-c", PASS_SOCKET, "sh"] } else { &[] };
        let mut words = passes.iter().copied().chain(launcher.iter().map(String::as_str));
        let mut command = Command::new(words.next().expect("there is a program"));
        for name in own_variables() {
            command.env_remove(&name);
        }
        command.args(words).arg("serve");
        if self.options.launcher.is_none() {
            command.args(["--listen", address]);
            if self.options.is_on_bucket() {
                command.env("RWS_SPOOL_DIR", self.directory.path().join("spool"));
            } else {
                command.arg("--data-dir").arg(self.data_dir());
            }
        }
        command.args(&self.options.arguments);
        command.envs(self.options.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.directory.path());
        let socket = self.options.socket.as_ref().map(|socket| socket.try_clone().expect("a socket is cloned"));
        command.stdin(socket.map_or_else(Stdio::null, |socket| Stdio::from(OwnedFd::from(socket))));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let log = File::options().create(true).append(true).open(self.log_path()).expect("the log can be written");
        let log = Arc::new(Mutex::new(log));
        let (sender, lines) = channel();
        follow(child.stdout.take().expect("stdout is piped"), Arc::clone(&log), Some(sender));
        follow(child.stderr.take().expect("stderr is piped"), log, None);
        self.child = Some(child);
        self.await_first_words(&lines);
    }

    /// Reads what the program prints until it has said all that a start must say.
    #[track_caller]
    fn await_first_words(&mut self, lines: &Receiver<String>) {
        let start = Instant::now();
        let (mut address, mut user, mut password) = (None, None, None);
        while address.is_none() || (self.credentials.is_none() && (user.is_none() || password.is_none())) {
            let line = match lines.recv_timeout(wait::BOUND.saturating_sub(start.elapsed())) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => panic!("the program does not get ready; its log:\n{}", self.log()),
                Err(RecvTimeoutError::Disconnected) => panic!("the program ended at start; its log:\n{}", self.log()),
            };
            let value = |label: &str| line.trim().strip_prefix(label).map(|rest| rest.trim().to_owned());
            address = address.or_else(|| value("listening on "));
            user = user.or_else(|| value("user: "));
            password = password.or_else(|| value("password: "));
        }
        // who listens on all addresses is asked here
        let address = address.unwrap_or_default().replace("//0.0.0.0:", "//127.0.0.1:");
        self.base_url = address.trim_end_matches('/').to_owned();
        if let (None, Some(user), Some(password)) = (&self.credentials, user, password) {
            self.credentials = Some(Credentials { user, password });
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Nothing to do about a program that has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("log of the program:\n{}", self.log());
        }
    }
}

/// A start that is to be refused, on an empty data directory: what the program did. One that serves is killed in time.
#[track_caller]
pub fn refused_start(environment: &[(&str, &str)]) -> Ran {
    let directory = temporary_directory();
    let mut program = Program::new(env!("CARGO_BIN_EXE_rws"), directory.path());
    for name in own_variables() {
        program = program.env_remove(name);
    }
    for (name, value) in environment {
        program = program.env(name, value);
    }
    let program = program.current_dir(directory.path());
    program.args(["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"]).run()
}

/// The variables around the tests that the program would read.
pub fn own_variables() -> Vec<OsString> {
    let is_own = |name: &OsString| {
        let text = name.to_string_lossy();
        text == "PORT" || ["RWS_", "S3_", "GPG_"].iter().any(|prefix| text.starts_with(prefix))
    };
    std::env::vars_os().map(|(name, _)| name).filter(is_own).collect()
}

/// Copies every line to the log and, when there is one, to the channel.
fn follow(stream: impl Read + Send + 'static, log: Arc<Mutex<File>>, lines: Option<Sender<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Ok(mut log) = log.lock() {
                // A full disk must not stop the program that is being watched.
                let _ = writeln!(log, "{line}");
            }
            if let Some(lines) = &lines {
                let _ = lines.send(line);
            }
        }
    });
}
