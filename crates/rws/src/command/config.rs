//! `rws config`: what the configuration is, and whether it is right.

use anyhow::bail;
use rws_model::Formats;
use rws_passwords::PasswordHash;
use rws_server::KeyState;

use super::output::say;
use crate::configuration::{Configuration, Environment, ListeningAddress, Overrides};
use crate::installation::signing::{SigningKeys, UnfitKeys};
use crate::installation::{catalogue, now};

/// What to do with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Action {
    /// Check the configuration: print warnings and a summary, or the first mistake
    Check,
    /// Print the effective configuration as JSON, without secrets
    Show,
    /// Print what a user may do with a target, and which rule says so
    Explain {
        /// The name of a user, or oidc:NAME for a rule for CI jobs
        #[arg(value_name = "USER")]
        user: String,
        /// A target like live/1.10/el/8, or a pattern of targets like live/*
        #[arg(value_name = "TARGET")]
        target: String,
    },
}

/// Runs the action.
pub fn run(action: Action, overrides: &Overrides, environment: &Environment, formats: &Formats) -> anyhow::Result<()> {
    let configuration = Configuration::load(overrides, environment, formats)?;
    let listen = ListeningAddress::resolve(None, environment)?;
    match action {
        Action::Check => {
            for warning in &configuration.warnings {
                say(format_args!("warning: {warning}"))?;
            }
            let keys = SigningKeys::load(&configuration, None, UnfitKeys::Refused, now())?;
            for KeyState { name, warnings, .. } in keys.states(now()) {
                for warning in warnings {
                    say(format_args!("warning: key {name}: {warning}"))?;
                }
            }
            let catalogue = catalogue(&configuration, &keys);
            for path in catalogue.claimed_twice() {
                say(format_args!(
                    "warning: several repositories have the suite of {path}, so that it is the path of none of them"
                ))?;
            }
            let mut problems: Vec<String> = Vec::new();
            for target in catalogue.targets() {
                let problem = target.signing_problem.as_ref().map(|problem| format!("{}: {problem}", target.target));
                problems.extend(problem);
            }
            if let Some(first) = problems.first() {
                let rest = match problems.len() {
                    1 => String::new(),
                    count => format!(" (and {} targets more)", count - 1),
                };
                bail!("packages of {first}{rest}");
            }
            for (name, user) in configuration.credentials.iter().flatten() {
                if let Err(error) = PasswordHash::parse(user.hash.expose()) {
                    say(format_args!("warning: user {name:?} cannot log in: {error}"))?;
                }
            }
            say(format_args!("ok: {}", configuration.summary()))?;
        }
        Action::Explain { user, target } => {
            for line in configuration.explain(&user, &target).map_err(anyhow::Error::msg)? {
                say(format_args!("{line}"))?;
            }
        }
        Action::Show => say(format_args!("{:#}", configuration.show(&listen)))?,
    }
    Ok(())
}
