//! The environment variables: each declared once, here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use super::mistake::{ENVIRONMENT, Mistake, quoted};
use super::node::Secrecy;

/// One environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// `RWS_CFG`
    pub name: &'static str,
    /// Whether its value may be shown.
    pub secrecy: Secrecy,
    /// What it says, in one sentence.
    pub description: &'static str,
}

macro_rules! variables {
    ($($name:ident: $secrecy:ident, $description:literal;)*) => {
        $(#[doc = $description]
        pub const $name: Variable =
            Variable { name: stringify!($name), secrecy: Secrecy::$secrecy, description: $description };)*

        /// All variables that the program reads, but for those of its commands that work from afar ([`rws_client::VARIABLES`]).
        pub const VARIABLES: &[Variable] = &[$($name),*];
    };
}

variables! {
    RWS_CFG: Public, "Path of the configuration file (JSON). Default: the built-in copy of config.default.";
    RWS_LISTEN: Public, "Address and port to listen on. Default: 127.0.0.1:5000.";
    PORT: Public, "Port to listen on, on all addresses. Used only without --listen and RWS_LISTEN.";
    RWS_DATA_DIR: Public, "Directory of the repositories. Used only without S3. Default: ./rws-data.";
    RWS_SPOOL_DIR: Public,
        "Local directory for files that RWS is receiving. Default: .rws/spool in the data directory; with \
         S3 rws-spool in the temporary directory of the system.";
    RWS_BACKUP_S3_URL: Public, "URL of the S3 service that has the bucket of `rws backup` and `rws restore`, instead of S3_URL.";
    RWS_BACKUP_S3_REGION: Public, "Region of that bucket, instead of S3_REGION.";
    RWS_BACKUP_S3_ACCESS_KEY: Public, "Access key id for that bucket, instead of S3_ACCESS_KEY.";
    RWS_BACKUP_S3_SECRET_KEY: Secret, "Secret access key for that bucket, instead of S3_SECRET_KEY.";
    RWS_CREDENTIALS: Secret,
        "Users who may write, as JSON: {\"name\": \"hash\"} or {\"name\": {\"hash\": \"…\", \"allow\": [\"live/*\"]}}.";
    RWS_FORCE_SYNC: Public, "Skip malformed packages when synchronising instead of stopping. Default: false.";
    RWS_LOG_FORMAT: Public, "Format of the log: text (default) or json, one object in each line.";
    GPG_SIGN_KEY_ARMORED: Secret, "Secret OpenPGP key in ASCII armour that signs the repositories.";
    GPG_SIGN_KEY_PASSPHRASE: Secret, "Passphrase of that key.";
    GPG_MODULES_SIGN_KEY_ARMORED: Secret, "Secret OpenPGP key in ASCII armour that signs the series `modules`. Default: the main key.";
    GPG_MODULES_SIGN_KEY_PASSPHRASE: Secret, "Passphrase of that key.";
    S3_URL: Public, "URL of the S3 service. Any S3_* variable selects S3 as the store.";
    S3_REGION: Public, "Region of the bucket.";
    S3_BUCKET: Public, "Name of the bucket.";
    S3_BASE_PATH: Public, "Path of the repositories inside the bucket. Default: its root.";
    S3_ACCESS_KEY: Public, "Access key id of the account.";
    S3_SECRET_KEY: Secret, "Secret access key of the account.";
    S3_SESSION_TOKEN: Secret, "Session token that belongs to both keys, if they are those of a session.";
    S3_PUBLIC_READ: Public, "Let anonymous users read the public files from the bucket. Default: false.";
    S3_ADDRESSING: Public, "How a URL names the bucket: path or virtual-host. Default: path.";
    S3_CA_FILE: Public, "PEM file of certificate authorities to trust for https, in addition to those of the system.";
    S3_TIMEOUT: Public, "Seconds without progress before RWS repeats a request. Default: 30.";
    S3_RETRIES: Public, "How often RWS repeats a failed request. Default: 5.";
    AWS_ACCESS_KEY_ID: Public, "Access key id. The AWS_* variables are used only for S3 without S3_ACCESS_KEY and S3_SECRET_KEY.";
    AWS_SECRET_ACCESS_KEY: Secret, "Secret access key that belongs to AWS_ACCESS_KEY_ID.";
    AWS_SESSION_TOKEN: Secret, "Session token that belongs to AWS_ACCESS_KEY_ID.";
    AWS_WEB_IDENTITY_TOKEN_FILE: Public, "File with a token that STS exchanges for keys.";
    AWS_ROLE_ARN: Public, "Role whose keys STS gives for that token.";
    AWS_ROLE_SESSION_NAME: Public, "Name of the session with that role. Default: rws.";
    AWS_ENDPOINT_URL_STS: Public, "URL of STS. Default: that of AWS in S3_REGION.";
    AWS_PROFILE: Public, "Profile in the shared files of AWS. Default: default.";
    AWS_SHARED_CREDENTIALS_FILE: Public, "Shared file with keys. Default: .aws/credentials in the home directory.";
    AWS_CONFIG_FILE: Public, "Shared file with settings, which may hold keys too. Default: .aws/config in the home directory.";
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: Public, "Path of the keys at the agent of ECS.";
    AWS_CONTAINER_CREDENTIALS_FULL_URI: Public, "URL of the keys at the agent of a container.";
    AWS_CONTAINER_AUTHORIZATION_TOKEN: Secret, "What that agent is sent as Authorization.";
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: Public, "File with what that agent is sent as Authorization.";
    AWS_EC2_METADATA_SERVICE_ENDPOINT: Public, "URL of the metadata service of the machine. Default: http://169.254.169.254.";
    AWS_EC2_METADATA_DISABLED: Public, "Do not ask the metadata service of the machine. Default: false.";
}

