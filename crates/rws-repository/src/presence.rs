//! What a repository has, with what uploads have promised and no generation contains yet.

use std::collections::{BTreeMap, BTreeSet};

use rws_model::{FileName, Identity, Record, RecordFile, RepositoryId, Sha256};
use rws_store::Store;

use crate::catalogue::ConfiguredTarget;
use crate::generation::{Generation, Heads, package_order, path_order};
use crate::pending;
use crate::plan::join;
use crate::upload::Upload;
use crate::{RepositoryError, reading};

/// What a repository has at a moment.
pub struct Presence<'a> {
    target: &'a ConfiguredTarget,
    repository: RepositoryId,
    generation: Option<Generation>,
    pending: Vec<Upload>,
}

/// What the repositories of one target have before an upload claims anything: each is read at most once.
pub struct Presences<'a> {
    store: &'a dyn Store,
    target: &'a ConfiguredTarget,
    read: BTreeMap<RepositoryId, Presence<'a>>,
}

impl<'a> Presences<'a> {
    /// Nothing is read yet.
    pub fn new(store: &'a dyn Store, target: &'a ConfiguredTarget) -> Self {
        Self { store, target, read: BTreeMap::new() }
    }

    /// The store.
    pub fn store(&self) -> &'a dyn Store {
        self.store
    }

    /// What a repository has.
    ///
    /// # Errors
    ///
    /// When the store fails, or an object of RWS is damaged.
    pub async fn of(&mut self, repository: &RepositoryId) -> Result<&Presence<'a>, RepositoryError> {
        if !self.read.contains_key(repository) {
            let presence = Presence::load(self.store, self.target, repository).await?;
            self.read.insert(repository.clone(), presence);
        }
        self.known(repository).ok_or_else(|| RepositoryError::Unknown(repository.clone()))
    }

    /// What a repository has, where it was read already.
    pub fn known(&self, repository: &RepositoryId) -> Option<&Presence<'a>> {
        self.read.get(repository)
    }
}

/// A package that has a file of some name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The package.
    pub identity: Identity,
    /// Its own file: the package itself, not one that it only names.
    pub file: FileName,
    /// Where its files are, or are to be.
    pub directory: String,
    /// Whether they are there: the current generation has the package.
    pub is_placed: bool,
}

/// A file that an upload brings, and that packages may name.
pub struct NewFile<'a> {
    /// The package that brings it.
    pub identity: &'a Identity,
    /// Where it is to go.
    pub directory: &'a str,
    /// The file.
    pub file: &'a RecordFile,
}

/// What stands in the way of a file.
pub struct ConflictingFile<'a> {
    /// The file.
    pub file: &'a RecordFile,
    /// The package that names it.
    pub by: Identity,
    /// Its bytes there.
    pub sha256: Sha256,
}

impl<'a> Presence<'a> {
    /// Reads a repository as it is now.
    ///
    /// # Errors
    ///
    /// When the store fails, or an object of RWS is damaged.
    pub async fn load(
        store: &dyn Store,
        target: &'a ConfiguredTarget,
        repository: &RepositoryId,
    ) -> Result<Self, RepositoryError> {
        let head = Heads(store).read(repository).await?.map(|(head, _)| head);
        let applied = head.as_ref().map(|head| head.applied.as_slice()).unwrap_or_default();
        let pending = pending::read_outlines(store, repository, applied).await?;
        let generation = match &head {
            Some(head) => Some(reading::generation(store, repository, &head.generation).await?),
            None => None,
        };
        Ok(Self { target, repository: repository.clone(), generation, pending })
    }

    /// The target of the repository.
    pub fn target(&self) -> &ConfiguredTarget {
        self.target
    }

    /// Where the own file of a package is; `None` for one that is not there, or that a pending upload changes.
    ///
    /// # Errors
    ///
    /// When the current generation is damaged.
    pub fn placed(&self, identity: &Identity) -> Result<Option<(String, FileName)>, RepositoryError> {
        if self.changes().any(|(changed, _)| changed == identity) {
            return Ok(None);
        }
        let Some(generation) = &self.generation else { return Ok(None) };
        placed_in(generation, self.target, identity).map_err(RepositoryError::generation(&self.repository))
    }

