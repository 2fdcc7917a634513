//! What somebody is allowed to do, and who may read.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

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

/// What somebody may do in some repositories. Its JSON is that of an item of `allow` in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "GrantObject")]
pub struct Grant {
    /// Which repositories.
    pub pattern: TargetPattern,
    /// What.
    pub verbs: Vec<Verb>,
    /// Patterns of the packages; `None`: all.
    pub packages: Option<Vec<String>>,
}

/// A grant as an object of JSON; one with the usual verbs may be a pattern alone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantObject {
    #[serde(rename = "match")]
    pattern: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbs: Option<Vec<Verb>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packages: Option<Vec<String>>,
}

impl From<Grant> for GrantObject {
    fn from(Grant { pattern, verbs, packages }: Grant) -> Self {
        Self { pattern: pattern.to_string(), verbs: Some(verbs), packages }
    }
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Grant;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a pattern such as live/*, or an object with match, verbs and packages")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Grant, E> {
                Ok(Grant::usual(pattern(text)?))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Grant, A::Error> {
                let object = GrantObject::deserialize(MapAccessDeserializer::new(map))?;
                let empty = |packages: &Vec<String>| packages.is_empty() || packages.iter().any(String::is_empty);
                if object.packages.as_ref().is_some_and(empty) {
                    return Err(A::Error::custom("packages is an empty list, or has an empty name"));
                }
                let verbs = object.verbs.unwrap_or_else(|| Grant::USUAL_VERBS.to_vec());
                if object.packages.is_some() && verbs.contains(&Verb::Read) {
                    return Err(A::Error::custom(
                        "packages does not limit read: give read in an object of its own, without packages",
                    ));
                }
                Ok(Grant { pattern: pattern(&object.pattern)?, verbs, packages: object.packages })
            }
        }

        fn pattern<E: Error>(text: &str) -> Result<TargetPattern, E> {
            TargetPattern::parse(text).ok_or_else(|| E::custom(format!("{text:?} is no pattern like live/*/el/*")))
        }

        deserializer.deserialize_any(Text)
    }
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
