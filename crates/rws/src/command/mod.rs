//! The command line.

pub mod config;
mod hash_password;
mod health;
mod index;
mod log;
pub mod output;
mod plain_directory;
mod progress;
mod serve;
mod sync;
mod verify;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use rws_model::Formats;

use log::Log;

use crate::configuration::{Configuration, Environment, ListeningAddress, LogFormat, Overrides, environment};

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
    /// Compare repositories with what is stored, and publish what is other; safe beside running servers
    Sync(RepositoriesArguments),
    /// Check repositories as their clients see them; exit code 1 when something is wrong
    Verify {
        #[command(flatten)]
        repositories: RepositoriesArguments,
        /// Read all bytes of all packages, not only their sizes
        #[arg(long)]
        deep: bool,
        /// Mend what is wrong: expose, synchronise, or make the indexes anew from the packages
        #[arg(long)]
        repair: bool,
    },
    /// Publish plain directories or bucket prefixes, each one repository, without a server and its configuration
    Index(index::IndexArguments),
    /// Print the hash of a password, which is asked for or read from standard input
    HashPassword {
        /// Form of the hash
        #[arg(long, value_name = "FORM", default_value = "argon2id")]
        format: hash_password::Form,
    },
    /// Ask the server on this machine whether it answers; exit code 1 when not
    Health {
        /// Address and port that it listens on, instead of RWS_LISTEN or PORT [default: 127.0.0.1:5000]
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<String>,
    },
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

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct RepositoriesArguments {
    /// Paths as in uploads: kind/series/distribution/version, or an anchor
    #[arg(value_name = "PATH", conflicts_with = "all", required_unless_present = "all")]
    paths: Vec<String>,
    /// All repositories that exist
    #[arg(long)]
    all: bool,
    /// Directory of the repositories, instead of RWS_DATA_DIR [default: ./rws-data]
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
///
/// A [`crate::configuration::Mistake`] where the configuration is wrong; anything else where the work failed.
pub fn run(arguments: Arguments, environment: &Environment, formats: &Formats) -> anyhow::Result<()> {
    let file = arguments.config;
    match arguments.command {
        Command::HashPassword { format } => hash_password::run(format),
        Command::Health { listen } => health::run(&ListeningAddress::resolve(listen.as_deref(), environment)?),
        Command::Index(arguments) => {
            let _log = Log::start("warn", LogFormat::Text);
            runtime()?.block_on(index::run(&arguments, environment, formats))
        }
        Command::Config { action } => {
            config::run(action, &Overrides { file, ..Overrides::default() }, environment, formats)
        }
        Command::Serve(ServeArguments { listen, data_dir }) => {
            let configuration =
                load(Overrides { file, data_directory: data_dir, without_users: false }, environment, formats)?;
            let listen = ListeningAddress::resolve(listen.as_deref(), environment)?;
            let _log = Log::start("info", configuration.server.log_format);
            runtime()?.block_on(serve::run(listen, configuration))
        }
        Command::Sync(RepositoriesArguments { paths, data_dir, .. }) => {
            let configuration =
                load(Overrides { file, data_directory: data_dir, without_users: true }, environment, formats)?;
            let _log = Log::start("warn", configuration.server.log_format);
            runtime()?.block_on(sync::run(&configuration, &paths))
        }
        Command::Verify { repositories: RepositoriesArguments { paths, data_dir, .. }, deep, repair } => {
            let configuration =
                load(Overrides { file, data_directory: data_dir, without_users: true }, environment, formats)?;
            let _log = Log::start("warn", configuration.server.log_format);
            runtime()?.block_on(verify::run(&configuration, &paths, &verify::Wish { deep, repair }))
        }
    }
}

fn load(overrides: Overrides, environment: &Environment, formats: &Formats) -> anyhow::Result<Configuration> {
    let configuration = Configuration::load(&overrides, environment, formats)?;
    for warning in &configuration.warnings {
        output::complain(format_args!("warning: {warning}"));
    }
    Ok(configuration)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
