//! Where the server listens.

use std::fmt;

use super::environment::{Environment, PORT, RWS_LISTEN};
use super::mistake::{COMMAND_LINE, Mistake, quoted};

/// Where the server listens when nothing says otherwise: nobody else reaches it.
const DEFAULT: &str = "127.0.0.1:5000";

const ALLOWED: &str = "is ADDRESS:PORT, for example 127.0.0.1:5000, 0.0.0.0:80 or [::1]:5000";

/// An address or host name, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListeningAddress(String);

impl ListeningAddress {
    /// From `--listen`, `RWS_LISTEN`, `PORT` (on all addresses, as in the Procfile of the original), or the default.
    ///
    /// # Errors
    ///
    /// The one of them that counts is not of its form.
    pub fn resolve(option: Option<&str>, environment: &Environment) -> Result<Self, Mistake> {
        if let Some(text) = option {
            let mistake = || Mistake::new(COMMAND_LINE, "--listen", format!("is {}", quoted(text)), ALLOWED);
            return Self::parse(text).ok_or_else(mistake);
        }
        if let Some(text) = environment.text(RWS_LISTEN)? {
            return Self::parse(text).ok_or_else(|| RWS_LISTEN.mistake(text, ALLOWED));
        }
        if let Some(text) = environment.text(PORT)? {
            let port = parse_port(text).ok_or_else(|| PORT.mistake(text, "is a number from 0 to 65535"))?;
            return Ok(Self(format!("0.0.0.0:{port}")));
        }
        Ok(Self(DEFAULT.to_owned()))
    }

    /// `ADDRESS:PORT`, as sockets are bound.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the server on this machine is reached: a socket that listens on all addresses is asked on the loopback one.
    pub fn to_connect(&self) -> String {
        match self.0.rsplit_once(':') {
            Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
            Some(("[::]", port)) => format!("[::1]:{port}"),
            _ => self.0.clone(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        parse_port(port)?;
        let name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let good = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()),
            None => !host.is_empty() && host.bytes().all(name),
        };
        good.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for ListeningAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// `u16` alone would take `+80`.
fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(option: Option<&str>, variables: &[(&'static str, &str)]) -> Result<String, String> {
        let environment = Environment::new(variables.iter().copied());
        let address = ListeningAddress::resolve(option, &environment);
        address.map(|address| address.to_string()).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn the_command_line_wins_then_rws_listen_then_port_then_the_default() {
        let all = [("RWS_LISTEN", "0.0.0.0:80"), ("PORT", "81")];
        for (option, variables, expected) in [
            (Some("[::1]:0"), &all[..], "[::1]:0"),
            (None, &all[..], "0.0.0.0:80"),
            (None, &all[1..], "0.0.0.0:81"),
            (None, &[("RWS_LISTEN", ""), ("PORT", "81")], "0.0.0.0:81"),
            (None, &[("RWS_LISTEN", ""), ("PORT", "")], "127.0.0.1:5000"),
            (None, &[], "127.0.0.1:5000"),
            (Some("localhost:5000"), &[], "localhost:5000"),
        ] {
            assert_eq!(resolve(option, variables).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_server_on_all_addresses_is_asked_on_the_loopback_one() {
        for (listen, connect) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("localhost:80", "localhost:80"),
        ] {
            assert_eq!(ListeningAddress(listen.to_owned()).to_connect(), connect);
        }
    }

    #[test]
    fn a_bad_address_is_one_line_that_says_where_it_stands() {
        for bad in ["", "5000", ":5000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "a:65536", "::1:80", "[::1]", "a:+1"]
        {
            let expected = format!("command line: --listen is {bad:?}; allowed {ALLOWED}");
            assert_eq!(resolve(Some(bad), &[]), Err(expected));
        }
        let expected = format!("environment: RWS_LISTEN is \"x\"; allowed {ALLOWED}");
        assert_eq!(resolve(None, &[("RWS_LISTEN", "x")]), Err(expected));
        let expected = "environment: PORT is \"tcp://a\"; allowed is a number from 0 to 65535".to_owned();
        assert_eq!(resolve(None, &[("PORT", "tcp://a")]), Err(expected));
    }
}
