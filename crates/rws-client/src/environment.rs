//! The environment variables of the client: its own are declared once, here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::ClientError;

/// One environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// `RWS_SERVER`
    pub name: &'static str,
    /// Whether its value must not be shown.
    pub is_secret: bool,
    /// What it says, in one sentence.
    pub description: &'static str,
}

const fn variable(name: &'static str, is_secret: bool, description: &'static str) -> Variable {
    Variable { name, is_secret, description }
}

/// All variables of RWS that commands read which work from afar.
pub const VARIABLES: &[Variable] = &[
    variable("RWS_SERVER", false, "URL of the service that the commands ask which work from afar, such as ls."),
    variable("RWS_TOKEN", true, "Token with which they log in: one of RWS (rws_…), or of a CI service."),
    variable("RWS_USER", false, "User with which they log in, without a token."),
    variable("RWS_PASSWORD", true, "Password of that user."),
    variable(
        "RWS_CLIENT_CONFIG",
        false,
        "File with logins (JSON), which its owner alone may read. Default: rws/client.json in XDG_CONFIG_HOME or ~/.config.",
    ),
    variable(
        "RWS_ID_TOKEN",
        true,
        "Token that a CI service issued to the job: of GitLab, or of any service but GitHub.",
    ),
    variable(
        "RWS_AUDIENCE",
        false,
        "Audience of the token that GitHub is asked for. Default: scheme and host of the service.",
    ),
];

/// Variables of others: where files are, and what a CI service says.
const OTHERS: &[&str] = &[
    "HOME",
    "XDG_CONFIG_HOME",
    "NETRC",
    "CI",
    "GITHUB_ACTIONS",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
];

/// The variables of the process. One that is empty counts as unset.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<&'static str, OsString>);

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        Self::new(|name| std::env::var_os(name))
    }

    /// What somebody says of each variable.
    pub fn new(value: impl Fn(&str) -> Option<OsString>) -> Self {
        let names = VARIABLES.iter().map(|variable| variable.name).chain(OTHERS.iter().copied());
        let known = names.filter_map(|name| Some((name, value(name).filter(|value| !value.is_empty())?)));
        Self(known.collect())
    }

    /// The text of a variable; none where it is unset or empty.
    ///
    /// # Errors
    ///
    /// When it is not UTF-8.
    pub fn text(&self, name: &str) -> Result<Option<&str>, ClientError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        value
            .to_str()
            .map(Some)
            .ok_or_else(|| ClientError::Usage(format!("the environment variable {name} is not UTF-8")))
    }

    /// A variable that is a path; none where it is unset or empty.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.0.get(name).map(PathBuf::from)
    }

    /// Whether a variable is set, and says neither `0` nor `false`.
    pub fn is_on(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }
}

/// All variables of RWS with their descriptions, one in two lines.
pub fn documentation() -> String {
    let entry = |variable: &Variable| {
        let secret = if variable.is_secret { " (secret)" } else { "" };
        format!("  {}{secret}\n          {}\n", variable.name, variable.description)
    };
    VARIABLES.iter().map(entry).collect()
}
