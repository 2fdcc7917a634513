//! `rws ls` and `rws status`: what there is.

use http::Method;
use serde_json::Value;

use crate::address::encoded;
use crate::environment::Environment;
use crate::error::ClientError;
use crate::output::say;
use crate::remote::{Remote, RemoteArguments};

/// What is listed.
#[derive(Clone, Debug, clap::Args)]
pub struct ListArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// A directory of the service, such as live/1.10/el/8/x86_64/Packages, or the beginning of names of repositories, such as
    /// live/1.10/ubuntu/focal [default: all repositories]
    #[arg(value_name = "PATH")]
    path: Option<String>,
    /// All files below it
    #[arg(long, requires = "path")]
    recursive: bool,
}

/// Of what.
#[derive(Clone, Debug, clap::Args)]
pub struct StatusArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// An upload, as rws push --json names it [default: the service]
    #[arg(value_name = "UPLOAD")]
    upload: Option<String>,
}

/// Lists repositories, or a directory.
pub async fn list(arguments: ListArguments, environment: &Environment) -> Result<(), ClientError> {
    let remote = Remote::new(&arguments.remote, environment)?;
    let is_json = arguments.remote.json;
    let Some(path) = arguments.path else {
        let all = remote.ask(Method::GET, "/-/repositories", None).await?;
        return match is_json {
            true => Ok(say(all)?),
            false => list_repositories(&all, ""),
        };
    };
    let directory = format!("/{}", encoded(&path));
    if arguments.recursive {
        let lines = remote.ask_text(Method::GET, &format!("{directory}?recursive=1"), None).await?;
        for line in lines.lines() {
            let entry: Value = serde_json::from_str(line).unwrap_or_default();
            match is_json {
                true => say(line)?,
                false => say_entry(&entry)?,
            }
        }
        return Ok(());
    }
    let mut page_path = format!("{directory}?format=json");
    loop {
        let page = match remote.ask(Method::GET, &page_path, None).await {
            // an apt repository has no directory of its name
            Err(error @ ClientError::Refused(_)) => return list_named(&remote, &path, error, is_json).await,
            page => page?,
        };
        for entry in page["entries"].as_array().into_iter().flatten() {
            match is_json {
                true => say(entry)?,
                false => say_entry(entry)?,
            }
        }
        // an address of the same directory
        let query = page["next"].as_str().and_then(|next| next.split_once('?'));
        let Some((_, query)) = query else { return Ok(()) };
        page_path = format!("{directory}?{query}");
    }
}

/// Lists the repositories whose names begin so; where there are none, it is an error.
async fn list_named(remote: &Remote, path: &str, none: ClientError, is_json: bool) -> Result<(), ClientError> {
    let mut all = remote.ask(Method::GET, "/-/repositories", None).await?;
    let path = path.trim_matches('/');
    let is_named = |one: &Value| one["repository"].as_str().is_some_and(|name| is_below(name, path));
    if let Some(repositories) = all["repositories"].as_array_mut() {
        repositories.retain(is_named);
        if repositories.is_empty() {
            return Err(none);
        }
    }
    if is_json { Ok(say(all)?) } else { list_repositories(&all, path) }
}

/// Whether a name is this path, or continues it behind a slash.
fn is_below(name: &str, path: &str) -> bool {
    path.is_empty() || name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn list_repositories(all: &Value, path: &str) -> Result<(), ClientError> {
    let all = all["repositories"].as_array().into_iter().flatten();
    for one in all.filter(|one| one["repository"].as_str().is_some_and(|name| is_below(name, path))) {
        let text = |key: &str| one[key].as_str().unwrap_or_default();
        let packages = one["packages"].as_u64().map(packages).unwrap_or_default();
        let error = one["last_error"].as_str().map(|error| format!("  {error}")).unwrap_or_default();
        say(format_args!("{}  {}  {packages}  {}{error}", text("repository"), text("state"), text("published_at")))?;
    }
    Ok(())
}

fn say_entry(entry: &Value) -> Result<(), ClientError> {
    let text = |key: &str| entry[key].as_str();
    let name = text("path").or(text("name")).unwrap_or_default();
    match entry["size"].as_u64() {
        Some(size) => say(format_args!("{name}  {size}  {}", text("modified").unwrap_or_default()))?,
        None => say(format_args!("{name}/"))?,
    }
    Ok(())
}

/// Says how the service is, or what became of an upload.
pub async fn status(arguments: StatusArguments, environment: &Environment) -> Result<(), ClientError> {
    let remote = Remote::new(&arguments.remote, environment)?;
    let path = match &arguments.upload {
        Some(upload) => format!("/-/status/{}", encoded(upload)),
        None => "/-/status".to_owned(),
    };
    let status = remote.ask(Method::GET, &path, None).await?;
    if arguments.remote.json {
        return Ok(say(status)?);
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if arguments.upload.is_some() {
        say(format_args!("{}  {}", text(&status["state"]), text(&status["reason"])).to_string().trim_end())?;
        for (repository, value) in status["repositories"].as_object().into_iter().flatten() {
            say(format_args!("  {repository}  {}", text(&value["generation"])))?;
        }
        return Ok(());
    }
    say(format_args!("{}: version {}", remote.service(), text(&status["version"])))?;
    say(format_args!("writers: {}", text(&status["writers"]["message"])))?;
    for (what, key) in [("failing", "failing"), ("compared with the store", "comparing"), ("old entries", "stale")] {
        for (repository, value) in status[key].as_object().into_iter().flatten() {
            let why = value.as_str().map(|why| format!(": {why}")).unwrap_or_default();
            say(format_args!("{what}: {repository}{why}"))?;
        }
    }
    for (name, key) in status["keys"].as_object().into_iter().flatten() {
        let expires = key["expires"].as_str().map_or("does not expire".to_owned(), |time| format!("expires {time}"));
        let problem = key["problem"].as_str().map(|problem| format!("; {problem}")).unwrap_or_default();
        say(format_args!("key {name}: {}, {expires}{problem}", text(&key["fingerprint"])))?;
    }
    Ok(())
}

fn packages(count: u64) -> String {
    if count == 1 { "1 package".to_owned() } else { format!("{count} packages") }
}
