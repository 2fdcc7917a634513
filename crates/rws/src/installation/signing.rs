//! The keys that sign.

use std::sync::Arc;

use anyhow::Context;
use rws_model::Signer;
use rws_openpgp::{Passphrase, SigningKey};

use super::embedded::Secrets;
use crate::configuration::{self, Configuration};

/// The keys that sign: `modules` may have its own.
pub struct SigningKeys {
    /// Of everything but `modules`; none: unsigned.
    pub main: Option<Arc<SigningKey>>,
    /// Of `modules`; none: unsigned.
    pub modules: Option<Arc<SigningKey>>,
}

impl SigningKeys {
    /// Imports the configured keys. Without any, takes the embedded one where there is one, so that repositories stay
    /// signed when users are configured later; makes one when users are not configured either.
    ///
    /// # Errors
    ///
    /// When a key is not fit to sign.
    pub fn load(configuration: &Configuration, secrets: Option<&Secrets>, now: i64) -> anyhow::Result<Self> {
        let main = configuration.main_key.as_ref().map(|key| import(key, now)).transpose()?;
        let modules = configuration.modules_key.as_ref().map(|key| import(key, now)).transpose()?;
        let main = match (&main, &modules, secrets) {
            (None, None, Some(secrets)) if configuration.credentials.is_none() => Some(secrets.make_key(now)?),
            (None, None, Some(secrets)) => secrets.key(now)?,
            _ => main,
        };
        for warning in [&main, &modules].into_iter().flatten().flat_map(|key| key.warnings()) {
            tracing::warn!("{warning}");
        }
        if main.is_none() {
            tracing::warn!("repositories are not signed: set GPG_SIGN_KEY_ARMORED");
        }
        let main = main.map(Arc::new);
        Ok(Self { modules: modules.map(Arc::new).or_else(|| main.clone()), main })
    }

    /// The key of a series.
    pub fn of(&self, series: &str) -> Option<Arc<dyn Signer>> {
        let key = if series == configuration::MODULES { &self.modules } else { &self.main };
        key.clone().map(|key| key as Arc<dyn Signer>)
    }
}

/// Imports a configured key.
///
/// # Errors
///
/// When it is not fit to sign.
pub fn import(key: &configuration::SigningKey, now: i64) -> anyhow::Result<SigningKey> {
    let passphrase = key.passphrase.as_ref().map(|passphrase| Passphrase::new(passphrase.expose().as_bytes()));
    SigningKey::import(key.armored.expose(), passphrase.as_ref(), now).context(key.variable)
}
