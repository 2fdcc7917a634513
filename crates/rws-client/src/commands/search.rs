//! `rws search`: packages of a service, by words of their names and summaries.

use http::Method;
use serde_json::Value;

use crate::address::quoted;
use crate::environment::Environment;
use crate::error::ClientError;
use crate::output::{complain, say};
use crate::remote::{Remote, RemoteArguments};

/// The most packages of one answer.
const MAX_PAGE: usize = 100;

/// What is searched for.
#[derive(Clone, Debug, clap::Args)]
pub struct SearchArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// Words, all of which the name or the summary of a package has
    #[arg(value_name = "WORD", required = true)]
    words: Vec<String>,
    /// Only in targets of this kind, such as release
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// At most so many packages
    #[arg(long, value_name = "NUMBER", default_value = "50")]
    limit: usize,
}

/// Searches.
pub async fn run(arguments: SearchArguments, environment: &Environment) -> Result<(), ClientError> {
    let remote = Remote::new(&arguments.remote, environment)?;
    let kind = arguments.kind.map(|kind| format!("&kind={}", quoted(&kind))).unwrap_or_default();
    let mut left = arguments.limit;
    let mut path = format!("/-/search?q={}{kind}", quoted(&arguments.words.join(" ")));
    while left > 0 {
        let page = remote.ask(Method::GET, &format!("{path}&limit={}", left.min(MAX_PAGE)), None).await?;
        for package in page["packages"].as_array().into_iter().flatten() {
            match arguments.remote.json {
                true => say(package)?,
                false => say_package(package)?,
            }
            left = left.saturating_sub(1);
        }
        for repository in page["not_searched"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            complain(format_args!("not searched: {repository}"));
        }
        // an address of the same search, with another limit
        let Some((_, query)) = page["next"].as_str().and_then(|next| next.split_once('?')) else { break };
        let rest: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("limit=")).collect();
        path = format!("/-/search?{}", rest.join("&"));
    }
    Ok(())
}

fn say_package(package: &Value) -> Result<(), ClientError> {
    let list = |key: &str| {
        let values = package[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        values.collect::<Vec<_>>().join(", ")
    };
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    say(format_args!("{}  {}  {}", text("name"), list("versions"), text("summary")))?;
    Ok(say(format_args!("  {}", list("targets")))?)
}
