//! A directory behind a web server that knows nothing of repositories.

use super::temporary_directory;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// Python's. Dropping it ends it.
pub struct FileServer {
    child: Child,
    base_url: String,
    /// open as long as the server is, which writes to it
    _stdout: BufReader<ChildStdout>,
    _home: TempDir,
}

impl FileServer {
    #[track_caller]
    pub fn of(directory: &Path) -> Self {
        let home = temporary_directory();
        let mut command = Command::new("python3");
        command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]).arg(directory);
        command.current_dir(home.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("python3 starts: run tests/setup");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it says where it listens");
        // Serving HTTP on 127.0.0.1 port 42915 (http://127.0.0.1:42915/) ...
        let address = line.split(['(', ')']).nth(1).unwrap_or_else(|| panic!("no address in {line:?}"));
        Self { child, base_url: address.trim_end_matches('/').to_owned(), _stdout: stdout, _home: home }
    }

    /// The whole address of a path that starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        // Nothing to do about a program that has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
