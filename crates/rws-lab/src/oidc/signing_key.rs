//! Keys of issuers, made by openssl.

use std::process::Command;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// A key of an issuer.
pub struct SigningKey {
    id: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl SigningKey {
    /// For RS256; less than 2048 bits are too few.
    pub fn rsa(id: &str, bits: u32) -> Self {
        let key = made(&["genrsa", "-traditional", &bits.to_string()], &["rsa", "-traditional"]);
        Self { id: id.to_owned(), algorithm: Algorithm::RS256, key: EncodingKey::from_rsa_der(&key) }
    }

    /// For ES256.
    pub fn p256(id: &str) -> Self {
        let options = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let key = made(&options, &["pkcs8", "-topk8", "-nocrypt"]);
        Self { id: id.to_owned(), algorithm: Algorithm::ES256, key: EncodingKey::from_ec_der(&key) }
    }

    /// For EdDSA.
    pub fn ed25519(id: &str) -> Self {
        let key = made(&["genpkey", "-algorithm", "ED25519"], &["pkcs8", "-topk8", "-nocrypt"]);
        Self { id: id.to_owned(), algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_der(&key) }
    }

    /// As its issuer publishes it.
    pub fn published(&self) -> Value {
        let mut key =
            serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).expect("a key")).expect("JSON");
        key["kid"] = json!(self.id);
        key["use"] = json!("sig");
        key["x5t"] = json!("a thumbprint");
        key
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(Header { kid: Some(self.id.clone()), ..Header::new(self.algorithm) }, claims)
    }

    /// A token with another header.
    pub fn sign_with(&self, header: Header, claims: &Value) -> String {
        jsonwebtoken::encode(&header, claims, &self.key).expect("the key can sign")
    }
}

/// A secret key in DER: made in PEM by the first command, converted by the second.
fn made(make: &[&str], convert: &[&str]) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("key.pem");
    let pem = Command::new("openssl").args(make).output().expect("openssl runs");
    assert!(pem.status.success(), "{}", String::from_utf8_lossy(&pem.stderr));
    std::fs::write(&path, pem.stdout).expect("written");
    let der = Command::new("openssl")
        .args(convert)
        .args(["-outform", "DER", "-in"])
        .arg(path)
        .output()
        .expect("openssl runs");
    assert!(der.status.success(), "{}", String::from_utf8_lossy(&der.stderr));
    der.stdout
}
