//! Why a request has no answer.

use std::path::PathBuf;
use std::time::Duration;

/// Why a client cannot be made, or a request has no answer. Messages name no URL: it may hold a secret, and who asked
/// knows it.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A file of certificate authorities cannot be used.
    #[error("the certificate authorities of {} cannot be used: {reason}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The request is none that can be sent: its URL or a header is malformed.
    #[error("the request cannot be sent: {0}")]
    Malformed(String),
    /// There is no connection, or it ended before the answer did.
    #[error("the host cannot be reached: {0}")]
    Unreachable(String),
    /// The whole answer was not there in time.
    #[error("the host has not answered within {} seconds", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The answer has more bytes than may be read.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
}

impl HttpError {
    /// Whether the same request may succeed later.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TimedOut(_))
    }
}

/// An error with all its causes: the outer one alone says too little.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}
