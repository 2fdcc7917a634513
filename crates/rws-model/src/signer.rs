//! What can sign a root.

use async_trait::async_trait;

use crate::SignatureAlgorithm;

/// A signature could not be made.
#[derive(Debug, thiserror::Error)]
#[error("signing with key {key} failed: {reason}")]
pub struct SignError {
    /// The fingerprint of the key, hexadecimal.
    pub key: String,
    /// What went wrong.
    pub reason: String,
}

/// What is made of the bytes that are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningPurpose {
    /// A clear-signed message of a text (RFC 9580, section 7), as in `InRelease`. The text that a verifier gets back is the
    /// signed one to the byte.
    ClearText,
    /// A detached signature in ASCII armour, as in `Release.gpg`. Several keys sign in one block.
    Detached,
    /// The same with a block for each key, and the first one once more at the end, as in `repomd.xml.asc`: of its readers
    /// some look at the first block only, and some at the last one.
    DetachedBlocks,
    /// A detached signature without armour, as in the signature header of an rpm.
    Package,
}

/// What is to be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningRequest<'a> {
    /// What is made of it.
    pub purpose: SigningPurpose,
    /// What is signed.
    pub bytes: &'a [u8],
    /// The time that the signature states, in seconds since 1970.
    pub signed_at: i64,
}

/// The keys of a target: unlocked and fit for use, in this process or elsewhere.
#[async_trait]
pub trait Signer: Send + Sync {
    /// The fingerprint of the primary key, upper-case hexadecimal digits, with what tells it from the same key with other
    /// subkeys or dates; of several keys all of them. When it changes, everything is signed anew.
    fn fingerprint(&self) -> &str;

    /// What [`Signer::fingerprint`] was for earlier versions of RWS, which knew the primary keys alone: what they signed is not signed
    /// anew because of an upgrade.
    fn former_fingerprint(&self) -> &str {
        self.fingerprint()
    }

    /// The fingerprint of the one key that signs packages.
    fn signing_fingerprint(&self) -> &str {
        self.fingerprint()
    }

    /// How the signatures of that key are made, where that is known.
    fn algorithm(&self) -> Option<SignatureAlgorithm> {
        None
    }

    /// The public keys that clients should know, in ASCII armour (RFC 9580, section 6.2), as one block.
    fn public_key_armored(&self) -> &str;

    /// The same with a block for each key.
    fn public_key_blocks(&self) -> &str {
        self.public_key_armored()
    }

    /// What [`SigningRequest::purpose`] says, made of the bytes.
    ///
    /// # Errors
    ///
    /// When the key cannot sign, or not for this purpose.
    async fn sign(&self, request: SigningRequest<'_>) -> Result<Vec<u8>, SignError>;

    /// The fingerprints of the keys that clients should know, upper-case hexadecimal digits.
    fn public_fingerprints(&self) -> Vec<String> {
        Vec::new()
    }

    /// The public keys that clients should know, without armour.
    fn public_keys_binary(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The first user id of the key that signs packages.
    fn user_id(&self) -> Option<String> {
        None
    }

    /// The fingerprint of the key whose signature of a package this is, where clients are told of that key: one of these
    /// keys, or one of others that the configuration names. `signature` is one OpenPGP packet; `now` is in seconds since 1970.
    fn verify_package(&self, _signature: &[u8], _bytes: &[u8], _now: i64) -> Option<String> {
        None
    }

    /// The public keys of others whose signatures on packages are taken, in ASCII armour with a block for each key; `None`
    /// where there are none.
    fn package_key_blocks(&self) -> Option<String> {
        None
    }

    /// The fingerprints of all keys that [`Signer::verify_package`] may answer.
    fn package_key_fingerprints(&self) -> Vec<String> {
        Vec::new()
    }

    /// The text of a clear-signed message, when all keys that sign signed it.
    fn verify_clear(&self, message: &str) -> Option<String>;

    /// Whether all keys that sign made a detached signature in ASCII armour.
    fn verify_detached(&self, bytes: &[u8], signature: &str) -> bool;
}
