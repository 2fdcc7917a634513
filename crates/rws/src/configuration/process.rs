//! The settings of the process: the objects `server`, `store` and `publish`.

use super::connection;
use super::mistake::Mistake;
use super::node::Object;

/// The keys of `server`.
pub const SERVER_KEYS: [&str; 1] = ["read_only"];

/// Settings of the HTTP server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// Whether all writes are refused; no users are needed then.
    pub read_only: bool,
}

/// Reads `server` and `publish`. A key in `publish` cannot mean anything yet, so it is a mistake there.
pub fn read(file: &Object<'_>) -> Result<ServerSettings, Mistake> {
    object(file, "publish", &[])?;
    let Some(server) = object(file, "server", &SERVER_KEYS)? else { return Ok(ServerSettings::default()) };
    let read_only = server.get("read_only").map_or(Ok(false), |node| node.boolean())?;
    Ok(ServerSettings { read_only })
}

/// The object `store`.
pub fn store<'a>(file: &Object<'a>) -> Result<Option<Object<'a>>, Mistake> {
    object(file, "store", &connection::KEYS)
}

fn object<'a>(file: &Object<'a>, name: &str, known: &[&str]) -> Result<Option<Object<'a>>, Mistake> {
    let Some(node) = file.get(name) else { return Ok(None) };
    let object = node.object("is an object")?;
    object.refuse_unknown(known)?;
    Ok(Some(object))
}
