//! The key that signs.

use std::fmt;

use async_trait::async_trait;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SecretKey, SecretSubkey, Signature};
use pgp::types::Password;
use rws_model::{SignError, SigningRequest};
use zeroize::Zeroizing;

use crate::KeyError;
use crate::armor::reason;
use crate::certificate::fingerprint;
use crate::draft;
use crate::keyring::KeySigner;
use crate::policy::{Choice, day};
use crate::public_key::PublicKey;
use crate::signature::{KeySignature, SignatureKind};

/// An unlocked key that may sign.
///
/// Signatures are made with SHA-512 (ECDSA keys on smaller curves: the hash of their size).
pub struct SigningKey {
    public: PublicKey,
    part: SecretPart,
    hash: HashAlgorithm,
    valid_from: i64,
    expires_at: Option<i64>,
    warnings: Vec<String>,
    secret_armored: Option<Zeroizing<String>>,
}

/// What signs, unlocked. Wiped when it goes.
pub(crate) enum SecretPart {
    Primary(Box<SecretKey>),
    Subkey(Box<SecretSubkey>),
}

impl SigningKey {
    pub(crate) fn assemble(public: PublicKey, part: SecretPart, choice: Choice) -> Self {
        let Choice { hash, valid_from, expires_at, warnings, .. } = choice;
        Self { public, part, hash, valid_from, expires_at, warnings, secret_armored: None }
    }

    pub(crate) fn with_secret_armored(mut self, text: Zeroizing<String>) -> Self {
        self.secret_armored = Some(text);
        self
    }

    pub(crate) fn part(&self) -> &SecretPart {
        &self.part
    }

    /// What an operator should know of the key (weak, soon to expire), one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The fingerprint of the key or subkey that signs, upper-case hexadecimal digits.
    pub fn signing_fingerprint(&self) -> String {
        match &self.part {
            SecretPart::Primary(key) => fingerprint(&**key),
            SecretPart::Subkey(key) => fingerprint(&**key),
        }
    }

    /// From when on the key cannot sign, in seconds since 1970; absent when never.
    pub fn expires_at(&self) -> Option<i64> {
        self.expires_at
    }

    /// The secret key in ASCII armour, **not locked**, for keeping it on disk. Only a generated key has it: who imported a
    /// key has it already.
    pub fn export_secret_armored(&self) -> Option<&str> {
        self.secret_armored.as_deref().map(String::as_str)
    }

    /// Makes a signature and verifies it, so that a damaged key is found at once and not by the clients.
    pub(crate) fn check_itself(&self, now: i64) -> Result<(), KeyError> {
        let (kind, bytes) = (SignatureKind::Binary, b"RWS");
        let made = self.make(kind, bytes, now).map(KeySignature::new);
        match made {
            Ok(made) if self.public.verifies(&made, kind, bytes) => Ok(()),
            _ => Err(KeyError::Inconsistent { key: self.signing_fingerprint() }),
        }
    }

    fn make(&self, kind: SignatureKind, bytes: &[u8], signed_at: i64) -> pgp::errors::Result<Signature> {
        match &self.part {
            SecretPart::Primary(key) => self.sign_with(&**key, kind, bytes, signed_at),
            SecretPart::Subkey(key) => self.sign_with(&**key, kind, bytes, signed_at),
        }
    }

    fn sign_with<K: pgp::types::SigningKey>(
        &self,
        key: &K,
        kind: SignatureKind,
        bytes: &[u8],
        signed_at: i64,
    ) -> pgp::errors::Result<Signature> {
        let config = draft::config(key, (self.hash, self.valid_from), kind, signed_at)?;
        // a text comes as it is hashed
        config.sign(key, &Password::empty(), bytes)
    }

    /// A signature of bytes, of a text as it is hashed; `signed_at` is in seconds since 1970.
    ///
    /// # Errors
    ///
    /// When the key cannot sign; trying again does not help.
    pub fn sign(&self, kind: SignatureKind, bytes: &[u8], signed_at: i64) -> Result<KeySignature, SignError> {
        if let Some(expires_at) = self.expires_at.filter(|expires_at| *expires_at <= signed_at) {
            return Err(self.error(format!(
                "it expired on {}: extend it with `gpg --quick-set-expire`, export it again and restart",
                day(expires_at)
            )));
        }
        self.make(kind, bytes, signed_at).map(KeySignature::new).map_err(|error| self.error(reason(&error)))
    }

    fn error(&self, reason: String) -> SignError {
        SignError { key: self.signing_fingerprint(), reason }
    }
}

#[async_trait]
impl KeySigner for SigningKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    async fn signature(&self, kind: SignatureKind, request: SigningRequest<'_>) -> Result<KeySignature, SignError> {
        self.sign(kind, request.bytes, request.signed_at)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("fingerprint", &self.public.fingerprint()).finish_non_exhaustive()
    }
}
