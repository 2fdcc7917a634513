//! The client of RWS: the commands that work on a service from afar.
//!
//! [`ClientCommand`] is a part of the command line of the program `rws`, which has a server, too; [`run_alone`] is a program with
//! these commands and nothing else. A request goes through [`remote`](Remote): it finds the login, repeats what may be sent again,
//! and makes one of the errors of [`ClientError`] of an answer, each with an exit code of its own. `push` reads packages with the
//! crates that the server reads them with.

mod address;
mod change;
mod commands;
mod credentials;
mod environment;
mod error;
mod formats;
pub mod output;
mod push;
mod remote;
mod retry;
mod status;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use rws_model::Formats;

pub use commands::ClientCommand;
pub use environment::{Environment, VARIABLES, Variable, documentation};
pub use error::ClientError;
pub use formats::formats;
pub use remote::{Remote, RemoteArguments};

/// The client of the Repository Web Service: uploads packages, and changes repositories from afar
#[derive(Debug, Parser)]
#[command(name = "rws", version, arg_required_else_help = true, after_help = MORE, after_long_help = after_help())]
struct Alone {
    #[command(subcommand)]
    command: ClientCommand,
}

/// What the short help says at its end.
pub const MORE: &str = "`rws push --help` says where logins come from and what exit codes mean; `rws --help` lists the environment variables.";

fn after_help() -> String {
    format!("{MORE}\n\nEnvironment variables (an empty one counts as unset):\n{}", documentation())
}

/// Runs a command for a service. It knows these formats.
///
/// # Errors
///
/// Why it did not do what was wanted.
pub fn run(command: ClientCommand, environment: &Environment, formats: &Formats) -> Result<(), ClientError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| ClientError::Failed(error.to_string()))?;
    runtime.block_on(command.run(environment, formats))
}

/// Runs a program that has these commands alone, with a command line, its own name first.
pub fn run_alone(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Alone::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    match run(arguments.command, &Environment::of_process(), &formats()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(format_args!("error: {error}"));
            ExitCode::from(&error)
        }
    }
}

/// Says in one line what is wrong with the command line; prints the help where that was asked for.
pub fn refuse(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // nobody is left to tell when the reader has gone
            let _ = error.print();
        }
        _ => {
            let text = error.to_string();
            let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
            output::complain(lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "));
        }
    }
    if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}
