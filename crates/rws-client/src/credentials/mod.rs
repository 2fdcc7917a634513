//! Who asks. A login comes from the environment, from a file, or from the CI service that runs the job; never from the command
//! line, which every process can read.

mod file;
mod job;
mod netrc;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rws_http::Client;

use self::job::GitHubJob;
use crate::address;
use crate::environment::Environment;
use crate::error::ClientError;

/// Where logins are, for who has none.
pub const WHERE: &str = "set RWS_TOKEN, or RWS_USER and RWS_PASSWORD; or write the login into ~/.netrc or ~/.config/rws/client.json; a job \
     of GitHub needs the permission id-token: write, one of GitLab an id_token RWS_ID_TOKEN";

/// A login, and where it was found.
pub struct Credentials {
    source: Source,
    /// `token of RWS_TOKEN`: never anything secret.
    description: String,
}

enum Source {
    /// None: the service is asked as anybody.
    Nobody,
    /// A header.
    Fixed(String),
    /// A token that GitHub gives to the job when it is needed.
    GitHub(GitHubJob),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Credentials({})", self.description)
    }
}

impl Credentials {
    /// The first login for a service that is found: in the environment, in the client's file, in netrc, of the CI job.
    ///
    /// # Errors
    ///
    /// When a place where a login is cannot be used: half of it is missing, a file is broken, or others may read it.
    pub fn find(service: &str, environment: &Environment) -> Result<Self, ClientError> {
        if let Some(token) = environment.text("RWS_TOKEN")? {
            return Ok(Self::token(token, "the token of RWS_TOKEN".to_owned()));
        }
        match (environment.text("RWS_USER")?, environment.text("RWS_PASSWORD")?) {
            (Some(user), Some(password)) => {
                return Ok(Self::password(user, password, format!("user {user} of RWS_USER")));
            }
            (None, None) => {}
            _ => return Err(ClientError::Usage("only one of RWS_USER and RWS_PASSWORD is set".to_owned())),
        }
        if let Some(found) = file::find(service, environment)? {
            return Ok(found);
        }
        if let Some(found) = netrc::find(address::host(service), environment)? {
            return Ok(found);
        }
        if let Some(token) = environment.text("RWS_ID_TOKEN")? {
            return Ok(Self::token(token, "the token of the CI job in RWS_ID_TOKEN".to_owned()));
        }
        let (url, token) = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN");
        if let (Some(url), Some(token)) = (environment.text(url)?, environment.text(token)?) {
            let audience = environment.text("RWS_AUDIENCE")?.unwrap_or(address::origin(service));
            let job = GitHubJob::new(url, token, audience);
            let description = format!("the token of the GitHub job, for {audience}");
            return Ok(Self { source: Source::GitHub(job), description });
        }
        Ok(Self { source: Source::Nobody, description: "nobody".to_owned() })
    }

    fn token(token: &str, description: String) -> Self {
        Self { source: Source::Fixed(format!("Bearer {}", token.trim())), description }
    }

    fn password(user: &str, password: &str, description: String) -> Self {
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        Self { source: Source::Fixed(format!("Basic {encoded}")), description }
    }

    /// Where the login was found, for messages.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Whether there is one.
    pub fn is_somebody(&self) -> bool {
        !matches!(self.source, Source::Nobody)
    }

    /// The header `Authorization` of a request that is sent now.
    ///
    /// # Errors
    ///
    /// When the CI service gives no token.
    pub async fn authorization(&self, client: &Client) -> Result<Option<String>, ClientError> {
        match &self.source {
            Source::Nobody => Ok(None),
            Source::Fixed(header) => Ok(Some(header.clone())),
            Source::GitHub(job) => Ok(Some(format!("Bearer {}", job.token(client).await?))),
        }
    }
}

#[cfg(test)]
mod tests;
