//! What the configuration says of issuers, and what it must not say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use url::Url;

use crate::address;

/// The longest pattern of a claim, in bytes.
const MAX_PATTERN_BYTES: usize = 512;

/// Claims that are checked for every token, and the one that is another for each: they tell no two jobs apart.
const CHECKED: [&str; 6] = ["iss", "aud", "exp", "nbf", "iat", "jti"];

/// Which service an issuer is: names can be taken over, so each has claims that every rule must name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// GitHub Actions: every rule names `repository_id`, and `ref` or `environment`.
    Github,
    /// GitLab CI: every rule names `project_id` and `ref_protected`.
    Gitlab,
    /// Any other: every rule names `sub`, or two claims beside `iss`, `aud`, `exp`, `nbf`, `iat` and `jti`.
    Generic,
}

/// One issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// Which service it is.
    pub kind: IssuerKind,
    /// Its `iss`, to the letter: `https://…`, or `http://…` on this machine.
    pub issuer: String,
    /// What `aud` has to contain.
    pub audience: String,
    /// Where its keys are (RFC 7517, section 5). Without it the issuer says so, and may name its own host only.
    pub jwks_uri: Option<String>,
    /// PEM file of certificate authorities to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// What is allowed to whom.
    pub rules: Vec<RuleSettings>,
}

/// One rule: all its claims have to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSettings {
    /// Its name, which no other rule of any issuer has.
    pub name: String,
    /// Patterns by the names of claims: `*` stands for any characters, `?` for one.
    pub claims: BTreeMap<String, String>,
}

/// A mistake in the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {problem}; allowed {allowed}")]
pub struct SettingsError {
    /// `[0].rules[1].claims`: the first issuer, its second rule.
    pub key: String,
    /// `is missing`
    pub problem: String,
    /// `is …`
    pub allowed: String,
}

impl SettingsError {
    pub(crate) fn new(key: String, problem: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { key, problem: problem.into(), allowed: allowed.into() }
    }
}

/// Checks the settings of all issuers. Files are not read, and nobody is asked.
///
/// # Errors
///
/// The first mistake.
pub fn check(issuers: &[IssuerSettings]) -> Result<(), SettingsError> {
    let (mut known, mut names) = (BTreeSet::new(), BTreeSet::new());
    for (index, issuer) in issuers.iter().enumerate() {
        let key = |name: &str| format!("[{index}].{name}");
        address(&issuer.issuer, key("issuer"))?;
        if !known.insert(issuer.issuer.as_str()) {
            let allowed = "is each issuer once, with all its rules";
            return Err(SettingsError::new(key("issuer"), "is that of an entry before", allowed));
        }
        if issuer.audience.trim().is_empty() {
            let allowed = "is what the tokens have in aud: the URL of this service, for example";
            return Err(SettingsError::new(key("audience"), "is empty", allowed));
        }
        if let Some(uri) = &issuer.jwks_uri {
            address(uri, key("jwks_uri"))?;
        }
        for (position, rule) in issuer.rules.iter().enumerate() {
            let key = |name: &str| key(&format!("rules[{position}].{name}"));
            if !is_name(&rule.name) {
                let allowed = "is a name of up to 100 letters, digits and . _ -";
                return Err(SettingsError::new(key("name"), format!("is {:?}", rule.name), allowed));
            }
            if !names.insert(rule.name.as_str()) {
                let problem = format!("is {:?}, the name of a rule before", rule.name);
                return Err(SettingsError::new(key("name"), problem, "is a name that no other rule has"));
            }
            check_claims(issuer.kind, &rule.claims, &key("claims"))?;
        }
    }
    Ok(())
}

fn address(text: &str, key: String) -> Result<Url, SettingsError> {
    // a URL with a user may hold a password
    let shown = || if text.contains('@') { "is not shown".to_owned() } else { format!("is {text:?}") };
    address::parse(text).ok_or_else(|| SettingsError::new(key, shown(), address::ALLOWED))
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=100).contains(&name.len()) && name.bytes().all(plain)
}

/// Whether a rule says enough about whom it is for.
fn check_claims(kind: IssuerKind, claims: &BTreeMap<String, String>, key: &str) -> Result<(), SettingsError> {
    for (name, pattern) in claims {
        let key = format!("{key}.{name}");
        if name != "jti" && CHECKED.contains(&name.as_str()) {
            return Err(SettingsError::new(key, "is checked for every token", "are the other claims of the issuer"));
        }
        if pattern.len() > MAX_PATTERN_BYTES {
            let allowed = format!("are patterns of up to {MAX_PATTERN_BYTES} bytes");
            return Err(SettingsError::new(key, "is too long", allowed));
        }
    }
    let missing = |names: &str, why: &str| {
        let allowed = format!("are rules that name {names}: {why}");
        Err(SettingsError::new(key.to_owned(), format!("do not name {names}"), allowed))
    };
    let names = |name: &str| claims.get(name).is_some_and(|pattern| says_something(pattern));
    let is_exact = |name: &str| names(name) && claims.get(name).is_some_and(|pattern| !is_pattern(pattern));
    match kind {
        IssuerKind::Github if !is_exact("repository_id") => {
            missing("repository_id without * and ?", "the name of a repository can be taken over by somebody else")
        }
        IssuerKind::Github if !names("ref") && !names("environment") => {
            missing("ref or environment", "any branch of the repository could publish otherwise")
        }
        IssuerKind::Gitlab if !is_exact("project_id") => {
            missing("project_id without * and ?", "the path of a project can be taken over by somebody else")
        }
        IssuerKind::Gitlab if !is_exact("ref_protected") => {
            missing("ref_protected without * and ?", "any branch of the project could publish otherwise")
        }
        IssuerKind::Generic => {
            let telling =
                claims.iter().filter(|(name, pattern)| says_something(pattern) && !CHECKED.contains(&name.as_str()));
            match names("sub") || telling.count() >= 2 {
                true => Ok(()),
                false => missing("sub, or two other claims,", "one claim may be the same for many jobs"),
            }
        }
        IssuerKind::Github | IssuerKind::Gitlab => Ok(()),
    }
}

/// Whether it holds for some values and not for all.
fn says_something(pattern: &str) -> bool {
    pattern.contains(|character| !['*', '?'].contains(&character))
}

/// Whether it stands for more than itself.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}
