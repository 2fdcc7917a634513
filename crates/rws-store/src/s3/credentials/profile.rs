//! Keys of a profile in the shared files of AWS's programs. Only keys that stand there are used: no role that has to be
//! assumed, no login and no other program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::session::SourceError;
use super::{AccessKeys, AwsVariables, SessionKeys};

const ACCESS_KEY: &str = "aws_access_key_id";

/// The profile where no other one is named.
const DEFAULT: &str = "default";

/// Ways to get keys that are not for RWS.
const UNSUPPORTED: [&str; 6] =
    ["role_arn", "source_profile", "sso_session", "sso_start_url", "credential_process", "login_session"];

/// The keys of the profile.
pub async fn keys(variables: &AwsVariables) -> Result<SessionKeys, SourceError> {
    let name = variables.profile.as_deref();
    let wanted = name.unwrap_or(DEFAULT);
    let of_config = section(&variables.config_file, &names_in_config(wanted)).await?;
    let of_credentials = section(&variables.credentials_file, &[wanted.to_owned()]).await?;
    // keys of two files do not belong together
    let found = if of_credentials.contains_key(ACCESS_KEY) { &of_credentials } else { &of_config };
    let shown = |path: &Option<_>| path.as_deref().map_or_else(String::new, |path: &Path| path.display().to_string());
    let places = format!("{} and {}", shown(&variables.credentials_file), shown(&variables.config_file));
    let text = |key: &str| found.get(key).filter(|value| !value.is_empty()).cloned();
    // a profile that was asked for by name has to do
    let missing =
        |message: String| if name.is_some() { SourceError::wrong(message) } else { SourceError::NotSetUp(message) };
    match (text(ACCESS_KEY), text("aws_secret_access_key")) {
        (Some(access_key), Some(secret_key)) => {
            let keys = AccessKeys { access_key, secret_key, session_token: text("aws_session_token") };
            Ok(SessionKeys::new(keys, None))
        }
        _ => Err(missing(
            match UNSUPPORTED.into_iter().find(|key| of_config.contains_key(*key) || of_credentials.contains_key(*key))
            {
                Some(key) => format!("profile {wanted:?} has {key} and no keys; RWS uses only keys of profiles"),
                None => format!("{places} have no profile {wanted:?} with aws_access_key_id and aws_secret_access_key"),
            },
        )),
    }
}

/// The config file names all profiles but the default one with a word before, and that one with or without.
fn names_in_config(profile: &str) -> Vec<String> {
    let name = format!("profile {profile}");
    if profile == DEFAULT { vec![DEFAULT.to_owned(), name] } else { vec![name] }
}

/// The values of the sections with one of these names in a file; none where there is no such file.
async fn section(file: &Option<PathBuf>, names: &[String]) -> Result<BTreeMap<String, String>, SourceError> {
    let Some(path) = file else { return Ok(BTreeMap::new()) };
    Ok(content(path).await?.map_or_else(BTreeMap::new, |text| values(&text, names)))
}

/// The text of a file; none where there is no such file.
async fn content(path: &Path) -> Result<Option<String>, SourceError> {
    match tokio::fs::read_to_string(path).await {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(SourceError::wrong(format!("{} cannot be read: {error}", path.display()))),
    }
}

/// The values of the sections with one of these names. An indented line belongs to the value above it and is none of ours.
fn values(text: &str, names: &[String]) -> BTreeMap<String, String> {
    let (mut values, mut is_wanted) = (BTreeMap::new(), false);
    for line in text.lines().filter(|line| !line.starts_with([' ', '\t', '#', ';'])) {
        if let Some(rest) = line.strip_prefix('[') {
            let section = rest.split(']').next().unwrap_or_default();
            is_wanted = names.iter().any(|name| section.split_whitespace().eq(name.split_whitespace()));
        } else if let Some((key, value)) = line.split_once('=').filter(|_| is_wanted) {
            values.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    values
}
