//! Names of single files.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Refusal;

/// The longest file name that every client can fetch, in bytes: zypper 1.14 adds 16 to it, and file systems take 255.
const MAX_BYTES: usize = 239;

/// The name of one file without a directory: safe as the last part of a path in every store.
///
/// It has no `/`, `\`, blank or control character, does not start with a dot, and has at most 239 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// Checks a name that a client sent.
    ///
    /// # Errors
    ///
    /// Names the rule that the name breaks.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        let refuse = |reason: &str| Err(Refusal::new(name.escape_debug().to_string(), reason));
        if name.is_empty() {
            return refuse("the file name is empty");
        }
        if name.len() > MAX_BYTES {
            return refuse("the file name is longer than 239 bytes");
        }
        if name.contains(['/', '\\']) {
            return refuse("the file name contains a slash or a backslash");
        }
        if name.starts_with('.') {
            return refuse("the file name starts with a dot");
        }
        if name.contains(['#', '?']) {
            return refuse("the file name contains # or ?, which clients take for the end of a path");
        }
        if name.chars().any(is_bidirectional) {
            return refuse("the file name contains characters that change the direction of writing");
        }
        if name.chars().any(|character| character.is_control() || character.is_whitespace()) {
            return refuse("the file name contains a blank or a control character");
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Marks that make a name look like another one (Unicode Standard Annex 9, section 2).
fn is_bidirectional(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for FileName {
    type Error = Refusal;

    fn try_from(name: String) -> Result<Self, Refusal> {
        Self::parse(&name)
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_directory_are_refused() {
        for name in [
            "",
            "a/b",
            "a\\b",
            "..",
            ".",
            ".rws",
            "a b",
            "a\tb",
            "a\0b",
            "a\u{a0}b",
            "a\nb",
            "a#b",
            "a?b",
            "a\u{202e}b",
        ] {
            assert!(FileName::parse(name).is_err(), "{name:?}");
        }
        assert!(FileName::parse(&"x".repeat(240)).is_err());
    }

    #[test]
    fn awkward_but_good_names_are_taken() {
        for name in [
            "a..b",
            "dotty-1.0-1..noarch.rpm",
            "libstdc++6_12.2.0-14+deb12u1_amd64.deb",
            "a_1%3a2~rc1_all.deb",
            "ü&<\".rpm",
            "x^1.rpm",
        ] {
            assert_eq!(FileName::parse(name).unwrap().as_str(), name);
        }
    }
}
