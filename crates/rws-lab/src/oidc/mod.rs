//! Issuers of tokens for CI jobs: a server, keys, and what the tokens of real services say.

pub mod claim_sets;
mod issuer;
mod signing_key;

pub use issuer::{KEYS, LocalIssuer, discovery};
pub use signing_key::SigningKey;
