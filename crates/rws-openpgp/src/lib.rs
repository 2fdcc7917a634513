//! OpenPGP keys and signatures (RFC 9580, RFC 4880) for signed repositories, without a gpg program.
//!
//! * [`SigningKey::import`] reads an armored secret key and decides by own policy which part of it may sign: a signing
//!   subkey first, never an expired, revoked or cert-only key. It unlocks the key once.
//! * [`SigningKey::generate`] makes a new Ed25519 key in the form that every gpg, apt, dnf and zypper in use reads.
//! * [`SigningKey`] is a [`rws_model::Signer`]: clear-signed and detached signatures, both armored.
//!
//! Pure: the time and random bytes are arguments. Secrets are wiped when they go, and never printed.

mod armor;
mod certificate;
mod cleartext;
mod error;
mod generate;
mod import;
mod key;
mod passphrase;
mod policy;
mod strength;
#[cfg(test)]
mod tests;

pub use error::KeyError;
pub use key::SigningKey;
pub use passphrase::Passphrase;
