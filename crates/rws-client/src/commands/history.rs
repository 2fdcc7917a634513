//! `rws log` and `rws diff`: what was published in a repository of a service, and what two states differ in.

use http::Method;
use serde_json::Value;

use crate::address::{encoded, quoted};
use crate::change::say_plan;
use crate::environment::Environment;
use crate::error::ClientError;
use crate::output::say;
use crate::remote::{Remote, RemoteArguments};

/// Which generations are listed.
#[derive(Clone, Debug, clap::Args)]
pub struct LogArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// Name of the repository, such as live/1.10/el/8/x86_64 or release/2.8/ubuntu/focal
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    /// How many generations, the newest first [default: all that are kept]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

/// Which states are compared.
#[derive(Clone, Debug, clap::Args)]
pub struct DiffArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// Name of the repository
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    /// A generation, a pin, or a time like 20260301T120000Z
    #[arg(value_name = "FROM")]
    from: String,
    /// Another one [default: what is current]
    #[arg(value_name = "TO")]
    to: Option<String>,
}

/// Lists generations, the newest first.
///
/// # Errors
///
/// What the service says.
pub async fn log(arguments: LogArguments, environment: &Environment) -> Result<(), ClientError> {
    let remote = Remote::new(&arguments.remote, environment)?;
    let base = format!("/-/repositories/{}/generations", encoded(&arguments.repository));
    let (mut left, mut before) = (arguments.limit.unwrap_or(usize::MAX), None);
    while left > 0 {
        let limit = left.min(50);
        let query = before.map_or_else(String::new, |before: String| format!("&before={}", quoted(&before)));
        let page = remote.ask(Method::GET, &format!("{base}?limit={limit}{query}"), None).await?;
        for generation in page["generations"].as_array().into_iter().flatten() {
            match arguments.remote.json {
                true => say(generation)?,
                false => say(line(generation))?,
            }
            left -= 1;
        }
        let Some(next) = page["next"].as_str() else { break };
        before = Some(next.to_owned());
    }
    Ok(())
}

/// Lists what comes and goes between two states.
///
/// # Errors
///
/// What the service says.
pub async fn diff(arguments: DiffArguments, environment: &Environment) -> Result<(), ClientError> {
    let remote = Remote::new(&arguments.remote, environment)?;
    let to = arguments.to.map_or_else(String::new, |to| format!("&to={}", quoted(&to)));
    let repository = encoded(&arguments.repository);
    let path = format!("/-/repositories/{repository}/diff?from={}{to}", quoted(&arguments.from));
    let plan = remote.ask(Method::GET, &path, None).await?;
    if arguments.remote.json {
        return Ok(say(plan)?);
    }
    say_plan(&plan, false)
}

/// A generation in one line: when, which, what changed, who.
fn line(generation: &Value) -> String {
    let text = |key: &str| generation[key].as_str().unwrap_or_default();
    let count = |key: &str, sign: char| generation[key].as_u64().map(|count| format!("{sign}{count}"));
    let changes: Vec<String> = [("added", '+'), ("replaced", '~'), ("removed", '-')]
        .into_iter()
        .filter_map(|(key, sign)| count(key, sign).filter(|text| !text.ends_with(&format!("{sign}0"))))
        .collect();
    let uploads = generation["uploads"].as_array().into_iter().flatten();
    let by: Vec<String> = uploads
        .map(|upload| {
            let text = |key: &str| upload[key].as_str();
            match (text("verb"), text("user")) {
                (Some(verb), Some(user)) => format!("{verb} by {user}"),
                (verb, _) => verb.unwrap_or("upload").to_owned(),
            }
        })
        .collect();
    let pins: Vec<&str> = generation["pins"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let pins = if pins.is_empty() { String::new() } else { format!("  pinned: {}", pins.join(", ")) };
    format!("{}  {}  {}  {}{pins}", text("published_at"), text("generation"), changes.join(" "), by.join(", "))
        .trim_end()
        .to_owned()
}
