//! Which store holds the repositories.

use std::path::PathBuf;
use std::time::Duration;

use rws_store::AwsVariables;

use super::connection::{self, Connection};
use super::environment::{
    Environment, RWS_DATA_DIR, S3_ACCESS_KEY, S3_ADDRESSING, S3_BASE_PATH, S3_BUCKET, S3_PUBLIC_READ, S3_REGION,
    S3_SECRET_KEY, S3_SESSION_TOKEN, S3_URL, Variable,
};
use super::host_name;
use super::mistake::{COMMAND_LINE, ENVIRONMENT, Mistake};
use super::node::{Node, Object, Secrecy};
use super::secret::Secret;
use super::setting::Setting;
use super::{Addressing, Overrides, Source, aws};

/// Where the repositories are when nothing says otherwise.
const DEFAULT_DIRECTORY: &str = "./rws-data";

/// Which store, with all that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfiguration {
    /// A directory of this machine.
    Local {
        /// Repositories stand at its root.
        directory: PathBuf,
        /// Where symbolic links in it may lead besides.
        allowed_links: Vec<PathBuf>,
    },
    /// A bucket.
    S3 {
        /// `https://…`, without user and password.
        url: String,
        /// `us-east-2`
        region: String,
        /// Its name.
        bucket: String,
        /// The path of the repositories in it, without slashes at the ends; empty for its root.
        base_path: String,
        /// Where the keys come from that requests are signed with.
        credentials: Box<BucketCredentials>,
        /// Whether anonymous users may read uploaded files from the bucket.
        public_read: bool,
        /// How a URL names the bucket.
        addressing: Addressing,
        /// PEM file of certificate authorities to trust beside those of the system.
        ca_file: Option<PathBuf>,
        /// A request without progress for this time is given up and tried again.
        timeout: Duration,
        /// How often a failed request is repeated.
        retries: u32,
        /// The key of KMS that new objects are encrypted with.
        sse_kms_key_id: Option<String>,
        /// The account that has to own the bucket.
        bucket_owner: Option<String>,
    },
}

/// Where the keys of a bucket come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketCredentials {
    /// They are configured.
    Keys {
        /// The access key id.
        access_key: String,
        /// The secret access key.
        secret_key: Secret,
        /// What belongs to the keys of a session.
        session_token: Option<Secret>,
    },
    /// They are found as AWS's own programs do it.
    Aws(Box<AwsVariables>),
}

/// The variables of S3, each with the original's key in `model`.
const SETTINGS: [(Variable, &str); 7] = [
    (S3_URL, "endpoint_url"),
    (S3_REGION, "region"),
    (S3_BUCKET, "bucket_name"),
    (S3_BASE_PATH, "base_path"),
    (S3_ACCESS_KEY, "access_key_id"),
    (S3_SECRET_KEY, "secret_access_key"),
    (S3_PUBLIC_READ, "public_read"),
];

/// The three that S3 cannot do without.
const REQUIRED: [Variable; 3] = [S3_URL, S3_REGION, S3_BUCKET];

/// Where one of them is given, both are needed.
const KEYS_OF_ACCOUNT: [Variable; 2] = [S3_ACCESS_KEY, S3_SECRET_KEY];

/// The original's keys in `model`.
pub const KEYS: [&str; 7] =
    ["endpoint_url", "region", "bucket_name", "base_path", "access_key_id", "secret_access_key", "public_read"];

/// The key of `store` for directories outside of the data directory.
pub const ALLOWED_LINKS: &str = "allowed_links";

fn allowed_links(node: &Node<'_>) -> Result<Vec<PathBuf>, Mistake> {
    let allowed = "is a list of absolute paths of directories";
    let path = |node: Node<'_>| {
        let path = PathBuf::from(node.text("is the absolute path of a directory")?);
        let is_good = path.is_absolute() && path.is_dir();
        if is_good { Ok(path) } else { Err(node.mistake("is the absolute path of a directory that exists")) }
    };
    node.list(allowed)?.into_iter().map(path).collect()
}

