//! What somebody is allowed to do, and who may read.

use std::collections::BTreeSet;

use crate::{Target, TargetPattern, Verb};

/// How much of a target somebody may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Nothing.
    Nothing,
    /// Packages whose names fit a pattern of each of these lists.
    Packages(Vec<Vec<String>>),
    /// Everything.
    Everything,
}

impl Allowed {
    /// What is allowed here and there.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, _) | (_, Self::Nothing) => Self::Nothing,
            (Self::Everything, allowed) | (allowed, Self::Everything) => allowed,
            (Self::Packages(lists), Self::Packages(others)) => Self::Packages([lists, others].concat()),
        }
    }
}

/// What somebody may do in some repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which repositories.
    pub pattern: TargetPattern,
    /// What.
    pub verbs: Vec<Verb>,
    /// Patterns of the packages; `None`: all.
    pub packages: Option<Vec<String>>,
}

impl Grant {
    /// What a pattern alone stands for.
    pub const USUAL_VERBS: [Verb; 2] = [Verb::Upload, Verb::Delete];

    /// What a pattern alone stands for.
    pub fn usual(pattern: TargetPattern) -> Self {
        Self { pattern, verbs: Self::USUAL_VERBS.to_vec(), packages: None }
    }

    /// With how much of a target grants allow to do this.
    pub fn allowed(grants: &[Self], verb: Verb, target: &Target) -> Allowed {
        let mut patterns: Vec<String> = Vec::new();
        for grant in grants.iter().filter(|grant| grant.verbs.contains(&verb) && grant.pattern.matches(target)) {
            match &grant.packages {
                None => return Allowed::Everything,
                Some(packages) => patterns.extend(packages.iter().cloned()),
            }
        }
        if patterns.is_empty() { Allowed::Nothing } else { Allowed::Packages(vec![patterns]) }
    }
}

/// Who may read repositories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Readers {
    /// Everybody.
    #[default]
    Public,
    /// Everybody who logs in.
    Users,
    /// Who has one of these names: of a user, of a group (`@release-managers`), of a rule for CI jobs (`oidc:core`).
    Named(BTreeSet<String>),
}

impl Readers {
    /// Whether everybody is among them.
    pub fn are_public(&self) -> bool {
        *self == Self::Public
    }
}
