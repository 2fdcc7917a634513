//! The settings of the process: the objects `server`, `store` and `publish`.

use super::mistake::Mistake;
use super::node::Object;

/// Settings of the HTTP server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// Whether all writes are refused; no users are needed then.
    pub read_only: bool,
}

/// Reads the three objects. A key in `store` or `publish` cannot mean anything yet, so it is a mistake there.
pub fn read(file: &Object<'_>) -> Result<ServerSettings, Mistake> {
    object(file, "store", &[])?;
    object(file, "publish", &[])?;
    let Some(server) = object(file, "server", &["read_only"])? else { return Ok(ServerSettings::default()) };
    let read_only = server.get("read_only").map_or(Ok(false), |node| node.boolean())?;
    Ok(ServerSettings { read_only })
}

fn object<'a>(file: &Object<'a>, name: &str, known: &[&str]) -> Result<Option<Object<'a>>, Mistake> {
    let Some(node) = file.get(name) else { return Ok(None) };
    let object = node.object("is an object")?;
    object.refuse_unknown(known)?;
    Ok(Some(object))
}
