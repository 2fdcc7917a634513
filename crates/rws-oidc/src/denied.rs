//! Why a token is not taken.

/// Why a token is not taken. Messages have nothing of the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It is longer than [`crate::MAX_TOKEN_BYTES`], or no JWT with the claims that it needs.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// Its `iss` is that of no configured issuer.
    #[error("the token is of an issuer that RWS does not know")]
    UnknownIssuer,
    /// Its `alg` is not RS256, ES256 or EdDSA.
    #[error("the token is signed with an algorithm that RWS does not take; it takes RS256, ES256 and EdDSA")]
    Algorithm,
    /// The issuer has no such key for this algorithm.
    #[error("the issuer has no key that the token can be signed with")]
    UnknownKey,
    /// The signature is not that of the key over this token.
    #[error("the signature of the token is wrong")]
    Signature,
    /// Its `aud` does not have the audience of the configuration.
    #[error("the token is meant for another audience")]
    Audience,
    /// Its `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// Its `nbf` or `iat` is in the future.
    #[error("the token is not valid yet; the clocks of the issuer and of RWS may differ")]
    NotYetValid,
    /// The token is good, but no rule allows it.
    #[error("no rule of the configuration allows what the token says")]
    NoRule,
    /// The token is good and meets a rule, but for its event, which the rule does not name.
    #[error(
        "no rule of the configuration names the event {0}, which others than the owners of the repository can cause"
    )]
    Event(&'static str),
    /// The keys of the issuer cannot be had now.
    #[error("the keys of the issuer cannot be had now; try again later")]
    KeysUnavailable,
}

/// What a reason means to whoever sent the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeniedKind {
    /// The token itself is bad (401).
    BadToken,
    /// The token is good, but no rule allows it (403).
    NotAllowed,
    /// The same token may be taken later (503).
    TryLater,
}

impl Denied {
    /// What it means to whoever sent the token.
    pub fn kind(&self) -> DeniedKind {
        match self {
            Self::NoRule | Self::Event(_) => DeniedKind::NotAllowed,
            Self::KeysUnavailable => DeniedKind::TryLater,
            Self::Malformed(_)
            | Self::UnknownIssuer
            | Self::Algorithm
            | Self::UnknownKey
            | Self::Signature
            | Self::Audience
            | Self::Expired
            | Self::NotYetValid => DeniedKind::BadToken,
        }
    }
}