    /// The repository.
    pub fn repository(&self) -> &RepositoryId {
        &self.repository
    }

    /// The current generation.
    pub fn generation(&self) -> Option<&Generation> {
        self.generation.as_ref()
    }

    /// The files with some names that it has, and all that pending uploads bring, by their paths below the tree.
    ///
    /// # Errors
    ///
    /// When the current generation is damaged.
    pub fn files(&self, names: &BTreeSet<&str>) -> Result<BTreeMap<String, RecordFile>, RepositoryError> {
        let mut files = BTreeMap::new();
        if let Some(generation) = &self.generation {
            let rows = generation.files.between(None, None, &path_order);
            for row in rows.map_err(RepositoryError::generation(&self.repository))? {
                if names.contains(row.path.rsplit('/').next().unwrap_or_default())
                    && let Some(file) = row.as_record_file()
                {
                    files.insert(row.path, file);
                }
            }
        }
        for record in self.pending.iter().flat_map(|upload| &upload.records) {
            let with_path = |file: &RecordFile| (join(&record.directory, file.name.as_str()), file.clone());
            files.extend(record.files.iter().map(with_path));
        }
        Ok(files)
    }

    /// The content of a package's own file as it was uploaded; `None` for one that is not there.
    ///
    /// # Errors
    ///
    /// When the current generation is damaged.
    pub fn content(&self, identity: &Identity) -> Result<Option<Sha256>, RepositoryError> {
        let mut content = match &self.generation {
            Some(generation) => {
                content_in(generation, self.target, identity).map_err(RepositoryError::generation(&self.repository))?
            }
            None => None,
        };
        for (_, record) in self.changes().filter(|(changed, _)| *changed == identity) {
            content = record.and_then(Record::uploaded);
        }
        Ok(content)
    }

    /// All packages with their own files, with those that pending uploads bring.
    ///
    /// # Errors
    ///
    /// When the current generation is damaged.
    pub fn own_files(&self) -> Result<BTreeMap<Identity, FileName>, RepositoryError> {
        let mut files = BTreeMap::new();
        if let Some(generation) = &self.generation {
            let rows = generation.packages.all().map_err(RepositoryError::generation(&self.repository))?;
            let own = rows.into_iter().filter_map(|row| Some((Identity(row.identity), row.files.into_iter().next()?)));
            files.extend(own);
        }
        for (identity, record) in self.changes() {
            match record.and_then(|record| record.files.first()) {
                Some(file) => _ = files.insert(identity.clone(), file.name.clone()),
                None => _ = files.remove(identity),
            }
        }
        Ok(files)
    }

    /// All packages, with those that pending uploads bring.
    ///
    /// # Errors
    ///
    /// When the current generation is damaged.
    pub fn identities(&self) -> Result<BTreeSet<Identity>, RepositoryError> {
        Ok(self.own_files()?.into_keys().collect())
    }

    /// The packages that have a file of this name.
    ///
    /// # Errors
    ///
    /// When the current generation is damaged.
    pub fn owners(&self, name: &FileName) -> Result<Vec<Owner>, RepositoryError> {
        let mut owners: Vec<Owner> = Vec::new();
        if let Some(generation) = &self.generation {
            for row in generation.packages.all().map_err(RepositoryError::generation(&self.repository))? {
                if let (true, Some(file)) = (row.files.contains(name), row.files.first()) {
                    let (identity, file) = (Identity(row.identity), file.clone());
                    owners.push(Owner { identity, file, directory: row.directory, is_placed: true });
                }
            }
        }
        for (identity, record) in self.changes() {
            owners.retain(|owner| owner.identity != *identity);
            let Some(record) = record else { continue };
            let mut names = record.files.iter().map(|file| &file.name);
            if let Some(first) = names.clone().next().filter(|_| names.any(|one| one == name)) {
                let (identity, file) = (identity.clone(), first.clone());
                owners.push(Owner { identity, file, directory: record.directory.clone(), is_placed: false });
            }
        }
        Ok(owners)
    }

