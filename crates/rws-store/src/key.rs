//! Names of objects.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of an object: a relative path whose parts are not empty, not `.`, not `..`, and free of NUL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

impl Key {
    /// Checks a name.
    pub fn parse(text: &str) -> Option<Self> {
        let good = !text.contains('\0') && text.split('/').all(|part| !matches!(part, "" | "." | ".."));
        good.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part of the name.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, last)| last)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not a valid object key"))
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_below_the_root() {
        for good in ["a", ".rws/heads/a.json", "a b/ü+~:%^\"&", "a/..b"] {
            assert_eq!(Key::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "/a", "a/", "a//b", "a/./b", "../a", "a/..", "a\0b"] {
            assert_eq!(Key::parse(bad), None, "{bad:?}");
        }
    }
}
