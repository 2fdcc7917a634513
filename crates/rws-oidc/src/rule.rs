//! Whether a token meets a rule.

use rws_model::glob_matches;

use crate::claims::Claims;
use crate::settings::{RuleSettings, is_pattern};

/// The claim of GitHub that says what started a workflow.
pub const EVENT: &str = "event_name";

/// Events of GitHub that others than the owners of a repository can cause: a rule takes them only if it names `event_name`.
pub const REFUSED_EVENTS: [&str; 4] = ["pull_request", "pull_request_target", "workflow_run", "issue_comment"];

/// A rule, ready to be compared.
#[derive(Debug)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Claims with their only values: they are compared first, so that strangers cost little.
    exact: Vec<(String, String)>,
    /// Claims with patterns.
    patterns: Vec<(String, String)>,
}

impl Rule {
    /// Takes what the configuration says.
    pub fn new(settings: &RuleSettings) -> Self {
        let claims = settings.claims.clone().into_iter();
        let (patterns, exact) = claims.partition(|(_, pattern)| is_pattern(pattern));
        Self { name: settings.name.clone(), exact, patterns }
    }

    /// The first claim that does not match; none where the rule is met.
    pub fn mismatch(&self, claims: &Claims) -> Option<&str> {
        let is_equal = |name: &str, value: &str| claims.text(name).is_some_and(|text| text == value);
        let is_like = |name: &str, pattern: &str| claims.text(name).is_some_and(|text| glob_matches(pattern, &text));
        let exact = self.exact.iter().find(|(name, value)| !is_equal(name, value));
        let first = exact.or_else(|| self.patterns.iter().find(|(name, pattern)| !is_like(name, pattern)));
        first.map(|(name, _)| name.as_str())
    }

    /// The names of its claims.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.exact.iter().chain(&self.patterns).map(|(name, _)| name.as_str())
    }

    /// Whether it says which events of GitHub it takes.
    pub fn names_events(&self) -> bool {
        self.claims().any(|name| name == EVENT)
    }
}
