//! Who may read: `read` of an entry of `repositories`.

use std::collections::BTreeSet;

use rws_model::Readers;
use serde_json::{Value, json};

use super::mistake::Mistake;
use super::node::Node;

const READ: &str =
    "is \"public\", \"users\", or a list of users, groups (\"@name\") and rules for CI jobs (\"oidc:name\")";

/// Reads it.
pub fn read(node: &Node<'_>) -> Result<Readers, Mistake> {
    if node.is_text() {
        return match node.text(READ)? {
            "public" => Ok(Readers::Public),
            "users" => Ok(Readers::Users),
            _ => Err(node.mistake(READ)),
        };
    }
    let name = |node: &Node<'_>| match node.text(READ)? {
        "" => Err(node.mistake(READ)),
        name => Ok(name.to_owned()),
    };
    Ok(Readers::Named(node.list(READ)?.iter().map(name).collect::<Result<BTreeSet<_>, _>>()?))
}

/// The same as it stands in the file.
pub fn show(readers: &Readers) -> Value {
    match readers {
        Readers::Public => json!("public"),
        Readers::Users => json!("users"),
        Readers::Named(names) => json!(names),
    }
}
