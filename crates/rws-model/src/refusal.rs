//! Why an uploaded file is not taken.

/// What kind of rule a refused file breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The file, or its name, is not as it should be.
    Content,
    /// The file is good, but its architecture is not configured for the repository.
    Architecture,
    /// Nothing is wrong with the file, but there is no memory to read it now.
    Memory,
}

/// A file that was sent is refused: the sender's mistake, never a fault of the service.
///
/// Trying the same bytes again cannot help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct Refusal {
    /// The name of the file that is refused.
    pub file: String,
    /// What is wrong with it: one line, without the name.
    pub reason: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
    /// What kind of rule it breaks.
    pub kind: RefusalKind,
}

impl Refusal {
    /// Refuses `file` because of `reason`.
    pub fn new(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { file: file.into(), reason: reason.into(), hint: None, kind: RefusalKind::Content }
    }

    /// Refuses a good file whose architecture the repository does not have.
    pub fn architecture(file: impl Into<String>, architecture: &str) -> Self {
        let reason = format!("the architecture {architecture} is not configured for this repository");
        Self { kind: RefusalKind::Architecture, ..Self::new(file, reason) }
    }

    /// Refuses a file for which there is no memory now.
    pub fn memory(file: impl Into<String>) -> Self {
        let refusal = Self::new(file, "there is no memory to read it now, as others use it");
        Self { kind: RefusalKind::Memory, ..refusal.with_hint("send it again in a moment") }
    }

    /// The same refusal with a sentence that says what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
