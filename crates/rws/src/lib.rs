//! The Repository Web Service: the command line and the wiring of its parts.
//!
//! The program is [`run`] with the [`formats`] of RWS.

mod command;
mod configuration;
mod installation;
mod remote;
mod signers;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use rws_model::Formats;
use rws_openpgp::KeyError;
use rws_repository::catalogue::PathError;

use crate::command::Arguments;
use crate::command::output::complain;
use crate::configuration::{Environment, Mistake};
use crate::remote::RemoteError;

pub use installation::formats;

/// The command line or the configuration is wrong: trying again without a change cannot help.
const USAGE: u8 = 2;

/// Runs the program with a command line, its own name first, and the variables of the process. It knows these formats.
pub fn run(formats: Formats, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    match command::run(arguments, &Environment::of_process(), &formats) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("error: {}", line(&error)));
            if let Some(remote) = error.downcast_ref::<RemoteError>() {
                return ExitCode::from(remote.exit_code());
            }
            let is_usage = error.is::<Mistake>() || error.is::<KeyError>() || error.is::<PathError>();
            if is_usage { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}

/// An error and its causes in one line, each text once.
fn line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

/// Says in one line what is wrong with the command line; prints the help where that was asked for.
fn refuse(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // nobody is left to tell when the reader has gone
            let _ = error.print();
        }
        _ => {
            let text = error.to_string();
            let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
            complain(lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "));
        }
    }
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}
