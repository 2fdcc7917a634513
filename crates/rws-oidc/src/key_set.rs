//! The keys of an issuer (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::base64url;

/// More keys are refused.
const MAX_KEYS: usize = 100;

/// Shorter RSA keys are ignored, and longer ones, which the library does not take, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The longest exponent of an RSA key, in bytes.
const MAX_EXPONENT_BYTES: usize = 4;

/// The length of a coordinate of P-256 and of a key of Ed25519, in bytes.
const CURVE_BYTES: usize = 32;

/// Keys that signatures can be checked with.
#[derive(Debug)]
pub struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// One key as it is published; unknown members are ignored (RFC 7517, section 4).
#[derive(Deserialize)]
struct Published {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a JWK set. Keys that RWS cannot use are ignored.
    pub fn parse(json: &[u8]) -> Result<Self, &'static str> {
        let document: Document = serde_json::from_slice(json).map_err(|_| "it is no JWK set")?;
        if document.keys.len() > MAX_KEYS {
            return Err("it has more than 100 keys");
        }
        let published = document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        let keys: Vec<Key> = published.filter_map(usable).collect();
        if keys.is_empty() {
            return Err("it has no key for signatures with RS256, ES256 or EdDSA");
        }
        Ok(Self(keys))
    }

    /// The key with this id for this algorithm; without an id the only one for the algorithm.
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let mut fitting = self.0.iter().filter(|key| key.algorithm == algorithm);
        match id {
            Some(id) => fitting.find(|key| key.id.as_deref() == Some(id)).map(|key| &key.key),
            None => fitting.next().filter(|_| fitting.next().is_none()).map(|key| &key.key),
        }
    }
}

/// The key, where it is one for signatures that RWS takes. The lengths are checked here: the library trusts them.
fn usable(published: Published) -> Option<Key> {
    let is_for_signatures = published.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
        && published.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|one| one == "verify"));
    let bytes = |text: &Option<String>| text.as_deref().and_then(base64url::decode);
    let (algorithm, name, key) = match (published.kty.as_str(), published.crv.as_deref()) {
        ("RSA", _) => (Algorithm::RS256, "RS256", rsa(&bytes(&published.n)?, &bytes(&published.e)?)?),
        ("EC", Some("P-256")) => (Algorithm::ES256, "ES256", p256(&bytes(&published.x)?, &bytes(&published.y)?)?),
        ("OKP", Some("Ed25519")) => (Algorithm::EdDSA, "EdDSA", ed25519(&bytes(&published.x)?)?),
        _ => return None,
    };
    let fits = published.alg.is_none_or(|alg| alg == name);
    (is_for_signatures && fits).then_some(Key { id: published.kid, algorithm, key })
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<DecodingKey> {
    let start = modulus.iter().position(|byte| *byte != 0)?;
    let modulus = modulus.get(start..)?;
    let bits = modulus.len() * 8 - usize::try_from(modulus.first()?.leading_zeros()).ok()?;
    let fits = RSA_BITS.contains(&bits) && (1..=MAX_EXPONENT_BYTES).contains(&exponent.len());
    fits.then(|| DecodingKey::from_rsa_raw_components(modulus, exponent))
}

fn p256(x: &[u8], y: &[u8]) -> Option<DecodingKey> {
    // an uncompressed point (SEC 1, section 2.3.3)
    let point = [&[4], x, y].concat();
    (x.len() == CURVE_BYTES && y.len() == CURVE_BYTES).then(|| DecodingKey::from_ec_der(&point))
}

fn ed25519(key: &[u8]) -> Option<DecodingKey> {
    (key.len() == CURVE_BYTES).then(|| DecodingKey::from_ed_der(key))
}
