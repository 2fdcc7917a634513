//! Memory that somebody else counts.

/// Where an inspector asks before it takes much memory: a window to unpack with, a large header.
///
/// What is taken is given back when this is dropped, with the inspector.
pub trait Memory: Send + Sync {
    /// Waits until there is so much more, in bytes. False: there is none for too long a time.
    fn take(&self, bytes: u64) -> bool;
}

/// As much as there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl Memory for Unlimited {
    fn take(&self, _bytes: u64) -> bool {
        true
    }
}