/// Reads the store from the environment, and from the file where the environment is silent.
pub fn read(
    given: &Given<'_>,
    source: &Source,
    overrides: &Overrides,
    warnings: &mut Vec<String>,
) -> Result<StoreConfiguration, Mistake> {
    let environment = given.environment;
    let links = given.store.and_then(|store| store.get(ALLOWED_LINKS));
    let Some(selector) = given.selector() else {
        // a wrong value is a mistake also where it is not used
        Connection::read(given.store, environment)?;
        let unused = given.store.iter().flat_map(|store| connection::KEYS.iter().filter_map(|key| store.get(key)));
        warnings.extend(unused.map(|node| node.warning("is not used, because nothing selects S3")));
        let option = overrides.data_directory.clone();
        let directory = option.or_else(|| environment.path(RWS_DATA_DIR)).unwrap_or_else(|| DEFAULT_DIRECTORY.into());
        let allowed_links = match links {
            Some(node) => allowed_links(&node)?,
            None => Vec::new(),
        };
        return Ok(StoreConfiguration::Local { directory, allowed_links });
    };
    if let Some(node) = links {
        allowed_links(&node)?;
        warnings.push(node.warning(&format!("is not used, because {selector} selects S3")));
    }
    if overrides.data_directory.is_some() {
        warnings.push(format!("{COMMAND_LINE}: --data-dir is not used, because {selector} selects S3"));
    } else if environment.is_set(RWS_DATA_DIR) {
        warnings.push(format!("{ENVIRONMENT}: {} is not used, because {selector} selects S3", RWS_DATA_DIR.name));
    }
    given.expect_all(&selector, source)?;
    let credentials = given.credentials()?;
    let url = given.checked(S3_URL, "is a URL like https://s3.example.org, without user and password", is_url)?;
    let bucket =
        given.checked(S3_BUCKET, "is a name without blanks or slashes", |name| is_word(name) && !name.contains('/'))?;
    let Connection { addressing, ca_file, timeout, retries, sse_kms_key_id, bucket_owner } =
        Connection::read(given.store, environment)?;
    if addressing == Addressing::VirtualHost {
        given.expect_host_names()?;
    }
    Ok(StoreConfiguration::S3 {
        url,
        region: given.checked(S3_REGION, "is a name without blanks", is_word)?,
        bucket,
        base_path: given
            .checked(S3_BASE_PATH, "is a path like base/path, without . and ..", is_base_path)
            .map(|path| path.trim_matches('/').to_owned())?,
        credentials: Box::new(credentials),
        public_read: given.public_read()?,
        addressing,
        ca_file,
        timeout,
        retries,
        sse_kms_key_id,
        bucket_owner,
    })
}

/// What is given for the store.
pub struct Given<'a> {
    /// The object `model`, with the original's keys.
    pub model: &'a Object<'a>,
    /// The object `store`.
    pub store: Option<&'a Object<'a>>,
    /// The variables.
    pub environment: &'a Environment,
}

