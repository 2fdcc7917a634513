//! Who may do what, and where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rws_model::{Allowed, Grant, Target, Verb};
use serde_json::Value;

use super::environment::{Environment, RWS_CREDENTIALS};
use super::file;
use super::htpasswd;
use super::mistake::{ENVIRONMENT, Mistake, quoted};
use super::model::Model;
use super::node::{Node, Object, Secrecy};
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

const GROUPS: &str = "is an object of groups, each a list of names of users: {\"release-managers\": [\"alice\"]}";
const HTPASSWD: &str = "is a list such as [{\"file\": \"/etc/rws/htpasswd\", \"allow\": [\"live/*\"]}]";
const ACCESS_FILE: &str = "is the path of a readable JSON file with users, groups and htpasswd";

/// The keys of `access_file`.
pub const ACCESS_KEYS: [&str; 3] = ["users", "groups", "htpasswd"];

/// The keys of an item of `htpasswd`.
pub const HTPASSWD_KEYS: [&str; 2] = ["file", "allow"];

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

/// Who the users are, and in which groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The users; `None` where there is no word of users anywhere.
    pub users: Option<Users>,
    /// The users of each group.
    pub groups: BTreeMap<String, BTreeSet<String>>,
    /// The files that were read for this beside the configuration's own.
    pub files: Vec<PathBuf>,
}

/// Reads the users of `RWS_CREDENTIALS`; without it those of `common.credentials` and `users` in the file. Those of `access_file` and
/// of `htpasswd` come on top.
pub fn read(
    file: &Object<'_>,
    common: Option<&Object<'_>>,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> Result<Known, Mistake> {
    let mut known = Known::default();
    let nodes = [common.and_then(|common| common.get("credentials")), file.get("users")];
    let nodes = nodes.into_iter().flatten();
    if let Some(text) = environment.text(RWS_CREDENTIALS)? {
        warnings.extend(nodes.map(|node| node.secret().warning("is not used, because RWS_CREDENTIALS is set")));
        known.add_all(
            of_environment(text, warnings)?,
            &Node::root(ENVIRONMENT, RWS_CREDENTIALS.name, &Value::Null, Secrecy::Secret),
        )?;
    } else {
        for node in nodes {
            known.add_all(users(&node.clone().secret(), warnings)?, &node)?;
        }
    }
    known.read_rest(file, warnings)?;
    if let Some(node) = file.get("access_file") {
        let path = PathBuf::from(node.text(ACCESS_FILE)?);
        let text = file::text(&path).map_err(|reason| {
            node.problem(format!("names {}, which {reason}", quoted(&path.to_string_lossy())), ACCESS_FILE)
        })?;
        known.files.push(path.clone());
        let origin = path.display().to_string();
        let value = file::parse(&origin, &text)?;
        warnings.extend(
            repeated::keys(&text).into_iter().map(|key| format!("{origin}: {key} occurs twice; RWS uses the last one")),
        );
        let top = file::top(&origin, &value)?;
        top.refuse_unknown(&ACCESS_KEYS)?;
        if let Some(node) = top.get("users") {
            known.add_all(users(&node.clone().secret(), warnings)?, &node)?;
        }
        known.read_rest(&top, warnings)?;
    }
    let users = known.users.iter().flatten().map(|(name, _)| name.as_str()).collect::<BTreeSet<_>>();
    for (group, members) in &known.groups {
        let unknown = members.iter().filter(|name| known.users.is_some() && !users.contains(name.as_str()));
        warnings.extend(unknown.map(|name| format!("groups.{group} has {name:?}, who is no user")));
    }
    Ok(known)
}

fn of_environment(text: &str, warnings: &mut Vec<String>) -> Result<Users, Mistake> {
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

impl Known {
    /// Adds the users of a place.
    fn add_all(&mut self, users: Users, node: &Node<'_>) -> Result<(), Mistake> {
        let all = self.users.get_or_insert_default();
        for (name, user) in users {
            if all.insert(name.clone(), user).is_some() {
                return Err(node.problem(format!("names {name:?} a second time"), "is each user once"));
            }
        }
        Ok(())
    }

    /// Reads groups and htpasswd files of a file.
    fn read_rest(&mut self, file: &Object<'_>, warnings: &mut Vec<String>) -> Result<(), Mistake> {
        if let Some(node) = file.get("groups") {
            for (name, node) in node.object(GROUPS)?.entries() {
                let members = self.groups.entry(name.to_owned()).or_default();
                for member in node.list(GROUPS)? {
                    members.insert(member.text(GROUPS)?.to_owned());
                }
            }
        }
        let Some(node) = file.get("htpasswd") else { return Ok(()) };
        for node in node.list(HTPASSWD)? {
            let entry = node.object(HTPASSWD)?;
            entry.refuse_unknown(&HTPASSWD_KEYS)?;
            let file = entry.required("file", HTPASSWD)?;
            let path = PathBuf::from(file.text(HTPASSWD)?);
            let allow = entry.get("allow").map(|node| grants(&node)).transpose()?.unwrap_or_default();
            let text = file::text(&path).map_err(|reason| {
                file.problem(format!("names {}, which {reason}", quoted(&path.to_string_lossy())), HTPASSWD)
            })?;
            self.add_all(htpasswd::users(&path, &text, &allow, warnings)?, &file)?;
            self.files.push(path);
        }
        Ok(())
    }
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
    Ok(Grant { pattern, verbs, packages: packages.transpose()? })
}
