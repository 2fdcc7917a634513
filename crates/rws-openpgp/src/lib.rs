//! OpenPGP keys and signatures (RFC 9580, RFC 4880) for signed repositories, without a gpg program.
//!
//! * [`SigningKey::import`] reads an armored secret key and decides by own policy which part of it may sign: a signing
//!   subkey first, never an expired, revoked or cert-only key. It unlocks the key once.
//! * [`SigningKey::generate`] makes a new Ed25519 key in the form that every gpg, apt, dnf and zypper in use reads.
//! * [`PublicKey`] reads public keys and verifies with them; [`SignatureDraft`] makes a signature of the raw one that
//!   another program or a device made.
//! * [`Keyring`] is a [`rws_model::Signer`] of one or several [`KeySigner`]s: clear-signed and detached signatures.
//!
//! Pure: the time and random bytes are arguments. Secrets are wiped when they go, and never printed.

mod armor;
mod certificate;
mod cleartext;
mod draft;
mod error;
mod generate;
mod import;
mod key;
mod keyring;
mod passphrase;
mod policy;
mod public_key;
mod revocation;
mod signature;
mod strength;
#[cfg(test)]
mod tests;

pub use draft::SignatureDraft;
pub use error::KeyError;
pub use key::SigningKey;
pub use keyring::{KeySigner, Keyring};
pub use passphrase::Passphrase;
pub use public_key::PublicKey;
pub use signature::{KeySignature, SignatureKind};
