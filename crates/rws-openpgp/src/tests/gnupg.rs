//! The real gpg and gpgv, in private directories.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A private GNUPGHOME. Its agent ends with it.
pub(super) struct Home(TempDir);

impl Home {
    pub(super) fn new() -> Self {
        Self(tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().unwrap())
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs gpg with the passphrase given, at the time given where it is not empty (`20200101T000000`).
    fn gpg(&self, passphrase: &str, time: &str, arguments: &[&str]) -> String {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.path());
        command.args(["--batch", "--no-tty", "--yes", "--quiet", "--pinentry-mode", "loopback"]);
        command.args(["--passphrase", passphrase]);
        if !time.is_empty() {
            // it stands still: gpg and its agent begin to count at different moments, and the agent's second may be the next one
            command.args(["--faked-system-time", &format!("{time}!")]);
        }
        let output = command.args(arguments).output().expect("gpg does not run: apt-get install gpg gpg-agent");
        succeeded("gpg", output)
    }

    /// Makes a key: algorithm, usage (`sign`, `cert`), expiry (`0`, `1d`). Gives its fingerprint.
    pub(super) fn key(&self, algorithm: &str, usage: &str, expiry: &str) -> String {
        self.key_at("", "", [algorithm, usage, expiry])
    }

    pub(super) fn key_at(&self, passphrase: &str, time: &str, [algorithm, usage, expiry]: [&str; 3]) -> String {
        let user = "Größe Signer <signer@example.org>";
        self.gpg(passphrase, time, &["--quick-generate-key", user, algorithm, usage, expiry]);
        let list = self.gpg("", "", &["--with-colons", "--list-secret-keys"]);
        let line = list.lines().find(|line| line.starts_with("fpr:")).unwrap();
        line.split(':').nth(9).unwrap().to_owned()
    }

    pub(super) fn run(&self, arguments: &[&str]) -> String {
        self.gpg("", "", arguments)
    }

    pub(super) fn run_at(&self, time: &str, arguments: &[&str]) -> String {
        self.gpg("", time, arguments)
    }

    /// Answers gpg's questions, one a line.
    pub(super) fn run_with_input(&self, arguments: &[&str], input: &str) {
        let mut gpg = Command::new("gpg")
            .arg("--homedir")
            .arg(self.path())
            .args(["--no-tty", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("gpg does not run: apt-get install gpg gpg-agent");
        gpg.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        succeeded("gpg", gpg.wait_with_output().unwrap());
    }

    /// Revokes the whole key.
    pub(super) fn revoke(&self, fingerprint: &str) {
        let certificate = self.path().join(format!("openpgp-revocs.d/{fingerprint}.rev"));
        // gpg disarms it with a colon, so that nobody imports it by accident
        let text = fs::read_to_string(certificate).unwrap().replace("\n:-----BEGIN", "\n-----BEGIN");
        let file = self.path().join("revocation.asc");
        fs::write(&file, text).unwrap();
        self.run(&["--import", file.to_str().unwrap()]);
    }

    pub(super) fn secret(&self) -> String {
        self.run(&["--armor", "--export-secret-keys"])
    }

    pub(super) fn locked_secret(&self, passphrase: &str) -> String {
        self.gpg(passphrase, "", &["--armor", "--export-secret-keys"])
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // the agent of this directory only
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.path()).args(["--kill", "all"]).status();
    }
}

/// Verifies with gpgv against the armored public key. Gives the text that gpgv puts out, or its complaint.
pub(super) fn gpgv(public: &str, message: &[u8], signature: Option<&str>) -> Result<Vec<u8>, String> {
    let directory = TempDir::new().unwrap();
    let file = |name: &str| directory.path().join(name);
    let mut dearmor = Command::new("gpg")
        .arg("--homedir")
        .arg(directory.path())
        .args(["--batch", "--dearmor"])
        .stdin(Stdio::piped())
        .stdout(fs::File::create(file("keyring.gpg")).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .expect("gpg does not run: apt-get install gpg");
    dearmor.stdin.take().unwrap().write_all(public.as_bytes()).unwrap();
    assert!(dearmor.wait().unwrap().success());
    fs::write(file("message"), message).unwrap();
    let mut command = Command::new("gpgv");
    command.arg("--homedir").arg(directory.path()).arg("--keyring").arg(file("keyring.gpg"));
    if let Some(signature) = signature {
        fs::write(file("signature"), signature).unwrap();
        command.arg(file("signature"));
    } else {
        command.arg("--output").arg(file("output"));
    }
    let output = command.arg(file("message")).output().expect("gpgv does not run: apt-get install gpgv");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() || !complaint.contains("Good signature") || complaint.contains("WARNING") {
        return Err(complaint);
    }
    Ok(if signature.is_some() { Vec::new() } else { fs::read(file("output")).unwrap() })
}

fn succeeded(program: &str, output: Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} failed: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}
