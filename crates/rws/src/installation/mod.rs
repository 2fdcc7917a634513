//! One installation: a store, keys and repositories, put together from a configuration.

mod bucket;
mod embedded;
pub mod signing;
mod spool;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use rws_deb::Deb;
use rws_model::{Format, RepositoryId};
use rws_repository::catalogue::{Catalogue, Distribution, Model};
use rws_repository::publish::{Malformed, Publisher};
use rws_rpm::Rpm;
use rws_store::{LocalStore, Store, Writing};
use tokio::sync::watch;

use crate::configuration::{Configuration, StoreConfiguration};
use bucket::Bucket;
pub use bucket::Use;
use embedded::Secrets;
use signing::SigningKeys;

/// One installation.
pub struct Installation {
    /// Where the repositories are.
    pub store: Arc<dyn Store>,
    /// What there can be.
    pub catalogue: Arc<Catalogue>,
    /// What signs.
    pub keys: SigningKeys,
    /// What the embedded default made for itself; none with a bucket.
    pub secrets: Option<Secrets>,
    /// The local directory for files under way.
    pub spool: PathBuf,
    malformed: Malformed,
    bucket: Option<Arc<Bucket>>,
}

impl Installation {
    /// Opens the store and imports the keys. Nothing is asked of a bucket yet.
    ///
    /// # Errors
    ///
    /// When the data directory or the spool cannot be used, or a key is not fit to sign.
    pub fn open(configuration: &Configuration) -> anyhow::Result<Self> {
        let spool = spool::open(configuration)?;
        let (store, secrets, bucket) = match &configuration.store {
            StoreConfiguration::Local { directory } => {
                let store = LocalStore::open(directory);
                let store = store.context("the data directory cannot be used; choose another with --data-dir")?;
                (Arc::new(store) as Arc<dyn Store>, Some(Secrets::open(directory)?), None)
            }
            StoreConfiguration::S3 { .. } => {
                let (store, bucket) = Bucket::open(&configuration.store, &spool)?;
                (store, None, Some(bucket))
            }
        };
        let keys = SigningKeys::load(configuration, secrets.as_ref(), now())?;
        let catalogue = Arc::new(catalogue(configuration, &keys));
        let malformed = if configuration.force_sync { Malformed::Skip } else { Malformed::Stop };
        Ok(Self { store, catalogue, keys, secrets, spool, malformed, bucket })
    }

    /// What publishes.
    pub fn publisher(&self) -> Publisher {
        Publisher::new(Arc::clone(&self.store), Arc::clone(&self.catalogue), self.malformed)
    }

    /// Whether this process may write.
    pub fn writing(&self) -> watch::Receiver<Writing> {
        match &self.bucket {
            Some(bucket) => bucket.writing(),
            None => watch::Sender::new(Writing::Many).subscribe(),
        }
    }

    /// Begins to check the bucket, where there is one, behind what else goes on. A process that only reads needs no
    /// right to write.
    pub fn connect(&self, use_: Use) {
        if let Some(bucket) = &self.bucket {
            tokio::spawn(Arc::clone(bucket).connect(use_));
        }
    }

    /// Checks the bucket and waits until this process may write.
    ///
    /// # Errors
    ///
    /// When the bucket cannot be used.
    pub async fn connect_to_write(&self) -> anyhow::Result<()> {
        self.connect(Use::Write);
        let mut writing = self.writing();
        let checked = |writing: &Writing| !matches!(writing, Writing::Unknown { .. });
        // its first state says only that nothing was asked yet
        if !checked(&writing.borrow()) {
            writing.changed().await?;
        }
        let now = writing.borrow().clone();
        match &now {
            Writing::Unknown { .. } => bail!("{}", now.sentence()),
            Writing::Waiting { .. } => eprintln!("waiting: {}", now.sentence()),
            Writing::Never | Writing::Many | Writing::Alone => {}
        }
        writing.wait_for(Writing::is_allowed).await?;
        Ok(())
    }

    /// Lets other processes write, where only one can.
    pub async fn release(&self) {
        if let Some(bucket) = &self.bucket {
            bucket.release().await;
        }
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
            let targets = self.catalogue.resolve(path).with_context(|| format!("{path:?} stands for no repository"))?;
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

/// The one place where formats are chosen.
fn format(base: &str) -> Result<Arc<dyn Format>, String> {
    match base {
        "deb" => Ok(Arc::new(Deb)),
        "rpm" => Ok(Arc::new(Rpm)),
        other => Err(other.to_owned()),
    }
}

fn catalogue(configuration: &Configuration, keys: &SigningKeys) -> Catalogue {
    let known = &configuration.model;
    let distribution = |known: &crate::configuration::Distribution| Distribution {
        format: format(&known.base),
        versions: known.versions.clone(),
    };
    let model = Model {
        kinds: known.kinds.clone(),
        series: known.series.clone(),
        enabled: known.enabled.clone(),
        distributions: known.distributions.iter().map(|(name, known)| (name.clone(), distribution(known))).collect(),
        anchors: known.anchors.clone(),
    };
    Catalogue::new(model, |target, format| (configuration.settings_for(target, format.name()), keys.of(&target.series)))
}
