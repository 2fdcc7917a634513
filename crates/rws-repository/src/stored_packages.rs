//! The packages of a generation, read from where they lie in the store.

use std::sync::Arc;

use rws_model::{Reading, RepositoryId};
use rws_store::{Key, Listed, Stat, Store};

use crate::RepositoryError;
use crate::catalogue::ConfiguredTarget;
use crate::generation::{FileRow, Generation, path_order};
use crate::plan::join;
use crate::stored_files::{KnownFile, ReadFile, StoredFile, StoredFiles};

/// The packages of one generation.
pub(crate) struct StoredPackages<'a> {
    pub(crate) store: &'a Arc<dyn Store>,
    pub(crate) target: &'a ConfiguredTarget,
    pub(crate) repository: &'a RepositoryId,
    pub(crate) generation: &'a Generation,
    /// How much of a package is read.
    pub(crate) depth: Reading,
}

impl StoredPackages<'_> {
    /// The public path of a file, by its path below the tree.
    pub(crate) fn public(&self, path: &str) -> String {
        join(&self.target.format.layout(self.repository).tree, path)
    }

    /// What the generation says of a file.
    pub(crate) fn file(&self, path: &str) -> Result<Option<FileRow>, RepositoryError> {
        self.generation.files.get(path, &path_order).map_err(RepositoryError::generation(self.repository))
    }

    /// Reads the front of a file that is as the generation knows it, else all of it. The reason, where it is another one now.
    pub(crate) async fn read(&self, path: &str) -> Result<Result<ReadFile, String>, RepositoryError> {
        let (Some(known), Some(key)) = (self.file(path)?, Key::parse(&self.public(path))) else {
            return Ok(Err("the index does not know it".to_owned()));
        };
        let stat = match known.version {
            Some(version) => Some(Stat { size_bytes: known.size_bytes, version, modified_milliseconds: 0 }),
            None => self.store.stat(&key).await?,
        };
        let Some(stat) = stat else { return Ok(Err("it does not exist".to_owned())) };
        let file = StoredFile::new(&self.target.format.layout(self.repository).tree, Listed { key, stat });
        let files =
            StoredFiles { store: Arc::clone(self.store), format: Arc::clone(&self.target.format), depth: self.depth };
        let as_known = KnownFile { size_bytes: known.size_bytes, digests: known.digests.clone() };
        Ok(match files.read(file, Some(as_known)).await? {
            Ok(read) if read.inspected.file.digests.sha256 == known.digests.sha256 => Ok(read),
            Ok(_) => Err("it has other bytes than the index says".to_owned()),
            Err((_, refusal)) => Err(refusal.reason),
        })
    }
}
