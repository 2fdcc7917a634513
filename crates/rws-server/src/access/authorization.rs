//! What a request says of who sends it: the header `Authorization` (RFC 9110, section 11.6.2).

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a request logs in with.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A name and a password (RFC 7617).
    Password {
        /// The name; never empty.
        name: String,
        /// The password, any bytes.
        password: Vec<u8>,
    },
}

/// The credentials of a request. Those that RWS does not know are none.
pub fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let name = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    (!name.is_empty()).then(|| Credentials::Password { name, password: decoded[colon + 1..].to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_basic_credentials_are_read() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            credentials(&headers)
        };
        let expected = Credentials::Password { name: "u".to_owned(), password: b"p:w".to_vec() };
        assert!(read("basic dTpwOnc=") == Some(expected));
        for bad in ["Bearer dTpwOnc=", "Basic !", "Basic dXB3", "Basic OnB3", "Basic"] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
