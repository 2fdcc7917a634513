//! Signatures, judged by gpgv.

use super::private_root::PrivateRoot;
use super::program::{Program, Ran};
use super::{read_file, temporary_directory, write_file};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A key to judge by.
pub struct Verifier {
    directory: TempDir,
}

/// A good signature.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    /// of the key or subkey that signed
    pub fingerprint: String,
    /// OpenPGP's number: 8 SHA-256, 9 SHA-384, 10 SHA-512
    pub hash_algorithm: u8,
}

impl Verifier {
    /// From an armored public key, as the server exports it.
    #[track_caller]
    pub fn new(armored_key: &[u8]) -> Self {
        let verifier = Self { directory: temporary_directory() };
        write_file(&verifier.path("key.asc"), armored_key);
        Program::new("gpg", verifier.directory.path())
            .args(["--batch", "--yes", "--no-options", "--output"])
            .arg(verifier.path("key.gpg"))
            .arg("--dearmor")
            .arg(verifier.path("key.asc"))
            .succeed();
        verifier
    }

    /// Checks a clear-signed file (InRelease) and returns the signature and the signed text.
    #[track_caller]
    pub fn verify_inline(&self, signed: &[u8]) -> (Signature, Vec<u8>) {
        write_file(&self.path("signed"), signed);
        let text = self.path("text");
        let ran = self.gpgv().arg("--output").arg(&text).arg(self.path("signed")).succeed();
        (signature(&ran), read_file(&text))
    }

    /// Checks a file by its detached signature (Release.gpg, repomd.xml.asc).
    #[track_caller]
    pub fn verify_detached(&self, content: &[u8], signature_file: &[u8]) -> Signature {
        signature(&self.run_detached(content, signature_file).expect_success())
    }

    /// The same, whatever comes of it.
    pub fn run_detached(&self, content: &[u8], signature_file: &[u8]) -> Ran {
        write_file(&self.path("content"), content);
        write_file(&self.path("content.asc"), signature_file);
        self.gpgv().arg(self.path("content.asc")).arg(self.path("content")).run()
    }

    fn gpgv(&self) -> Program {
        let gpgv = Program::new("gpgv", self.directory.path()).arg("--keyring").arg(self.path("key.gpg"));
        // Status lines go to standard error: standard output may be text.
        gpgv.args(["--status-fd", "2", "--weak-digest", "SHA1", "--weak-digest", "RIPEMD160"])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// A secret key made by gpg, for what a test signs itself. Its home is removed with it.
pub struct SecretKey {
    home: PrivateRoot,
    passphrase: String,
}

/// What a key is to be: by default one that signs, never expires and is not locked.
pub struct KeyOptions<'a> {
    /// as gpg calls it: `sign`, `cert`
    pub usage: &'a str,
    /// as gpg reads it: `0`, `1d`
    pub expires: &'a str,
    /// when it was made, as gpg reads it: `20200101T000000`; now when empty
    pub made_at: &'a str,
    pub passphrase: &'a str,
}

impl Default for KeyOptions<'_> {
    fn default() -> Self {
        Self { usage: "sign", expires: "0", made_at: "", passphrase: "" }
    }
}

impl SecretKey {
    /// `algorithm` as gpg calls it: `ed25519`, `rsa3072`.
    #[track_caller]
    pub fn generate(algorithm: &str) -> Self {
        Self::generate_with(algorithm, &KeyOptions::default())
    }

    #[track_caller]
    pub fn generate_with(algorithm: &str, options: &KeyOptions<'_>) -> Self {
        let key = Self { home: PrivateRoot::new(), passphrase: options.passphrase.to_owned() };
        let user = "RWS test <test@example.invalid>";
        let mut gpg = key.gpg();
        if !options.made_at.is_empty() {
            // it stands still, as for the agent
            gpg = gpg.args(["--faked-system-time", &format!("{}!", options.made_at)]);
        }
        gpg.args(["--quick-generate-key", user, algorithm, options.usage, options.expires]).succeed();
        key
    }

    /// The home of gpg that has this key, and no other one.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    #[track_caller]
    pub fn public_armored(&self) -> Vec<u8> {
        self.gpg().args(["--armor", "--export"]).succeed().stdout
    }

    /// The secret key, for `GPG_SIGN_KEY_ARMORED`.
    #[track_caller]
    pub fn secret_armored(&self) -> String {
        self.gpg().args(["--armor", "--export-secret-keys"]).succeed().output()
    }

    /// One more subkey that signs, which is newer.
    #[track_caller]
    pub fn add_subkey(&self) {
        let list = self.gpg().args(["--with-colons", "--list-keys"]).succeed().output();
        let fingerprint = list.lines().find_map(|line| line.strip_prefix("fpr:")?.trim_matches(':').split(':').next());
        let fingerprint = fingerprint.expect("gpg lists the key").to_owned();
        self.gpg().args(["--quick-add-key", &fingerprint, "ed25519", "sign", "0"]).succeed();
    }

    /// Armored detached signature of a file.
    #[track_caller]
    pub fn sign_detached(&self, file: &Path) -> Vec<u8> {
        self.gpg().args(["--armor", "--detach-sign", "--output", "-"]).arg(file).succeed().stdout
    }

    fn gpg(&self) -> Program {
        let gpg = Program::new("gpg", self.home.path()).env("GNUPGHOME", self.home.path());
        gpg.args(["--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--digest-algo", "SHA512"])
            .args(["--passphrase", &self.passphrase])
    }
}

/// `VALIDSIG fingerprint date time expiry version reserved key-algorithm hash-algorithm …`
#[track_caller]
fn signature(ran: &Ran) -> Signature {
    let status = String::from_utf8_lossy(&ran.stderr).into_owned();
    let valid: Vec<&str> = status
        .lines()
        .find_map(|line| line.strip_prefix("[GNUPG:] VALIDSIG "))
        .unwrap_or_else(|| panic!("gpgv found no valid signature:\n{}", ran.transcript()))
        .split(' ')
        .collect();
    match (valid.first(), valid.get(7).and_then(|number| number.parse().ok())) {
        (Some(fingerprint), Some(hash_algorithm)) => {
            Signature { fingerprint: (*fingerprint).to_owned(), hash_algorithm }
        }
        _ => panic!("gpgv's VALIDSIG line is not understood:\n{}", ran.transcript()),
    }
}
