//! The configuration as JSON without its secrets. What is shown is listed here, one by one: a new secret cannot slip
//! in by itself.

use rws_model::Grant;
use serde_json::{Value, json};

use super::secret::presence;
use super::store::BucketCredentials;
use super::{Configuration, ListeningAddress, Model, SigningKey, StoreConfiguration, User, connection};

impl Configuration {
    /// Everything as JSON; secrets are `<set>` or `<not set>`.
    pub fn show(&self, listen: &ListeningAddress) -> Value {
        json!({
            "source": self.source.to_string(),
            "listen": listen.as_str(),
            "store": store(&self.store),
            "spool_directory": self.spool_directory.as_ref().map(|path| path.display().to_string()),
            "force_sync": self.force_sync,
            "sync_on_start": self.sync_on_start,
            "create_empty": self.create_empty,
            "audit": { "days": self.audit_days },
            "server": self.server.show(),
            "pages": super::pages::show(&self.server.service.pages),
            "makes_first_user": self.credentials.is_none(),
            "users": self.credentials.iter().flatten().map(|(name, one)| (name.clone(), user(one))).collect::<Value>(),
            "groups": self.groups,
            "oidc": self.oidc.iter().map(super::oidc::show).collect::<Value>(),
            "webhooks": self.webhooks.iter().map(super::webhooks::show).collect::<Value>(),
            "main_key": key(self.main_key.as_ref()),
            "modules_key": key(self.modules_key.as_ref()),
            "keys": self.keys.iter().map(|(name, key)| (name.clone(), super::keys::show(key))).collect::<Value>(),
            "model": model(&self.model),
            "anchors": self.model.anchors,
            "repositories": self.rules.iter().map(super::repositories::Rule::show).collect::<Value>(),
        })
    }

    /// The sizes of everything, in one line.
    pub fn summary(&self) -> String {
        let store = match &self.store {
            StoreConfiguration::Local { directory, .. } => format!("the directory {}", directory.display()),
            StoreConfiguration::S3 { url, bucket, .. } => format!("the bucket {bucket} at {url}"),
        };
        let users = match &self.credentials {
            None => "a user made at the first start".to_owned(),
            Some(users) if users.len() == 1 => "1 user".to_owned(),
            Some(users) => format!("{} users", users.len()),
        };
        let targets = match self.model.targets().count() {
            1 => "1 target".to_owned(),
            count => format!("{count} targets"),
        };
        format!("{}: {targets} in {store}, {users}", self.source)
    }
}

fn store(store: &StoreConfiguration) -> Value {
    match store {
        StoreConfiguration::Local { directory, allowed_links } => json!({ "local": {
            "directory": directory.display().to_string(),
            "allowed_links": allowed_links.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        } }),
        StoreConfiguration::S3 {
            url,
            region,
            bucket,
            base_path,
            credentials,
            public_read,
            addressing,
            ca_file,
            timeout,
            retries,
            sse_kms_key_id,
            bucket_owner,
        } => {
            let (access_key, secret_key, session_token, aws) = match &**credentials {
                BucketCredentials::Keys { access_key, secret_key, session_token } => {
                    (Some(access_key), Some(secret_key), session_token.as_ref(), None)
                }
                BucketCredentials::Aws(variables) => (None, None, None, Some(super::aws::show(variables))),
            };
            json!({ "s3": {
            "url": url,
            "region": region,
            "bucket": bucket,
            "base_path": base_path,
            "access_key": access_key,
            "secret_key": presence(secret_key),
            "session_token": presence(session_token),
            "aws": aws,
            "public_read": public_read,
            "addressing": connection::word(*addressing),
            "ca_file": ca_file.as_ref().map(|path| path.display().to_string()),
            "timeout_seconds": timeout.as_secs(),
            "retries": retries,
            "sse_kms_key_id": sse_kms_key_id,
            "bucket_owner": bucket_owner,
        } })
        }
    }
}

/// An item of `allow`.
pub(super) fn grant(grant: &Grant) -> Value {
    let verbs: Vec<&str> = grant.verbs.iter().map(|verb| verb.word()).collect();
    let mut shown = json!({ "match": grant.pattern.to_string(), "verbs": verbs });
    if let Some(packages) = &grant.packages {
        shown["packages"] = json!(packages);
    }
    shown
}

fn user(user: &User) -> Value {
    let allow = user.allow.as_ref().map(|grants| grants.iter().map(grant).collect::<Vec<_>>());
    json!({ "hash": presence(Some(&user.hash)), "allow": allow, "admin": user.admin })
}

fn key(key: Option<&SigningKey>) -> Value {
    let passphrase = key.and_then(|key| key.passphrase.as_ref());
    json!({ "armored": presence(key.map(|key| &key.armored)), "passphrase": presence(passphrase) })
}

fn model(model: &Model) -> Value {
    let distribution = |(name, known): (&String, &super::Distribution)| {
        (name.clone(), json!({ "base": known.base, "versions": known.versions }))
    };
    json!({
        "repo_kind": model.kinds,
        "tarantool_series": model.series,
        "enabled": model.enabled,
        "distrs": model.distributions.iter().map(distribution).collect::<Value>(),
    })
}
