//! The keys that sign: `keys` of the file, and what the entries of `repositories` make of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::environment::Environment;
use super::mistake::Mistake;
use super::node::{Node, Object};
use super::secret::Secret;
use super::signing::SigningKey;

/// The keys of one key.
pub const KEYS: [&str; 9] = [
    "file",
    "passphrase_file",
    "variable",
    "passphrase_variable",
    "command",
    "output",
    "agent",
    "public",
    "timeout_seconds",
];

/// The keys of `agent`.
pub const AGENT_KEYS: [&str; 1] = ["socket"];

/// The keys of `repositories[].keys`.
pub const TARGET_KEYS: [&str; 3] = ["active", "also", "announced"];

/// The key of `GPG_SIGN_KEY_ARMORED`.
pub const MAIN: &str = "main";

/// The key of `GPG_MODULES_SIGN_KEY_ARMORED`.
pub const MODULES: &str = "modules";

const KEY: &str = "is an object with file, variable, command, agent or public";
const NAME: &str = "is a name of letters, digits and . _ -, such as 2026";
const FILE: &str = "is the path of a file";
const TIMEOUT_SECONDS: u64 = 20;

/// Where a key is, and how it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The text of a variable.
    Text(SigningKey),
    /// A file with the secret key in ASCII armour, and one with its passphrase.
    File {
        /// The key.
        file: PathBuf,
        /// Its passphrase: the first line.
        passphrase_file: Option<PathBuf>,
    },
    /// Another program, a gpg-agent: the secret key is not here.
    Elsewhere {
        /// What signs.
        place: Place,
        /// A file with the public key.
        public: PathBuf,
        /// How long one signature may take.
        timeout: Duration,
    },
    /// A file with the public key: it can only be announced.
    Public {
        /// The file.
        public: PathBuf,
    },
}

/// What signs, if not this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A program: the data comes on its standard input, the signature is its standard output.
    Command {
        /// The program and its arguments.
        command: Vec<String>,
        /// What it answers.
        output: Output,
    },
    /// A gpg-agent.
    Agent {
        /// Its socket.
        socket: PathBuf,
    },
}

/// What a program answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A binary OpenPGP signature of the data.
    OpenPgp,
    /// The raw signature of a digest.
    Raw,
}

/// Which keys a target has, by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetKeys {
    /// The key that signs.
    pub active: String,
    /// Those that sign beside it.
    pub also: Vec<String>,
    /// Those that clients learn before they sign.
    pub announced: Vec<String>,
}

impl TargetKeys {
    /// Every name once.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.active).chain(&self.also).chain(&self.announced)
    }

    /// As it stands in the file.
    pub fn show(&self) -> Value {
        json!({ "active": self.active, "also": self.also, "announced": self.announced })
    }
}

/// Keys by name.
pub type Keys = BTreeMap<String, KeySource>;

/// As it stands in the file, without secrets.
pub fn show(source: &KeySource) -> Value {
    let path = |path: &PathBuf| path.display().to_string();
    match source {
        KeySource::Text(SigningKey { variable, .. }) => json!({ "variable": variable }),
        KeySource::File { file, passphrase_file } => {
            json!({ "file": path(file), "passphrase_file": passphrase_file.as_ref().map(path) })
        }
        KeySource::Elsewhere { place: Place::Command { command, output }, public, timeout } => json!({
            "command": command,
            "output": if *output == Output::Raw { "raw" } else { "openpgp" },
            "public": path(public),
            "timeout_seconds": timeout.as_secs(),
        }),
        KeySource::Elsewhere { place: Place::Agent { socket }, public, timeout } => json!({
            "agent": { "socket": path(socket) },
            "public": path(public),
            "timeout_seconds": timeout.as_secs(),
        }),
        KeySource::Public { public } => json!({ "public": path(public) }),
    }
}

/// Reads the section `keys`.
pub fn read(file: &Object<'_>, environment: &Environment) -> Result<Keys, Mistake> {
    let mut keys = Keys::new();
    let Some(node) = file.get("keys") else { return Ok(keys) };
    for (name, node) in node.object("is an object of keys: {\"2026\": {\"file\": \"/etc/rws/2026.asc\"}}")?.entries() {
        if !is_name(name) {
            return Err(node.problem("has a name that cannot be part of an address", NAME));
        }
        if [MAIN, MODULES].contains(&name) {
            return Err(node.problem(
                "has the name of a key that comes from the environment",
                format!("is any name but {MAIN} and {MODULES}: GPG_SIGN_KEY_ARMORED and GPG_MODULES_SIGN_KEY_ARMORED"),
            ));
        }
        keys.insert(name.to_owned(), source(&node, environment)?);
    }
    Ok(keys)
}

/// Whether it can be part of an address and of a file name.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.bytes().all(plain)
}

