//! What can sign a root.

/// A signature could not be made.
#[derive(Debug, thiserror::Error)]
#[error("signing with key {key} failed: {reason}")]
pub struct SignError {
    /// The fingerprint of the key, hexadecimal.
    pub key: String,
    /// What went wrong.
    pub reason: String,
}

/// A signing key that is unlocked and fit for use.
pub trait Signer: Send + Sync {
    /// The fingerprint of the primary key, upper-case hexadecimal digits.
    fn fingerprint(&self) -> &str;

    /// The public key in ASCII armour (RFC 9580, section 6.2).
    fn public_key_armored(&self) -> &str;

    /// A clear-signed message of `text` (RFC 9580, section 7), as in `InRelease`. The text that a verifier gets
    /// back is `text` to the byte; `signed_at` is in seconds since 1970.
    ///
    /// # Errors
    ///
    /// When the key cannot sign; trying again does not help.
    fn clear_sign(&self, text: &str, signed_at: i64) -> Result<String, SignError>;

    /// A detached signature of `bytes` in ASCII armour, as in `Release.gpg` and `repomd.xml.asc`; `signed_at` is in
    /// seconds since 1970.
    ///
    /// # Errors
    ///
    /// When the key cannot sign; trying again does not help.
    fn detach_sign(&self, bytes: &[u8], signed_at: i64) -> Result<String, SignError>;

    /// The text of a clear-signed message, when this key made its signature.
    fn verify_clear(&self, message: &str) -> Option<String>;

    /// Whether this key made a detached signature in ASCII armour.
    fn verify_detached(&self, bytes: &[u8], signature: &str) -> bool;
}
