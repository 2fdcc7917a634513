//! An issuer on this machine.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::SigningKey;
use crate::{HttpServer, Reply};

/// Where it has its keys.
pub const KEYS: &str = "/.well-known/jwks";

/// A server with a discovery document and keys.
pub struct LocalIssuer {
    server: HttpServer,
    keys: Arc<Mutex<Value>>,
}

impl LocalIssuer {
    /// Starts it with these keys.
    pub fn start(keys: &[&SigningKey]) -> Self {
        let (server, keys) = (HttpServer::start(|_| Reply::new(404, "")), Arc::new(Mutex::new(set(keys))));
        let issuer = Self { server, keys };
        issuer.recover();
        issuer
    }

    /// Its `iss`.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// The server itself.
    pub fn server(&self) -> &HttpServer {
        &self.server
    }

    /// Has these keys from now on.
    pub fn publish(&self, keys: &[&SigningKey]) {
        *self.keys.lock().expect("nobody panicked") = set(keys);
    }

    /// Has this document in place of its keys.
    pub fn publish_text(&self, document: Value) {
        *self.keys.lock().expect("nobody panicked") = document;
    }

    /// Answers as it should from now on.
    pub fn recover(&self) {
        let (url, keys) = (self.url().to_owned(), Arc::clone(&self.keys));
        self.server.set(move |asked| match asked.target.as_str() {
            "/.well-known/openid-configuration" => Reply::new(200, discovery(&url, &format!("{url}{KEYS}"))),
            KEYS => Reply::new(200, keys.lock().expect("nobody panicked").to_string()),
            _ => Reply::new(404, ""),
        });
    }

    /// How often its keys were asked for.
    pub fn fetches(&self) -> usize {
        self.server.asked().iter().filter(|asked| asked.target == KEYS).count()
    }
}

/// The discovery document of GitHub, with other addresses.
pub fn discovery(issuer: &str, jwks_uri: &str) -> String {
    let document = json!({
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "subject_types_supported": ["public", "pairwise"],
        "response_types_supported": ["id_token"],
        "claims_supported": ["sub", "aud", "exp", "iat", "iss", "jti", "nbf", "ref", "sha", "repository"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid"],
    });
    document.to_string()
}

fn set(keys: &[&SigningKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.published()).collect::<Vec<_>>() })
}
