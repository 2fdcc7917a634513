//! A service from afar: requests, repetitions, and what an answer means for who asked.

use std::time::Duration;

use http::header::LOCATION;
use http::{Method, StatusCode};
use rws_http::{Answer, Client, ClientSettings, HttpError, Request, StreamedBody};
use serde_json::Value;

use crate::address;
use crate::credentials::{Credentials, WHERE};
use crate::environment::Environment;
use crate::error::ClientError;
use crate::retry;

/// How long one request may take, or a body may make no progress: what plans on large repositories takes a while.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The longest answer.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Where the service is, where it is not the one that RWS_SERVER names.
#[derive(Clone, Debug, clap::Args)]
pub struct RemoteArguments {
    /// URL of the service, instead of RWS_SERVER
    #[arg(long, value_name = "URL", global = true)]
    pub server: Option<String>,
    /// Print what the service answers as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// A service, and who asks it.
pub struct Remote {
    client: Client,
    service: String,
    credentials: Credentials,
    retries: u32,
    /// Told of each repetition.
    repeated: Box<dyn Fn(&str) + Send + Sync>,
}

impl Remote {
    /// The service that the command line or the environment names.
    ///
    /// # Errors
    ///
    /// When none is named, or the login cannot be used.
    pub fn new(arguments: &RemoteArguments, environment: &Environment) -> Result<Self, ClientError> {
        let named = match &arguments.server {
            Some(server) => Some(server.as_str()),
            None => environment.text("RWS_SERVER")?,
        };
        let usage = || ClientError::Usage("no service is named: give --server URL, or set RWS_SERVER".to_owned());
        Self::at(address::service(named.ok_or_else(usage)?)?, environment)
    }

    /// The service at a URL without a slash at its end.
    ///
    /// # Errors
    ///
    /// When the login cannot be used.
    pub fn at(service: String, environment: &Environment) -> Result<Self, ClientError> {
        let credentials = Credentials::find(&service, environment)?;
        let settings = ClientSettings { ca_file: None, timeout: TIMEOUT, max_answer_bytes: MAX_ANSWER_BYTES };
        let client = Client::new(&settings).map_err(|error| ClientError::Failed(error.to_string()))?;
        Ok(Self { client, service, credentials, retries: retry::RETRIES, repeated: Box::new(|_| {}) })
    }

    /// With another number of repetitions, each of which somebody is told of.
    #[must_use]
    pub fn repeating(self, retries: u32, repeated: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { retries, repeated: Box::new(repeated), ..self }
    }

    /// Its URL.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Who asks.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Sends a request and reads the JSON of its answer. Those that may be sent again are, when the service is busy or the network
    /// fails. `path` is encoded and starts with a slash.
    ///
    /// # Errors
    ///
    /// What the service says, or that it says nothing.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ClientError> {
        let text = self.ask_text(method, path, body).await?;
        serde_json::from_str(&text).map_err(|_| {
            let message = format!("{} did not answer with JSON: is it a service of RWS?", self.service);
            ClientError::Failed(message)
        })
    }

    /// The same for any text.
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn ask_text(&self, method: Method, path: &str, body: Option<&Value>) -> Result<String, ClientError> {
        let is_safe = method != Method::POST;
        let mut request = Request::new(method, format!("{}{path}", self.service)).header("accept", "application/json");
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let what = path.split('?').next().unwrap_or_default().to_owned();
        let answer = self.repeat(&what, is_safe, || self.send(&request)).await?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    async fn send(&self, request: &Request) -> Result<Result<Answer, HttpError>, ClientError> {
        let request = self.logged_in(request.clone()).await?;
        Ok(self.client.send(&request).await)
    }

    async fn logged_in(&self, request: Request) -> Result<Request, ClientError> {
        Ok(match self.credentials.authorization(&self.client).await? {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        })
    }

    /// Sends a request with a body that is made anew for each repetition: it has to be one that may be sent twice. `what` is named
    /// where it is repeated.
    ///
    /// # Errors
    ///
    /// What the service says, or that it says nothing.
    pub async fn upload(
        &self,
        what: &str,
        request: &Request,
        body: impl Fn() -> StreamedBody,
    ) -> Result<Answer, ClientError> {
        self.repeat(what, true, async || {
            let request = self.logged_in(request.clone()).await?;
            Ok(self.client.send_streamed(&request, body()).await)
        })
        .await
    }

    async fn repeat(
        &self,
        what: &str,
        is_safe: bool,
        send: impl AsyncFn() -> Result<Result<Answer, HttpError>, ClientError>,
    ) -> Result<Answer, ClientError> {
        let mut repetition = 0;
        loop {
            let sent = send().await?;
            if !is_safe || repetition >= self.retries || !retry::may_pass(&sent) {
                return self.read(sent);
            }
            let pause = retry::pause(repetition, &sent);
            repetition += 1;
            let why = match &sent {
                Ok(answer) => said(answer).unwrap_or_else(|| answer.status.to_string()),
                Err(error) => error.to_string(),
            };
            let seconds = pause.as_secs_f32();
            (self.repeated)(&format!("{what}: {why}; trying again in {seconds} s ({repetition} of {})", self.retries));
            tokio::time::sleep(pause).await;
        }
    }

    fn read(&self, sent: Result<Answer, HttpError>) -> Result<Answer, ClientError> {
        let answer = sent.map_err(|error| {
            let hint = match error {
                HttpError::Untrusted(_) => "; SSL_CERT_FILE names a file of the authorities to trust",
                _ => "",
            };
            ClientError::Failed(format!("{}: {error}{hint}", self.service))
        })?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let message = said(&answer).unwrap_or_else(|| answer.status.to_string());
        if answer.status.is_redirection() {
            let to = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("another address");
            let message = format!("{} redirects to {to}: use the address of the service itself", self.service);
            return Err(ClientError::Refused(message));
        }
        let message = format!("{}: {message}", self.service);
        Err(match answer.status {
            StatusCode::UNAUTHORIZED if self.credentials.is_somebody() => {
                ClientError::NotAllowed(format!("{message}; it does not take {}", self.credentials.description()))
            }
            StatusCode::UNAUTHORIZED => {
                ClientError::NotAllowed(format!("{message}; no login was found for it: {WHERE}"))
            }
            StatusCode::FORBIDDEN => {
                ClientError::NotAllowed(format!("{message} (logged in with {})", self.credentials.description()))
            }
            StatusCode::CONFLICT => ClientError::Conflict(message),
            // too much for now, and repeated in vain
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => ClientError::Failed(message),
            status if status.is_client_error() => ClientError::Refused(message),
            _ => ClientError::Failed(message),
        })
    }
}

/// What an answer says in JSON: the message, and what to do.
fn said(answer: &Answer) -> Option<String> {
    let json: Value = serde_json::from_slice(&answer.body).ok()?;
    let message = json["message"].as_str()?;
    // of a plan that is refused: which packages, and why
    let refused = json["refused"].as_array().into_iter().flatten().filter_map(|one| {
        let package = one["package"].as_str().or(one["package"]["name"].as_str())?;
        Some(format!("; {package} in {}: {}", one["repository"].as_str()?, one["reason"].as_str()?))
    });
    let message = refused.fold(message.to_owned(), |message, one| message + &one);
    let message = match json["hint"].as_str() {
        Some(hint) => format!("{message} ({hint})"),
        None => message,
    };
    // nothing that a terminal or a CI service would carry out
    Some(message.replace(char::is_control, " "))
}
