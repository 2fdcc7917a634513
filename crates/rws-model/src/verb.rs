//! What somebody may do with a repository.

use serde::{Deserialize, Serialize};

/// What somebody may do with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// To read it.
    Read,
    /// To add and replace packages and metadata, and to have it compared with the store.
    Upload,
    /// To remove packages and metadata.
    Delete,
    /// To promote packages of other repositories to it.
    Promote,
    /// To apply its rule of retention.
    Retain,
}

impl Verb {
    /// All.
    pub const ALL: [Self; 5] = [Self::Read, Self::Upload, Self::Delete, Self::Promote, Self::Retain];

    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Upload => "upload",
            Self::Delete => "delete",
            Self::Promote => "promote",
            Self::Retain => "retain",
        }
    }

    /// The verb of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.word() == word)
    }
}
