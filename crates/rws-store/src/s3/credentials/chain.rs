//! The sources, one after the other.

use std::path::Path;
use std::time::Duration;

use rws_http::{Client, ClientSettings, HttpError};

use super::session::SourceError;
use super::web_identity::WebIdentity;
use super::{AccessKeys, AwsVariables, SessionKeys, container, metadata, profile};

/// How long STS may take for an answer.
const STS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an agent of this machine may take for an answer.
const AGENT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the metadata service may take: where there is none, nobody answers.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest answer of any of them, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The sources of a process.
#[derive(Debug)]
pub struct Chain {
    variables: AwsVariables,
    region: String,
    sts: Client,
    agent: Client,
    metadata: Client,
}

/// Why there are no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ChainError {
    /// What each source says, or what the one that is set up says.
    pub message: String,
    /// Whether there may be keys later.
    pub may_pass: bool,
}

impl Chain {
    /// Nobody is asked yet. STS is trusted as the store is.
    pub fn new(variables: &AwsVariables, region: &str, ca_file: Option<&Path>) -> Result<Self, HttpError> {
        let client = |timeout, ca_file: Option<&Path>| {
            let ca_file = ca_file.map(Path::to_owned);
            Client::new(&ClientSettings { ca_file, timeout, max_answer_bytes: MAX_ANSWER_BYTES })
        };
        Ok(Self {
            variables: variables.clone(),
            region: region.to_owned(),
            sts: client(STS_TIMEOUT, ca_file)?,
            agent: client(AGENT_TIMEOUT, ca_file)?,
            metadata: client(METADATA_TIMEOUT, None)?,
        })
    }

    /// The keys of the first source that is set up.
    pub async fn keys(&self) -> Result<SessionKeys, ChainError> {
        let mut unset = Vec::new();
        for source in Source::ALL {
            match self.ask(source).await {
                Ok(keys) => {
                    tracing::info!(source = source.name(), key = keys.credentials.key(), "RWS has keys for the store");
                    return Ok(keys);
                }
                Err(SourceError::NotSetUp(why)) => unset.push(format!("{}: {why}", source.name())),
                Err(SourceError::Failed { message, may_pass }) => {
                    let message = format!("RWS has no keys for the store: {}: {message}", source.name());
                    return Err(ChainError { message, may_pass });
                }
            }
        }
        let message = format!(
            "RWS has no keys for the store: set S3_ACCESS_KEY and S3_SECRET_KEY, or one of the sources that RWS has asked: {}",
            unset.join("; ")
        );
        Err(ChainError { message, may_pass: false })
    }

    async fn ask(&self, source: Source) -> Result<SessionKeys, SourceError> {
        match source {
            Source::Environment => self.of_environment(),
            Source::WebIdentity => WebIdentity::new(&self.variables, &self.region)?.keys(&self.sts).await,
            Source::Profile => profile::keys(&self.variables).await,
            Source::Container => container::keys(&self.variables, &self.agent).await,
            Source::Metadata => metadata::keys(&self.variables, &self.metadata).await,
        }
    }

    fn of_environment(&self) -> Result<SessionKeys, SourceError> {
        let (key, secret) = (self.variables.access_key_id.clone(), self.variables.secret_access_key.clone());
        let not_set = |name: &str| SourceError::NotSetUp(format!("{name} is not set"));
        let access_key = key.ok_or_else(|| not_set("AWS_ACCESS_KEY_ID"))?;
        let secret_key =
            secret.ok_or_else(|| SourceError::wrong("AWS_SECRET_ACCESS_KEY is not set, but AWS_ACCESS_KEY_ID is"))?;
        let session_token = self.variables.session_token.clone();
        Ok(SessionKeys::new(AccessKeys { access_key, secret_key, session_token }, None))
    }
}

/// A source of keys.
#[derive(Clone, Copy, Debug)]
enum Source {
    Environment,
    WebIdentity,
    Profile,
    Container,
    Metadata,
}

impl Source {
    /// In the order in which they are asked.
    const ALL: [Self; 5] = [Self::Environment, Self::WebIdentity, Self::Profile, Self::Container, Self::Metadata];

    /// What messages call it.
    fn name(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::WebIdentity => "web identity",
            Self::Profile => "profile files",
            Self::Container => "container",
            Self::Metadata => "instance metadata",
        }
    }
}
