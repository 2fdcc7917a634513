//! What an index that was there before RWS says of package files (docs/decisions/0012).

use std::collections::{HashMap, HashSet};

use rws_model::{Digests, ListedFile, ListedPackage, ListedRole, RootFile, sha256};
use rws_store::{Span, Stat};

use super::run::{Run, State};
use crate::RepositoryError;
use crate::blocks::codec;
use crate::generation::FileRow;

/// What is known of package files without reading them, by their paths below the tree.
#[derive(Default)]
pub(super) struct Recorded {
    /// As an older index lists them.
    listed: HashMap<String, ListedPackage>,
    /// As an own generation knows them whose index files are gone.
    own: HashMap<String, FileRow>,
    /// Metadata of other kinds that the older root lists.
    pub(super) carried: Vec<ListedFile>,
}

/// What all of a file is.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) size_bytes: u64,
    pub(super) digests: Digests,
}

impl Recorded {
    /// What is known of a file that is as it was then: the store says the same size, and the same second or, where it
    /// names contents by their MD5 (S3, for what was sent in one request), the MD5 that the index states.
    pub(super) fn of(&self, path: &str, stat: &Stat) -> Option<Known> {
        if let Some(row) = self.own.get(path).filter(|row| row.version.as_ref() == Some(&stat.version)) {
            return Some(Known { size_bytes: row.size_bytes, digests: row.digests.clone() });
        }
        let listed = self.listed.get(path).filter(|listed| listed.size_bytes == stat.size_bytes)?;
        let second = stat.modified_milliseconds.div_euclid(1000);
        let is_same = listed.modified_seconds == Some(second)
            || listed.digests.md5.as_ref().is_some_and(|md5| md5.eq_ignore_ascii_case(&stat.version.0));
        is_same.then(|| Known { size_bytes: listed.size_bytes, digests: listed.digests.clone() })
    }
}

impl Run<'_> {
    /// Reads the public root and its indexes where another tool wrote them. An index that is not what its root says of
    /// it, or that cannot be read, says nothing: then the packages are read.
    pub(super) async fn recorded(&self, state: &State) -> Result<Recorded, RepositoryError> {
        let mut recorded = Recorded::default();
        if let Some(former) = &state.former {
            let rows = former.files.all().map_err(RepositoryError::generation(self.repository))?;
            recorded.own.extend(rows.into_iter().map(|row| (row.path.clone(), row)));
        }
        if state.head.is_some() && !self.is_foreign(state).await? {
            return Ok(recorded);
        }
        let root = self.public_root().await?.0;
        let listed = match self.target.format.read_root(self.repository, &root) {
            Ok(listed) => listed,
            Err(reason) => {
                tracing::info!(repository = %self.repository, reason, "no older index to go by");
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
        tracing::info!(repository = %self.repository, files = recorded.listed.len(), "an older index lists package files");
        Ok(recorded)
    }

    /// The public root, whoever wrote it, and when one of its files was written last, in seconds since 1970.
    pub(super) async fn public_root(&self) -> Result<(Vec<RootFile>, Option<i64>), RepositoryError> {
        let (mut root, mut written) = (Vec::new(), None);
        for name in self.target.format.root_names(self.repository) {
            let Some(content) = self.store().read(&self.key(&name)?, Span::Whole).await? else { continue };
            written = written.max(Some(content.stat.modified_milliseconds.div_euclid(1000)));
            root.push(RootFile::new(name, content.collect().await?));
        }
        Ok((root, written))
    }

    /// The package files that one form of an older index lists.
    async fn packages_of(&self, file: &ListedFile) -> Result<Option<Vec<ListedPackage>>, RepositoryError> {
        for name in &file.names {
            let Some(bytes) = self.public_bytes(name).await? else { continue };
            if (bytes.len() as u64, sha256(&bytes)) != (file.size_bytes, file.sha256) {
                tracing::warn!(repository = %self.repository, name, "not what its root says of it; not gone by");
                continue;
            }
            let text = codec::decompress_whole(file.codec, &bytes).map_err(|error| error.to_string());
            match text.and_then(|text| self.target.format.read_index(&file.index, &text)) {
                Ok(packages) => return Ok(Some(packages)),
                Err(reason) => tracing::warn!(repository = %self.repository, name, reason, "not gone by"),
            }
        }
        Ok(None)
    }

    pub(super) async fn public_bytes(&self, name: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        match self.store().read(&self.key(name)?, Span::Whole).await? {
            Some(content) => Ok(Some(content.collect().await?.to_vec())),
            None => Ok(None),
        }
    }
}
