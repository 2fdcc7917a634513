//! Who asked for a change, as the record of the change says it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use rws_model::RepositoryId;
use serde::{Deserialize, Serialize};

/// Who asked for a change, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What was asked for: `upload`, `delete`, `promote`, `rollback`, `retain`, `metadata`, `pin`, `unpin`, `purge`, `sign`, `release-package`, `import`, `create-token`, `revoke-token`.
    pub verb: Cow<'static, str>,
    /// What it is about beside packages: the name of a pin; of a promotion the target that they come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The repositories that it is about, where it changes none of their packages: those of the pin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<RepositoryId>,
    /// The user; `None`: RWS itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What else is known of how the user logged in: the id of a token, what the token of a CI job claims.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
    /// The address of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The name of the request, as its answer and the log have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

impl Actor {
    /// RWS itself.
    pub const fn itself(verb: &'static str) -> Self {
        Self {
            verb: Cow::Borrowed(verb),
            subject: None,
            repositories: Vec::new(),
            user: None,
            claims: BTreeMap::new(),
            address: None,
            request: None,
        }
    }
}
