//! What the embedded default makes for itself at its first start: a user and a signing key, kept in the data
//! directory, readable by its owner only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use rws_model::Allowed;
use rws_openpgp::SigningKey;
use rws_passwords::{Method, PasswordHash};
use rws_server::{Account, User};
use rws_store::private;

use crate::command::output::say;

/// The name of the user that is made.
const USER: &str = "rws";

/// The file of the signing key that is made.
const SIGNING_KEY: &str = "signing-key.asc";

/// How many random bytes are in the password that is made.
const PASSWORD_BYTES: usize = 15;

/// The directory of what is kept secret.
pub struct Secrets {
    directory: PathBuf,
}

/// A user who was made just now.
pub struct MadeUser {
    password: String,
}

impl Secrets {
    /// Opens the directory below the data directory, making it where it does not exist.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        let directory = data.join(private::SECRETS);
        match DirBuilder::new().mode(0o700).recursive(true).create(&directory) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(error).with_context(|| format!("{} cannot be made", directory.display()))
            }
            _ => Ok(Self { directory }),
        }
    }

    /// The directory below the data directory, where a signing key was made there.
    pub fn with_key(data: &Path) -> Option<Self> {
        let directory = data.join(private::SECRETS);
        directory.join(SIGNING_KEY).is_file().then_some(Self { directory })
    }

    /// The user of the embedded default; one who was made just now comes with the password.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written, or holds no hash.
    pub fn user(&self) -> anyhow::Result<(Account, Option<MadeUser>)> {
        let path = self.directory.join("password-hash");
        let mut made = None;
        let hash = match read(&path)? {
            Some(hash) => hash,
            None => {
                let password = password()?;
                let hash = PasswordHash::create(Method::Argon2id, password.as_bytes(), &random()?)?;
                let kept = keep(&path, &hash)?;
                // another process that starts at the same time may have been first: then its user counts
                made = (kept == hash).then_some(MadeUser { password });
                kept
            }
        };
        let hash = PasswordHash::parse(hash.trim()).with_context(|| {
            format!("{} is damaged; remove it, and RWS makes a new password at its next start", path.display())
        })?;
        let user = User::new(USER, [], Arc::new(|_, _| Allowed::Everything), true);
        Ok((Account { user: Arc::new(user), hash: Some(hash) }, made))
    }

    /// The signing key of an embedded default, where one was made.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or holds no key that may sign.
    pub fn key(&self, now: i64) -> anyhow::Result<Option<SigningKey>> {
        let path = self.directory.join(SIGNING_KEY);
        let Some(armored) = read(&path)? else { return Ok(None) };
        SigningKey::import(&armored, None, now).with_context(|| path.display().to_string()).map(Some)
    }

    /// The signing key of the embedded default, made where there is none.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written, or holds no key that may sign.
    pub fn make_key(&self, now: i64) -> anyhow::Result<SigningKey> {
        if let Some(key) = self.key(now)? {
            return Ok(key);
        }
        let made = SigningKey::generate("RWS repositories <rws@localhost>", now, &mut random()?)?;
        let armored = made.export_secret_armored().ok_or_else(|| anyhow!("RWS cannot export a new key"))?;
        keep(&self.directory.join(SIGNING_KEY), armored)?;
        // another process that starts at the same time may have been first: then its key counts
        self.key(now)?.ok_or_else(|| anyhow!("somebody removed the signing key while RWS made it"))
    }
}

impl MadeUser {
    /// Shows the password, this once, and what to try.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub fn print(&self, address: SocketAddr) -> anyhow::Result<()> {
        let password = &self.password;
        say(format_args!(
            "user: {USER}\n\
             password: {password}\n\
             RWS shows the password only now and keeps only its hash. Try, with your own files:\n  \
             curl -u {USER}:{password} -F 'file=@hello-1.0-1.x86_64.rpm' -X PUT http://{address}/live/1.10/el/9\n  \
             curl -u {USER}:{password} -F 'product=hello' -F 'file=@hello_1.0-1_amd64.deb' \
             -X PUT http://{address}/live/1.10/debian/bookworm"
        ))
    }
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system cannot provide random numbers: {error}"))?;
    Ok(bytes)
}

/// Letters and digits that no shell and no person takes for others.
fn password() -> anyhow::Result<String> {
    const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes: [u8; PASSWORD_BYTES] = random()?;
    let bits = bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1)).collect::<Vec<_>>();
    let digit = |bits: &[u8]| DIGITS[bits.iter().fold(0, |number, bit| number * 2 + usize::from(*bit))] as char;
    Ok(bits.chunks(5).map(digit).collect())
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

/// Keeps a secret, durably, unless there is one already; what is there then.
fn keep(path: &Path, text: &str) -> anyhow::Result<String> {
    let failed = || format!("{} cannot be written", path.display());
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary).with_context(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(failed)?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary).with_context(failed)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error).with_context(failed),
        _ => {
            if let Some(directory) = path.parent() {
                File::open(directory).and_then(|directory| directory.sync_all()).with_context(failed)?;
            }
            fs::read_to_string(path).with_context(failed)
        }
    }
}
