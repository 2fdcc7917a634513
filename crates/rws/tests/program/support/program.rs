//! Running the programs of the system, bounded, with everything they say.

use super::wait;
use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

/// No client call of these tests takes more than seconds.
const BOUND: Duration = Duration::from_secs(180);

/// What would send a client elsewhere or change its language.
const UNWANTED: [&str; 12] = [
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "APT_CONFIG",
    "GNUPGHOME",
    "ZYPP_CONF",
    "LANGUAGE",
    "XDG_CONFIG_HOME",
];

/// A program to run: a private home, plain English, no proxies.
pub struct Program {
    command: Command,
    input: Option<Vec<u8>>,
}

/// What a program did.
#[derive(Debug)]
pub struct Ran {
    /// the command line, for messages
    pub command: String,
    /// the exit code; none when a signal ended it
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Program {
    pub fn new(program: impl AsRef<OsStr>, home: &Path) -> Self {
        let mut command = Command::new(program);
        for name in UNWANTED {
            command.env_remove(name);
        }
        command.env("HOME", home).env("LC_ALL", "C.UTF-8").env("TZ", "UTC").env("no_proxy", "*");
        Self { command, input: None }
    }

    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    #[must_use]
    pub fn current_dir(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// What it reads from standard input; nothing by default.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// Runs it to its end, whatever the exit code.
    #[track_caller]
    pub fn run(mut self) -> Ran {
        let name = self.command.get_program().to_string_lossy().into_owned();
        let command = std::iter::once(self.command.get_program())
            .chain(self.command.get_args())
            .map(|part| part.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ");
        let stdin = if self.input.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child = match self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("{name} is not on this machine: run tests/setup, which installs what the tests need")
            }
            Err(error) => panic!("cannot start {name}: {error}"),
        };
        if let (Some(mut pipe), Some(input)) = (child.stdin.take(), self.input) {
            // A program that does not want to read it all may.
            std::thread::spawn(move || pipe.write_all(&input));
        }
        let stdout = drain(child.stdout.take());
        let stderr = drain(child.stderr.take());
        let ended = wait::until_or(BOUND, || child.try_wait().expect("the child can be waited for"));
        if ended.is_none() {
            child.kill().expect("the child can be killed");
        }
        let status = child.wait().expect("the child can be waited for");
        let ran = Ran {
            command,
            code: status.code(),
            stdout: stdout.join().expect("stdout is read"),
            stderr: stderr.join().expect("stderr is read"),
        };
        assert!(ended.is_some(), "did not end within {} s:\n{}", BOUND.as_secs(), ran.transcript());
        ran
    }

    /// Runs it and panics with all it said unless the exit code is 0.
    #[track_caller]
    pub fn succeed(self) -> Ran {
        self.run().expect_success()
    }
}

impl Ran {
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard output as text.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output, then standard error, as text.
    pub fn everything(&self) -> String {
        format!("{}{}", String::from_utf8_lossy(&self.stdout), String::from_utf8_lossy(&self.stderr))
    }

    /// The command, its exit code and all it said, for messages.
    pub fn transcript(&self) -> String {
        let code = self.code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        format!("$ {}\n{}(ended with {code})", self.command, self.everything())
    }

    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert!(self.succeeded(), "{}", self.transcript());
        self
    }

    #[track_caller]
    pub fn expect_failure(self) -> Self {
        assert!(!self.succeeded(), "this should have failed:\n{}", self.transcript());
        self
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    let mut pipe = pipe.expect("the pipe was asked for");
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}
