//! The Repository Web Service: the command line and the wiring of its parts.
//!
//! The program is [`run`] with the [`formats`] of RWS.

mod command;
mod configuration;
mod installation;
mod signers;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use rws_client::ClientError;
use rws_client::output::complain;
use rws_model::Formats;
use rws_openpgp::KeyError;
use rws_repository::catalogue::PathError;

use crate::command::Arguments;
use crate::configuration::{Environment, Mistake};

pub use rws_client::formats;

/// The command line or the configuration is wrong: trying again without a change cannot help.
const USAGE: u8 = 2;

/// Runs the program with a command line, its own name first, and the variables of the process. It knows these formats.
pub fn run(formats: Formats, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return rws_client::refuse(&error),
    };
    match command::run(arguments, &Environment::of_process(), &formats) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("error: {}", line(&error)));
            if let Some(error) = error.downcast_ref::<ClientError>() {
                return ExitCode::from(error);
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
