//! The keys of all objects of the configuration file, for the documentation and its tests.

use super::{access, credentials, file, keys, model, oidc, pages, process, repositories, store, webhooks};

/// The keys of each object; where it stands comes first.
pub const KEYS: &[(&str, &[&str])] = &[
    ("the file", &file::KEYS),
    ("`common`", &file::COMMON_KEYS),
    ("`model`", &file::MODEL_KEYS),
    ("`model`, for the store", &store::KEYS),
    ("`model.supported_repos`", &model::KEYS),
    ("`model.supported_repos.distrs.NAME`", &model::DISTRIBUTION_KEYS),
    ("`server`", &process::SERVER_KEYS),
    ("`server.tls`", &process::TLS_KEYS),
    ("`server.limits`", &process::LIMIT_KEYS),
    ("`store`", &process::STORE_KEYS),
    ("`users.NAME`", &credentials::KEYS),
    ("an item of `allow`", &credentials::GRANT_KEYS),
    ("an item of `htpasswd`", &access::HTPASSWD_KEYS),
    ("`keys.NAME`", &keys::KEYS),
    ("`keys.NAME.agent`", &keys::AGENT_KEYS),
    ("an item of `oidc`", &oidc::KEYS),
    ("an item of `oidc.rules`", &oidc::RULE_KEYS),
    ("`pages`", &pages::PAGES_KEYS),
    ("an item of `webhooks`", &webhooks::KEYS),
    ("`audit`", &file::AUDIT_KEYS),
    ("an item of `repositories`", &repositories::KEYS),
    ("`keys` of `repositories`", &keys::TARGET_KEYS),
    ("`keep` of `repositories`", &repositories::KEEP_KEYS),
    ("`retain` of `repositories`", &repositories::RETAIN_KEYS),
    ("`release_package` of `repositories`", &repositories::RELEASE_PACKAGE_KEYS),
];
