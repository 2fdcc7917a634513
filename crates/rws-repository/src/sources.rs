//! What packages were built from, as the indexes of their repository say it.

use std::collections::{BTreeMap, BTreeSet};

use rws_model::{Codec, FileName, Identity, ListedRole, PackageName, RepositoryId};
use rws_store::{Key, Span, Store};

use crate::blocks::codec;
use crate::catalogue::ConfiguredTarget;
use crate::error::{IntakeError, RepositoryError};
use crate::generation::{Head, Heads};
use crate::limits::PackageLimits;
use crate::plan::join;

/// What the packages of a repository were built from.
pub(crate) struct Sources<'a> {
    target: &'a ConfiguredTarget,
    /// By the paths of all files that the indexes list.
    of_files: BTreeMap<String, Option<String>>,
}

impl<'a> Sources<'a> {
    /// Reads the indexes of a repository.
    ///
    /// # Errors
    ///
    /// When the store fails, or an index cannot be read.
    pub(crate) async fn of(
        store: &dyn Store,
        target: &'a ConfiguredTarget,
        repository: &RepositoryId,
    ) -> Result<Self, RepositoryError> {
        let of_files = match Heads(store).read(repository).await? {
            Some((head, _)) => built_from(store, target, repository, &head).await?,
            None => BTreeMap::new(),
        };
        Ok(Self { target, of_files })
    }

    /// Refuses a package that may not be changed; `placed` is where it is ([`crate::presence::Presence::placed`]).
    pub(crate) fn check(
        &self,
        limits: &PackageLimits,
        identity: &Identity,
        placed: Option<(String, FileName)>,
    ) -> Result<(), IntakeError> {
        let path = placed.map(|(directory, file)| join(&directory, file.as_str()));
        match self.target.format.package_name(identity, None) {
            Some(PackageName { name, .. }) => match path.and_then(|path| self.of_files.get(&path)) {
                Some(source) => limits.check(self.target, &name, source.as_deref()),
                // what it says of its source is not known
                None => limits.refuse(self.target, &format!("{name}, which is not published yet")),
            },
            None => limits.refuse(self.target, &identity.0),
        }
    }
}

/// What the packages of a repository were built from, by the paths of their files below the tree, as its indexes say.
pub(crate) async fn built_from(
    store: &dyn Store,
    target: &ConfiguredTarget,
    repository: &RepositoryId,
    head: &Head,
) -> Result<BTreeMap<String, Option<String>>, RepositoryError> {
    let damaged = |reason: String| RepositoryError::damaged(repository, reason);
    let tree = target.format.layout(repository).tree;
    let listed = target.format.read_root(repository, &head.root).map_err(damaged)?;
    let (mut sources, mut done) = (BTreeMap::new(), BTreeSet::new());
    for file in listed.iter().filter(|file| file.role == ListedRole::Packages) {
        if done.contains(&file.index) {
            continue;
        }
        let name = file.names.first().cloned().unwrap_or_default();
        let key = Key::parse(&join(&tree, &name)).ok_or_else(|| damaged(format!("{name} is no file name")))?;
        let bytes = match store.read(&key, Span::Whole).await? {
            Some(content) => content.collect().await?,
            // only its compressed forms are there
            None if file.codec == Codec::Plain => continue,
            None => return Err(damaged(format!("{name} does not exist"))),
        };
        done.insert(&file.index);
        let text = codec::decompress_whole(file.codec, &bytes).map_err(|error| damaged(error.to_string()))?;
        let packages = target.format.read_index(&file.index, &text).map_err(damaged)?;
        sources.extend(packages.into_iter().map(|package| (package.path, package.source)));
    }
    Ok(sources)
}
