//! Importing an armored secret key.

use pgp::composed::SignedSecretKey;
use pgp::errors::Error;
use pgp::types::{Password, SecretParams};

use crate::armor::{self, reason};
use crate::certificate::{Certificate, fingerprint};
use crate::key::{SecretPart, SigningKey};
use crate::policy::{self, Chosen};
use crate::public_key::PublicKey;
use crate::{KeyError, Passphrase};

impl SigningKey {
    /// Reads an armored secret key, chooses the part of it that signs, and unlocks that part once and for all. Where the
    /// text holds several keys, in one armored block or several, the first secret one is taken.
    ///
    /// `now` is in seconds since 1970. A passphrase for a key that is not locked is ignored.
    ///
    /// # Errors
    ///
    /// When nothing in the key may sign at `now`. The message says why and what to do.
    pub fn import(armored: &str, passphrase: Option<&Passphrase>, now: i64) -> Result<Self, KeyError> {
        Self::from_secret_key(armor::first_secret_key(armored)?, passphrase, now)
    }

    pub(crate) fn from_secret_key(
        mut key: SignedSecretKey,
        passphrase: Option<&Passphrase>,
        now: i64,
    ) -> Result<Self, KeyError> {
        let certificate = Certificate::read(&key, now)?;
        let choice = policy::choose(&certificate, now)?;
        let public = PublicKey::new(key.to_public_key())?;
        let mut part = match choice.part {
            Chosen::Primary => SecretPart::Primary(Box::new(key.primary_key)),
            // the position comes from the list itself
            Chosen::Subkey(position) => SecretPart::Subkey(Box::new(key.secret_subkeys.swap_remove(position).key)),
        };
        unlock(&mut part, passphrase)?;
        let key = Self::assemble(public, part, choice);
        key.check_itself(now)?;
        Ok(key)
    }
}

fn unlock(part: &mut SecretPart, passphrase: Option<&Passphrase>) -> Result<(), KeyError> {
    let (secret, key) = match part {
        SecretPart::Primary(key) => (key.secret_params(), fingerprint(&**key)),
        SecretPart::Subkey(key) => (key.secret_params(), fingerprint(&**key)),
    };
    if !matches!(secret, SecretParams::Encrypted(_)) {
        return Ok(());
    }
    let Some(passphrase) = passphrase else { return Err(KeyError::PassphraseMissing { key }) };
    let password: Password = passphrase.password();
    let unlocked = match part {
        SecretPart::Primary(key) => key.remove_password(&password),
        SecretPart::Subkey(key) => key.remove_password(&password),
    };
    unlocked.map_err(|error| match error {
        Error::Unsupported { .. } | Error::Unimplemented { .. } => KeyError::Damaged { reason: reason(&error) },
        _ => KeyError::PassphraseWrong { key },
    })
}
