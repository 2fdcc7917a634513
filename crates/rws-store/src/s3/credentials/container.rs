//! The agent that hands out keys to a container: ECS, EKS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rws_http::{Client, Request};
use url::{Host, Url};

use super::session::SourceError;
use super::web_identity::secret_of_file;
use super::{AwsVariables, SessionKeys, document};

/// The longest token for the agent, in bytes.
const MAX_TOKEN_BYTES: usize = 20_000;

/// The agent of ECS.
const ECS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2));

/// The agents that may be asked without TLS, beside those of this machine: that of ECS, and those of EKS.
const AGENTS: [IpAddr; 3] =
    [ECS, IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23))];

/// The keys of the agent that the variables name.
pub async fn keys(variables: &AwsVariables, client: &Client) -> Result<SessionKeys, SourceError> {
    let url = address(variables)?;
    let mut request = Request::get(url.as_str()).header("accept", "application/json");
    // a file is renewed while the process runs: it wins over the variable
    let token = match (&variables.container_authorization_token_file, &variables.container_authorization_token) {
        (Some(file), _) => Some(secret_of_file(file, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", MAX_TOKEN_BYTES).await?),
        (None, token) => token.clone(),
    };
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    document::keys(&client.send(&request).await?)
}

/// Where the agent is.
fn address(variables: &AwsVariables) -> Result<Url, SourceError> {
    let (name, text) = match (&variables.container_relative_uri, &variables.container_full_uri) {
        (Some(path), _) => ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", format!("http://{ECS}{path}")),
        (None, Some(full)) => ("AWS_CONTAINER_CREDENTIALS_FULL_URI", full.clone()),
        (None, None) => {
            let names = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI";
            return Err(SourceError::NotSetUp(format!("{names} are not set")));
        }
    };
    let url = Url::parse(&text).ok().filter(|url| url.username().is_empty() && url.password().is_none());
    url.filter(may_be_asked).ok_or_else(|| {
        SourceError::wrong(format!(
            "{name} names a host that RWS does not ask: allowed are https, this machine, and the agents of ECS and EKS"
        ))
    })
}

/// Whether a token may be sent there.
fn may_be_asked(url: &Url) -> bool {
    let is_near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback() || AGENTS.contains(&address.into()),
        Some(Host::Ipv6(address)) => address.is_loopback() || AGENTS.contains(&address.into()),
        None => false,
    };
    url.scheme() == "https" && url.host().is_some() || url.scheme() == "http" && is_near
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_agents_are_asked() {
        let full = |text: &str| AwsVariables { container_full_uri: Some(text.to_owned()), ..AwsVariables::default() };
        for good in [
            "http://127.0.0.1:80/a",
            "http://127.9.9.9/a",
            "http://[::1]/a",
            "http://localhost:1/a",
            "http://169.254.170.2/a?id=b",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "https://agent.example.org/a",
        ] {
            assert!(address(&full(good)).is_ok(), "{good}");
        }
        for bad in [
            "http://169.254.169.254/a",
            "http://169.254.170.3/a",
            "http://10.0.0.1/a",
            "http://agent.example.org/a",
            "http://localhost.example.org/a",
            "http://127.0.0.1@agent.example.org/a",
            "http://[fd00:ec2::254]/a",
            "file:///etc/passwd",
            "/relative",
            "",
        ] {
            let error = address(&full(bad)).unwrap_err().to_string();
            assert!(error.starts_with("AWS_CONTAINER_CREDENTIALS_FULL_URI names a host"), "{bad}: {error}");
        }
        let relative = |text: &str| {
            address(&AwsVariables { container_relative_uri: Some(text.to_owned()), ..AwsVariables::default() })
        };
        assert_eq!(relative("/v2/credentials/1").unwrap().as_str(), "http://169.254.170.2/v2/credentials/1");
        // what is not a path does not lead to another host
        for bad in ["@example.org/", ".example.org/", ":80@example.org/", "0/"] {
            assert!(relative(bad).is_err(), "{bad}");
        }
    }
}
