//! The key that signs.

use std::fmt;

use async_trait::async_trait;
use pgp::composed::{CleartextSignedMessage, Deserializable, DetachedSignature};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SecretKey, SecretSubkey, Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{Password, Timestamp};
use rws_model::{SignError, Signer, SigningPurpose, SigningRequest};
use zeroize::Zeroizing;

use crate::KeyError;
use crate::armor::{self, reason};
use crate::certificate::fingerprint;
use crate::cleartext::Cleartext;
use crate::policy::{Choice, day};

/// An unlocked key that may sign.
///
/// Signatures are made with SHA-512 (ECDSA keys on smaller curves: the hash of their size).
pub struct SigningKey {
    fingerprint: String,
    public_armored: String,
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
    pub(crate) fn assemble(fingerprint: String, public_armored: String, part: SecretPart, choice: Choice) -> Self {
        let Choice { hash, valid_from, expires_at, warnings, .. } = choice;
        Self { fingerprint, public_armored, part, hash, valid_from, expires_at, warnings, secret_armored: None }
    }

    pub(crate) fn with_secret_armored(mut self, text: Zeroizing<String>) -> Self {
        self.secret_armored = Some(text);
        self
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
        let bytes = b"RWS";
        let verified = self.make(SignatureType::Binary, bytes, now).and_then(|signature| match &self.part {
            SecretPart::Primary(key) => signature.verify(key.public_key(), &bytes[..]),
            SecretPart::Subkey(key) => signature.verify(key.public_key(), &bytes[..]),
        });
        verified.map_err(|_| KeyError::Inconsistent { key: self.signing_fingerprint() })
    }

    fn make(&self, kind: SignatureType, bytes: &[u8], signed_at: i64) -> pgp::errors::Result<Signature> {
        match &self.part {
            SecretPart::Primary(key) => self.sign_with(&**key, kind, bytes, signed_at),
            SecretPart::Subkey(key) => self.sign_with(&**key, kind, bytes, signed_at),
        }
    }

    /// A version 4 signature (RFC 9580, section 5.2.3). The time is never before the key's own: after a key was made
    /// on another machine, a clock that is behind must not make signatures that are older than the key.
    fn sign_with<K: pgp::types::SigningKey>(
        &self,
        key: &K,
        kind: SignatureType,
        bytes: &[u8],
        signed_at: i64,
    ) -> pgp::errors::Result<Signature> {
        let time = u32::try_from(signed_at.max(self.valid_from))?;
        let mut config = SignatureConfig::v4(kind, key.algorithm(), self.hash);
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
            Subpacket::regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(time)))?,
        ];
        config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?];
        config.sign(key, &Password::empty(), bytes)
    }

    /// A clear-signed message of `text` (RFC 9580, section 7); `signed_at` is in seconds since 1970.
    ///
    /// The verified text is `text` to the byte, where it is a text in the sense of RFC 9580, section 7.2: every line ends in
    /// LF, none in blanks. What cannot be expressed is changed knowingly, in the message as in the signature: blanks and
    /// CR at the ends of lines go, and a missing last line end is added.
    ///
    /// # Errors
    ///
    /// When the key cannot sign; trying again does not help.
    pub fn clear_sign(&self, text: &str, signed_at: i64) -> Result<String, SignError> {
        let cleartext = Cleartext::new(text).map_err(|reason| self.error(reason.to_owned()))?;
        let signature = self.sign_armored(SignatureType::Text, cleartext.signed().as_bytes(), signed_at)?;
        Ok(cleartext.message(&self.hash.to_string(), &signature))
    }

    /// A detached signature of `bytes` in ASCII armour; `signed_at` is in seconds since 1970.
    ///
    /// # Errors
    ///
    /// When the key cannot sign; trying again does not help.
    pub fn detach_sign(&self, bytes: &[u8], signed_at: i64) -> Result<String, SignError> {
        self.sign_armored(SignatureType::Binary, bytes, signed_at)
    }

    /// The same without armour, as rpm keeps it in the signature header of a package.
    ///
    /// # Errors
    ///
    /// When the key cannot sign; trying again does not help.
    pub fn sign_header(&self, bytes: &[u8], signed_at: i64) -> Result<Vec<u8>, SignError> {
        let signature = self.sign_detached(SignatureType::Binary, bytes, signed_at)?;
        signature.to_bytes().map_err(|error| self.error(reason(&error)))
    }

    fn sign_armored(&self, kind: SignatureType, bytes: &[u8], signed_at: i64) -> Result<String, SignError> {
        let signature = self.sign_detached(kind, bytes, signed_at)?;
        signature.to_armored_string(armor::OPTIONS).map_err(|error| self.error(reason(&error)))
    }

    fn sign_detached(&self, kind: SignatureType, bytes: &[u8], signed_at: i64) -> Result<DetachedSignature, SignError> {
        if let Some(expires_at) = self.expires_at.filter(|expires_at| *expires_at <= signed_at) {
            return Err(self.error(format!(
                "it expired on {}: extend it with `gpg --quick-set-expire`, export it again and restart",
                day(expires_at)
            )));
        }
        let signature = self.make(kind, bytes, signed_at).map_err(|error| self.error(reason(&error)))?;
        Ok(DetachedSignature::new(signature))
    }

    fn error(&self, reason: String) -> SignError {
        SignError { key: self.signing_fingerprint(), reason }
    }
}

#[async_trait]
impl Signer for SigningKey {
    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn public_key_armored(&self) -> &str {
        &self.public_armored
    }

    async fn sign(&self, request: SigningRequest<'_>) -> Result<Vec<u8>, SignError> {
        let SigningRequest { purpose, bytes, signed_at } = request;
        match purpose {
            SigningPurpose::ClearText => {
                let text = std::str::from_utf8(bytes).map_err(|error| self.error(error.to_string()))?;
                self.clear_sign(text, signed_at).map(String::into_bytes)
            }
            SigningPurpose::Detached => self.detach_sign(bytes, signed_at).map(String::into_bytes),
            SigningPurpose::RpmHeader => self.sign_header(bytes, signed_at),
        }
    }

    fn verify_clear(&self, message: &str) -> Option<String> {
        let (message, _) = CleartextSignedMessage::from_string(message).ok()?;
        let verified = match &self.part {
            SecretPart::Primary(key) => message.verify(key.public_key()).is_ok(),
            SecretPart::Subkey(key) => message.verify(key.public_key()).is_ok(),
        };
        // the line end before the signature is not part of the text (RFC 9580, section 7.1)
        verified.then(|| message.signed_text().replace("\r\n", "\n") + "\n")
    }

    fn verify_detached(&self, bytes: &[u8], signature: &str) -> bool {
        let Ok((signature, _)) = DetachedSignature::from_string(signature) else { return false };
        match &self.part {
            SecretPart::Primary(key) => signature.verify(key.public_key(), bytes).is_ok(),
            SecretPart::Subkey(key) => signature.verify(key.public_key(), bytes).is_ok(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}
