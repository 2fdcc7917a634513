//! Users, and what they may do.

use std::collections::BTreeMap;

use rws_model::{Allowed, Grant, Target, Verb};
use serde_json::Value;

use super::environment::RWS_CREDENTIALS;
use super::mistake::{ENVIRONMENT, Mistake};
use super::model::Model;
use super::node::{Node, Secrecy};
use super::pattern;
use super::repeated;
use super::secret::Secret;

const USERS: &str =
    "is an object of users: {\"name\": \"hash\"} or {\"name\": {\"hash\": \"…\", \"allow\": [\"live/*\"]}}";
const USER: &str = "is a password hash, or an object with hash, allow and admin";
/// The keys of a user who is more than a hash.
pub const KEYS: [&str; 3] = ["hash", "allow", "admin"];

/// What `allow` may be, for messages.
pub(super) const ALLOW: &str =
    "is a list of patterns such as live/*/el/*, or of {\"match\": \"live/*\", \"verbs\": [\"upload\", \"promote\"]}";
const PACKAGES: &str = "is a list of patterns of package names, such as [\"tarantool*\"]";
const VERBS: &str = "is a list of read, upload, delete, promote, retain";

/// The keys of an item of `allow`.
pub const GRANT_KEYS: [&str; 3] = ["match", "verbs", "packages"];

const HASH: &str = "is a password hash, as `rws hash-password` makes it";

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The password hash as configured. It may be unusable: the original started with such users too.
    pub hash: Secret,
    /// What the user may do, and where; none where it is what a pattern alone stands for, everywhere.
    pub allow: Option<Vec<Grant>>,
    /// Whether the user may do everything everywhere.
    pub admin: bool,
}

impl User {
    /// With how much of the target the user may do this.
    pub fn may(&self, verb: Verb, target: &Target) -> Allowed {
        match &self.allow {
            _ if self.admin => Allowed::Everything,
            Some(grants) => Grant::allowed(grants, verb, target),
            None if Grant::USUAL_VERBS.contains(&verb) => Allowed::Everything,
            None => Allowed::Nothing,
        }
    }
}

/// The users by name.
pub type Users = BTreeMap<String, User>;

/// What is said of patterns of users that match no repository.
pub fn useless(users: &Users, model: &Model) -> Vec<String> {
    let mut warnings = Vec::new();
    for (name, user) in users {
        for pattern in user.allow.iter().flatten().map(|grant| &grant.pattern) {
            if !model.targets().any(|target| pattern.matches(&target)) {
                warnings.push(format!("user {name:?}: allow has {pattern}, which matches no repository"));
            }
        }
    }
    warnings
}

/// Reads the users of `RWS_CREDENTIALS`.
pub fn of_environment(text: &str, warnings: &mut Vec<String>) -> Result<Users, Mistake> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let place = format!("is not valid JSON at line {}, column {} (not shown)", error.line(), error.column());
        Mistake::new(ENVIRONMENT, RWS_CREDENTIALS.name, place, USERS)
    })?;
    let repeated = repeated::keys(text).into_iter();
    warnings.extend(
        repeated
            .map(|key| format!("{ENVIRONMENT}: {}.{key} occurs twice; RWS uses the last one", RWS_CREDENTIALS.name)),
    );
    users(&Node::root(ENVIRONMENT, RWS_CREDENTIALS.name, &value, Secrecy::Secret), warnings)
}

/// Reads users.
pub fn users(node: &Node<'_>, warnings: &mut Vec<String>) -> Result<Users, Mistake> {
    let mut users = Users::new();
    for (name, node) in node.object(USERS)?.entries() {
        if name.is_empty() || name.contains(|character: char| character == ':' || character.is_control()) {
            warnings.push(node.warning(
                "can never log in: a name must not be empty and must not contain a colon or a control character",
            ));
        }
        if name.starts_with('@') {
            warnings.push(node.warning("is named in no list of readers: @ is for groups"));
        }
        users.insert(name.to_owned(), user(&node)?);
    }
    Ok(users)
}

fn user(node: &Node<'_>) -> Result<User, Mistake> {
    if node.is_text() {
        return Ok(User { hash: Secret::new(node.text(USER)?), allow: None, admin: false });
    }
    let entry = node.object(USER)?;
    entry.refuse_unknown(&KEYS)?;
    let hash = Secret::new(entry.required("hash", HASH)?.text(HASH)?);
    let allow = entry.get("allow").map(Node::public).map(|node| grants(&node));
    let admin = entry.get("admin").map(Node::public).map(|node| node.boolean()).transpose()?;
    Ok(User { hash, allow: allow.transpose()?, admin: admin.unwrap_or_default() })
}

/// Reads a list of what somebody may do.
pub fn grants(node: &Node<'_>) -> Result<Vec<Grant>, Mistake> {
    node.list(ALLOW)?.iter().map(grant).collect()
}

fn grant(node: &Node<'_>) -> Result<Grant, Mistake> {
    if node.is_text() {
        return Ok(Grant::usual(pattern::read(node)?));
    }
    let entry = node.object(ALLOW)?;
    entry.refuse_unknown(&GRANT_KEYS)?;
    let pattern = pattern::read(&entry.required("match", ALLOW)?)?;
    let verb = |node: &Node<'_>| Verb::parse(node.text(VERBS)?).ok_or_else(|| node.mistake(VERBS));
    let verbs = match entry.get("verbs") {
        Some(node) => node.list(VERBS)?.iter().map(verb).collect::<Result<Vec<_>, _>>()?,
        None => Grant::USUAL_VERBS.to_vec(),
    };
    let name = |node: &Node<'_>| match node.text(PACKAGES)? {
        "" => Err(node.mistake(PACKAGES)),
        text => Ok(text.to_owned()),
    };
    let packages = entry.get("packages").map(|node| match node.list(PACKAGES)?.as_slice() {
        [] => Err(node.mistake(PACKAGES)),
        names => names.iter().map(name).collect::<Result<Vec<_>, _>>(),
    });
    if let (Some(node), true) = (entry.get("packages"), verbs.contains(&Verb::Read)) {
        let problem = "does not limit reading, and verbs has \"read\"";
        return Err(node.problem(problem, "is for other verbs: give \"read\" an object of its own, without packages"));
    }
    Ok(Grant { pattern, verbs, packages: packages.transpose()? })
}
