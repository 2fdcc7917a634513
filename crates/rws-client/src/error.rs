//! How a command of the client ends when it does not do what was wanted.

use std::process::ExitCode;

use crate::output::OutputError;

/// Why a command did not do what was wanted. Each kind has an exit code of its own; the text says what failed, on what, and what to
/// do next.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The command line, the environment or a file of the client is wrong.
    #[error("{0}")]
    Usage(String),
    /// The service refused it, or would refuse it.
    #[error("{0}")]
    Refused(String),
    /// Nobody is logged in, or not somebody who may do this.
    #[error("{0}")]
    NotAllowed(String),
    /// It was accepted, and was not published in the time that the client waited.
    #[error("{0}")]
    Unpublished(String),
    /// Something else is there, or has happened since.
    #[error("{0}")]
    Conflict(String),
    /// The service or the network failed, after repetitions where these were safe.
    #[error("{0}")]
    Failed(String),
    /// Nobody can be told.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl ClientError {
    /// The exit code of the program.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::NotAllowed(_) => 4,
            Self::Unpublished(_) => 5,
            Self::Conflict(_) => 6,
            Self::Failed(_) => 7,
        }
    }

    /// The same kind with another text.
    #[must_use]
    pub fn with_text(self, text: String) -> Self {
        match self {
            Self::Usage(_) => Self::Usage(text),
            Self::Refused(_) => Self::Refused(text),
            Self::NotAllowed(_) => Self::NotAllowed(text),
            Self::Unpublished(_) => Self::Unpublished(text),
            Self::Conflict(_) => Self::Conflict(text),
            Self::Failed(_) => Self::Failed(text),
            Self::Output(error) => Self::Output(error),
        }
    }
}

impl From<&ClientError> for ExitCode {
    fn from(error: &ClientError) -> Self {
        Self::from(error.exit_code())
    }
}
