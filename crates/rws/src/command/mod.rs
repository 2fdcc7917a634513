//! The command line.

pub mod config;
mod hash_password;
pub mod serve;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::configuration::{Configuration, Environment, ListeningAddress, Overrides, environment};

/// Repository Web Service: takes packages over HTTP and makes signed apt and dnf repositories of them
#[derive(Debug, Parser)]
#[command(name = "rws", version, arg_required_else_help = true, after_long_help = environment::documentation())]
pub struct Arguments {
    /// Configuration file (JSON) instead of the one that RWS_CFG names
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take uploads and serve the repositories
    Serve(ServeArguments),
    /// Print the hash of a password that is read from standard input
    HashPassword,
    /// Look at the configuration
    Config {
        #[command(subcommand)]
        action: config::Action,
    },
}

#[derive(Debug, clap::Args)]
struct ServeArguments {
    /// Address and port to listen on, instead of RWS_LISTEN or PORT [default: 127.0.0.1:5000]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Directory of the repositories, instead of RWS_DATA_DIR [default: ./rws-data]
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
///
/// A [`crate::configuration::Mistake`] where the configuration is wrong; anything else where the work failed.
pub fn run(arguments: Arguments, environment: &Environment) -> anyhow::Result<()> {
    let file = arguments.config;
    match arguments.command {
        Command::HashPassword => hash_password::run(),
        Command::Config { action } => config::run(action, &Overrides { file, data_directory: None }, environment),
        Command::Serve(ServeArguments { listen, data_dir: data_directory }) => {
            let configuration = Configuration::load(&Overrides { file, data_directory }, environment)?;
            let listen = ListeningAddress::resolve(listen.as_deref(), environment)?;
            for warning in &configuration.warnings {
                eprintln!("warning: {warning}");
            }
            start_log();
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(serve::run(listen, configuration))
        }
    }
}

/// The log goes to standard error; `RUST_LOG` chooses how much of it.
fn start_log() {
    use std::io::IsTerminal;
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}
