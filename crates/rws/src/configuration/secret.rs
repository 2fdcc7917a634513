//! Texts that are never printed.

use std::fmt;

/// What stands for a secret that is there.
const SET: &str = "<set>";

/// What stands for a secret that is not there.
const NOT_SET: &str = "<not set>";

/// A key, a password hash or a passphrase. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text as it is, nothing trimmed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(SET)
    }
}

/// `<set>` or `<not set>`.
pub fn presence(secret: Option<&Secret>) -> &'static str {
    if secret.is_some() { SET } else { NOT_SET }
}
