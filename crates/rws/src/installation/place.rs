//! Where repositories are: a store, opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use rws_store::{LocalStore, PublicNames, Store, WriteAccess, private};
use tokio::sync::watch;

use super::bucket::{Bucket, Use};
use super::spool;
use crate::command::output::complain;
use crate::configuration::{Configuration, StoreConfiguration};

/// Where repositories are.
pub struct StoreAccess {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The local directory for files under way.
    pub spool: PathBuf,
    bucket: Option<Arc<Bucket>>,
}

impl StoreAccess {
    /// Opens the store of a configuration. Nothing is asked of a bucket yet.
    ///
    /// # Errors
    ///
    /// When the data directory or the spool cannot be used.
    pub fn open(configuration: &Configuration) -> anyhow::Result<Self> {
        let spool = spool::open(configuration)?;
        match &configuration.store {
            StoreConfiguration::Local { directory, allowed_links } => {
                warn_of_neighbours(directory);
                let store = LocalStore::open_with_links(directory, allowed_links);
                let store = store.context("the data directory cannot be used; choose another with --data-dir")?;
                Ok(Self { store: Arc::new(store), spool, bucket: None })
            }
            StoreConfiguration::S3 { .. } => {
                let (store, bucket) = Bucket::open(configuration, &spool)?;
                Ok(Self { store, spool, bucket: Some(bucket) })
            }
        }
    }

    /// Says which names everybody may read from a bucket, where S3_PUBLIC_READ is set. Once.
    pub fn limit_public(&self, names: Arc<PublicNames>) {
        if let Some(bucket) = &self.bucket {
            bucket.limit_public(names);
        }
    }

    /// Whether the store is a bucket: everybody might read objects from it.
    pub fn is_bucket(&self) -> bool {
        self.bucket.is_some()
    }

    /// Whether this process may write.
    pub fn writing(&self) -> watch::Receiver<WriteAccess> {
        match &self.bucket {
            Some(bucket) => bucket.writing(),
            None => watch::Sender::new(WriteAccess::MultiWriter).subscribe(),
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
        let checked = |writing: &WriteAccess| !matches!(writing, WriteAccess::Unknown { .. });
        // its first state says only that nothing was asked yet
        if !checked(&writing.borrow()) {
            writing.changed().await?;
        }
        let now = writing.borrow().clone();
        match &now {
            WriteAccess::Unknown { .. } => bail!("{}", now.sentence()),
            WriteAccess::Standby { .. } => complain(format_args!("waiting: {}", now.sentence())),
            WriteAccess::ReadOnly | WriteAccess::MultiWriter | WriteAccess::SoleWriter => {}
        }
        writing.wait_for(WriteAccess::is_allowed).await?;
        Ok(())
    }

    /// Lets other processes write, where only one can.
    pub async fn release(&self) {
        if let Some(bucket) = &self.bucket {
            bucket.release().await;
        }
    }

    /// Another installation above this one in the bucket, by its path there.
    ///
    /// # Errors
    ///
    /// When the bucket cannot be read.
    pub async fn installation_above(&self) -> anyhow::Result<Option<String>> {
        match &self.bucket {
            Some(bucket) => Ok(bucket.installation_above().await?),
            None => Ok(None),
        }
    }
}

/// The installation of RWS that a directory lies in, itself aside.
pub fn installation_above(directory: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(directory).ok()?;
    let mut above = whole.ancestors().skip(1);
    above.find(|above| above.join(private::HEADS).is_dir()).map(Path::to_owned)
}

/// Says when installations overlap: each shows the files of the other.
fn warn_of_neighbours(directory: &Path) {
    let below = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let below = below.filter(|entry| entry.path().join(private::HEADS).is_dir()).map(|entry| entry.path());
    for other in installation_above(directory).into_iter().chain(below) {
        tracing::error!(
            "another installation of RWS at {} overlaps with the one at {}: each serves the files of the other. Give each a \
             directory of its own",
            other.display(),
            directory.display(),
        );
    }
}
