//! Addresses of issuers and of their keys.

use url::{Host, Url};

/// What an address may be, for messages.
pub const ALLOWED: &str =
    "is a URL like https://issuer.example.org, without user, query and fragment; http:// for this machine only";

/// An address that keys may be fetched from; none where it is no such URL.
pub fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_whole = url.query().is_none() && url.fragment().is_none() && !text.contains(char::is_whitespace);
    let is_private = match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_this_machine(&url),
        _ => false,
    };
    (is_plain && is_whole && is_private).then_some(url)
}

/// Whether nobody between here and there can change what is sent.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // RFC 6761, section 6.3
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Where an issuer says where its keys are (OpenID Connect Discovery 1.0, section 4.1).
pub fn of_discovery(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_private_connections_are_allowed() {
        for good in [
            "https://token.actions.githubusercontent.com",
            "https://gitlab.example.org:8443/path/",
            "http://127.0.0.1:8080",
            "http://127.1.2.3/",
            "http://[::1]:80/a",
            "http://localhost:80",
            "http://issuer.localhost",
        ] {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "issuer.example.org",
            "http://issuer.example.org",
            "http://10.0.0.1/",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "https://user@issuer.example.org",
            "https://user:password@issuer.example.org",
            "https://issuer.example.org?a",
            "https://issuer.example.org#a",
            "https://issuer.example.org/a b",
            "https://",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