fn source(node: &Node<'_>, environment: &Environment) -> Result<KeySource, Mistake> {
    let key = node.object(KEY)?;
    key.refuse_unknown(&KEYS)?;
    let kinds = ["file", "variable", "command", "agent"];
    let given: Vec<&str> = kinds.into_iter().filter(|kind| key.get(kind).is_some()).collect();
    let kind = match given.as_slice() {
        [kind] => *kind,
        [] if key.get("public").is_some() => "public",
        _ => return Err(node.problem(format!("has {} of them", given.len()), KEY)),
    };
    let fits: &[&str] = match kind {
        "file" => &["file", "passphrase_file"],
        "variable" => &["variable", "passphrase_variable"],
        "command" => &["command", "output", "public", "timeout_seconds"],
        "agent" => &["agent", "public", "timeout_seconds"],
        _ => &["public"],
    };
    key.refuse_unknown(fits)?;
    Ok(match kind {
        "file" => {
            let passphrase_file = key.get("passphrase_file").map(|node| path(&node)).transpose()?;
            KeySource::File { file: path(&key.required("file", FILE)?)?, passphrase_file }
        }
        "variable" => KeySource::Text(of_variables(&key, environment)?),
        "public" => KeySource::Public { public: path(&key.required("public", FILE)?)? },
        _ => {
            let seconds = match key.get("timeout_seconds") {
                Some(node) => node.count()?.min(600),
                None => TIMEOUT_SECONDS,
            };
            KeySource::Elsewhere {
                place: place(&key)?,
                public: path(&key.required("public", "is a file with the public key of what signs elsewhere")?)?,
                timeout: Duration::from_secs(seconds),
            }
        }
    })
}

fn place(key: &Object<'_>) -> Result<Place, Mistake> {
    if let Some(node) = key.get("agent") {
        let agent = node.object("is an object with socket")?;
        agent.refuse_unknown(&AGENT_KEYS)?;
        return Ok(Place::Agent { socket: path(&agent.required("socket", FILE)?)? });
    }
    let allowed = "is a list of a program and its arguments: [\"/etc/rws/sign\"]";
    let node = key.required("command", allowed)?;
    let words: Result<Vec<String>, Mistake> =
        node.list(allowed)?.iter().map(|word| word.text(allowed).map(str::to_owned)).collect();
    let command = words?;
    if command.first().is_none_or(String::is_empty) {
        return Err(node.problem("is empty", allowed));
    }
    let output = match key.get("output") {
        None => Output::OpenPgp,
        Some(node) => match node.text("is \"openpgp\" or \"raw\"")? {
            "openpgp" => Output::OpenPgp,
            "raw" => Output::Raw,
            _ => return Err(node.mistake("is \"openpgp\" or \"raw\"")),
        },
    };
    Ok(Place::Command { command, output })
}

fn path(node: &Node<'_>) -> Result<PathBuf, Mistake> {
    match node.text(FILE)? {
        "" => Err(node.mistake(FILE)),
        text => Ok(PathBuf::from(text)),
    }
}

fn of_variables(key: &Object<'_>, environment: &Environment) -> Result<SigningKey, Mistake> {
    let allowed = "is the name of a variable of the environment that is set";
    let text = |node: &Node<'_>| -> Result<(String, Secret), Mistake> {
        let name = node.text(allowed)?;
        match environment.other(name) {
            Some(value) => Ok((name.to_owned(), Secret::new(value))),
            None => Err(node.problem(format!("names {}, which is not set", node.shown()), allowed)),
        }
    };
    let (variable, armored) = text(&key.required("variable", allowed)?)?;
    let passphrase = key.get("passphrase_variable").map(|node| text(&node)).transpose()?;
    Ok(SigningKey { armored, passphrase: passphrase.map(|(_, text)| text), variable })
}

/// Reads `keys` of one entry of `repositories`.
pub fn of_target(node: &Node<'_>, keys: &Keys) -> Result<TargetKeys, Mistake> {
    let allowed = "is an object with active, also and announced: names of keys";
    let object = node.object(allowed)?;
    object.refuse_unknown(&TARGET_KEYS)?;
    let name = |node: &Node<'_>, must_sign: bool| -> Result<String, Mistake> {
        let name = node.text("is the name of a key")?;
        let known = || {
            let own = keys.keys().map(String::as_str).chain([MAIN, MODULES]).collect::<Vec<_>>();
            format!("are the keys of the section keys, and those of the environment: {}", own.join(", "))
        };
        match keys.get(name) {
            None if ![MAIN, MODULES].contains(&name) => Err(node.mistake(known())),
            Some(KeySource::Public { .. }) if must_sign => Err(node.problem(
                format!("is {}, of which only the public key is known", node.shown()),
                "is a key that can sign; one that cannot may be announced",
            )),
            _ => Ok(name.to_owned()),
        }
    };
    let list = |key: &str, must_sign: bool| -> Result<Vec<String>, Mistake> {
        let Some(node) = object.get(key) else { return Ok(Vec::new()) };
        node.list("is a list of names of keys")?.iter().map(|node| name(node, must_sign)).collect()
    };
    let active = name(&object.required("active", "is the name of the key that signs")?, true)?;
    let keys = TargetKeys { active, also: list("also", true)?, announced: list("announced", false)? };
    let mut seen: Vec<&String> = Vec::new();
    for name in keys.names() {
        if seen.contains(&name) {
            return Err(node.problem(format!("names {name} twice"), "are different names"));
        }
        seen.push(name);
    }
    Ok(keys)
}
