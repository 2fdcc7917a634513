//! How the S3 service is talked to: the object `store` of the file, and the variables that win over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Addressing;
use super::environment::{Environment, S3_ADDRESSING, S3_CA_FILE, S3_RETRIES, S3_TIMEOUT, Variable};
use super::file;
use super::mistake::Mistake;
use super::node::Object;
use super::setting::Setting;

/// The variables, each with its key in `store`.
pub const SETTINGS: [(Variable, &str); 4] =
    [(S3_ADDRESSING, "addressing"), (S3_CA_FILE, "ca_file"), (S3_TIMEOUT, "timeout_seconds"), (S3_RETRIES, "retries")];

/// The keys of `store`.
pub const KEYS: [&str; 6] = ["addressing", "ca_file", "timeout_seconds", "retries", "sse_kms_key_id", "bucket_owner"];

/// How many digits the number of an account has.
const ACCOUNT_DIGITS: usize = 12;

const DEFAULT_TIMEOUT_SECONDS: u32 = 30;
const DEFAULT_RETRIES: u32 = 5;

/// The line before a certificate in PEM (RFC 7468).
const BEGIN_CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// How the service is talked to.
#[derive(Clone, Debug)]
pub struct Connection {
    /// How a URL names the bucket.
    pub addressing: Addressing,
    /// The certificate authorities to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long a request may make no progress.
    pub timeout: Duration,
    /// How often a failed request is repeated.
    pub retries: u32,
    /// The key of KMS that new objects are encrypted with.
    pub sse_kms_key_id: Option<String>,
    /// The account that has to own the bucket.
    pub bucket_owner: Option<String>,
}

impl Connection {
    /// Reads it from the environment, and from `store` where the environment is silent.
    pub fn read(section: Option<&Object<'_>>, environment: &Environment) -> Result<Self, Mistake> {
        let find = |(variable, key)| Setting::find(environment, variable, section.and_then(|object| object.get(key)));
        let [of_addressing, of_ca_file, of_timeout, of_retries] = SETTINGS;
        let word = |key: &str, allowed: &str, is_good: fn(&str) -> bool| {
            let Some(node) = section.and_then(|section| section.get(key)) else { return Ok(None) };
            match node.text(allowed)? {
                text if is_good(text) => Ok(Some(text.to_owned())),
                _ => Err(node.mistake(allowed)),
            }
        };
        let timeout_seconds = match find(of_timeout)? {
            Some(setting) => setting.whole_number(1..=600, " of seconds")?,
            None => DEFAULT_TIMEOUT_SECONDS,
        };
        Ok(Self {
            addressing: find(of_addressing)?.map_or(Ok(Addressing::Path), |setting| addressing(&setting))?,
            ca_file: find(of_ca_file)?.map(|setting| ca_file(&setting)).transpose()?,
            timeout: Duration::from_secs(timeout_seconds.into()),
            retries: find(of_retries)?.map_or(Ok(DEFAULT_RETRIES), |setting| setting.whole_number(0..=20, ""))?,
            sse_kms_key_id: word("sse_kms_key_id", "is the id, the alias or the ARN of a key of KMS", is_plain)?,
            bucket_owner: word("bucket_owner", "is the number of an account: 12 digits", is_account)?,
        })
    }
}

/// Whether it can stand in a header.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_account(text: &str) -> bool {
    text.len() == ACCOUNT_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The word for it in the configuration.
pub fn word(addressing: Addressing) -> &'static str {
    match addressing {
        Addressing::Path => "path",
        Addressing::VirtualHost => "virtual-host",
    }
}

fn addressing(setting: &Setting<'_>) -> Result<Addressing, Mistake> {
    let allowed = "is \"path\" or \"virtual-host\"";
    let text = setting.text(allowed)?;
    let known = [Addressing::Path, Addressing::VirtualHost].into_iter().find(|known| word(*known) == text);
    known.ok_or_else(|| setting.mistake(allowed))
}

/// The path, once something that looks like a certificate has been seen there: whether it is one is judged where it is
/// used.
pub fn ca_file(setting: &Setting<'_>) -> Result<PathBuf, Mistake> {
    let allowed = "is the path of a readable PEM file with at least one certificate";
    let path = Path::new(setting.text(allowed)?);
    match find_certificate(path) {
        Ok(()) => Ok(path.to_owned()),
        Err(reason) => Err(setting.mistake_which(&reason, allowed)),
    }
}

fn find_certificate(path: &Path) -> Result<(), String> {
    let kind = fs::metadata(path).map_err(|error| file::unreadable(&error))?.file_type();
    // a pipe would be empty when it is read to be used
    if !kind.is_file() && !kind.is_dir() {
        return Err("is not a regular file".to_owned());
    }
    let content = fs::read(path).map_err(|error| file::unreadable(&error))?;
    let mut lines = content.split(|byte| matches!(byte, b'\n' | b'\r'));
    let found = lines.any(|line| line.trim_ascii_end() == BEGIN_CERTIFICATE);
    found.then_some(()).ok_or_else(|| "does not contain the line -----BEGIN CERTIFICATE-----".to_owned())
}
