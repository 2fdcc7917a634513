//! Changes that a service makes on request: they are planned, or sent and waited for.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::error::ClientError;
use crate::output::say;
use crate::remote::{Remote, RemoteArguments};
use crate::status;

/// The longest time that the service lets a request wait.
const MAX_WAIT_SECONDS: u64 = 60;

/// How a change is asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct ChangeArguments {
    #[command(flatten)]
    pub remote: RemoteArguments,
    /// Print what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// End when the service has taken the change, without waiting until it is published
    #[arg(long)]
    pub no_wait: bool,
    /// How long to wait until it is published
    #[arg(long, value_name = "SECONDS", default_value = "300", conflicts_with = "no_wait")]
    pub timeout: u64,
}

impl ChangeArguments {
    /// Asks for a change, and says what it would do, or that it is done.
    ///
    /// # Errors
    ///
    /// What the service says.
    pub async fn ask(
        &self,
        remote: &Remote,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(), ClientError> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = match self.dry_run || self.no_wait {
            true => path.to_owned(),
            false => format!("{path}{separator}wait={}", self.timeout.min(MAX_WAIT_SECONDS)),
        };
        let time = Duration::from_secs(self.timeout);
        let until = Instant::now() + time;
        let answer = remote.ask(method, &path, body).await?;
        // the time of the request was up before it was published
        let status = answer["status"].as_str().filter(|_| !self.no_wait);
        if let Some(upload) = status.and_then(|status| status.rsplit('/').next()) {
            status::published(remote, upload, (until, time)).await?;
        }
        if self.remote.json {
            return Ok(say(answer)?);
        }
        if self.dry_run {
            return say_plan(&answer, true);
        }
        Ok(say(if self.no_wait { "accepted" } else { "published" })?)
    }
}

/// Says what a plan changes: a line for each package, below its repository where there may be several.
///
/// # Errors
///
/// When nobody can be told.
pub fn say_plan(plan: &Value, names_repositories: bool) -> Result<(), ClientError> {
    for (repository, changes) in plan["repositories"].as_object().into_iter().flatten() {
        if names_repositories {
            say(format_args!("{repository}: {} packages stay as they are", changes["unchanged"]))?;
        }
        for (list, sign) in [("removed", '-'), ("replaced", '~'), ("added", '+')] {
            for package in changes[list].as_array().into_iter().flatten() {
                let text = |key: &str| package[key].as_str().unwrap_or_default();
                let (name, version, architecture, file) =
                    (text("name"), text("version"), text("architecture"), text("file"));
                say(format_args!("{sign} {name} {version} {architecture}  {file}"))?;
            }
        }
    }
    Ok(())
}
