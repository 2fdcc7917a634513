//! Who may do what, and where.

use std::collections::BTreeMap;

use rws_model::{Allowed, Target, Verb};
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
const USER: &str = "is a password hash, or an object with hash, allow and admin";
/// The keys of a user who is more than a hash.
pub const KEYS: [&str; 3] = ["hash", "allow", "admin"];

const ALLOW: &str =
    "is a list of patterns such as live/*/el/*, or of {\"match\": \"live/*\", \"verbs\": [\"upload\", \"promote\"]}";
const PACKAGES: &str = "is a list of patterns of package names, such as [\"tarantool*\"]";
const VERBS: &str = "is a list of read, upload, delete, promote, retain";

/// The keys of an item of `allow`.
pub const GRANT_KEYS: [&str; 3] = ["match", "verbs", "packages"];

/// What a pattern alone stands for.
const USUAL_VERBS: [Verb; 2] = [Verb::Upload, Verb::Delete];

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

/// What a user may do in some repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which repositories.
    pub pattern: Pattern,
    /// What.
    pub verbs: Vec<Verb>,
    /// Patterns of the packages; `None`: all.
    pub packages: Option<Vec<String>>,
}

impl User {
    /// With how much of the target the user may do this.
    pub fn may(&self, verb: Verb, target: &Target) -> Allowed {
        let Some(grants) = self.allow.as_ref().filter(|_| !self.admin) else {
            let may = self.admin || USUAL_VERBS.contains(&verb);
            return if may { Allowed::Everything } else { Allowed::Nothing };
        };
        let mut allowed = Allowed::Nothing;
        for grant in grants.iter().filter(|grant| grant.verbs.contains(&verb) && grant.pattern.matches(target)) {
            let Some(packages) = &grant.packages else { return Allowed::Everything };
            match &mut allowed {
                Allowed::Packages(patterns) => patterns.extend(packages.iter().cloned()),
                _ => allowed = Allowed::Packages(packages.clone()),
            }
        }
        allowed
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
        for pattern in user.allow.iter().flatten().map(|grant| &grant.pattern) {
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
        return Ok(User { hash: Secret::new(node.text(USER)?), allow: None, admin: false });
    }
    let entry = node.object(USER)?;
    entry.refuse_unknown(&KEYS)?;
    let hash = Secret::new(entry.required("hash", HASH)?.text(HASH)?);
    let allow = entry
        .get("allow")
        .map(Node::public)
        .map(|node| node.list(ALLOW)?.iter().map(grant).collect::<Result<Vec<_>, _>>());
    let admin = entry.get("admin").map(Node::public).map(|node| node.boolean()).transpose()?;
    Ok(User { hash, allow: allow.transpose()?, admin: admin.unwrap_or_default() })
}

fn grant(node: &Node<'_>) -> Result<Grant, Mistake> {
    if node.is_text() {
        return Ok(Grant { pattern: pattern::read(node)?, verbs: USUAL_VERBS.to_vec(), packages: None });
    }
    let entry = node.object(ALLOW)?;
    entry.refuse_unknown(&GRANT_KEYS)?;
    let pattern = pattern::read(&entry.required("match", ALLOW)?)?;
    let verb = |node: &Node<'_>| Verb::parse(node.text(VERBS)?).ok_or_else(|| node.mistake(VERBS));
    let verbs = match entry.get("verbs") {
        Some(node) => node.list(VERBS)?.iter().map(verb).collect::<Result<Vec<_>, _>>()?,
        None => USUAL_VERBS.to_vec(),
    };
    let name = |node: &Node<'_>| match node.text(PACKAGES)? {
        "" => Err(node.mistake(PACKAGES)),
        text => Ok(text.to_owned()),
    };
    let packages = entry.get("packages").map(|node| match node.list(PACKAGES)?.as_slice() {
        [] => Err(node.mistake(PACKAGES)),
        names => names.iter().map(name).collect::<Result<Vec<_>, _>>(),
    });
    Ok(Grant { pattern, verbs, packages: packages.transpose()? })
}
