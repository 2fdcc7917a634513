//! A service from afar: requests of the command line, and how they end.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use rws_http::{Answer, Client, ClientSettings, HttpError, Request};
use serde_json::Value;

use crate::configuration::Environment;
use crate::configuration::environment::{RWS_PASSWORD, RWS_SERVER, RWS_TOKEN, RWS_USER};

/// How long one request may take: what plans on large repositories takes a while.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The longest answer.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// How often a request is repeated that may be sent again.
const RETRIES: u32 = 4;

/// The pause before the first repetition; doubled with each further one.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a request did not do what was wanted. Each has an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No server or no login was named, or something that can be none.
    #[error("{0}")]
    Usage(String),
    /// The service refused it.
    #[error("{0}")]
    Refused(String),
    /// Nobody is logged in, or not somebody who may do this.
    #[error("{0}")]
    NotAllowed(String),
    /// Something else is there, or has happened since.
    #[error("{0}")]
    Conflict(String),
    /// The service or the network failed, after repetitions where these were safe.
    #[error("{0}")]
    Failed(String),
}

impl RemoteError {
    /// The exit code of the program.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::NotAllowed(_) => 4,
            Self::Conflict(_) => 6,
            Self::Failed(_) => 7,
        }
    }
}

/// Where the service is, where it is not the one that RWS_SERVER names.
#[derive(Clone, Debug, clap::Args)]
pub struct RemoteArguments {
    /// URL of the service, instead of RWS_SERVER. Logins are in RWS_TOKEN, or in RWS_USER and RWS_PASSWORD
    #[arg(long, value_name = "URL", global = true)]
    server: Option<String>,
    /// Print the answer of the service as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// A service, and who asks it.
pub struct Remote {
    client: Client,
    base: String,
    authorization: Option<String>,
}

impl Remote {
    /// The service that the command line or the environment names.
    ///
    /// # Errors
    ///
    /// When none is named, or the login is not complete.
    pub fn new(arguments: &RemoteArguments, environment: &Environment) -> Result<Self, RemoteError> {
        let usage = |message: &str| RemoteError::Usage(message.to_owned());
        let text = |variable| environment.text(variable).map_err(|mistake| RemoteError::Usage(mistake.to_string()));
        let base = match &arguments.server {
            Some(server) => Some(server.as_str()),
            None => text(RWS_SERVER)?,
        };
        let base = base.ok_or_else(|| usage("no service is named: give --server URL, or set RWS_SERVER"))?;
        let base = base.trim_end_matches('/').to_owned();
        let is_url = ["https://", "http://"].iter().any(|scheme| base.starts_with(scheme));
        if !is_url || base.contains('@') {
            return Err(usage("the service is a URL like https://rws.example.org, without user and password"));
        }
        let authorization = match (text(RWS_TOKEN)?, text(RWS_USER)?, text(RWS_PASSWORD)?) {
            (Some(token), _, _) => Some(format!("Bearer {token}")),
            (None, Some(user), Some(password)) => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            }
            (None, None, None) => None,
            _ => return Err(usage("only one of RWS_USER and RWS_PASSWORD is set")),
        };
        let settings = ClientSettings { ca_file: None, timeout: TIMEOUT, max_answer_bytes: MAX_ANSWER_BYTES };
        let client = Client::new(&settings).map_err(|error| RemoteError::Failed(error.to_string()))?;
        Ok(Self { client, base, authorization })
    }

    /// Sends a request and reads the JSON of its answer. Those that may be sent again are, when the service is busy or the network
    /// fails.
    ///
    /// # Errors
    ///
    /// What the service says, or that it says nothing.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, RemoteError> {
        let is_safe = method != Method::POST;
        let mut request = Request::new(method, format!("{}{path}", self.base)).header("accept", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let mut pause = PAUSE;
        for attempt in 0.. {
            let sent = self.client.send(&request).await;
            let may_pass = match &sent {
                Ok(answer) => {
                    answer.status == StatusCode::SERVICE_UNAVAILABLE || answer.status == StatusCode::BAD_GATEWAY
                }
                Err(error) => error.may_pass(),
            };
            if !may_pass || !is_safe || attempt >= RETRIES {
                return self.read(sent);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(RemoteError::Failed(self.base.clone()))
    }

    fn read(&self, sent: Result<Answer, HttpError>) -> Result<Value, RemoteError> {
        let answer = sent.map_err(|error| RemoteError::Failed(format!("{}: {error}", self.base)))?;
        let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
        if answer.status.is_success() {
            let message = format!("{} did not answer with JSON: is it a service of RWS?", self.base);
            return json.ok_or(RemoteError::Failed(message));
        }
        let said = |key: &str| json.as_ref().and_then(|json| json[key].as_str()).map(str::to_owned);
        let mut message = format!("{}: {}", self.base, said("message").unwrap_or_else(|| answer.status.to_string()));
        if let Some(hint) = said("hint") {
            message = format!("{message} ({hint})");
        }
        Err(match answer.status {
            StatusCode::UNAUTHORIZED => {
                RemoteError::NotAllowed(format!("{message}; log in with RWS_TOKEN, or with RWS_USER and RWS_PASSWORD"))
            }
            StatusCode::FORBIDDEN => RemoteError::NotAllowed(message),
            StatusCode::CONFLICT => RemoteError::Conflict(message),
            status if status.is_client_error() => RemoteError::Refused(message),
            _ => RemoteError::Failed(message),
        })
    }
}
