//! The passphrase of a key.

use std::fmt;

use pgp::types::Password;
use zeroize::Zeroizing;

/// What unlocks a secret key. It is wiped when it goes, and never printed.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// The passphrase as bytes, nothing trimmed.
    pub fn new(passphrase: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(passphrase.into()))
    }

    pub(crate) fn password(&self) -> Password {
        Password::from(self.0.as_slice())
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passphrase(…)")
    }
}
