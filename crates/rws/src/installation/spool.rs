//! The local directory for files under way.

use std::fs::{self, DirBuilder, DirEntry};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use rws_store::private;

use super::bucket;
use crate::configuration::{Configuration, StoreConfiguration};

/// What is so old belongs to a program that was killed.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// Opens the directory; what killed programs left there goes.
///
/// # Errors
///
/// When it cannot be used.
pub fn open(configuration: &Configuration) -> anyhow::Result<PathBuf> {
    let spool = configuration.spool_directory.clone().unwrap_or_else(|| match &configuration.store {
        // on the file system of the packages, so that they need not be copied
        StoreConfiguration::Local { directory, .. } => directory.join(private::SPOOL),
        StoreConfiguration::S3 { .. } => std::env::temp_dir().join("rws-spool"),
    });
    let unusable =
        || format!("the spool directory {} cannot be used; choose another with RWS_SPOOL_DIR", spool.display());
    DirBuilder::new().recursive(true).mode(0o700).create(&spool).with_context(unusable)?;
    let own = tempfile::tempfile_in(&spool).and_then(|file| file.metadata()).with_context(unusable)?.uid();
    if configuration.spool_directory.is_none() {
        // in a directory that everybody may write somebody else may have been first
        let found = fs::symlink_metadata(&spool).with_context(unusable)?;
        let is_private = found.is_dir() && found.uid() == own && found.mode() & 0o022 == 0;
        ensure!(
            is_private,
            "{}: it must be a directory that belongs to this user, and only this user may have write access",
            unusable()
        );
    }
    for entry in fs::read_dir(&spool).with_context(unusable)? {
        let entry = entry.with_context(unusable)?;
        if is_abandoned(&entry) {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.with_context(unusable)?;
        }
    }
    Ok(spool)
}

fn is_abandoned(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let is_ours = [rws_server::SPOOL_PREFIX, rws_repository::SCRATCH_PREFIX, bucket::CACHE_PREFIX]
        .iter()
        .any(|prefix| name.to_string_lossy().starts_with(prefix));
    let age = entry.metadata().and_then(|file| file.modified()).map(|time| time.elapsed().unwrap_or_default());
    is_ours && age.is_ok_and(|age| age > ABANDONED)
}
