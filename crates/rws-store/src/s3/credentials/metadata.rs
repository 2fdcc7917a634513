//! The metadata service of a machine at AWS, in its second version: a session first, then the keys of the machine's role.

use http::Method;
use rws_http::{Answer, Client, HttpError, Request};

use super::session::SourceError;
use super::{AwsVariables, SessionKeys, document};

/// Where it is, where nothing else is said.
const ADDRESS: &str = "http://169.254.169.254";

/// How long a session holds, in seconds; each is used once.
const SESSION_SECONDS: &str = "60";

/// Where the name of the role is, and below it its keys.
const ROLES: &str = "latest/meta-data/iam/security-credentials/";

/// The keys of the role of this machine.
pub async fn keys(variables: &AwsVariables, client: &Client) -> Result<SessionKeys, SourceError> {
    if variables.is_metadata_disabled {
        return Err(SourceError::NotSetUp("AWS_EC2_METADATA_DISABLED is set".to_owned()));
    }
    let address = variables.metadata_url.as_deref().unwrap_or(ADDRESS).trim_end_matches('/');
    let start = Request::new(Method::PUT, format!("{address}/latest/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", SESSION_SECONDS);
    let session = match client.send(&start).await {
        Ok(answer) if variables.metadata_url.is_none() && answer.status.is_client_error() => {
            let status = answer.status.as_u16();
            return Err(SourceError::NotSetUp(format!("{address} is none of AWS: its status is {status}")));
        }
        Ok(answer) => text(&answer)?,
        // most machines are not at AWS
        Err(error) if variables.metadata_url.is_none() && error.may_pass() => {
            return Err(SourceError::NotSetUp(format!("{address}: {error}")));
        }
        Err(error) => return Err(named(address, &error)),
    };
    let get = |path: &str| Request::get(format!("{address}/{path}")).header("x-aws-ec2-metadata-token", &*session);
    let send = async |path: &str| client.send(&get(path)).await.map_err(|error| named(address, &error));
    let roles = send(ROLES).await?;
    if roles.status.as_u16() == 404 {
        return Err(SourceError::NotSetUp(format!("{address}: this machine has no role")));
    }
    let roles = text(&roles)?;
    let role = roles.lines().next().unwrap_or_default();
    document::keys(&send(&format!("{ROLES}{role}")).await?)
}

fn named(address: &str, error: &HttpError) -> SourceError {
    SourceError::Failed { message: format!("{address}: {error}"), may_pass: error.may_pass() }
}

/// The text of an answer of success; nothing but what may stand in a header and in a path.
fn text(answer: &Answer) -> Result<String, SourceError> {
    let status = answer.status.as_u16();
    if status != 200 {
        let message = format!("its status is {status}");
        return Err(SourceError::Failed { message, may_pass: status >= 429 });
    }
    let text = String::from_utf8_lossy(&answer.body).trim().to_owned();
    let is_plain = |byte: u8| byte.is_ascii_graphic() || byte == b'\n';
    if text.is_empty() || !text.bytes().all(is_plain) {
        return Err(SourceError::down("it answers no text"));
    }
    Ok(text)
}
