//! Keys in use, and what a source says when it has none.

use rusty_s3::Credentials;

use super::AccessKeys;

/// How long before their end keys are fetched again, in milliseconds; but never in the first half of their life.
const REFRESH_BEFORE: i64 = 5 * 60 * 1000;

/// Keys that end sooner sign nothing: what they sign has to arrive before. In milliseconds.
const ON_THE_WAY: i64 = 1000;

/// Keys, and how long they are good for.
#[derive(Debug)]
pub struct SessionKeys {
    /// What signs.
    pub credentials: Credentials,
    /// When they end, in milliseconds since 1970; `None`: nobody says that they do.
    pub expires_at: Option<i64>,
}

impl SessionKeys {
    /// Keys that end at a time in milliseconds since 1970, if at all.
    pub fn new(keys: AccessKeys, expires_at: Option<i64>) -> Self {
        let AccessKeys { access_key, secret_key, session_token } = keys;
        let credentials = match session_token {
            Some(token) => Credentials::new_with_token(access_key, secret_key, token),
            None => Credentials::new(access_key, secret_key),
        };
        Self { credentials, expires_at }
    }

    /// Whether they are still good for a request.
    pub fn are_good(&self, now: i64) -> bool {
        self.expires_at.is_none_or(|end| now < end - ON_THE_WAY)
    }

    /// When they are fetched again, given when they were fetched.
    pub fn refresh_at(&self, fetched_at: i64) -> Option<i64> {
        let end = self.expires_at?;
        Some(end - REFRESH_BEFORE.min(end.saturating_sub(fetched_at) / 2))
    }
}

/// Why a source has no keys.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It is not set up: the next one is asked.
    #[error("{0}")]
    NotSetUp(String),
    /// It is set up and has failed.
    #[error("{message}")]
    Failed {
        /// What happened.
        message: String,
        /// Whether it may succeed later.
        may_pass: bool,
    },
}

impl SourceError {
    /// It is set up, but wrongly.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), may_pass: false }
    }

    /// It is set up and does not work now.
    pub fn down(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), may_pass: true }
    }
}

impl From<rws_http::HttpError> for SourceError {
    fn from(error: rws_http::HttpError) -> Self {
        Self::Failed { message: error.to_string(), may_pass: error.may_pass() }
    }
}