    /// Those of some files that another package names with other bytes; the first of them, that package, and the digest of its
    /// bytes. Bytes that have a place here already are in nobody's way.
    ///
    /// # Errors
    ///
    /// When the current generation is damaged.
    pub fn rival<'f>(&self, files: &[NewFile<'f>]) -> Result<Option<ConflictingFile<'f>>, RepositoryError> {
        let mut named: BTreeMap<Identity, Vec<(usize, Sha256)>> = BTreeMap::new();
        let is_here = |file: &NewFile<'_>, place: &str| {
            place.strip_prefix(file.directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if let Some(generation) = &self.generation {
            for row in generation.packages.all().map_err(RepositoryError::generation(&self.repository))? {
                for (at, file) in files.iter().enumerate() {
                    if !is_here(file, &row.directory) || !row.files.iter().skip(1).any(|name| *name == file.file.name) {
                        continue;
                    }
                    let path = join(&row.directory, file.file.name.as_str());
                    let found = generation.files.get(&path, &path_order);
                    if let Some(found) = found.map_err(RepositoryError::generation(&self.repository))? {
                        named.entry(Identity(row.identity.clone())).or_default().push((at, found.digests.sha256));
                    }
                }
            }
        }
        for (identity, record) in self.changes() {
            named.remove(identity);
            let Some(record) = record else { continue };
            for (at, file) in files.iter().enumerate().filter(|(_, file)| is_here(file, &record.directory)) {
                let same = record.files.iter().skip(1).find(|same| same.name == file.file.name);
                let found = same.map(|same| (at, same.digests.sha256));
                named.entry(identity.clone()).or_default().extend(found);
            }
        }
        for (at, new) in files.iter().enumerate() {
            let of_file = || {
                let all = named.iter().flat_map(|(by, found)| found.iter().map(move |(at, sha256)| (by, *at, *sha256)));
                all.filter(|(_, of, _)| *of == at)
            };
            if of_file().any(|(_, _, sha256)| sha256 == new.file.digests.sha256) {
                continue;
            }
            if let Some((by, _, sha256)) = of_file().find(|(by, _, _)| *by != new.identity) {
                return Ok(Some(ConflictingFile { file: new.file, by: by.clone(), sha256 }));
            }
        }
        Ok(None)
    }

    fn changes(&self) -> impl Iterator<Item = (&Identity, Option<&Record>)> {
        self.pending.iter().flat_map(|upload| upload.changes_for(&self.repository))
    }
}

/// The directory and the name of a package's own file in a generation; `None` for one that is not there.
pub fn placed_in(
    generation: &Generation,
    target: &ConfiguredTarget,
    identity: &Identity,
) -> std::io::Result<Option<(String, FileName)>> {
    let row = generation.packages.get(&identity.0, &package_order(&*target.format))?;
    Ok(row.and_then(|row| Some((row.directory, row.files.into_iter().next()?))))
}

/// The content of a package's own file in a generation, as it was uploaded; `None` for a package that is not there.
///
/// # Errors
///
/// When the generation is damaged.
pub fn content_in(
    generation: &Generation,
    target: &ConfiguredTarget,
    identity: &Identity,
) -> std::io::Result<Option<Sha256>> {
    let Some(row) = generation.packages.get(&identity.0, &package_order(&*target.format))? else { return Ok(None) };
    if let Some(signature) = row.signature {
        return Ok(Some(signature.uploaded));
    }
    let Some(first) = row.files.first() else { return Ok(None) };
    let file = generation.files.get(&join(&row.directory, first.as_str()), &path_order)?;
    Ok(file.map(|file| file.digests.sha256))
}
