//! The form of a token (RFC 7515, section 3.1).

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::claims::Claims;
use crate::{Denied, base64url};

/// Longer tokens are refused unread. Those of CI services have 1 to 2 KiB.
pub const MAX_TOKEN_BYTES: usize = 12 * 1024;

/// The longest first part of a text that may be a token, in bytes.
const MAX_HEADER_BYTES: usize = 4 * 1024;

/// Whether a text can be nothing but a JWT: three parts in base64url, the first of which is a JSON object with `alg`.
pub fn looks_like_jwt(text: &str) -> bool {
    let Some((header, rest)) = text.split_once('.') else { return false };
    let Some((payload, signature)) = rest.split_once('.') else { return false };
    if header.len() > MAX_HEADER_BYTES || payload.is_empty() {
        return false;
    }
    let is_object = base64url::decode(header).is_some_and(|json| {
        serde_json::from_slice::<Map<String, Value>>(&json).is_ok_and(|header| header.contains_key("alg"))
    });
    is_object && base64url::is_plain(payload) && base64url::is_plain(signature)
}

/// A token, taken apart and not verified.
#[derive(Debug)]
pub struct Token<'a> {
    text: &'a str,
    header: Header,
    unverified: Claims,
}

/// The header (section 4.1). `jku`, `jwk`, `x5u` and `x5c` are not read: the keys are those of the configured issuer.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl<'a> Token<'a> {
    /// Takes a token apart. What it says is not to be trusted.
    pub fn parse(text: &'a str) -> Result<Self, Denied> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Denied::Malformed("it is too long"));
        }
        let malformed = Denied::Malformed("it is no JWT");
        let parts: Vec<&str> = text.split('.').collect();
        let [header, payload, _] = parts.as_slice() else { return Err(malformed) };
        let header: Header = json(header).ok_or(malformed.clone())?;
        let claims: Map<String, Value> = json(payload).ok_or(malformed)?;
        // extensions that have to be understood (section 4.1.11): RWS knows none
        if header.crit.is_some() {
            return Err(Denied::Malformed("it has crit"));
        }
        Ok(Self { text, header, unverified: claims.into() })
    }

    /// Who is said to have issued it: not to be trusted yet.
    pub fn unverified_issuer(&self) -> Option<&str> {
        self.unverified.issuer()
    }

    /// The algorithm that the header names.
    pub fn algorithm(&self) -> Result<Algorithm, Denied> {
        match self.header.alg.as_str() {
            "RS256" => Ok(Algorithm::RS256),
            "ES256" => Ok(Algorithm::ES256),
            "EdDSA" => Ok(Algorithm::EdDSA),
            _ => Err(Denied::Algorithm),
        }
    }

    /// The key that the header names (section 4.1.4).
    pub fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// What the token says, once its signature is that of the key.
    pub fn verify(&self, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims, Denied> {
        let mut validation = Validation::new(algorithm);
        // all of these are checked with the time that the caller gives: `Claims`
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        validation.required_spec_claims.clear();
        let verified = jsonwebtoken::decode::<Map<String, Value>>(self.text, key, &validation);
        verified.map(|verified| verified.claims.into()).map_err(|_| Denied::Signature)
    }
}

fn json<'de, T: for<'a> Deserialize<'a>>(part: &'de str) -> Option<T> {
    serde_json::from_slice(&base64url::decode(part)?).ok()
}
