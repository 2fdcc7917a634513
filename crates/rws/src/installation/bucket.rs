//! The bucket: opened at once, checked behind.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rws_store::{
    AccessKeys, CachedStore, ContentTypes, DirectoryEntry, GuardedStore, LeaseTimes, PublicNames, S3Credentials,
    S3Settings, S3Store, Store, StoreError, WriteAccess,
};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::configuration::store::BucketCredentials;
use crate::configuration::{Configuration, StoreConfiguration};

/// What the names of cache directories in the spool start with.
pub const CACHE_PREFIX: &str = "rws-cache-";

/// How much is cached on the local disk at most.
const CACHE_BYTES: u64 = 2 << 30;

/// The longest pause between two attempts to reach the store.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// So many directories beside the repositories are looked at for other installations.
const NEIGHBOURS: usize = 50;

/// What a process does with its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It only reads.
    Read,
    /// It writes as well, once it may.
    Write,
}

/// The bucket with the repositories.
pub struct Bucket {
    store: S3Store,
    guard: Arc<GuardedStore>,
    name: String,
    base_path: String,
    /// Gone with the process.
    _cache: TempDir,
}

impl Bucket {
    /// Opens the bucket of a configuration; nothing is asked of it yet.
    ///
    /// # Errors
    ///
    /// When the settings or the directory for the cache cannot be used.
    pub fn open(configuration: &Configuration, spool: &Path) -> anyhow::Result<(Arc<dyn Store>, Arc<Self>)> {
        let settings = settings(configuration)?;
        let store = S3Store::new(&settings)?;
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = format!("{} (process {})", host.trim(), std::process::id());
        let guard = GuardedStore::new(Arc::new(store.clone()), &name, LeaseTimes::default());
        let cache = tempfile::Builder::new().prefix(CACHE_PREFIX).tempdir_in(spool).with_context(|| {
            format!("the spool directory {} cannot be used; choose another with RWS_SPOOL_DIR", spool.display())
        })?;
        let cached = CachedStore::new(Arc::clone(&guard) as Arc<dyn Store>, cache.path(), CACHE_BYTES)?;
        let base_path = settings.base_path.clone();
        let bucket = Self { store, guard, name: settings.bucket, base_path, _cache: cache };
        Ok((Arc::new(cached), Arc::new(bucket)))
    }

    /// Says which names everybody may read from the bucket, where S3_PUBLIC_READ is set. Once.
    pub fn limit_public(&self, names: Arc<PublicNames>) {
        self.store.limit_public(names);
    }

    /// Whether this process may write.
    pub fn writing(&self) -> watch::Receiver<WriteAccess> {
        self.guard.writing()
    }

    /// Checks the bucket until it is as it should be, then lets this process use it as the store allows.
    pub async fn connect(self: Arc<Self>, use_: Use) {
        let mut pause = Duration::from_secs(1);
        loop {
            let conditions = match use_ {
                Use::Write => self.store.probe().await.map(Some),
                Use::Read => self.store.list_directory("").await.map(|_| None),
            };
            match conditions {
                Ok(conditions) => {
                    tracing::info!(bucket = self.name, path = self.base_path, "the bucket meets all requirements");
                    if let Err(error) = self.look_around().await {
                        tracing::warn!(%error, "RWS cannot check whether another installation overlaps with this one");
                    }
                    return match conditions {
                        Some(conditions) => self.guard.allow(conditions).await,
                        None => self.guard.only_read(),
                    };
                }
                Err(error) => self.guard.failed(error.to_string()),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Gives the lease back, where there is one.
    pub async fn release(&self) {
        self.guard.release().await;
    }

    /// The path of another installation above this one.
    ///
    /// # Errors
    ///
    /// When the bucket cannot be read.
    pub async fn installation_above(&self) -> Result<Option<String>, StoreError> {
        let mut path = self.base_path.as_str();
        while !path.is_empty() {
            path = path.rsplit_once('/').map_or("", |(above, _)| above);
            if self.store.is_installed_at(path).await? {
                return Ok(Some(path.to_owned()));
            }
        }
        Ok(None)
    }

    /// Warns of other installations above and below.
    async fn look_around(&self) -> Result<(), StoreError> {
        if let Some(path) = self.installation_above().await? {
            self.overlap(&path, "contains this installation's S3_BASE_PATH");
        }
        let directories = self.store.list_directory("").await?.into_iter().filter_map(|entry| match entry {
            DirectoryEntry::Directory(name) if !name.starts_with('.') => Some(name),
            _ => None,
        });
        for name in directories.take(NEIGHBOURS) {
            let path = if self.base_path.is_empty() { name } else { format!("{}/{name}", self.base_path) };
            if self.store.is_installed_at(&path).await? {
                self.overlap(&path, "is inside this installation's S3_BASE_PATH");
            }
        }
        Ok(())
    }

    fn overlap(&self, path: &str, where_: &str) {
        tracing::error!(
            bucket = self.name,
            "another installation of RWS at {path:?} {where_}: each serves the files of the other. Give each a path of \
             its own"
        );
    }
}

fn settings(configuration: &Configuration) -> anyhow::Result<S3Settings> {
    let StoreConfiguration::S3 {
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
    } = &configuration.store
    else {
        bail!("no bucket is configured")
    };
    Ok(S3Settings {
        url: url.clone(),
        region: region.clone(),
        bucket: bucket.clone(),
        base_path: base_path.clone(),
        credentials: match &**credentials {
            BucketCredentials::Keys { access_key, secret_key, session_token } => S3Credentials::Keys(AccessKeys {
                access_key: access_key.clone(),
                secret_key: secret_key.expose().to_owned(),
                session_token: session_token.as_ref().map(|token| token.expose().to_owned()),
            }),
            BucketCredentials::Aws(variables) => S3Credentials::Aws(variables.clone()),
        },
        sse_kms_key_id: sse_kms_key_id.clone(),
        bucket_owner: bucket_owner.clone(),
        public_read: *public_read,
        addressing: *addressing,
        ca_file: ca_file.clone(),
        timeout: *timeout,
        retries: *retries,
        content_types: ContentTypes::new(configuration.formats.content_types()),
    })
}
