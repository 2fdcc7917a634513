//! The file: which one, its text, its sections.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::environment::{Environment, RWS_CFG};
use super::mistake::{COMMAND_LINE, ENVIRONMENT, Mistake, quoted};
use super::node::{Node, Object, Secrecy};
use super::{Overrides, store};

/// The configuration of the original with what was released since.
const BUILT_IN: &str = include_str!("../../../../config.default");

/// The keys at the top of the file.
pub const KEYS: [&str; 16] = [
    "common",
    "model",
    "anchors",
    "users",
    "groups",
    "htpasswd",
    "access_file",
    "oidc",
    "webhooks",
    "repositories",
    "keys",
    "server",
    "store",
    "publish",
    "audit",
    "pages",
];

/// The keys of `audit`.
pub const AUDIT_KEYS: [&str; 1] = ["days"];

/// How many days an audit may go back.
const MAX_AUDIT_DAYS: u32 = 10_000;

/// The keys of `common`.
pub const COMMON_KEYS: [&str; 3] = ["sync_on_start", "create_empty", "credentials"];

/// The keys of `model` beside those of the store.
pub const MODEL_KEYS: [&str; 2] = ["supported_repos", "force_sync"];

/// Where the file's part of the configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The copy of `config.default` in the program.
    BuiltIn,
    /// A file.
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => formatter.write_str("built-in"),
            Self::File(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// The source and its text.
pub fn read(overrides: &Overrides, environment: &Environment) -> Result<(Source, String), Mistake> {
    let (origin, key, path) = match (&overrides.file, environment.path(RWS_CFG)) {
        (Some(path), _) => (COMMAND_LINE, "--config", path.clone()),
        (None, Some(path)) => (ENVIRONMENT, RWS_CFG.name, path),
        (None, None) => return Ok((Source::BuiltIn, BUILT_IN.to_owned())),
    };
    match text(&path) {
        Ok(text) => Ok((Source::File(path), text)),
        Err(reason) => {
            let problem = format!("is {}, which {reason}", quoted(&path.to_string_lossy()));
            Err(Mistake::new(origin, key, problem, "is the path of a readable JSON file"))
        }
    }
}

/// The text of a file; within the error why it cannot be read, in words that follow `which`.
pub fn text(path: &Path) -> Result<String, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) => Err(unreadable(&error)),
    }
}

/// Why a file cannot be read, in words that follow `which`.
pub fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "does not exist".to_owned(),
        ErrorKind::IsADirectory => "is a directory".to_owned(),
        ErrorKind::InvalidData => "is not text in UTF-8".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

/// The text as JSON.
pub fn parse(origin: &str, text: &str) -> Result<Value, Mistake> {
    serde_json::from_str(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        let message = error.to_string();
        let reason = message.split(" at line ").next().unwrap_or_default();
        Mistake::new(origin, place, format!("is not valid JSON: {reason}"), "is one JSON object")
    })
}

/// The object that the file is.
pub fn top<'a>(origin: &'a str, value: &'a Value) -> Result<Object<'a>, Mistake> {
    Node::root(origin, "", value, Secrecy::Public).object("is one JSON object")
}

/// The section `common`.
pub fn common<'a>(file: &Object<'a>, warnings: &mut Vec<String>) -> Result<Option<Object<'a>>, Mistake> {
    let Some(node) = file.get("common") else { return Ok(None) };
    let common = node.object("is an object with sync_on_start, create_empty and credentials")?;
    common.warn_unknown(&COMMON_KEYS, warnings);
    Ok(Some(common))
}

/// `days` of the section `audit`: how far the audit goes back.
pub fn audit_days(file: &Object<'_>, warnings: &mut Vec<String>) -> Result<Option<u32>, Mistake> {
    let Some(audit) = file.get("audit") else { return Ok(None) };
    let audit = audit.object("is an object with days")?;
    audit.warn_unknown(&AUDIT_KEYS, warnings);
    let days = audit.get("days").map(|days| {
        let is_sensible = |days: &u32| (1..=MAX_AUDIT_DAYS).contains(days);
        let allowed = || days.mistake(format!("is a whole number from 1 to {MAX_AUDIT_DAYS}"));
        days.whole_number().filter(is_sensible).ok_or_else(allowed)
    });
    days.transpose()
}

/// The section `model`.
pub fn model<'a>(file: &Object<'a>, warnings: &mut Vec<String>) -> Result<Object<'a>, Mistake> {
    let allowed = "is an object with supported_repos";
    let model = file.required("model", allowed)?.object(allowed)?;
    // names of keys in the keyring of a gpg program, which the original looked at as well
    let keyring = ["gpg_sign_key", "gpg_modules_sign_key"];
    for node in keyring.iter().filter_map(|key| model.get(key)) {
        warnings.push(
            node.warning("is not used: put the key itself into GPG_SIGN_KEY_ARMORED or GPG_MODULES_SIGN_KEY_ARMORED"),
        );
    }
    let known: Vec<&str> = MODEL_KEYS.into_iter().chain(store::KEYS).collect();
    let unknown_but: Vec<&str> = known.iter().copied().chain(keyring).collect();
    model.warn_unknown(&unknown_but, warnings);
    Ok(model)
}
