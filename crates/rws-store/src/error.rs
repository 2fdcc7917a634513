//! What can go wrong between RWS and its bytes.

use std::io;

/// Whether doing the same again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The store may answer later.
    Later,
    /// A person has to change something first.
    Never,
}

/// An operation of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A conditional write found another version: read again, then decide. Nothing was written.
    #[error("another writer changed {key} in the meantime")]
    Conflict {
        /// The object.
        key: String,
    },
    /// The source of a copy does not exist.
    #[error("{key} does not exist")]
    Missing {
        /// The object.
        key: String,
    },
    /// This process may only read now.
    #[error("this replica may not write now: {reason}")]
    NotWritable {
        /// Why.
        reason: String,
    },
    /// The store could not do it; whether it took effect is not known.
    #[error("the store could not {operation} {key}: {source}")]
    Failed {
        /// `read`, `write` …
        operation: &'static str,
        /// The object or prefix.
        key: String,
        /// Whether to try again.
        retry: Retry,
        /// Why.
        source: io::Error,
    },
}

impl StoreError {
    /// Whether something answered that is no store.
    pub fn is_nonsense(&self) -> bool {
        matches!(self, Self::Failed { source, .. } if source.kind() == io::ErrorKind::InvalidData)
    }

    /// Whether the store does not know such a request.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Failed { source, .. } if source.kind() == io::ErrorKind::Unsupported)
    }

    /// Wraps an error of the operating system.
    pub fn from_io(operation: &'static str, key: impl Into<String>, source: io::Error) -> Self {
        let retry = match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::InvalidInput => {
                Retry::Never
            }
            _ => Retry::Later,
        };
        Self::Failed { operation, key: key.into(), retry, source }
    }
}
