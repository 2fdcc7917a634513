//! The program with the commands of a client alone: see [`rws_client`].

use std::process::ExitCode;

fn main() -> ExitCode {
    rws_client::run_alone(std::env::args_os())
}
