//! Who may write, and where.

use std::collections::BTreeMap;

use rws_model::Target;
use serde_json::Value;

use super::environment::{Environment, RWS_CREDENTIALS};
use super::mistake::{ENVIRONMENT, Mistake};
use super::model::Model;
use super::node::{Node, Object, Secrecy};
use super::pattern::{self, Pattern};
use super::repeated;
use super::secret::Secret;

const USERS: &str =
    "is an object of users: {\"name\": \"hash\"} or {\"name\": {\"hash\": \"…\", \"allow\": [\"live/*\"]}}";
const USER: &str = "is a password hash, or an object with hash and allow";
/// The keys of a user who is more than a hash.
pub const KEYS: [&str; 2] = ["hash", "allow"];

const HASH: &str = "is a password hash, as `rws hash-password` makes it";

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The password hash as configured. It may be unusable: the original started with such users too.
    pub hash: Secret,
    /// Where the user may write; none where there is no limit.
    pub allow: Option<Vec<Pattern>>,
}

impl User {
    /// Whether the user may write to the target.
    pub fn may_write(&self, target: &Target) -> bool {
        self.allow.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(target)))
    }
}

/// The users by name.
pub type Users = BTreeMap<String, User>;

/// Reads the users of `RWS_CREDENTIALS`; without it those of `common.credentials` and `users` in the file. None where
/// there is no word of users anywhere.
pub fn read(
    file: &Object<'_>,
    common: Option<&Object<'_>>,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> Result<Option<Users>, Mistake> {
    let nodes = [common.and_then(|common| common.get("credentials")), file.get("users")];
    let mut nodes = nodes.into_iter().flatten().map(Node::secret).peekable();
    if let Some(text) = environment.text(RWS_CREDENTIALS)? {
        warnings.extend(nodes.map(|node| node.warning("is not used, because RWS_CREDENTIALS is set")));
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let place = format!("is not valid JSON at line {}, column {} (not shown)", error.line(), error.column());
            Mistake::new(ENVIRONMENT, RWS_CREDENTIALS.name, place, USERS)
        })?;
        let repeated = repeated::keys(text).into_iter();
        warnings.extend(
            repeated.map(|key| {
                format!("{ENVIRONMENT}: {}.{key} occurs twice; RWS uses the last one", RWS_CREDENTIALS.name)
            }),
        );
        let node = Node::root(ENVIRONMENT, RWS_CREDENTIALS.name, &value, Secrecy::Secret);
        return users(&node, warnings).map(Some);
    }
    if nodes.peek().is_none() {
        return Ok(None);
    }
    let mut all = Users::new();
    for node in nodes {
        for (name, user) in users(&node, warnings)? {
            if all.insert(name.clone(), user).is_some() {
                return Err(node.problem(format!("names {name:?} a second time"), "is each user once"));
            }
        }
    }
    Ok(Some(all))
}

/// What is said of patterns of users that match no repository.
pub fn useless(users: &Users, model: &Model) -> Vec<String> {
    let mut warnings = Vec::new();
    for (name, user) in users {
        for pattern in user.allow.iter().flatten() {
            if !model.targets().any(|target| pattern.matches(&target)) {
                warnings.push(format!("user {name:?}: allow has {pattern}, which matches no repository"));
            }
        }
    }
    warnings
}

fn users(node: &Node<'_>, warnings: &mut Vec<String>) -> Result<Users, Mistake> {
    let mut users = Users::new();
    for (name, node) in node.object(USERS)?.entries() {
        if name.is_empty() || name.contains(|character: char| character == ':' || character.is_control()) {
            warnings.push(node.warning(
                "can never log in: a name must not be empty and must not contain a colon or a control character",
            ));
        }
        users.insert(name.to_owned(), user(&node)?);
    }
    Ok(users)
}

fn user(node: &Node<'_>) -> Result<User, Mistake> {
    if node.is_text() {
        return Ok(User { hash: Secret::new(node.text(USER)?), allow: None });
    }
    let entry = node.object(USER)?;
    entry.refuse_unknown(&KEYS)?;
    let hash = Secret::new(entry.required("hash", HASH)?.text(HASH)?);
    let allow = entry.get("allow").map(Node::public).map(|node| {
        let patterns = node.list("is a list of patterns such as live/*/el/*")?;
        patterns.iter().map(pattern::read).collect::<Result<Vec<_>, _>>()
    });
    Ok(User { hash, allow: allow.transpose()? })
}
