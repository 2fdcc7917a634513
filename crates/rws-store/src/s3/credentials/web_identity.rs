//! A token in a file, which STS exchanges for keys: `AssumeRoleWithWebIdentity` of its API of 2011-06-15.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rws_http::{Client, Request};

use super::session::SourceError;
use super::{AccessKeys, AwsVariables, SessionKeys, document};
use crate::s3::failure::element;

/// The longest token that STS takes, in bytes.
const MAX_TOKEN_BYTES: usize = 20_000;

/// The longest message of STS that is passed on, in characters.
const MAX_SHOWN: usize = 200;

/// The name of the session in the records of AWS, where nothing else is said.
const SESSION_NAME: &str = "rws";

/// What is exchanged for what, and where.
pub struct WebIdentity {
    token_file: PathBuf,
    role_arn: String,
    session_name: String,
    url: String,
}

impl WebIdentity {
    /// By the variables; the service is that of the region, if no other one is named.
    pub fn new(variables: &AwsVariables, region: &str) -> Result<Self, SourceError> {
        let not_set = |name: &str| SourceError::NotSetUp(format!("{name} is not set"));
        let token_file = variables.web_identity_token_file.clone();
        let token_file = token_file.ok_or_else(|| not_set("AWS_WEB_IDENTITY_TOKEN_FILE"))?;
        let role_arn = variables.role_arn.clone();
        let role_arn = role_arn
            .ok_or_else(|| SourceError::wrong("AWS_ROLE_ARN is not set, but AWS_WEB_IDENTITY_TOKEN_FILE is"))?;
        let session_name = variables.role_session_name.clone().unwrap_or_else(|| SESSION_NAME.to_owned());
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let url = variables.sts_url.clone().unwrap_or_else(|| format!("https://sts.{region}.{domain}/"));
        Ok(Self { token_file, role_arn, session_name, url })
    }

    /// Exchanges the token that the file has now.
    pub async fn keys(&self, client: &Client) -> Result<SessionKeys, SourceError> {
        let token = secret_of_file(&self.token_file, "AWS_WEB_IDENTITY_TOKEN_FILE", MAX_TOKEN_BYTES).await?;
        let parameters = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.role_arn),
            ("RoleSessionName", &self.session_name),
            ("WebIdentityToken", &token),
        ];
        let pair = |(name, value): (&str, &str)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        let form = parameters.map(pair).join("&");
        let request = Request::new(Method::POST, &self.url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/xml")
            .body(form);
        let named = |error| SourceError::from_http(error, &self.url);
        let answer = client.send(&request).await.map_err(named)?;
        let body = String::from_utf8_lossy(&answer.body);
        match answer.status.as_u16() {
            200 => of_answer(&body),
            status => Err(refusal(status, &body, &token)),
        }
    }
}

impl SourceError {
    fn from_http(error: rws_http::HttpError, url: &str) -> Self {
        Self::Failed { message: format!("{url}: {error}"), may_pass: error.may_pass() }
    }
}

impl fmt::Debug for WebIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WebIdentity").field("role_arn", &self.role_arn).finish_non_exhaustive()
    }
}

/// The first line of a file that something else keeps up to date.
pub async fn secret_of_file(path: &Path, variable: &str, max_bytes: usize) -> Result<String, SourceError> {
    let shown = path.display();
    let text = tokio::fs::read_to_string(path).await;
    let text = text.map_err(|error| SourceError::down(format!("{variable}: {shown} cannot be read: {error}")))?;
    let line = text.trim();
    if line.is_empty() || line.len() > max_bytes || line.contains(char::is_control) {
        return Err(SourceError::down(format!("{variable}: {shown} is not one line of up to {max_bytes} bytes")));
    }
    Ok(line.to_owned())
}

fn of_answer(body: &str) -> Result<SessionKeys, SourceError> {
    let text = |name: &str| element(body, name).filter(|text| !text.is_empty());
    let (Some(access_key), Some(secret_key)) = (text("AccessKeyId"), text("SecretAccessKey")) else {
        return Err(SourceError::down("STS does not answer with keys"));
    };
    let expires_at = text("Expiration").map(|text| document::time(&text)).transpose()?;
    Ok(SessionKeys::new(AccessKeys { access_key, secret_key, session_token: text("SessionToken") }, expires_at))
}

/// What STS says of itself; never the token.
fn refusal(status: u16, body: &str, token: &str) -> SourceError {
    let code = element(body, "Code").unwrap_or_default();
    let message = element(body, "Message").filter(|message| !message.contains(token)).unwrap_or_default();
    let said: String = format!("{code} {message}").trim().chars().take(MAX_SHOWN).collect();
    // a token that has ended is replaced by whoever writes the file
    let may_pass = status >= 429 || matches!(code.as_str(), "ExpiredTokenException" | "IDPCommunicationError");
    SourceError::Failed { message: format!("STS answers {status} {said}").trim().to_owned(), may_pass }
}
