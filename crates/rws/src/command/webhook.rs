//! `rws webhook`: whether receivers take what they are sent.

use anyhow::{Context, ensure};
use clap::Subcommand;
use rws_server::{WebhookSettings, send_test};

use super::output::{complain, say};
use crate::configuration::Configuration;

#[derive(Debug, Subcommand)]
pub enum Action {
    /// Send a signed message of the type "test" to a receiver; exits with 1 if it does not answer with 2xx
    Test {
        /// Name of the webhook, as `rws config show` prints it; none: all of them
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
}

/// Asks the receivers.
///
/// # Errors
///
/// When there is no such webhook, or a receiver does not take the message.
pub async fn run(action: Action, configuration: &Configuration) -> anyhow::Result<()> {
    let Action::Test { name } = action;
    let is_wanted = |one: &&WebhookSettings| name.as_ref().is_none_or(|name| one.name == *name);
    let wanted: Vec<&WebhookSettings> = configuration.webhooks.iter().filter(is_wanted).collect();
    let known: Vec<&str> = configuration.webhooks.iter().map(|one| one.name.as_str()).collect();
    let missing = || format!("there is no such webhook in the configuration; it has: {}", known.join(", "));
    wanted.first().with_context(missing)?;
    let mut failed = 0;
    for one in &wanted {
        match send_test(one).await {
            Ok(()) => say(format_args!("{}: took the message", one.name))?,
            Err(reason) => {
                complain(format_args!("{}: {reason}", one.name));
                failed += 1;
            }
        }
    }
    ensure!(failed == 0, "{failed} of {} receivers did not take the message", wanted.len());
    Ok(())
}
