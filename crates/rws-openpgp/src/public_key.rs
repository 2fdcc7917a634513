//! A public key with its subkeys (a certificate: RFC 9580, section 10.1).

use std::fmt;

use pgp::armor as armoring;
use pgp::composed::{PublicOrSecret, SignedPublicKey};
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{PublicKey as PrimaryKey, PublicSubkey};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, KeyVersion};
use rws_model::{SignatureAlgorithm, SigningRequest};

use crate::armor::{self, reason};
use crate::certificate::{Certificate, fingerprint};
use crate::policy::{self, Choice, Chosen};
use crate::signature::{self, KeySignature};
use crate::{KeyError, SignatureKind};

/// A public key.
#[derive(Clone)]
pub struct PublicKey {
    pub(crate) key: SignedPublicKey,
    fingerprint: String,
    armored: String,
}

/// The part of a key that made a signature, or is to make one.
pub(crate) enum PublicPart<'a> {
    Primary(&'a PrimaryKey),
    Subkey(&'a PublicSubkey),
}

impl PublicKey {
    pub(crate) fn new(key: SignedPublicKey) -> Result<Self, KeyError> {
        let damaged = |error| KeyError::Damaged { reason: reason(&error) };
        let armored = key.to_armored_string(armor::OPTIONS).map_err(damaged)?;
        Ok(Self { fingerprint: fingerprint(&key.primary_key), armored, key })
    }

    /// Reads all keys of a text of armored blocks; of secret keys their public halves.
    ///
    /// # Errors
    ///
    /// When there is no key, or a block cannot be read.
    pub fn read_all(text: &str) -> Result<Vec<Self>, KeyError> {
        let damaged = |error: pgp::errors::Error| KeyError::Damaged { reason: reason(&error) };
        let mut keys = Vec::new();
        for block in armor::blocks(text) {
            let (found, _) = PublicOrSecret::from_armor_many(block.as_bytes()).map_err(damaged)?;
            for key in found {
                keys.push(match key.map_err(damaged)? {
                    PublicOrSecret::Public(key) => Self::new(key)?,
                    PublicOrSecret::Secret(key) => Self::new(key.to_public_key())?,
                });
            }
        }
        if keys.is_empty() { Err(KeyError::NoArmor) } else { Ok(keys) }
    }

    /// Reads the only key of a text.
    ///
    /// # Errors
    ///
    /// When there is none, more than one, or the block cannot be read.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let mut keys = Self::read_all(text)?;
        match (keys.pop(), keys.is_empty()) {
            (Some(key), true) => Ok(key),
            _ => Err(KeyError::SeveralKeys),
        }
    }

    /// The fingerprint of the primary key, upper-case hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The key in ASCII armour.
    pub fn armored(&self) -> &str {
        &self.armored
    }

    /// The key in its binary form, as keyrings of gpgv have it.
    ///
    /// # Errors
    ///
    /// None that is known: serialising into memory does not fail.
    pub fn to_bytes(&self) -> Result<Vec<u8>, KeyError> {
        self.key.to_bytes().map_err(|error| KeyError::Damaged { reason: reason(&error) })
    }

    /// Several keys as one armored block.
    ///
    /// apt joins the lines of all blocks of a key file before it decodes them: there, several keys have to be one block.
    ///
    /// # Errors
    ///
    /// None that is known: serialising into memory does not fail.
    pub fn armored_together(keys: &[&Self]) -> Result<String, KeyError> {
        if let [key] = keys {
            return Ok(key.armored.clone());
        }
        let keys: Vec<&SignedPublicKey> = keys.iter().map(|key| &key.key).collect();
        let mut text = Vec::new();
        let options = armor::OPTIONS;
        armoring::write(
            &keys.as_slice(),
            armoring::BlockType::PublicKey,
            &mut text,
            options.headers,
            options.include_checksum,
        )
        .map_err(|error| KeyError::Damaged { reason: reason(&error) })?;
        String::from_utf8(text).map_err(|error| KeyError::Damaged { reason: error.to_string() })
    }

    /// Its first user id, where that is text.
    pub fn user_id(&self) -> Option<String> {
        let user = self.key.details.users.first()?;
        user.id.as_str().map(str::to_owned)
    }

    /// Which part of the key signs at `now`, where its secret parts are elsewhere.
    pub(crate) fn choose(&self, now: i64) -> Result<Choice, KeyError> {
        policy::choose(&Certificate::read_public(&self.key, now)?, now)
    }

    /// How its signatures are made; `None` where nothing in it may sign.
    pub fn algorithm(&self) -> Option<SignatureAlgorithm> {
        // the part that signs today signed yesterday: the time decides nothing but what has expired
        let created_at = i64::from(self.key.primary_key.created_at().as_secs());
        let subkeys = self.key.public_subkeys.iter().map(|subkey| i64::from(subkey.key.created_at().as_secs()));
        let choice = self.choose(subkeys.fold(created_at, i64::max)).ok()?;
        match self.part(choice.part).details().algorithm() {
            PublicKeyAlgorithm::RSA | PublicKeyAlgorithm::RSASign => Some(SignatureAlgorithm::Rsa),
            PublicKeyAlgorithm::EdDSALegacy => Some(SignatureAlgorithm::EdDsa),
            PublicKeyAlgorithm::ECDSA => Some(SignatureAlgorithm::EcDsa),
            _ => Some(SignatureAlgorithm::Later),
        }
    }

    /// What is to be said of the key, a sentence each.
    ///
    /// # Errors
    ///
    /// When nothing in it may sign at `now`.
    pub fn check(&self, now: i64) -> Result<Vec<String>, KeyError> {
        Ok(self.choose(now)?.warnings)
    }

    /// From when on nothing in the key may sign, in seconds since 1970; `None` when never, or already now.
    pub fn expires_at(&self, now: i64) -> Option<i64> {
        self.choose(now).ok()?.expires_at
    }

    pub(crate) fn part(&self, chosen: Chosen) -> PublicPart<'_> {
        match chosen {
            Chosen::Primary => PublicPart::Primary(&self.key.primary_key),
            Chosen::Subkey(position) => match self.key.public_subkeys.get(position) {
                Some(subkey) => PublicPart::Subkey(&subkey.key),
                None => PublicPart::Primary(&self.key.primary_key),
            },
        }
    }

    /// Whether the primary key or a subkey of it made a signature of these bytes, with a hash that clients take. What the key
    /// says of itself, such as an end of its validity, does not matter here.
    pub fn verifies(&self, signature: &KeySignature, kind: SignatureKind, bytes: &[u8]) -> bool {
        if !signature.is_of_kind(kind) || signature.weakness().is_some() {
            return false;
        }
        let subkeys = self.key.public_subkeys.iter().map(|subkey| PublicPart::Subkey(&subkey.key));
        let mut parts = std::iter::once(PublicPart::Primary(&self.key.primary_key)).chain(subkeys);
        parts.any(|part| part.verifies(signature, bytes))
    }

    /// Whether a part of the key that may sign at `now` made a signature of these bytes, with a hash that clients take: those
    /// that have the key take it.
    pub fn vouches(&self, signature: &KeySignature, kind: SignatureKind, bytes: &[u8], now: i64) -> bool {
        if !signature.is_of_kind(kind) || signature.weakness().is_some() {
            return false;
        }
        let Ok(certificate) = Certificate::read_public(&self.key, now) else { return false };
        policy::signing_parts(&certificate, now).into_iter().any(|part| self.part(part).verifies(signature, bytes))
    }

    /// What is wrong with a signature that was made for a request, as the end of a sentence; `None` where clients take it.
    pub fn objection(
        &self,
        signature: &KeySignature,
        kind: SignatureKind,
        request: SigningRequest<'_>,
    ) -> Option<String> {
        // a clock may be behind the key: then the signature says a later time than the request
        let now = signature.made_at().map_or(request.signed_at, |made_at| made_at.max(request.signed_at));
        if self.vouches(signature, kind, request.bytes, now) {
            return None;
        }
        if let Some(weakness) = signature.weakness() {
            return Some(format!("its signature is of no use: {weakness}"));
        }
        if !signature.is_of_kind(kind) {
            return Some(
                "its signature has the wrong type (a clear-signed text needs type 0x01, `gpg --textmode`)".to_owned(),
            );
        }
        Some(match self.verifies(signature, kind, request.bytes) {
            true => "its signature is by a part of the key that is expired, revoked or not for signing".to_owned(),
            false => "its signature does not verify with the configured public key: it signs with another key, or other bytes"
                .to_owned(),
        })
    }

    /// What tells this key from others, and from the same one with other subkeys, dates or revocations.
    ///
    /// # Errors
    ///
    /// None that is known: serialising into memory does not fail.
    pub(crate) fn identity(&self) -> Result<String, KeyError> {
        let digest = rws_model::sha256(&self.to_bytes()?).hex();
        Ok(format!("{}:{}", self.fingerprint, digest.get(..16).unwrap_or_default()))
    }

    /// Why a client that has this key beside others may read none of them, as the end of a sentence; `None` where it may be
    /// published. gpgv 2.2, and so apt, stops at a key or subkey of a later version.
    pub fn unreadable(&self) -> Option<String> {
        let subkeys = self.key.public_subkeys.iter().map(|subkey| subkey.key.version());
        let mut versions = std::iter::once(self.key.primary_key.version()).chain(subkeys);
        let other = versions.find(|version| *version != KeyVersion::V4)?;
        Some(format!("it has a key of version {}, which keeps apt from reading the keys beside it", u8::from(other)))
    }

    /// Whether all signatures of a text of armored blocks are wanted: one of them is by this key.
    pub(crate) fn verifies_any(&self, signatures: &[KeySignature], kind: SignatureKind, bytes: &[u8]) -> bool {
        signatures.iter().any(|signature| self.verifies(signature, kind, bytes))
    }

    /// Whether this key made one of the signatures of a text of armored blocks.
    pub fn verifies_armored(&self, armored: &str, bytes: &[u8]) -> bool {
        self.verifies_any(&signature::read(armored), SignatureKind::Binary, bytes)
    }
}

impl PublicPart<'_> {
    pub(crate) fn verifies(&self, signature: &KeySignature, bytes: &[u8]) -> bool {
        match self {
            Self::Primary(key) => signature.0.verify(*key, bytes).is_ok(),
            Self::Subkey(key) => signature.0.verify(*key, bytes).is_ok(),
        }
    }

    pub(crate) fn details(&self) -> &dyn KeyDetails {
        match self {
            Self::Primary(key) => *key,
            Self::Subkey(key) => *key,
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PublicKey").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.armored == other.armored
    }
}