/// The variables of the process, or those of a test. One that is empty counts as unset.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<&'static str, OsString>,
    /// Of names that the configuration file chooses.
    others: BTreeMap<String, String>,
    has_others_of_process: bool,
}

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        let known = VARIABLES.iter().filter_map(|variable| Some((variable.name, std::env::var_os(variable.name)?)));
        Self { has_others_of_process: true, ..Self::new(known) }
    }

    /// These variables only; names that are not declared are dropped.
    pub fn new<Value: Into<OsString>>(values: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name, value.into()));
        let used = |(name, value): &(&str, OsString)| {
            !value.is_empty() && VARIABLES.iter().any(|variable| variable.name == *name)
        };
        Self { values: values.filter(used).collect(), ..Self::default() }
    }

    /// The same with a variable whose name the configuration file chooses.
    #[cfg(test)]
    #[must_use]
    pub fn with_other(mut self, name: &str, value: &str) -> Self {
        self.others.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The text of a variable whose name the configuration file chooses; none where it is unset, empty or not UTF-8.
    pub fn other(&self, name: &str) -> Option<String> {
        let of_process = || std::env::var(name).ok().filter(|_| self.has_others_of_process);
        self.others.get(name).cloned().or_else(of_process).filter(|value| !value.is_empty())
    }

    /// The same with other values for some variables; `None` unsets one.
    #[must_use]
    pub fn with(mut self, values: impl IntoIterator<Item = (Variable, Option<String>)>) -> Self {
        for (variable, value) in values {
            match value.filter(|value| !value.is_empty()) {
                Some(value) => _ = self.values.insert(variable.name, value.into()),
                None => _ = self.values.remove(variable.name),
            }
        }
        self
    }

    /// Whether the variable is set and not empty.
    pub fn is_set(&self, variable: Variable) -> bool {
        self.values.contains_key(variable.name)
    }

    /// The text of a variable; none where it is unset or empty.
    pub fn text(&self, variable: Variable) -> Result<Option<&str>, Mistake> {
        let Some(value) = self.values.get(variable.name) else { return Ok(None) };
        let mistake = || Mistake::new(ENVIRONMENT, variable.name, "is not UTF-8", "is text in UTF-8");
        value.to_str().map(Some).ok_or_else(mistake)
    }

    /// A variable that is a path; none where it is unset or empty.
    pub fn path(&self, variable: Variable) -> Option<std::path::PathBuf> {
        self.values.get(variable.name).map(std::path::PathBuf::from)
    }

    /// A variable that says yes or no; none where it is unset or empty. All values but `0` and `false` (in any case)
    /// say yes.
    pub fn boolean(&self, variable: Variable) -> Option<bool> {
        let value = self.values.get(variable.name)?;
        Some(value != "0" && !value.eq_ignore_ascii_case("false"))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.values.iter().map(|(name, value)| {
            let public = VARIABLES.iter().any(|known| known.name == *name && known.secrecy == Secrecy::Public);
            (name, if public { value.to_string_lossy().into_owned() } else { "<set>".to_owned() })
        });
        formatter.debug_map().entries(shown).finish()
    }
}

impl Variable {
    /// The mistake that this value of the variable is.
    pub fn mistake(self, value: &str, allowed: impl Into<String>) -> Mistake {
        let shown = if self.secrecy == Secrecy::Secret { "not shown".to_owned() } else { quoted(value) };
        Mistake::new(ENVIRONMENT, self.name, format!("is {shown}"), allowed)
    }
}

/// All variables with their descriptions, one in two lines.
pub fn documentation() -> String {
    let entry = |variable: &Variable| {
        let secret = if variable.secrecy == Secrecy::Secret { " (secret)" } else { "" };
        format!("  {}{secret}\n          {}\n", variable.name, variable.description)
    };
    let entries: String = VARIABLES.iter().map(entry).collect();
    let of_client = rws_client::documentation();
    format!("Environment variables (an empty one counts as unset):\n{entries}{of_client}")
}
