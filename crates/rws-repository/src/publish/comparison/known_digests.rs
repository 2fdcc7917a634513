//! What an index that was there before RWS says of package files (docs/decisions/0012).

use std::collections::{HashMap, HashSet};

use rws_model::{ListedFile, ListedPackage, ListedRole, sha256};
use rws_store::Stat;

use super::super::stored_repository::CurrentState;
use super::Comparer;
use crate::RepositoryError;
use crate::blocks::codec;
use crate::generation::FileRow;
use crate::stored_files::KnownFile;

/// What is known of package files without reading them, by their paths below the tree.
#[derive(Default)]
pub(in crate::publish) struct KnownDigests {
    /// As an older index lists them.
    listed: HashMap<String, ListedPackage>,
    /// As an own generation knows them whose index files are gone.
    own: HashMap<String, FileRow>,
    /// Metadata of other kinds that the older root lists.
    pub(in crate::publish) carried: Vec<ListedFile>,
}

impl KnownDigests {
    /// What is known of a file that is as it was then: the store says the same size, and the same second or, where it
    /// names contents by their MD5 (S3, for what was sent in one request), the MD5 that the index states.
    pub(in crate::publish) fn of(&self, path: &str, stat: &Stat) -> Option<KnownFile> {
        if let Some(row) = self.own.get(path).filter(|row| row.version.as_ref() == Some(&stat.version)) {
            return Some(KnownFile { size_bytes: row.size_bytes, digests: row.digests.clone() });
        }
        let listed = self.listed.get(path).filter(|listed| listed.size_bytes == stat.size_bytes)?;
        let second = stat.modified_milliseconds.div_euclid(1000);
        let is_same = listed.modified_seconds == Some(second)
            || listed.digests.md5.as_ref().is_some_and(|md5| md5.eq_ignore_ascii_case(&stat.version.0));
        is_same.then(|| KnownFile { size_bytes: listed.size_bytes, digests: listed.digests.clone() })
    }
}

impl Comparer<'_> {
    /// Reads the public root and its indexes where another tool wrote them. An index that is not what its root says of
    /// it, or that cannot be read, says nothing: then the packages are read.
    pub(in crate::publish) async fn recorded(&self, state: &CurrentState) -> Result<KnownDigests, RepositoryError> {
        let mut recorded = KnownDigests::default();
        if let Some(former) = &state.former {
            let rows = former.files.all().map_err(RepositoryError::generation(self.at.repository))?;
            recorded.own.extend(rows.into_iter().map(|row| (row.path.clone(), row)));
        }
        if state.head.is_some() && !self.at.is_foreign(state).await? {
            return Ok(recorded);
        }
        let root = self.at.public_root().await?.0;
        let listed = match self.at.target.format.read_root(self.at.repository, &root) {
            Ok(listed) => listed,
            Err(reason) => {
                tracing::info!(repository = %self.at.repository, reason, "there is no older index; RWS reads all packages");
                return Ok(recorded);
            }
        };
        let mut done: HashSet<&str> = HashSet::new();
        recorded.carried = listed.iter().filter(|file| file.role == ListedRole::Carried).cloned().collect();
        for file in listed.iter().filter(|file| file.role == ListedRole::Packages) {
            if !done.contains(file.index.as_str())
                && let Some(packages) = self.packages_of(file).await?
            {
                done.insert(&file.index);
                recorded.listed.extend(packages.into_iter().map(|package| (package.path.clone(), package)));
            }
        }
        tracing::info!(repository = %self.at.repository, files = recorded.listed.len(), "RWS uses the known digests of an older index");
        Ok(recorded)
    }

    /// The package files that one form of an older index lists.
    async fn packages_of(&self, file: &ListedFile) -> Result<Option<Vec<ListedPackage>>, RepositoryError> {
        for name in &file.names {
            let Some(bytes) = self.at.public_bytes(name).await? else { continue };
            if (bytes.len() as u64, sha256(&bytes)) != (file.size_bytes, file.sha256) {
                tracing::warn!(repository = %self.at.repository, name, "an older index does not match its root file; RWS does not use it");
                continue;
            }
            let text = codec::decompress_whole(file.codec, &bytes).map_err(|error| error.to_string());
            match text.and_then(|text| self.at.target.format.read_index(&file.index, &text)) {
                Ok(packages) => return Ok(Some(packages)),
                Err(reason) => {
                    tracing::warn!(repository = %self.at.repository, name, reason, "RWS cannot read an older index and does not use it")
                }
            }
        }
        Ok(None)
    }
}
