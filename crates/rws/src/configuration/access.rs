//! Who may log in: users, groups and issuers of the file, of the environment, and of files of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::credentials::{self, Users};
use super::environment::{Environment, RWS_CREDENTIALS};
use super::file;
use super::htpasswd;
use super::mistake::{ENVIRONMENT, Mistake, quoted};
use super::node::{Node, Object, Secrecy};
use super::oidc::{self, OidcIssuer};
use super::repeated;

const GROUPS: &str = "is an object of groups, each a list of names of users: {\"release-managers\": [\"alice\"]}";
const HTPASSWD: &str = "is a list such as [{\"file\": \"/etc/rws/htpasswd\", \"allow\": [\"live/*\"]}]";
const ACCESS_FILE: &str = "is the path of a readable JSON file with users, groups, htpasswd and oidc";

/// The keys of `access_file`.
pub const ACCESS_KEYS: [&str; 4] = ["users", "groups", "htpasswd", "oidc"];

/// The keys of an item of `htpasswd`.
pub const HTPASSWD_KEYS: [&str; 2] = ["file", "allow"];

/// Who may log in, and in which groups they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The users; `None` where there is no word of users anywhere.
    pub users: Option<Users>,
    /// The users of each group.
    pub groups: BTreeMap<String, BTreeSet<String>>,
    /// Issuers of tokens whose jobs may do something.
    pub oidc: Vec<OidcIssuer>,
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
) -> Result<Access, Mistake> {
    let mut access = Access::default();
    let nodes = [common.and_then(|common| common.get("credentials")), file.get("users")];
    let nodes = nodes.into_iter().flatten();
    if let Some(text) = environment.text(RWS_CREDENTIALS)? {
        warnings.extend(nodes.map(|node| node.secret().warning("is not used, because RWS_CREDENTIALS is set")));
        access.add_all(
            credentials::of_environment(text, warnings)?,
            &Node::root(ENVIRONMENT, RWS_CREDENTIALS.name, &Value::Null, Secrecy::Secret),
        )?;
    } else {
        for node in nodes {
            access.add_all(credentials::users(&node.clone().secret(), warnings)?, &node)?;
        }
    }
    access.read_rest(file, warnings)?;
    if let Some(node) = file.get("access_file") {
        let path = PathBuf::from(node.text(ACCESS_FILE)?);
        let text = file::text(&path).map_err(|reason| {
            node.problem(format!("names {}, which {reason}", quoted(&path.to_string_lossy())), ACCESS_FILE)
        })?;
        access.files.push(path.clone());
        let origin = path.display().to_string();
        let value = file::parse(&origin, &text)?;
        warnings.extend(
            repeated::keys(&text).into_iter().map(|key| format!("{origin}: {key} occurs twice; RWS uses the last one")),
        );
        let top = file::top(&origin, &value)?;
        top.refuse_unknown(&ACCESS_KEYS)?;
        if let Some(node) = top.get("users") {
            access.add_all(credentials::users(&node.clone().secret(), warnings)?, &node)?;
        }
        access.read_rest(&top, warnings)?;
        // an issuer may be named in one of the two files
        let settings: Vec<_> = access.oidc.iter().map(|issuer| issuer.settings.clone()).collect();
        rws_oidc::check(&settings)
            .map_err(|error| Mistake::new(&origin, format!("oidc{}", error.key), error.problem, error.allowed))?;
    }
    let users = access.users.iter().flatten().map(|(name, _)| name.as_str()).collect::<BTreeSet<_>>();
    for (group, members) in &access.groups {
        let unknown = members.iter().filter(|name| access.users.is_some() && !users.contains(name.as_str()));
        warnings.extend(unknown.map(|name| format!("groups.{group} has {name:?}, who is no user")));
    }
    Ok(access)
}

impl Access {
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

    /// Reads groups, htpasswd files and issuers of a file.
    fn read_rest(&mut self, file: &Object<'_>, warnings: &mut Vec<String>) -> Result<(), Mistake> {
        if let Some(node) = file.get("groups") {
            for (name, node) in node.object(GROUPS)?.entries() {
                let members = self.groups.entry(name.to_owned()).or_default();
                for member in node.list(GROUPS)? {
                    members.insert(member.text(GROUPS)?.to_owned());
                }
            }
        }
        self.oidc.extend(oidc::read(file)?);
        let Some(node) = file.get("htpasswd") else { return Ok(()) };
        for node in node.list(HTPASSWD)? {
            let entry = node.object(HTPASSWD)?;
            entry.refuse_unknown(&HTPASSWD_KEYS)?;
            let file = entry.required("file", HTPASSWD)?;
            let path = PathBuf::from(file.text(HTPASSWD)?);
            let allow = entry.get("allow").map(|node| credentials::grants(&node)).transpose()?.unwrap_or_default();
            let text = file::text(&path).map_err(|reason| {
                file.problem(format!("names {}, which {reason}", quoted(&path.to_string_lossy())), HTPASSWD)
            })?;
            self.add_all(htpasswd::users(&path, &text, &allow, warnings)?, &file)?;
            self.files.push(path);
        }
        Ok(())
    }
}
