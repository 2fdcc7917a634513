//! What a scheduler knows of one repository.

use tokio::time::Instant;

use crate::RepositoryError;
use crate::publish::Triggers;

/// What is known of a repository's runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    pub(super) running: bool,
    pub(super) again: Option<Triggers>,
    /// Whether somebody asked since the last run began.
    pub(super) asked: bool,
    /// Whether somebody waits for it in particular.
    pub(super) prompt: bool,
    /// When the next root may be published.
    pub(super) not_before: Option<Instant>,
    pub(super) failures: u32,
    pub(super) last_error: Option<String>,
    /// The failure that receivers of webhooks were told of last, until there is a success.
    pub(super) told: Option<String>,
    /// What the last comparison with the store found, which stays so whatever is published, until there is another one.
    pub(super) malformed: Option<MalformedPackage>,
}

/// A malformed package that lies in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MalformedPackage {
    /// Where.
    pub(super) path: String,
    /// What is said of it.
    pub(super) error: String,
}

impl Slot {
    pub(super) fn error(&self) -> Option<&String> {
        self.last_error.as_ref().or(self.malformed.as_ref().map(|malformed| &malformed.error))
    }

    pub(super) fn note_error(&mut self, error: &RepositoryError) {
        match error {
            RepositoryError::Malformed { path, .. } => {
                self.malformed = Some(MalformedPackage { path: path.clone(), error: error.to_string() });
            }
            other => self.last_error = Some(other.to_string()),
        }
    }
}
