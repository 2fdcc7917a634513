//! Trusted publishing: the token that a CI service issues to a job (OpenID Connect, a JWT of RFC 7519) is the credential.
//! This crate says which rules of the configuration a token meets. It knows no HTTP server and no rights.
//!
//! * [`IssuerSettings`] is what the configuration says of one issuer; [`check`] refuses rules that a stranger could meet.
//! * [`Issuers::verify`] checks a token: issuer, signature (RS256, ES256, EdDSA), audience, times, rules. [`Verified`] says
//!   what it found, [`Denied`] why it found nothing.
//! * The keys of an issuer are fetched when they are needed and kept. Nobody else is asked than the hosts that are
//!   configured, and an outage of an issuer concerns only its own tokens.
//! * [`looks_like_jwt`] tells such a token from a password.
//!
//! The time is an argument, in seconds since 1970. No message and no log line has a part of a token.

mod address;
mod base64url;
mod claims;
mod denied;
mod discovery;
mod issuers;
mod key_cache;
mod key_set;
mod rule;
mod settings;
mod token;

pub use denied::{Denied, DeniedKind};
pub use issuers::{Issuers, MatchedRule, Verified};
pub use settings::{IssuerKind, IssuerSettings, RuleSettings, SettingsError, check};
pub use token::{MAX_TOKEN_BYTES, looks_like_jwt};
