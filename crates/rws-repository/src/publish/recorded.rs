//! What an index that was there before RWS says of package files (docs/decisions/0012).

use std::collections::{HashMap, HashSet};

use rws_model::{ListedFile, ListedPackage, RootFile, sha256};
use rws_store::{Span, Stat, collect};

use super::run::{Run, State};
use crate::RepositoryError;
use crate::blocks::codec;

/// Package files as an older index lists them, by their paths below the tree.
#[derive(Default)]
pub(super) struct Recorded(HashMap<String, ListedPackage>);

impl Recorded {
    /// What is said of a file that is as it was then: the store says the same size and the same second.
    pub(super) fn of(&self, path: &str, stat: &Stat) -> Option<&ListedPackage> {
        self.0.get(path).filter(|listed| {
            let second = stat.modified_milliseconds.div_euclid(1000);
            listed.size_bytes == stat.size_bytes && listed.modified_seconds == Some(second)
        })
    }
}

impl Run<'_> {
    /// Reads the public root and its indexes where another tool wrote them. An index that is not what its root says of
    /// it, or that cannot be read, says nothing: then the packages are read.
    pub(super) async fn recorded(&self, state: &State) -> Result<Recorded, RepositoryError> {
        let mut recorded = Recorded::default();
        if state.head.is_some() && !self.is_foreign(state).await? {
            return Ok(recorded);
        }
        let mut root = Vec::new();
        for name in self.target.format.root_names(self.repository) {
            let bytes = self.public_bytes(&name).await?.unwrap_or_default();
            root.extend(String::from_utf8(bytes).ok().map(|text| RootFile { name, text }));
        }
        let listed = match self.target.format.read_root(self.repository, &root) {
            Ok(listed) => listed,
            Err(reason) => {
                tracing::info!(repository = %self.repository, reason, "no older index to go by");
                return Ok(recorded);
            }
        };
        let mut done: HashSet<&str> = HashSet::new();
        for file in listed.iter().filter(|file| file.holds_packages) {
            if !done.contains(file.index.as_str())
                && let Some(packages) = self.packages_of(file).await?
            {
                done.insert(&file.index);
                recorded.0.extend(packages.into_iter().map(|package| (package.path.clone(), package)));
            }
        }
        tracing::info!(repository = %self.repository, files = recorded.0.len(), "an older index lists package files");
        Ok(recorded)
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

    async fn public_bytes(&self, name: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
        match self.store().read(&self.key(name)?, Span::Whole).await? {
            Some(content) => Ok(Some(collect(content.bytes).await?.to_vec())),
            None => Ok(None),
        }
    }
}
