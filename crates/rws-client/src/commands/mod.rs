//! The commands.

mod history;
mod list;
mod pin;
mod search;
mod states;
mod token;

use rws_model::Formats;

use crate::environment::Environment;
use crate::error::ClientError;
use crate::push;

/// What a service is asked for from afar.
#[derive(Debug, clap::Subcommand)]
pub enum ClientCommand {
    /// Upload packages to a service, and wait until they are published
    #[command(about = "Upload packages to a service, and wait until they are published: \
                       rws push https://rws.example.org/live/2.11/ubuntu/focal build/*")]
    Push(push::PushArguments),
    /// List the repositories of a service, or a directory of it
    Ls(list::ListArguments),
    /// Find packages of a service by words of their names and summaries
    Search(search::SearchArguments),
    /// Say how a service is, or what became of an upload
    Status(list::StatusArguments),
    /// Copy packages of one target to others, all or nothing
    Promote(states::PromoteArguments),
    /// Remove packages of a target by name and version
    Delete(states::DeleteArguments),
    /// Apply the rules of retention now
    Retain(states::RetainArguments),
    /// Change how many machines out of a hundred apt gives packages
    Phase(states::PhaseArguments),
    /// Publish an earlier state of a target again
    Rollback(states::RollbackArguments),
    /// Keep states of repositories under a name
    Pin(pin::PinArguments),
    /// List the generations of a repository of a service, the newest first: what changed, and who changed it
    Log(history::LogArguments),
    /// List what comes and goes between two states of a repository of a service
    Diff(history::DiffArguments),
    /// Make, list and revoke tokens of a service
    Token(token::TokenArguments),
}

impl ClientCommand {
    /// Carries it out.
    pub(crate) async fn run(self, environment: &Environment, formats: &Formats) -> Result<(), ClientError> {
        match self {
            Self::Push(arguments) => push::run(arguments, environment, formats).await,
            Self::Ls(arguments) => list::list(arguments, environment).await,
            Self::Search(arguments) => search::run(arguments, environment).await,
            Self::Status(arguments) => list::status(arguments, environment).await,
            Self::Promote(arguments) => states::promote(arguments, environment).await,
            Self::Delete(arguments) => states::delete(arguments, environment).await,
            Self::Phase(arguments) => states::phase(arguments, environment).await,
            Self::Retain(arguments) => states::retain(arguments, environment).await,
            Self::Rollback(arguments) => states::rollback(arguments, environment).await,
            Self::Pin(arguments) => pin::run(arguments, environment).await,
            Self::Log(arguments) => history::log(arguments, environment).await,
            Self::Diff(arguments) => history::diff(arguments, environment).await,
            Self::Token(arguments) => token::run(arguments, environment).await,
        }
    }
}
