//! `rws config`: what the configuration is, and whether it is right.

use std::io::Write;

use rws_server::passwords::PasswordHash;

use crate::configuration::{Configuration, Environment, ListeningAddress, Overrides};
use crate::installation::{now, signing};

/// What to do with the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Action {
    /// Check the configuration: print warnings and a summary, or the first mistake
    Check,
    /// Print the configuration as JSON with everything resolved and no secrets
    Show,
}

/// Runs the action.
pub fn run(action: Action, overrides: &Overrides, environment: &Environment) -> anyhow::Result<()> {
    let configuration = Configuration::load(overrides, environment)?;
    let listen = ListeningAddress::resolve(None, environment)?;
    // unlike println!, this does not panic when the reader has gone
    let mut output = std::io::stdout().lock();
    match action {
        Action::Check => {
            for warning in &configuration.warnings {
                writeln!(output, "warning: {warning}")?;
            }
            for key in [&configuration.main_key, &configuration.modules_key].into_iter().flatten() {
                for warning in signing::import(key, now())?.warnings() {
                    writeln!(output, "warning: {}: {warning}", key.variable)?;
                }
            }
            for (name, user) in configuration.credentials.iter().flatten() {
                if let Err(error) = PasswordHash::parse(user.hash.expose()) {
                    writeln!(output, "warning: user {name:?} cannot log in: {error}")?;
                }
            }
            writeln!(output, "ok: {}", configuration.summary())?;
        }
        Action::Show => writeln!(output, "{:#}", configuration.show(&listen))?,
    }
    Ok(())
}
