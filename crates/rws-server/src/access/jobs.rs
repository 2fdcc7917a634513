//! CI jobs that log in with a token of their CI service.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rws_model::Grant;
use rws_oidc::{Denied, Issuers, MatchedRule, Verified};

use super::User;

/// The jobs that may log in, and what they may do.
pub struct Jobs {
    issuers: Issuers,
    /// By issuer and rule, in the order of their settings.
    grants: Vec<Vec<Vec<Grant>>>,
}

impl Jobs {
    /// Jobs of these issuers; `grants` says what the rules of each allow, in the order of their settings.
    pub fn new(issuers: Issuers, grants: Vec<Vec<Vec<Grant>>>) -> Self {
        Self { issuers, grants }
    }

    /// Who logs in with the token of a job. What several rules allow that it meets is allowed together.
    pub(super) async fn user(&self, text: &str) -> Result<User, Denied> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let Verified { issuer, rules, claims, .. } = self.issuers.verify(text, now).await?;
        let names: BTreeSet<String> = rules.iter().map(|rule| format!("oidc:{}", rule.name)).collect();
        let allow: Vec<Grant> = rules.iter().flat_map(|rule| self.grants(rule)).cloned().collect();
        let claims = claims.into_iter().chain([("iss".to_owned(), issuer)]);
        Ok(User {
            name: names.iter().map(String::as_str).collect::<Vec<_>>().join("+"),
            listed_as: names,
            reads_as_user: true,
            may: Arc::new(move |verb, target: &_| Grant::allowed(&allow, verb, target)),
            is_admin: false,
            claims: claims.collect::<BTreeMap<_, _>>(),
        })
    }

    fn grants(&self, rule: &MatchedRule) -> &[Grant] {
        let grants = self.grants.get(rule.issuer_index).and_then(|rules| rules.get(rule.rule_index));
        grants.map_or(&[], Vec::as_slice)
    }
}
