//! What a request says of who sends it: the header `Authorization` (RFC 9110, section 11.6.2).

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rws_repository::token::TokenText;

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
    /// A token of RWS, as Bearer (RFC 6750, section 2.1) or as the password of any name.
    Token(TokenText),
    /// The token of a CI job (a JWT, RFC 7519), sent likewise.
    Job(String),
}

/// The credentials of a request. Those that RWS does not know are none.
pub fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, given) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return token(given.trim());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(given.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (name, password) = (decoded.get(..colon)?, decoded.get(colon + 1..)?);
    // a token is no password, whoever it is sent for
    if let Some(token) = str::from_utf8(password).ok().and_then(token) {
        return Some(token);
    }
    let name = String::from_utf8(name.to_vec()).ok().filter(|name| !name.is_empty())?;
    Some(Credentials::Password { name, password: password.to_vec() })
}

/// A token of one of the two kinds; `None` for what may be a password.
fn token(text: &str) -> Option<Credentials> {
    let own = TokenText::parse(text).map(Credentials::Token);
    own.or_else(|| rws_oidc::looks_like_jwt(text).then(|| Credentials::Job(text.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<Credentials> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        credentials(&headers)
    }

    #[test]
    fn passwords_and_tokens() {
        let expected = Credentials::Password { name: "u".to_owned(), password: b"p:w".to_vec() };
        assert!(read("basic dTpwOnc=") == Some(expected));
        let token = TokenText::of([1; 20]);
        let encoded = |text: &str| STANDARD.encode(text);
        for good in [
            format!("Bearer {}", token.expose()),
            format!("Basic {}", encoded(&format!("u:{}", token.expose()))),
            format!("Basic {}", encoded(&format!(":{}", token.expose()))),
        ] {
            assert!(read(&good) == Some(Credentials::Token(token.clone())), "{good}");
        }
        let password = Credentials::Password { name: "u".to_owned(), password: b"rws_1".to_vec() };
        assert!(read(&format!("Basic {}", encoded("u:rws_1"))) == Some(password));
    }

    #[test]
    fn all_else_is_nothing() {
        for bad in ["Bearer dTpwOnc=", "Bearer rws_1", "Basic !", "Basic dXB3", "Basic OnB3", "Basic", "Digest a"] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
