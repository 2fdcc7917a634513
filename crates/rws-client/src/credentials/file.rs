//! The client's own file: `{"services": {"https://rws.example.org": {"token": "rws_…"}}}`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Credentials;
use crate::address;
use crate::environment::Environment;
use crate::error::ClientError;

/// Modes that let others than the owner read a file.
const OTHERS: u32 = 0o077;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    services: BTreeMap<String, Login>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    token: Option<String>,
    user: Option<String>,
    password: Option<String>,
}

/// The login for a service; none where there is no file, or nothing of this service in it.
///
/// # Errors
///
/// When others may read the file, it is broken, or it was named and is not there.
pub fn find(service: &str, environment: &Environment) -> Result<Option<Credentials>, ClientError> {
    let (path, is_named) = match (environment.path("RWS_CLIENT_CONFIG"), usual(environment)) {
        (Some(path), _) => (path, true),
        (None, Some(path)) => (path, false),
        (None, None) => return Ok(None),
    };
    let wrong = |reason: String| ClientError::Usage(format!("{}: {reason}", path.display()));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && !is_named => return Ok(None),
        Err(error) => return Err(wrong(error.to_string())),
    };
    expect_private(&path)?;
    // what serde says of a value could show it
    let form =
        r#"{"services": {"https://rws.example.org": {"token": "…"}}}, or "user" and "password" instead of "token""#;
    let file: File = serde_json::from_str(&text)
        .map_err(|error| wrong(format!("line {} is not as it should be: the file is {form}", error.line())))?;
    let mut found = None;
    for (url, login) in &file.services {
        if address::service(url).map_err(|error| wrong(error.to_string()))? == service {
            found = Some(login);
        }
    }
    let Some(login) = found else { return Ok(None) };
    let of = format!("in {}", path.display());
    match login {
        Login { token: Some(token), user: None, password: None } => {
            Ok(Some(Credentials::token(token, format!("the token {of}"))))
        }
        Login { token: None, user: Some(user), password: Some(password) } => {
            Ok(Some(Credentials::password(user, password, format!("user {user} {of}"))))
        }
        _ => Err(wrong(format!("{service} has neither \"token\" nor \"user\" and \"password\""))),
    }
}

fn usual(environment: &Environment) -> Option<PathBuf> {
    let configuration = environment.path("XDG_CONFIG_HOME");
    let configuration = configuration.or_else(|| Some(environment.path("HOME")?.join(".config")))?;
    Some(configuration.join("rws/client.json"))
}

fn expect_private(path: &Path) -> Result<(), ClientError> {
    let mode = std::fs::metadata(path).map(|metadata| metadata.mode()).unwrap_or_default();
    if mode & OTHERS != 0 {
        let message = format!("{0}: others may read it: chmod 600 {0}", path.display());
        return Err(ClientError::Usage(message));
    }
    Ok(())
}
