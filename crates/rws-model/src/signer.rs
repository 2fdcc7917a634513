//! What can sign a root.

use async_trait::async_trait;

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
    /// A detached signature in ASCII armour, as in `Release.gpg` and `repomd.xml.asc`.
    Detached,
    /// A detached signature without armour, as in the signature header of an rpm.
    RpmHeader,
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

/// A signing key that is unlocked and fit for use, in this process or elsewhere.
#[async_trait]
pub trait Signer: Send + Sync {
    /// The fingerprint of the primary key, upper-case hexadecimal digits.
    fn fingerprint(&self) -> &str;

    /// The public key in ASCII armour (RFC 9580, section 6.2).
    fn public_key_armored(&self) -> &str;

    /// What [`SigningRequest::purpose`] says, made of the bytes.
    ///
    /// # Errors
    ///
    /// When the key cannot sign, or not for this purpose.
    async fn sign(&self, request: SigningRequest<'_>) -> Result<Vec<u8>, SignError>;

    /// The text of a clear-signed message, when this key made its signature.
    fn verify_clear(&self, message: &str) -> Option<String>;

    /// Whether this key made a detached signature in ASCII armour.
    fn verify_detached(&self, bytes: &[u8], signature: &str) -> bool;
}
