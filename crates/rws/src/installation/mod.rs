//! One installation: a store, keys and repositories, put together from a configuration.

pub mod access;
mod bucket;
pub mod embedded;
mod place;
pub mod signing;
mod spool;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use rws_model::{RepositoryId, Signer};
use rws_repository::areas::Areas;
use rws_repository::catalogue::{Catalogue, Configured, Distribution, Model};
use rws_repository::events::Events;
use rws_repository::publish::{Malformed, Publisher};
use rws_repository::read_rules::PublicPaths;
use rws_server::WebhookSettings;

use crate::configuration::{Configuration, StoreConfiguration};
pub use bucket::Use;
use embedded::Secrets;
pub use place::{StoreAccess, installation_above};
use signing::{SigningKeys, UnfitKeys};

/// One installation.
pub struct Installation {
    /// Where the repositories are.
    pub place: StoreAccess,
    /// What there can be.
    pub catalogue: Arc<Catalogue>,
    /// What everybody may read.
    pub public: Arc<PublicPaths>,
    /// What signs.
    pub keys: Arc<SigningKeys>,
    /// What the embedded default made for itself; none with a bucket.
    pub secrets: Option<Secrets>,
    /// What is written down for the receivers of webhooks.
    pub events: Arc<Events>,
    malformed: Malformed,
}

impl Installation {
    /// Opens the store and imports the keys. Nothing is asked of a bucket yet.
    ///
    /// # Errors
    ///
    /// When the data directory or the spool cannot be used, or a key is not fit to sign.
    pub fn open(configuration: &Configuration) -> anyhow::Result<Self> {
        let place = StoreAccess::open(configuration)?;
        let secrets = match &configuration.store {
            StoreConfiguration::Local { directory, .. } => Some(Secrets::open(directory)?),
            StoreConfiguration::S3 { .. } => None,
        };
        let keys = Arc::new(SigningKeys::load(configuration, secrets.as_ref(), UnfitKeys::Idle, now())?);
        let catalogue = Arc::new(catalogue(configuration, &keys));
        let public = Arc::new(PublicPaths::new(Areas::new(Arc::clone(&catalogue)), access::read_rules(configuration)));
        let paths = Arc::clone(&public);
        place.limit_public(Arc::new(move |path| paths.has(path)));
        let malformed = if configuration.force_sync { Malformed::Skip } else { Malformed::Stop };
        let events = configuration.webhooks.iter().map(WebhookSettings::subscriber).collect();
        let events = Arc::new(Events::new(events));
        Ok(Self { place, catalogue, public, keys, secrets, events, malformed })
    }

    /// What publishes.
    pub fn publisher(&self) -> Publisher {
        let publisher = Publisher::new(Arc::clone(&self.place.store), Arc::clone(&self.catalogue), self.malformed);
        publisher.with_scratch(self.place.spool.clone()).with_events(Arc::clone(&self.events))
    }

    /// The repositories of some paths, anchors too; those of all that is configured for none.
    ///
    /// # Errors
    ///
    /// When a path stands for nothing.
    pub fn repositories(&self, paths: &[String]) -> anyhow::Result<Vec<RepositoryId>> {
        let mut repositories: Vec<RepositoryId> = Vec::new();
        if paths.is_empty() {
            repositories.extend(self.catalogue.targets().flat_map(|target| target.repositories()));
        }
        for path in paths {
            let path = path.trim_matches('/');
            let targets = self.catalogue.resolve(path).with_context(|| format!("{path:?} names no repository"))?;
            repositories.extend(targets.iter().flat_map(|target| target.repositories()));
        }
        repositories.sort();
        repositories.dedup();
        Ok(repositories)
    }
}

/// The time, in seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// What a configuration says there can be.
fn model(configuration: &Configuration) -> Model {
    let known = &configuration.model;
    let distribution = |known: &crate::configuration::Distribution| Distribution {
        format: configuration.formats.named(&known.base).cloned().ok_or_else(|| known.base.clone()),
        versions: known.versions.clone(),
    };
    Model {
        kinds: known.kinds.clone(),
        series: known.series.clone(),
        enabled: known.enabled.clone(),
        distributions: known.distributions.iter().map(|(name, known)| (name.clone(), distribution(known))).collect(),
        anchors: known.anchors.clone(),
    }
}

/// The repositories that a configuration allows and who may read them, for those who sign nothing.
pub fn layout(configuration: &Configuration) -> (Arc<Catalogue>, PublicPaths) {
    let catalogue = Catalogue::new(model(configuration), |target, format| {
        (configuration.settings_for(target, format), None::<Arc<dyn Signer>>)
    });
    let catalogue = Arc::new(catalogue.with_formats(configuration.formats.clone()));
    let public = PublicPaths::new(Areas::new(Arc::clone(&catalogue)), access::read_rules(configuration));
    (catalogue, public)
}

/// All repositories that a configuration allows.
pub fn catalogue(configuration: &Configuration, keys: &SigningKeys) -> Catalogue {
    let catalogue = Catalogue::new(model(configuration), |target, format| Configured {
        settings: configuration.settings_for(target, format),
        policy: configuration.policy_for(target),
        signer: format.signer(keys.signer_of(configuration, target).as_slice()),
        release_package: configuration.release_package_for(target).map(str::to_owned),
        retention: configuration.retention_for(target),
    });
    catalogue.with_formats(configuration.formats.clone())
}
