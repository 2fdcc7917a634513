//! Fetches the keys of an issuer.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use rws_http::{Client, ClientSettings, HttpError, Request};
use serde::Deserialize;
use url::Url;

use crate::key_set::KeySet;
use crate::{IssuerSettings, address};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(4);

/// The longest document of an issuer, in bytes.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// The longest text of an issuer that a log line shows, in characters.
const MAX_SHOWN: usize = 100;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("{0}: {1}")]
    Http(&'static str, HttpError),
    #[error("{0}: its status is {1} and not 200")]
    Status(&'static str, u16),
    #[error("{0}: {1}")]
    Content(&'static str, &'static str),
    #[error("its discovery document is of the issuer {0}")]
    OtherIssuer(String),
    #[error(
        "its discovery document says that the keys are at {0}, which is another host: set jwks_uri if that is right"
    )]
    OtherHost(String),
}

/// Where the keys of one issuer are.
#[derive(Debug)]
pub struct KeySource {
    client: Client,
    issuer: String,
    /// What the configuration says.
    jwks_uri: Option<String>,
}

/// The members of a discovery document that are used (OpenID Connect Discovery 1.0, section 3).
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl KeySource {
    /// Asks nothing yet.
    pub fn new(settings: &IssuerSettings) -> Result<Self, HttpError> {
        let ca_file: Option<PathBuf> = settings.ca_file.clone();
        let client = Client::new(&ClientSettings { ca_file, timeout: TIMEOUT, max_answer_bytes: MAX_DOCUMENT_BYTES })?;
        Ok(Self { client, issuer: settings.issuer.clone(), jwks_uri: settings.jwks_uri.clone() })
    }

    /// Fetches the keys.
    pub async fn fetch(&self) -> Result<KeySet, FetchError> {
        let uri = match &self.jwks_uri {
            Some(uri) => uri.clone(),
            None => self.discover().await?,
        };
        let what = "its keys";
        let document = self.get(what, &uri).await?;
        KeySet::parse(&document).map_err(|reason| FetchError::Content(what, reason))
    }

    async fn discover(&self) -> Result<String, FetchError> {
        let what = "its discovery document";
        let document = self.get(what, &address::of_discovery(&self.issuer)).await?;
        let discovery: Discovery = serde_json::from_slice(&document)
            .map_err(|_| FetchError::Content(what, "it is not JSON with issuer and jwks_uri"))?;
        if discovery.issuer != self.issuer {
            return Err(FetchError::OtherIssuer(shown(&discovery.issuer)));
        }
        let origin = |text: &str| address::parse(text).as_ref().map(Url::origin);
        match origin(&discovery.jwks_uri) {
            Some(of_keys) if Some(&of_keys) == origin(&self.issuer).as_ref() => Ok(discovery.jwks_uri),
            _ => Err(FetchError::OtherHost(shown(&discovery.jwks_uri))),
        }
    }

    async fn get(&self, what: &'static str, url: &str) -> Result<Bytes, FetchError> {
        let request = Request::get(url).header("accept", "application/json");
        let answer = self.client.send(&request).await.map_err(|error| FetchError::Http(what, error))?;
        match answer.status.as_u16() {
            200 => Ok(answer.body),
            status => Err(FetchError::Status(what, status)),
        }
    }
}

/// A text of an issuer as a log line shows it: quoted, control characters escaped, cut when it is long.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}
