//! `rws generate`: what is made of the command line and of the declarations of variables, keys and metrics: manual pages, completions,
//! and the reference in docs/reference.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::{Shell, generate_to};

use super::Arguments;
use super::output::say;

mod reference;

/// What is to be made.
#[derive(Debug, clap::Subcommand)]
pub enum What {
    /// Manual pages, one for each command
    Man {
        /// Where they go
        directory: PathBuf,
    },
    /// Completions for bash, zsh and fish, each file under the name that its shell looks for
    Completions {
        /// Where they go
        directory: PathBuf,
    },
    /// The pages of docs/reference
    Reference {
        /// Where they go
        directory: PathBuf,
    },
}

/// Writes the files, and says how many.
///
/// # Errors
///
/// When they cannot be written.
pub fn run(what: &What) -> anyhow::Result<()> {
    let (What::Man { directory } | What::Completions { directory } | What::Reference { directory }) = what;
    let failed = || format!("the files cannot be written to {}", directory.display());
    fs::create_dir_all(directory).with_context(failed)?;
    match what {
        What::Man { .. } => clap_mangen::generate_to(documented(), directory).with_context(failed)?,
        What::Completions { .. } => completions(directory).with_context(failed)?,
        What::Reference { .. } => {
            for (name, text) in reference::pages(&mut documented()) {
                fs::write(directory.join(name), text).with_context(failed)?;
            }
        }
    }
    let count = fs::read_dir(directory).with_context(failed)?.count();
    say(format_args!("{}: {count} files", directory.display()))
}

/// The command line without what only packaging needs, and without `help`, which says nothing of its own.
fn documented() -> clap::Command {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    command
}

fn completions(directory: &Path) -> std::io::Result<()> {
    let mut command = documented();
    for (shell, name) in [(Shell::Bash, "rws"), (Shell::Zsh, "_rws"), (Shell::Fish, "rws.fish")] {
        let made = generate_to(shell, &mut command, "rws", directory)?;
        fs::rename(made, directory.join(name))?;
    }
    Ok(())
}
