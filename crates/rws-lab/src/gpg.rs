//! gpg with keys of its own.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A home of gpg in a temporary directory, with keys that have no passphrase.
#[derive(Debug)]
pub struct Gpg {
    home: TempDir,
}

impl Gpg {
    /// With a key for each name, of this algorithm; its user is `NAME@example.org`.
    pub fn new(algorithm: &str, names: &[&str]) -> Self {
        let gpg = Self { home: TempDir::new().expect("there is a temporary directory") };
        for name in names {
            let user = format!("{name}@example.org");
            gpg.run(&["--passphrase", "", "--quick-generate-key", &user, algorithm, "sign", "never"]);
        }
        gpg
    }

    /// Its home, for other programs that call gpg.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// What gpg writes.
    pub fn run(&self, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--quiet", "--homedir"]).arg(self.home.path()).args(arguments);
        let output = command.current_dir(self.home.path()).output().expect("gpg runs");
        assert!(output.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// What the key of a name makes of bytes; `options` say what that is: `--clearsign`, or `--armor --detach-sign`.
    pub fn sign(&self, name: &str, options: &[&str], bytes: &[u8]) -> Vec<u8> {
        std::fs::write(self.home.path().join("signed"), bytes).expect("a file is written");
        self.run(&[&["--local-user", name], options, &["--output", "-", "signed"]].concat())
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        // its agent would stay
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).output();
    }
}
