//! `rws token`: makes, lists and revokes tokens of a service.

use http::Method;
use serde_json::{Value, json};

use crate::environment::Environment;
use crate::error::ClientError;
use crate::output::{complain, say};
use crate::remote::{Remote, RemoteArguments};

/// What to do with tokens.
#[derive(Clone, Debug, clap::Args)]
pub struct TokenArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Action {
    /// Make a token and print it: nobody can see it again
    Create {
        /// What it is for, as logs and records name it
        #[arg(value_name = "NAME")]
        name: String,
        /// Targets that it is good for, such as live/*
        #[arg(long, value_name = "PATTERN", required = true)]
        allow: Vec<String>,
        /// What it allows: read, upload, delete, promote, retain [default: upload, delete]
        #[arg(long, value_name = "VERB", value_delimiter = ',')]
        verbs: Vec<String>,
        /// Patterns of the packages that it may change [default: all]
        #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
        packages: Vec<String>,
        /// From when on it is not good any more, such as 2027-12-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// Let it stand in a path, /-/t/TOKEN/; only with --verbs read
        #[arg(long)]
        path: bool,
    },
    /// List the tokens
    List,
    /// Revoke a token
    Revoke {
        /// Its id, as the list has it
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// Does what is asked for.
///
/// # Errors
///
/// What the service says.
pub async fn run(arguments: TokenArguments, environment: &Environment) -> Result<(), ClientError> {
    let remote = Remote::new(&arguments.remote, environment)?;
    let is_json = arguments.remote.json;
    match arguments.action {
        Action::Create { name, allow, verbs, packages, expires, path } => {
            let grant = |pattern: &String| {
                let mut grant = json!({ "match": pattern });
                if !verbs.is_empty() {
                    grant["verbs"] = json!(verbs);
                }
                if !packages.is_empty() {
                    grant["packages"] = json!(packages);
                }
                grant
            };
            let grants: Vec<Value> = allow.iter().map(grant).collect();
            let body = json!({ "name": name, "allow": grants, "expires": expires, "path": path });
            let made = remote.ask(Method::POST, "/-/tokens", Some(&body)).await?;
            if is_json {
                return Ok(say(made)?);
            }
            complain(format_args!("token {}: this is the only time that it is shown", text(&made, "id")));
            say(text(&made, "token"))?;
        }
        Action::List => {
            let all = remote.ask(Method::GET, "/-/tokens", None).await?;
            if is_json {
                return Ok(say(all)?);
            }
            for token in all["tokens"].as_array().into_iter().flatten() {
                let expires = token["expires"].as_str().map_or("never ends".to_owned(), |time| format!("ends {time}"));
                let used = token["last_used"].as_str().map_or("never used".to_owned(), |day| format!("used {day}"));
                let (id, name, by) = (text(token, "id"), text(token, "name"), text(token, "created_by"));
                say(format_args!("{id}  {name}  by {by}, {expires}, {used}"))?;
            }
        }
        Action::Revoke { id } => {
            let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !is_id {
                return Err(ClientError::Usage(format!("{id:?} is no id of a token")));
            }
            let done = remote.ask(Method::DELETE, &format!("/-/tokens/{id}"), None).await?;
            if is_json {
                return Ok(say(done)?);
            }
            say(format_args!("revoked: within 30 seconds no replica takes it any more"))?;
        }
    }
    Ok(())
}

fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_default()
}
