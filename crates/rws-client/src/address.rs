//! Addresses of a service and of what is there.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rws_model::Target;

use crate::error::ClientError;

/// What stands in a path as it is: the unreserved characters, and the slashes between its parts.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'*');

/// A value in a query.
pub fn quoted(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A path without slashes at its ends, as it stands in an address.
pub fn encoded(path: &str) -> String {
    utf8_percent_encode(path.trim_matches('/'), PATH).to_string()
}

/// The URL of a service, without a slash at its end.
///
/// # Errors
///
/// For what is none. A URL with a password is one, and is not repeated.
pub fn service(text: &str) -> Result<String, ClientError> {
    let usage = |message: &str| Err(ClientError::Usage(message.to_owned()));
    let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme)) else {
        return usage("the service is a URL like https://rws.example.org");
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.contains('@') {
        return usage(
            "no user and no password stands in a URL: a list of processes would show them. `rws --help` says where logins are",
        );
    }
    if host.is_empty() || rest.contains(['?', '#']) || rest.contains(char::is_whitespace) {
        return usage("the service is a URL like https://rws.example.org, without a query");
    }
    Ok(format!("{scheme}://{host}/{path}").trim_end_matches('/').to_owned())
}

/// Scheme and host of a URL of a service.
pub fn origin(service: &str) -> &str {
    let start = service.find("://").map_or(0, |at| at + 3);
    let end = service.get(start..).and_then(|rest| rest.find('/')).map_or(service.len(), |at| start + at);
    service.get(..end).unwrap_or(service)
}

/// The name of the host in a URL of a service, without the port.
pub fn host(service: &str) -> &str {
    let authority = origin(service).split_once("://").map_or("", |(_, authority)| authority);
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Where packages are uploaded to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The URL of the service.
    pub service: String,
    /// `live/2.11/ubuntu/focal`, or a path with an anchor.
    pub path: String,
}

impl Destination {
    /// A whole URL; or a path of the service that is known otherwise. What stands before the last four parts of the path of a URL
    /// belongs to the service: it is behind a proxy with others.
    ///
    /// # Errors
    ///
    /// For what is neither.
    pub fn parse(text: &str, service_of_path: Option<&str>) -> Result<Self, ClientError> {
        if !text.contains("://") {
            let Some(base) = service_of_path else {
                let message = format!(
                    "{text:?} is no address of a repository: give one like https://rws.example.org/live/2.11/ubuntu/focal \
                     before the files, or set RWS_SERVER and give live/2.11/ubuntu/focal"
                );
                return Err(ClientError::Usage(message));
            };
            return Self { service: service(base)?, path: text.trim_matches('/').to_owned() }.checked();
        }
        let url = service(text)?;
        let origin = origin(&url).to_owned();
        let path = url.get(origin.len()..).unwrap_or_default().trim_matches('/');
        let parts: Vec<&str> = path.split('/').collect();
        let (before, path) = parts.split_at(parts.len().saturating_sub(4));
        let service = [&[origin.as_str()], before].concat().join("/");
        Self { service, path: path.join("/") }.checked()
    }

    fn checked(self) -> Result<Self, ClientError> {
        if self.path.is_empty() {
            let message = format!("{} names no repository: add its path, as in …/live/2.11/ubuntu/focal", self.service);
            return Err(ClientError::Usage(message));
        }
        Ok(self)
    }

    /// The target, where the path is one and no anchor.
    pub fn target(&self) -> Option<Target> {
        let parts: Vec<&str> = self.path.split('/').collect();
        let [kind, series, distribution, version] = parts[..] else { return None };
        let [kind, series, distribution, version] = [kind, series, distribution, version].map(str::to_owned);
        Some(Target { kind, series, distribution, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_a_service() {
        for (text, url) in [
            ("https://rws.example.org", "https://rws.example.org"),
            ("http://127.0.0.1:5000/", "http://127.0.0.1:5000"),
            ("https://example.org/rws/", "https://example.org/rws"),
        ] {
            assert_eq!(service(text).ok().as_deref(), Some(url), "{text}");
        }
        for text in
            ["", "rws.example.org", "ftp://x", "https://", "https://u:secret@x/", "https://x/?y", "https://x y/"]
        {
            let error = service(text).unwrap_err();
            assert!(error.exit_code() == 2 && !error.to_string().contains("secret"), "{text}: {error}");
        }
        assert_eq!((origin("https://a:1/b/c"), host("https://a:1/b/c")), ("https://a:1", "a"));
        assert_eq!((origin("https://[::1]:80"), host("https://[::1]:80")), ("https://[::1]:80", "::1"));
    }

    #[test]
    fn where_packages_go() {
        let split = |text: &str, base: Option<&str>| {
            let Destination { service, path } = Destination::parse(text, base).ok()?;
            Some((service, path))
        };
        let pair = |service: &str, path: &str| Some((service.to_owned(), path.to_owned()));
        assert_eq!(split("https://x/live/1/el/9/", None), pair("https://x", "live/1/el/9"));
        assert_eq!(split("https://x/rws/live/1/el/9", None), pair("https://x/rws", "live/1/el/9"));
        assert_eq!(split("https://x/anchor/el/9", None), pair("https://x", "anchor/el/9"));
        assert_eq!(split("live/1/el/9", Some("https://x/")), pair("https://x", "live/1/el/9"));
        assert_eq!(split("live/1/el/9", None), None);
        assert_eq!(split("https://x/", None), None);
        assert!(Destination::parse("https://x/live/1/el/9", None).unwrap().target().is_some());
        assert!(Destination::parse("https://x/all/el/9", None).unwrap().target().is_none());
    }
}
