//! A directory that a client lives in, with nothing of it left behind.

use super::program::Program;
use super::temporary_directory;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Goes away with the value, together with the gpg agents that clients have started for key rings below it. Those
/// would stay: dnf and zypper leave them behind, and an agent does not always notice that its home is gone.
pub struct PrivateRoot {
    directory: TempDir,
}

impl PrivateRoot {
    pub fn new() -> Self {
        Self { directory: temporary_directory() }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.path().join(path)
    }
}

impl Drop for PrivateRoot {
    fn drop(&mut self) {
        let agents = agents_below(self.path());
        if !agents.is_empty() {
            // An agent that has ended in between makes this fail, which is as good.
            let command = format!("kill -TERM {}", agents.join(" "));
            let _ = Program::new("sh", self.path()).args(["-c", command.as_str()]).run();
        }
    }
}

/// The process ids of the gpg agents whose home lies below a directory.
fn agents_below(directory: &Path) -> Vec<String> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = processes.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    ids.filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()) && is_agent_below(id, directory)).collect()
}

fn is_agent_below(id: &str, directory: &Path) -> bool {
    let Ok(command) = std::fs::read(format!("/proc/{id}/cmdline")) else { return false };
    let mut words = command.split(|byte| *byte == 0);
    let is_agent = words.next().is_some_and(|program| program.ends_with(b"gpg-agent"));
    is_agent && words.any(|word| word.starts_with(directory.as_os_str().as_bytes()))
}
