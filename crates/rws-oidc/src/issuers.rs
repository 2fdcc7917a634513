//! All issuers, and what they say of a token.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::claims::Claims;
use crate::discovery::KeySource;
use crate::key_cache::KeyCache;
use crate::rule::{EVENT, REFUSED_EVENTS, Rule};
use crate::settings::check;
use crate::token::Token;
use crate::{Denied, IssuerKind, IssuerSettings, SettingsError};

/// Claims that are passed on whatever the rules name: who the token is about, and its number.
const PASSED_ON: [&str; 2] = ["sub", "jti"];

/// The issuers of the configuration with their keys. A clone shares them.
#[derive(Clone, Debug)]
pub struct Issuers(Arc<Vec<Issuer>>);

#[derive(Debug)]
struct Issuer {
    kind: IssuerKind,
    name: String,
    audience: String,
    rules: Vec<Rule>,
    keys: Arc<KeyCache>,
}

/// A token that is good and meets a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its `iss`.
    pub issuer: String,
    /// All rules that it meets, in their order; at least one.
    pub rules: Vec<MatchedRule>,
    /// The claims that these rules name, with `sub` and `jti`, as the text that was compared.
    pub claims: BTreeMap<String, String>,
    /// Its `exp`, in seconds since 1970.
    pub expires_at: i64,
}

/// A rule that a token meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedRule {
    /// Its name.
    pub name: String,
    /// The number of its issuer in the settings, from 0.
    pub issuer_index: usize,
    /// Its number among the rules of this issuer, from 0.
    pub rule_index: usize,
}

impl Issuers {
    /// Reads the files of certificate authorities. Nobody is asked yet.
    ///
    /// # Errors
    ///
    /// When the settings are refused ([`check`]), or a file of certificate authorities cannot be used.
    pub fn new(settings: &[IssuerSettings]) -> Result<Self, SettingsError> {
        check(settings)?;
        let issuer = |(index, settings): (usize, &IssuerSettings)| {
            let source = KeySource::new(settings).map_err(|error| {
                let allowed = "is a readable PEM file with certificates";
                SettingsError::new(format!("[{index}].ca_file"), format!("is unusable: {error}"), allowed)
            })?;
            Ok(Issuer {
                kind: settings.kind,
                name: settings.issuer.clone(),
                audience: settings.audience.clone(),
                rules: settings.rules.iter().map(Rule::new).collect(),
                keys: Arc::new(KeyCache::new(source, settings)),
            })
        };
        Ok(Self(Arc::new(settings.iter().enumerate().map(issuer).collect::<Result<_, _>>()?)))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks a token at a time in seconds since 1970. It may wait for the keys of the issuer, for a few seconds, and needs
    /// a runtime of tokio for that.
    ///
    /// # Errors
    ///
    /// Why the token is not taken.
    pub async fn verify(&self, token: &str, now: i64) -> Result<Verified, Denied> {
        let token = Token::parse(token)?;
        let algorithm = token.algorithm()?;
        let said = token.unverified_issuer().ok_or(Denied::Malformed("it has no iss"))?;
        let mut numbered = self.0.iter().enumerate();
        let (index, issuer) = numbered.find(|(_, issuer)| issuer.name == said).ok_or(Denied::UnknownIssuer)?;
        let key = issuer.keys.find(token.key_id(), algorithm, now).await?;
        let claims = token.verify(&key, algorithm)?;
        // the same bytes were read before; from here on nothing but what is signed counts
        if claims.issuer() != Some(issuer.name.as_str()) {
            return Err(Denied::UnknownIssuer);
        }
        if !claims.is_for(&issuer.audience) {
            return Err(Denied::Audience);
        }
        let expires_at = claims.check_times(now)?;
        let rules = issuer.matched(&claims)?;
        let matched = rules.iter().map(|(rule_index, rule)| MatchedRule {
            name: rule.name.clone(),
            issuer_index: index,
            rule_index: *rule_index,
        });
        let names = rules.iter().flat_map(|(_, rule)| rule.claims()).chain(PASSED_ON);
        let accepted = names.filter_map(|name| Some((name.to_owned(), claims.text(name)?.into_owned())));
        Ok(Verified { issuer: issuer.name.clone(), rules: matched.collect(), claims: accepted.collect(), expires_at })
    }
}

impl Issuer {
    /// The rules that the claims meet, with their numbers.
    fn matched(&self, claims: &Claims) -> Result<Vec<(usize, &Rule)>, Denied> {
        let is_met = |rule: &Rule| {
            let mismatch = rule.mismatch(claims);
            if let Some(claim) = mismatch {
                tracing::debug!(issuer = self.name, rule = rule.name, claim, "a token does not meet a rule");
            }
            mismatch.is_none()
        };
        let mut met: Vec<(usize, &Rule)> = self.rules.iter().enumerate().filter(|(_, rule)| is_met(rule)).collect();
        if met.is_empty() {
            return Err(Denied::NoRule);
        }
        if self.kind == IssuerKind::Github {
            let event = claims.text(EVENT);
            // tokens of workflows always say it
            let event = event.as_deref().ok_or(Denied::NoRule)?;
            if let Some(refused) = REFUSED_EVENTS.into_iter().find(|refused| *refused == event) {
                met.retain(|(_, rule)| rule.names_events());
                return if met.is_empty() { Err(Denied::Event(refused)) } else { Ok(met) };
            }
        }
        Ok(met)
    }
}
