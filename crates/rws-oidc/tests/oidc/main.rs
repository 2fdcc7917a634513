//! Tokens of issuers that run on this machine.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod arbitrary;
mod attacks;
mod fetching;
mod github;
mod gitlab;
mod settings;

use std::collections::BTreeMap;

use rws_lab::oidc::{LocalIssuer, SigningKey, claim_sets};
use rws_oidc::{Denied, IssuerKind, IssuerSettings, Issuers, RuleSettings, Verified};

const AUDIENCE: &str = "https://rws.example.org";

/// The time of all tests: that of the claim sets.
const NOW: i64 = 1_795_000_000;

fn github(issuer: &str) -> serde_json::Value {
    claim_sets::github(issuer, AUDIENCE, NOW)
}

fn gitlab(issuer: &str) -> serde_json::Value {
    claim_sets::gitlab(issuer, AUDIENCE, NOW)
}

fn rule(name: &str, claims: &[(&str, &str)]) -> RuleSettings {
    let claims: BTreeMap<_, _> = claims.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    RuleSettings { name: name.to_owned(), claims }
}

fn settings(kind: IssuerKind, issuer: &str, rules: &[RuleSettings]) -> IssuerSettings {
    IssuerSettings {
        kind,
        issuer: issuer.to_owned(),
        audience: AUDIENCE.to_owned(),
        jwks_uri: None,
        ca_file: None,
        rules: rules.to_vec(),
    }
}

/// An issuer of the kind with one key, and what knows it.
struct Place {
    issuer: LocalIssuer,
    key: SigningKey,
    issuers: Issuers,
}

impl Place {
    fn new(kind: IssuerKind, rules: &[RuleSettings]) -> Self {
        let key = SigningKey::p256("one");
        let issuer = LocalIssuer::start(&[&key]);
        let issuers = Issuers::new(&[settings(kind, issuer.url(), rules)]).unwrap();
        Self { issuer, key, issuers }
    }

    /// What becomes of a token with these claims.
    async fn verify(&self, claims: &serde_json::Value) -> Result<Verified, Denied> {
        self.issuers.verify(&self.key.sign(claims), NOW).await
    }
}

fn names(verified: &Verified) -> Vec<&str> {
    verified.rules.iter().map(|rule| rule.name.as_str()).collect()
}
