//! Issuers of tokens whose jobs may do something: the list `oidc` of the file.

use std::collections::BTreeMap;

use rws_model::Grant;
use rws_oidc::{IssuerKind, IssuerSettings, RuleSettings};
use serde_json::{Value, json};

use super::connection;
use super::credentials;
use super::mistake::Mistake;
use super::model::Model;
use super::node::{Node, Object};
use super::setting::Setting;

/// The keys of one issuer.
pub const KEYS: [&str; 6] = ["type", "issuer", "audience", "jwks_uri", "ca_file", "rules"];

/// The keys of one rule.
pub const RULE_KEYS: [&str; 3] = ["name", "claims", "allow"];

const ISSUERS: &str = "is a list of objects with type, issuer, audience and rules";
const TYPE: &str = "is \"github\", \"gitlab\" or \"generic\"";
const ISSUER: &str = "is the URL that the tokens have in iss";
const AUDIENCE: &str = "is what the tokens have in aud: the URL of this service, for example";
const JWKS_URI: &str = "is the URL of the keys of the issuer";
const RULES: &str = "is a list of objects with name, claims and allow";
const CLAIMS: &str = "is an object of texts, such as {\"repository_id\": \"1234\", \"ref\": \"refs/tags/*\"}";
/// Claims that are numbers or truth values in a token are compared as their text.
const CLAIM: &str = "is a text, where * stands for any characters and ? for one";

/// One issuer, and what its rules allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcIssuer {
    /// Who it is, and which claims the rules name.
    pub settings: IssuerSettings,
    /// What each rule of `settings` allows, in the same order.
    pub grants: Vec<Vec<Grant>>,
}

/// Reads the list `oidc`.
pub fn read(file: &Object<'_>) -> Result<Vec<OidcIssuer>, Mistake> {
    let Some(node) = file.get("oidc") else { return Ok(Vec::new()) };
    let issuers = node.list(ISSUERS)?.iter().map(issuer).collect::<Result<Vec<_>, _>>()?;
    let settings: Vec<IssuerSettings> = issuers.iter().map(|issuer| issuer.settings.clone()).collect();
    // its key begins with the number of the issuer
    rws_oidc::check(&settings).map_err(|error| {
        let mistake = node.problem(error.problem, error.allowed);
        Mistake { key: mistake.key + &error.key, ..mistake }
    })?;
    Ok(issuers)
}

/// What is said of patterns of rules that match no repository.
pub fn useless(issuers: &[OidcIssuer], model: &Model) -> Vec<String> {
    let mut warnings = Vec::new();
    for (rule, grants) in issuers.iter().flat_map(|issuer| issuer.settings.rules.iter().zip(&issuer.grants)) {
        for pattern in grants.iter().map(|grant| &grant.pattern) {
            if !model.targets().any(|target| pattern.matches(&target)) {
                warnings
                    .push(format!("rule {:?} of oidc: allow has {pattern}, which matches no repository", rule.name));
            }
        }
    }
    warnings
}

/// As it stands in the file: nothing of it is secret.
pub fn show(issuer: &OidcIssuer) -> Value {
    let OidcIssuer { settings, grants } = issuer;
    let rule = |(rule, grants): (&RuleSettings, &Vec<Grant>)| {
        let allow: Vec<Value> = grants.iter().map(super::show::grant).collect();
        json!({ "name": rule.name, "claims": rule.claims, "allow": allow })
    };
    json!({
        "type": word(settings.kind),
        "issuer": settings.issuer,
        "audience": settings.audience,
        "jwks_uri": settings.jwks_uri,
        "ca_file": settings.ca_file.as_ref().map(|path| path.display().to_string()),
        "rules": settings.rules.iter().zip(grants).map(rule).collect::<Value>(),
    })
}

fn word(kind: IssuerKind) -> &'static str {
    match kind {
        IssuerKind::Github => "github",
        IssuerKind::Gitlab => "gitlab",
        IssuerKind::Generic => "generic",
    }
}

fn issuer(node: &Node<'_>) -> Result<OidcIssuer, Mistake> {
    let entry = node.object(ISSUERS)?;
    entry.refuse_unknown(&KEYS)?;
    let text = |key: &str, allowed: &str| entry.required(key, allowed)?.text(allowed).map(str::to_owned);
    let of_type = entry.required("type", TYPE)?;
    let kinds = [IssuerKind::Github, IssuerKind::Gitlab, IssuerKind::Generic];
    let name = of_type.text(TYPE)?;
    let kind = kinds.into_iter().find(|kind| word(*kind) == name).ok_or_else(|| of_type.mistake(TYPE))?;
    let jwks_uri = entry.get("jwks_uri").map(|node| node.text(JWKS_URI).map(str::to_owned)).transpose()?;
    let ca_file = entry.get("ca_file").map(|node| connection::ca_file(&Setting::Key(node))).transpose()?;
    let list = entry.required("rules", RULES)?.list(RULES)?;
    let (rules, grants) = list.iter().map(rule).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    let (issuer, audience) = (text("issuer", ISSUER)?, text("audience", AUDIENCE)?);
    Ok(OidcIssuer { settings: IssuerSettings { kind, issuer, audience, jwks_uri, ca_file, rules }, grants })
}

fn rule(node: &Node<'_>) -> Result<(RuleSettings, Vec<Grant>), Mistake> {
    let entry = node.object(RULES)?;
    entry.refuse_unknown(&RULE_KEYS)?;
    let name_of_rule = "is a name of up to 100 letters, digits and . _ -";
    let name = entry.required("name", name_of_rule)?.text(name_of_rule)?.to_owned();
    let claims = entry.required("claims", CLAIMS)?.object(CLAIMS)?;
    let claim = |(name, node): (&str, Node<'_>)| Ok((name.to_owned(), node.text(CLAIM)?.to_owned()));
    let claims = claims.entries().map(claim).collect::<Result<BTreeMap<_, _>, Mistake>>()?;
    let grants = credentials::grants(&entry.required("allow", credentials::ALLOW)?)?;
    Ok((RuleSettings { name, claims }, grants))
}