impl Given<'_> {
    /// The first setting that is there, as messages name it. Keys of `store` select nothing.
    fn selector(&self) -> Option<String> {
        let variables = SETTINGS.iter().chain(&connection::SETTINGS).map(|(variable, _)| *variable);
        let variable = variables.chain([S3_SESSION_TOKEN]).find(|variable| self.environment.is_set(*variable));
        let key = || SETTINGS.iter().find_map(|(variable, _)| self.node(*variable));
        variable.map(|variable| variable.name.to_owned()).or_else(|| key().map(|node| node.path().to_owned()))
    }

    /// The value in the file; an empty text counts as unset, as in the environment.
    fn node(&self, variable: Variable) -> Option<Node<'_>> {
        let node = self.model.get(key_of(variable))?;
        let node = if variable.secrecy == Secrecy::Secret { node.secret() } else { node };
        (!node.is_empty_text()).then_some(node)
    }

    fn has(&self, variable: Variable) -> bool {
        self.environment.is_set(variable) || self.node(variable).is_some()
    }

    /// The first of what belongs to configured keys.
    fn first_of_keys(&self) -> Option<Variable> {
        let has_token = self.environment.is_set(S3_SESSION_TOKEN);
        let given = KEYS_OF_ACCOUNT.into_iter().find(|variable| self.has(*variable));
        given.or_else(|| has_token.then_some(S3_SESSION_TOKEN))
    }

    /// The keys that are configured; where there are none, what finds them.
    fn credentials(&self) -> Result<BucketCredentials, Mistake> {
        if self.first_of_keys().is_none() {
            return Ok(BucketCredentials::Aws(Box::new(aws::read(self.environment)?)));
        }
        Ok(BucketCredentials::Keys {
            access_key: self.checked(S3_ACCESS_KEY, "is a key id without blanks", is_word)?,
            secret_key: Secret::new(self.checked(S3_SECRET_KEY, "is a key", |_| true)?),
            session_token: self.environment.text(S3_SESSION_TOKEN)?.map(Secret::new),
        })
    }

    fn expect_all(&self, selector: &str, source: &Source) -> Result<(), Mistake> {
        let first_of_keys = self.first_of_keys();
        let of_keys = first_of_keys.iter().flat_map(|_| KEYS_OF_ACCOUNT);
        let required = REQUIRED.into_iter().chain(of_keys);
        let missing: Vec<Variable> = required.filter(|variable| !self.has(*variable)).collect();
        let why = match first_of_keys {
            Some(given) if missing.iter().all(|variable| KEYS_OF_ACCOUNT.contains(variable)) => {
                format!("{} is set", given.name)
            }
            _ => format!("{selector} selects S3"),
        };
        if missing.is_empty() {
            return Ok(());
        }
        let names = missing.iter().map(|variable| variable.name).collect::<Vec<_>>().join(", ");
        let keys = missing.iter().map(|variable| format!("model.{}", key_of(*variable))).collect::<Vec<_>>().join(", ");
        let verb = if missing.len() == 1 { "is" } else { "are" };
        let problem = format!("{verb} missing; required because {why}");
        let file = match source {
            Source::BuiltIn => "the configuration file".to_owned(),
            Source::File(_) => source.to_string(),
        };
        Err(Mistake::new(ENVIRONMENT, names, problem, format!("{verb} a value there or as {keys} in {file}")))
    }

    /// The text of a setting, empty where it is not given; the environment wins.
    fn checked(&self, variable: Variable, allowed: &str, good: impl Fn(&str) -> bool) -> Result<String, Mistake> {
        let Some(setting) = Setting::find(self.environment, variable, self.node(variable))? else {
            return Ok(String::new());
        };
        let text = setting.text(allowed)?;
        if good(text) { Ok(text.to_owned()) } else { Err(hide_user(setting.mistake(allowed), text)) }
    }

    /// A bucket that stands before the host in URLs: together they have to be a host name.
    fn expect_host_names(&self) -> Result<(), Mistake> {
        let addressing = if self.environment.is_set(S3_ADDRESSING) { S3_ADDRESSING.name } else { "store.addressing" };
        let allowed = format!(
            "is a URL with a host name, as {addressing} is \"virtual-host\" and a bucket cannot stand before an IP \
             address; with \"path\" any URL"
        );
        self.checked(S3_URL, &allowed, |url| !host_name::is_address(url))?;
        let allowed = format!(
            "is a name of a-z, 0-9, - and _, and of . between them, as {addressing} is \"virtual-host\" and the bucket \
             becomes a part of the host name; with \"path\" any name"
        );
        self.checked(S3_BUCKET, &allowed, host_name::is_part)?;
        Ok(())
    }

    fn public_read(&self) -> Result<bool, Mistake> {
        match self.environment.boolean(S3_PUBLIC_READ) {
            Some(value) => Ok(value),
            None => self.node(S3_PUBLIC_READ).map_or(Ok(false), |node| node.boolean()),
        }
    }
}

fn key_of(variable: Variable) -> &'static str {
    SETTINGS.iter().find(|(known, _)| *known == variable).map_or("", |(_, key)| *key)
}

/// A URL with a user may hold a password.
pub fn hide_user(mistake: Mistake, text: &str) -> Mistake {
    if text.contains('@') { Mistake { problem: "is not shown".to_owned(), ..mistake } } else { mistake }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|character: char| character.is_whitespace() || character.is_control())
}

pub fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| is_word(rest) && !rest.starts_with('/') && !rest.contains(['@', '?', '#']))
}

fn is_base_path(text: &str) -> bool {
    let path = text.trim_matches('/');
    path.is_empty() || path.split('/').all(|part| is_word(part) && part != "." && part != "..")
}
