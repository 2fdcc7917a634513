//! Why a request has no answer.

use std::io;
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
    /// The certificate of the host is none that is trusted.
    #[error("the certificate of the host is not trusted: {0}")]
    Untrusted(String),
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

impl HttpError {
    /// Why there is no connection, or no whole answer.
    pub(crate) fn unreachable(error: &(dyn std::error::Error + 'static)) -> Self {
        match is_of_certificate(error) {
            true => Self::Untrusted(chain(error)),
            false => Self::Unreachable(chain(error)),
        }
    }
}

/// Whether a certificate is the reason. An error of input and output hands on the cause of what it holds, not that itself.
fn is_of_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(held) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return is_of_certificate(held);
    }
    let is_certificate = matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)));
    is_certificate || error.source().is_some_and(is_of_certificate)
}

/// An error with all its causes: the outer one alone says too little.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}
