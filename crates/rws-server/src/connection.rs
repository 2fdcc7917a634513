//! Which connection a request came by, and who sends it.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::header::{HOST, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, Uri};
use rws_repository::readers::Reader;

use crate::budgets::Network;
use crate::settings::Settings;

/// Whose request a proxy passes on.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// One connection of a client.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    number: u64,
    peer: SocketAddr,
    is_secure: bool,
}

impl Connection {
    /// The next one.
    pub fn new(peer: SocketAddr, is_secure: bool) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        Self { number: NUMBER.fetch_add(1, Ordering::Relaxed), peer, is_secure }
    }
}

/// Who sends a request.
#[derive(Clone, Debug)]
pub struct Client {
    /// The address; that which a trusted proxy tells, where there is one.
    pub address: IpAddr,
    /// Whether a trusted proxy sends the request.
    pub is_forwarded: bool,
    connection: Connection,
}

impl Client {
    /// Who sends a request with these headers. Proxies that are not trusted count as clients.
    pub fn of(settings: &Settings, connection: &Connection, headers: &HeaderMap) -> Self {
        let peer = connection.peer.ip().to_canonical();
        let is_trusted = |address: &IpAddr| settings.trusted_proxies.iter().any(|network| network.contains(address));
        let is_forwarded = is_trusted(&peer);
        let forwarded = if is_forwarded { forwarded_for(headers, is_trusted) } else { None };
        Self { address: forwarded.unwrap_or(peer), is_forwarded, connection: *connection }
    }

    /// The URL at which this client reaches the service, without a slash at its end, where that is known.
    pub fn base(&self, settings: &Settings, uri: &Uri, headers: &HeaderMap) -> Option<String> {
        let told = if self.is_forwarded { headers } else { &HeaderMap::new() };
        settings.public_url.clone().or_else(|| base(&self.connection, told, uri, headers))
    }

    /// Whose shares it takes.
    pub fn network(&self) -> Network {
        Network::of(self.address)
    }

    /// Who reads, for repositories whose state is held for a reader. What a proxy says of the client counts as a part of its
    /// name here, trusted or not: who lies about it harms himself only.
    pub fn reader(&self, headers: &HeaderMap) -> Reader {
        static DIGEST: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let (forwarded, agent) = (headers.get(&FORWARDED_FOR), headers.get(USER_AGENT));
        // a proxy in front may send the requests of many clients by one connection
        let connection = if forwarded.is_some() { None } else { Some(self.connection.number) };
        Reader { connection, client: DIGEST.hash_one((self.connection.peer.ip(), forwarded, agent)) }
    }
}

/// The last address that is no trusted proxy: what stands before it may be a lie of the client.
fn forwarded_for(told: &HeaderMap, is_trusted: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
    let lines = told.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok());
    let addresses: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let mut nearest = None;
    for text in addresses.into_iter().rev() {
        let bare = text.strip_prefix('[').and_then(|text| text.split(']').next());
        // some proxies add the port
        let parsed = bare.unwrap_or(text).parse().or_else(|_| text.parse().map(|socket: SocketAddr| socket.ip()));
        let Ok(address) = parsed.map(|address: IpAddr| address.to_canonical()) else { break };
        nearest = Some(address);
        if !is_trusted(&address) {
            break;
        }
    }
    nearest
}

fn base(connection: &Connection, told: &HeaderMap, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let text = |headers: &HeaderMap, name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let host = text(told, "x-forwarded-host");
    // HTTP/2 has no Host
    let host = host.or_else(|| uri.authority().map(ToString::to_string)).or_else(|| text(headers, HOST.as_str()))?;
    let is_secure = match text(told, "x-forwarded-proto").as_deref() {
        Some("https") => true,
        Some("http") => false,
        _ => connection.is_secure,
    };
    let plain = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte));
    plain.then(|| format!("{}://{host}", if is_secure { "https" } else { "http" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> (Client, Option<String>) {
        let settings = Settings { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Settings::default() };
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let client = Client::of(&settings, &Connection::new(peer.parse().unwrap(), false), &headers);
        let base = client.base(&settings, &Uri::from_static("/x"), &headers);
        (client, base)
    }

    #[test]
    fn the_address_is_the_last_one_that_no_trusted_proxy_has() {
        for (peer, forwarded, expected) in [
            ("192.0.2.1:9", "198.51.100.7", "192.0.2.1"),
            ("10.0.0.1:9", "198.51.100.7", "198.51.100.7"),
            ("10.0.0.1:9", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
            ("10.0.0.1:9", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("10.0.0.1:9", "nonsense", "10.0.0.1"),
            ("10.0.0.1:9", "nonsense, 10.0.0.2", "10.0.0.2"),
            ("10.0.0.1:9", "198.51.100.7:1234", "198.51.100.7"),
            ("10.0.0.1:9", "[2001:db8::1]:1234", "2001:db8::1"),
            ("[::ffff:10.0.0.1]:9", "198.51.100.7", "198.51.100.7"),
        ] {
            let (client, _) = client(peer, &[("x-forwarded-for", forwarded)]);
            assert_eq!(client.address.to_string(), expected, "{peer} {forwarded}");
        }
    }

    #[test]
    fn only_a_trusted_proxy_says_what_the_url_is() {
        let headers =
            [("host", "inner:5000"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "packages.example.org")];
        assert_eq!(client("10.0.0.1:9", &headers).1.as_deref(), Some("https://packages.example.org"));
        assert_eq!(client("192.0.2.1:9", &headers).1.as_deref(), Some("http://inner:5000"));
        assert_eq!(client("192.0.2.1:9", &[("host", "a\"b")]).1, None);
        assert_eq!(client("192.0.2.1:9", &[]).1, None);
    }
}
