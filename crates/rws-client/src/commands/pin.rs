//! `rws pin`: names for states of repositories, which are kept.

use http::Method;
use serde_json::json;

use crate::address::encoded;
use crate::environment::Environment;
use crate::error::ClientError;
use crate::output::say;
use crate::remote::{Remote, RemoteArguments};

/// What to do with pins.
#[derive(Clone, Debug, clap::Args)]
pub struct PinArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Action {
    /// Keep the states that targets have
    Create {
        /// The name: letters, digits, `.`, `_` and `-`
        #[arg(value_name = "NAME")]
        name: String,
        /// Targets, or patterns of them such as release/*/el/*
        #[arg(value_name = "TARGET", required = true)]
        targets: Vec<String>,
        /// The states that they had: a generation, another pin, or a time like 20260301T120000Z [default: now]
        #[arg(long, value_name = "STATE")]
        at: Option<String>,
    },
    /// List the pins
    List,
    /// Remove a pin: its states are kept as long as others
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// Does what is asked for.
pub async fn run(arguments: PinArguments, environment: &Environment) -> Result<(), ClientError> {
    let remote = Remote::new(&arguments.remote, environment)?;
    let (answer, done) = match arguments.action {
        Action::Create { name, targets, at } => {
            let body = json!({ "name": name, "targets": targets, "at": at });
            (remote.ask(Method::POST, "/-/pins", Some(&body)).await?, "pinned")
        }
        Action::Remove { name } => {
            (remote.ask(Method::DELETE, &format!("/-/pins/{}", encoded(&name)), None).await?, "removed")
        }
        Action::List => (remote.ask(Method::GET, "/-/pins", None).await?, ""),
    };
    if arguments.remote.json {
        return Ok(say(answer)?);
    }
    if !done.is_empty() {
        return Ok(say(done)?);
    }
    for pin in answer["pins"].as_array().into_iter().flatten() {
        let text = |key: &str| pin[key].as_str().unwrap_or_default();
        say(format_args!("{}  {}", text("name"), text("created_at")))?;
        for (repository, generation) in pin["repositories"].as_object().into_iter().flatten() {
            say(format_args!("  {repository}  {}", generation.as_str().unwrap_or_default()))?;
        }
    }
    Ok(())
}
