//! Tokens: requests and answers.

use rws_model::Grant;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a token is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What it is for, at most 64 characters. Logs and records name it.
    pub name: String,
    /// What it allows, as `allow` of a user in the configuration. It allows nothing that its maker may not do.
    #[schema(value_type = Vec<Object>)]
    pub allow: Vec<Grant>,
    /// From when on it is not good any more (RFC 3339); without it, it is good until it is revoked.
    pub expires: Option<String>,
    /// Whether it may stand in a path, `/-/t/TOKEN/…`. Such a one may have no verb but `read`.
    #[serde(default)]
    pub path: bool,
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
pub struct NewTokenAnswer {
    /// Its id.
    pub id: String,
    /// The token: nobody can see it again.
    pub token: String,
    /// From when on it is not good any more (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// The tokens.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    /// The oldest first.
    pub tokens: Vec<TokenEntry>,
}

/// What is known of a token.
#[derive(Serialize, ToSchema)]
pub struct TokenEntry {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it allows.
    #[schema(value_type = Vec<Object>)]
    pub allow: Vec<Grant>,
    /// Whether it may stand in a path.
    pub path: bool,
    /// When it was made (RFC 3339).
    pub created_at: Option<String>,
    /// The administrator who made it.
    pub created_by: String,
    /// From when on it is not good any more (RFC 3339).
    pub expires: Option<String>,
    /// The day on which it was used last, `2026-11-28`.
    pub last_used: Option<String>,
}
