//! The command line.

mod backup;
pub mod config;
mod generate;
mod hash_password;
mod health;
mod import;
mod index;
mod key;
mod log;
pub mod output;
mod plain_directory;
mod progress;
mod release_package;
mod reload;
mod serve;
mod service_manager;
mod sign;
mod sync;
mod verify;
mod webhook;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use rws_client::ClientCommand;
use rws_model::Formats;

use log::Log;

use crate::configuration::{Configuration, Environment, ListeningAddress, LogFormat, Overrides, environment};

/// Repository Web Service: accepts packages over HTTP and publishes them in signed apt and dnf repositories
#[derive(Debug, Parser)]
#[command(name = "rws", version, arg_required_else_help = true, after_help = rws_client::MORE, after_long_help = environment::documentation())]
pub struct Arguments {
    /// Configuration file (JSON) instead of the one that RWS_CFG names
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What a service is asked for from afar
    #[command(flatten)]
    Client(ClientCommand),
    /// Accept uploads and serve the repositories
    Serve(ServeArguments),
    /// Compare repositories with the store and publish the difference; safe while servers run
    Sync(RepositoriesArguments),
    /// Check repositories as clients see them; exits with 1 if something is wrong
    Verify {
        #[command(flatten)]
        repositories: RepositoriesArguments,
        /// Read all bytes of all packages instead of their sizes only
        #[arg(long)]
        deep: bool,
        /// Repair what is wrong: expose the public files, synchronise, or make the indexes again from the packages
        #[arg(long)]
        repair: bool,
    },
    /// Make the packages that bring clients the keys and the client file of repositories; safe while servers run
    ReleasePackage(release_package::ReleaseArguments),
    /// Sign packages that are in repositories already, as sign_packages wants it; safe while servers run
    Sign(RepositoriesArguments),
    /// Publish plain directories or bucket prefixes, one repository each, without a server and without its configuration
    Index(index::IndexArguments),
    /// Take the packages of another repository, or of a directory, into a repository; safe while servers run
    Import(import::ImportArguments),
    /// Copy all repositories to a directory or a bucket: consistent, while servers run; again copies only what changed
    Backup(backup::BackupArguments),
    /// Copy all repositories back from a backup, while no server runs
    Restore(backup::BackupArguments),
    /// Read a password from the terminal or from standard input and print its hash
    HashPassword {
        /// Algorithm and format of the hash
        #[arg(long, value_name = "FORM", default_value = "argon2id")]
        format: hash_password::Form,
    },
    /// Check whether the server on this machine answers; exits with 1 if it does not
    Health {
        /// Address and port of the server, instead of RWS_LISTEN or PORT [default: 127.0.0.1:5000]
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<String>,
    },
    /// Check, make or print the keys that sign
    Key {
        #[command(subcommand)]
        action: key::Action,
    },
    /// Check the receivers of webhooks
    Webhook {
        #[command(subcommand)]
        action: webhook::Action,
    },
    /// Check or print the configuration
    Config {
        #[command(subcommand)]
        action: config::Action,
    },
    /// Make manual pages, completions and reference of the program itself
    #[command(hide = true)]
    Generate {
        #[command(subcommand)]
        what: generate::What,
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
        Command::Generate { what } => generate::run(&what),
        Command::HashPassword { format } => hash_password::run(format),
        Command::Health { listen } => health::run(&ListeningAddress::resolve(listen.as_deref(), environment)?),
        Command::Index(arguments) => {
            let _log = Log::start("warn", LogFormat::Text);
            runtime()?.block_on(index::run(&arguments, environment, formats))
        }
        Command::Config { action } => {
            config::run(action, &Overrides { file, ..Overrides::default() }, environment, formats)
        }
        Command::Client(command) => Ok(rws_client::run(command, &rws_client::Environment::of_process(), formats)?),
        Command::Key { action } => {
            let overrides = Overrides { file, without_users: true, ..Overrides::default() };
            runtime()?.block_on(key::run(action, &overrides, environment, formats))
        }
        Command::Serve(ServeArguments { listen, data_dir }) => {
            let overrides = Overrides { file, data_directory: data_dir, without_users: false };
            let configuration = load(overrides.clone(), environment, formats)?;
            let (environment_then, formats) = (environment.clone(), formats.clone());
            let again = Box::new(move || Configuration::load(&overrides, &environment_then, &formats));
            let listen = ListeningAddress::resolve(listen.as_deref(), environment)?;
            let inherited = service_manager::inherited_listener()?;
            let _log = Log::start("info", configuration.server.log_format);
            runtime()?.block_on(serve::run(listen, inherited, configuration, again))
        }
        Command::Sync(RepositoriesArguments { paths, data_dir, .. }) => {
            let configuration =
                load(Overrides { file, data_directory: data_dir, without_users: true }, environment, formats)?;
            let _log = Log::start("warn", configuration.server.log_format);
            runtime()?.block_on(sync::run(&configuration, &paths))
        }
        Command::Webhook { action } => {
            let configuration =
                load(Overrides { file, without_users: true, ..Overrides::default() }, environment, formats)?;
            runtime()?.block_on(webhook::run(action, &configuration))
        }
        Command::Import(arguments) => {
            let data_directory = arguments.data_dir.clone();
            let configuration = load(Overrides { file, data_directory, without_users: true }, environment, formats)?;
            let _log = Log::start("warn", configuration.server.log_format);
            runtime()?.block_on(import::run(&arguments, &configuration))
        }
        Command::Backup(arguments) => copy(backup::Direction::Backup, &arguments, file, (environment, formats)),
        Command::Restore(arguments) => copy(backup::Direction::Restore, &arguments, file, (environment, formats)),
        Command::ReleasePackage(arguments) => {
            let data_directory = arguments.data_dir.clone();
            let configuration = load(Overrides { file, data_directory, without_users: true }, environment, formats)?;
            let _log = Log::start("warn", configuration.server.log_format);
            runtime()?.block_on(release_package::run(&configuration, &arguments))
        }
        Command::Sign(RepositoriesArguments { paths, data_dir, .. }) => {
            let configuration =
                load(Overrides { file, data_directory: data_dir, without_users: true }, environment, formats)?;
            let _log = Log::start("warn", configuration.server.log_format);
            runtime()?.block_on(sign::run(&configuration, &paths))
        }
        Command::Verify { repositories: RepositoriesArguments { paths, data_dir, .. }, deep, repair } => {
            let configuration =
                load(Overrides { file, data_directory: data_dir, without_users: true }, environment, formats)?;
            let _log = Log::start("warn", configuration.server.log_format);
            runtime()?.block_on(verify::run(&configuration, &paths, &verify::Wish { deep, repair }))
        }
    }
}

fn copy(
    direction: backup::Direction,
    arguments: &backup::BackupArguments,
    file: Option<PathBuf>,
    (environment, formats): (&Environment, &Formats),
) -> anyhow::Result<()> {
    let overrides = Overrides { file, data_directory: arguments.data_dir.clone(), without_users: true };
    let configuration = load(overrides, environment, formats)?;
    let _log = Log::start("warn", configuration.server.log_format);
    runtime()?.block_on(backup::run(direction, arguments, &configuration, (environment, formats)))
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
