//! Why a key cannot be used.

/// A key that cannot sign. Each message says what to do; trying again with the same key does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No armored block at all.
    #[error(
        "there is no armored OpenPGP key: give the whole output of `gpg --armor --export-secret-keys KEY`, with its BEGIN \
         and END lines and its line breaks"
    )]
    NoArmor,
    /// An armored block that cannot be read.
    #[error("the armored key cannot be read ({reason}): export it again with `gpg --armor --export-secret-keys KEY`")]
    Damaged {
        /// What the parser says.
        reason: String,
    },
    /// Only public keys.
    #[error("this is a public key, which cannot sign: give the output of `gpg --armor --export-secret-keys KEY`")]
    PublicOnly,
    /// More than one key, where it has to be clear which one is meant.
    #[error("there are several keys: give each in a file of its own")]
    SeveralKeys,
    /// A version of keys that the clients do not read.
    #[error(
        "key {key} is of version {version}, which apt or dnf in use cannot read: make an RSA or Ed25519 key with gpg"
    )]
    Version {
        /// The fingerprint.
        key: String,
        /// The version.
        version: u8,
    },
    /// Nothing valid says what the key is for.
    #[error("key {key} has no valid self-signature: export it again, or sign its user id with `gpg --edit-key`")]
    NoSelfSignature {
        /// The fingerprint.
        key: String,
    },
    /// The key or the subkey that would sign is revoked.
    #[error("key {key} is revoked and must not sign: use another key")]
    Revoked {
        /// The fingerprint.
        key: String,
    },
    /// The key or the subkey that would sign is expired.
    #[error("key {key} expired on {date}: extend it with `gpg --quick-set-expire` and export it again")]
    Expired {
        /// The fingerprint.
        key: String,
        /// The day, UTC.
        date: String,
    },
    /// The key or its signatures come from the future.
    #[error("key {key} is valid only from {date} on: check the clock of this machine and of the one that made the key")]
    NotYetValid {
        /// The fingerprint.
        key: String,
        /// The day, UTC.
        date: String,
    },
    /// Neither the primary key nor a subkey is for signing.
    #[error("key {key} may certify but not sign: add a signing subkey with `gpg --quick-add-key KEY rsa4096 sign`")]
    NotForSigning {
        /// The fingerprint.
        key: String,
    },
    /// The subkey does not say that it belongs to the primary key.
    #[error("signing subkey {key} is not bound to its primary key by a valid signature: export the key again")]
    NotBound {
        /// The fingerprint.
        key: String,
    },
    /// The file holds only a stub of what would sign (on a smart card, or removed).
    #[error("the secret part of key {key} is not in the file: export it on the machine that holds it, without a card")]
    NoSecret {
        /// The fingerprint.
        key: String,
    },
    /// Clients refuse such signatures.
    #[error("key {key} is too weak ({reason}): apt and dnf refuse it; make an RSA-3072 or Ed25519 key")]
    Weak {
        /// The fingerprint.
        key: String,
        /// Its algorithm and size.
        reason: String,
    },
    /// An algorithm that is not computed here.
    #[error("key {key} has an algorithm that cannot sign here ({reason}): make an RSA or Ed25519 key with gpg")]
    Algorithm {
        /// The fingerprint.
        key: String,
        /// Its algorithm.
        reason: String,
    },
    /// Locked, and nothing to unlock it.
    #[error("key {key} is locked with a passphrase: give the passphrase too")]
    PassphraseMissing {
        /// The fingerprint.
        key: String,
    },
    /// Locked, and not with this passphrase.
    #[error("the passphrase does not unlock key {key}: check it, and that it has no stray blanks or line ends")]
    PassphraseWrong {
        /// The fingerprint.
        key: String,
    },
    /// The public and the secret part do not fit each other.
    #[error("key {key} makes signatures that do not verify: it is damaged; export it again")]
    Inconsistent {
        /// The fingerprint.
        key: String,
    },
    /// A new key cannot be made from what was given.
    #[error("no key can be made: {reason}")]
    NotGenerated {
        /// What is wrong.
        reason: String,
    },
}
