//! What is wrong with a configuration, in one line.

/// The origin of what stands in environment variables.
pub const ENVIRONMENT: &str = "environment";

/// The origin of what stands on the command line.
pub const COMMAND_LINE: &str = "command line";

/// The longest value that a message shows, in characters.
const LONGEST_VALUE: usize = 60;

/// A mistake in the configuration: one line that says where, which key, which value, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {key} {problem}; allowed {allowed}")]
pub struct Mistake {
    /// The file, `environment` or `command line`.
    pub origin: String,
    /// `model.supported_repos.distrs.el.base`, `RWS_CREDENTIALS`, `--listen`.
    pub key: String,
    /// `is "apk"`, `is missing`.
    pub problem: String,
    /// `is "deb" or "rpm"`.
    pub allowed: String,
}

impl Mistake {
    /// A mistake at `key` of `origin`; `problem` and `allowed` begin with their verb.
    pub fn new(
        origin: impl Into<String>,
        key: impl Into<String>,
        problem: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        Self { origin: origin.into(), key: key.into(), problem: problem.into(), allowed: allowed.into() }
    }
}

/// A text as messages show it: quoted, control characters escaped, cut when it is long.
pub fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_VALUE).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}
