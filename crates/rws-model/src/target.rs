//! What a client names in a URL, and the repositories behind it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `kind/series/distribution/version`, for example `live/1.10/el/7`: four parts that the configuration knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// `live`, `release` …
    pub kind: String,
    /// `1.10`, `modules` …
    pub series: String,
    /// `el`, `ubuntu` …
    pub distribution: String,
    /// `7`, `focal` …: for deb the codename.
    pub version: String,
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}/{}", self.kind, self.series, self.distribution, self.version)
    }
}

/// The name of one repository: the unit that is indexed, signed and read.
///
/// rpm: `live/1.10/el/7/x86_64`. deb: the path of the archive root and the codename, `release/2.8/ubuntu/focal`.
/// It is a relative path of plain parts, so it can stand inside a key of the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryId(String);

impl RepositoryId {
    /// Checks the text of an id: parts of letters, digits and `. _ + ~ -`, none of them empty or starting with a dot.
    pub fn parse(text: &str) -> Option<Self> {
        let good = text.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+~-".contains(&byte))
        });
        good.then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Everything before the last part, and the last part. The first is empty where there is one part only.
    pub fn split_last(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }
}

impl fmt::Display for RepositoryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for RepositoryId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is no repository id"))
    }
}

impl From<RepositoryId> for String {
    fn from(id: RepositoryId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_relative_paths_of_plain_parts() {
        for good in ["live/1.10/el/7/x86_64", "a"] {
            assert_eq!(RepositoryId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "/a", "a/", "a//b", "a/../b", "a/.rws", "a b", "ä", "a/@b"] {
            assert_eq!(RepositoryId::parse(bad), None, "{bad}");
        }
    }
}
