//! The store compared with the index: one listing, and a read of each file that is new or changed. What another tool left is
//! taken over here.

mod carried;
mod known_digests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use rws_model::{Change, FileName, Identity, Record, Refusal, Role};
use rws_store::{Condition, Key, ObjectClass, Span, Version, Write};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::Malformed;
use super::progress::{self, Comparing};
use super::stored_repository::{CurrentState, StoredRepository};
use crate::generation::{FileRow, PackageRow};
use crate::plan::{Origin, PlannedChange, StoreObservations, join};
use crate::render::StoredIndex;
use crate::stored_files::{self, ReadFile, StoredFile, StoredFiles};
use crate::{RepositoryError, private};
use known_digests::KnownDigests;

/// The name of the list of malformed packages, in the directory of the metadata.
const MALFORMED_LIST: &str = "malformed_list.txt";

/// How many files are read at once. Each has a thread, where it is digested too.
const READS_AT_ONCE: usize = 8;

/// What a synchronisation found.
#[derive(Default)]
pub(super) struct StoreComparison {
    /// Whether there was one.
    pub(super) looked: bool,
    /// What is to change.
    pub(super) changes: Vec<PlannedChange>,
    /// What else came to light.
    pub(super) noticed: StoreObservations,
    /// The malformed packages that were left out: the path of each, below the tree, and what is wrong with it.
    pub(super) malformed: Vec<(String, String)>,
}

/// Compares the store with the index of a repository.
pub(super) struct Comparer<'a> {
    pub(super) at: &'a StoredRepository<'a>,
    /// What malformed packages do.
    pub(super) policy: Malformed,
    /// Where it says how far it is.
    pub(super) progress: &'a progress::All,
}

/// What the index says now.
struct Indexed {
    files: HashMap<String, FileRow>,
    packages: BTreeMap<String, PackageRow>,
    /// Files that only readers of earlier generations need, or nobody.
    retired: HashSet<String>,
}

impl Indexed {
    /// Whether a file is as the index knows it, by what the store says of it.
    fn has(&self, file: &StoredFile) -> bool {
        self.files.get(&file.path).is_some_and(|row| {
            row.version.as_ref() == Some(&file.listed.stat.version) && row.size_bytes == file.listed.stat.size_bytes
        })
    }
}

fn paths(row: &PackageRow) -> impl Iterator<Item = String> {
    row.files.iter().map(|name| join(&row.directory, name.as_str()))
}

impl Comparer<'_> {
    /// Compares the store with the present generation. A package that the index has goes only when the listing does
    /// not have its file and asking for it says that it is gone, or when the file has become another one.
    pub(super) async fn synchronise(
        &self,
        state: &CurrentState,
        malformed: Malformed,
    ) -> Result<StoreComparison, RepositoryError> {
        let indexed = self.indexed(state)?;
        let mut found = StoreComparison { looked: true, ..StoreComparison::default() };
        let stored = self.stored_files(malformed, &mut found).await?;
        let listed: HashSet<&str> = stored.iter().map(|file| file.path.as_str()).collect();
        let is_rebuilt = state.head.is_some() && state.generation.is_none();
        if listed.is_empty() && (is_rebuilt || indexed.files.values().any(|file| file.users > 0)) {
            let reason = "the listing is empty, but the index has packages. RWS removed nothing. If all packages \
                          were deleted on purpose, delete them through RWS";
            return Err(RepositoryError::damaged(&self.at.tree, reason));
        }
        let mut gone = self.gone(&indexed, &listed).await?;
        let unreadable = self.unreadable(state).await?;
        let unknown = indexed.files.values().filter(|row| row.users == 0 && !listed.contains(row.path.as_str()));
        found.noticed.gone = unknown.map(|row| row.path.clone()).collect();
        let read = self.read_new(state, &indexed, &unreadable, stored, malformed, &mut found).await?;
        // a package goes with the bytes of any of its files; what is there now may be it again
        let changed: HashSet<&str> = read
            .iter()
            .filter(|file| {
                let now = file.inspected.file.digests.sha256;
                indexed.files.get(&file.path).is_some_and(|row| row.digests.sha256 != now)
            })
            .map(|file| file.path.as_str())
            .collect();
        let read_again: HashSet<&str> = read.iter().map(|file| file.path.as_str()).collect();
        let is_refused = |path: &String| unreadable.contains(path) && !read_again.contains(path.as_str());
        for row in indexed.packages.values() {
            if paths(row).any(|path| changed.contains(path.as_str()) || is_refused(&path)) {
                gone.insert(row.identity.clone());
            }
        }
        for identity in &gone {
            found.changes.push(self.change(Identity(identity.clone()), None, BTreeMap::new()));
        }
        self.assemble_all(read, &indexed, &gone, malformed, &mut found)?;
        tracing::info!(repository = %self.at.repository, changes = found.changes.len(), "compared with the store");
        Ok(found)
    }

    fn indexed(&self, state: &CurrentState) -> Result<Indexed, RepositoryError> {
        let mut indexed = Indexed { files: HashMap::new(), packages: BTreeMap::new(), retired: HashSet::new() };
        if let Some(generation) = &state.generation {
            let files = generation.files.all().map_err(RepositoryError::generation(self.at.repository))?;
            indexed.files = files.into_iter().map(|row| (row.path.clone(), row)).collect();
            let packages = generation.packages.all().map_err(RepositoryError::generation(self.at.repository))?;
            indexed.packages = packages.into_iter().map(|row| (row.identity.clone(), row)).collect();
        }
        if let Some(head) = state.head() {
            indexed.retired = head.retired.iter().map(|file| file.path.clone()).collect();
            indexed.retired.extend(self.at.condemned_paths(state));
        }
        Ok(indexed)
    }

    /// All files of this format in the repository's part of the tree.
    async fn stored_files(
        &self,
        malformed: Malformed,
        found: &mut StoreComparison,
    ) -> Result<Vec<StoredFile>, RepositoryError> {
        let layout = self.at.target.format.layout(self.at.repository);
        let metadata = format!("{}/{}/", layout.tree, layout.metadata);
        let prefix = format!("{}/", join(&layout.tree, &layout.packages).trim_end_matches('/'));
        let mut stored = Vec::new();
        for listed in self.at.store().list(&prefix).await? {
            let key = listed.key.as_str();
            if key.starts_with(&metadata) || private::is_private(key) {
                continue;
            }
            let Some(path) = key.strip_prefix(&format!("{}/", layout.tree)).map(str::to_owned) else { continue };
            match FileName::parse(listed.key.file_name()) {
                Ok(name) if self.at.target.format.accepts(&name) => stored.push(StoredFile { path, name, listed }),
                Ok(_) => {}
                Err(refusal) if self.would_be_package(listed.key.file_name()) => {
                    self.malformed(path, refusal, malformed, found)?;
                }
                Err(_) => {}
            }
        }
        Ok(stored)
    }

    /// Whether a name would be one of a package, were it not for its blanks and the like.
    fn would_be_package(&self, name: &str) -> bool {
        let name: String =
            name.chars().map(|one| if one.is_ascii_graphic() && one != '\\' { one } else { '-' }).collect();
        let name = name.trim_start_matches('.');
        FileName::parse(name).is_ok_and(|name| self.at.target.format.accepts(&name))
    }

    /// The identities of packages whose files are gone.
    async fn gone(&self, indexed: &Indexed, listed: &HashSet<&str>) -> Result<BTreeSet<String>, RepositoryError> {
        let mut gone = BTreeSet::new();
        for row in indexed.packages.values() {
            for path in paths(row) {
                if !listed.contains(path.as_str()) && self.at.store().is_gone(&self.at.key(&path)?).await? {
                    gone.insert(row.identity.clone());
                }
            }
        }
        Ok(gone)
    }

    /// The files whose entries in the present indexes clients cannot read: an earlier version of RWS took them, or another
    /// tool. They are read again, and judged as if they came now.
    async fn unreadable(&self, state: &CurrentState) -> Result<HashSet<String>, RepositoryError> {
        let Some(generation) = &state.generation else { return Ok(HashSet::new()) };
        let format = &self.at.target.format;
        let mut unreadable = HashSet::new();
        for state in &generation.indexes {
            let Some(file) = state.files.first() else { continue };
            let contents = self.at.read_all([file.stored_name.clone()].into()).await?;
            let stored = StoredIndex::open_first(state, &contents);
            let stored = stored.map_err(RepositoryError::generation(self.at.repository))?;
            for text in stored.texts_of_blocks() {
                let text = text.map_err(RepositoryError::generation(self.at.repository))?;
                let frame = format.frame(&state.index, 0);
                let plain = [frame.head, text, frame.tail].concat();
                // what cannot be read at all is for `rws verify`
                let packages = format.read_index(&file.index, &plain).unwrap_or_default();
                unreadable.extend(packages.into_iter().filter(|one| one.unreadable.is_some()).map(|one| one.path));
            }
        }
        Ok(unreadable)
    }

    /// Reads the files that are not known as they are now, and with each all files of its package.
    async fn read_new(
        &self,
        state: &CurrentState,
        indexed: &Indexed,
        unreadable: &HashSet<String>,
        stored: Vec<StoredFile>,
        malformed: Malformed,
        found: &mut StoreComparison,
    ) -> Result<Vec<ReadFile>, RepositoryError> {
        let is_known = |file: &StoredFile| indexed.has(file) && !unreadable.contains(&file.path);
        let is_new = |file: &StoredFile| !is_known(file) && !indexed.retired.contains(&file.path);
        let new: HashSet<&str> = stored.iter().filter(|file| is_new(file)).map(|file| file.path.as_str()).collect();
        let sets = indexed.packages.values().filter(|row| row.files.len() > 1);
        let whole: HashSet<String> =
            sets.filter(|row| paths(row).any(|path| new.contains(path.as_str()))).flat_map(paths).collect();
        let new: HashSet<String> = new.into_iter().map(str::to_owned).chain(whole).collect();
        let wanted: Vec<StoredFile> = stored.into_iter().filter(|file| new.contains(&file.path)).collect();
        let mut read = Vec::with_capacity(wanted.len());
        let recorded = self.recorded(state).await?;
        self.carry(&recorded, found).await?;
        if wanted.is_empty() {
            return Ok(read);
        }
        let comparing = Comparing::begin(self.progress, self.at.repository, wanted.len());
        let mut reads = stream::iter(wanted).map(|file| self.read(file, &recorded)).buffered(READS_AT_ONCE);
        while let Some(one) = reads.try_next().await? {
            comparing.advance();
            match one {
                Ok(file) => read.push(file),
                Err((path, refusal)) => self.malformed(path, refusal, malformed, found)?,
            }
        }
        Ok(read)
    }

    /// Reads a file in a thread of its own.
    async fn read(
        &self,
        file: StoredFile,
        recorded: &KnownDigests,
    ) -> Result<Result<ReadFile, (String, Refusal)>, RepositoryError> {
        let files = StoredFiles {
            store: Arc::clone(self.at.store),
            format: self.at.target.format.clone(),
            depth: self.at.target.depth(),
        };
        let known = recorded.of(&file.path, &file.listed.stat);
        let (runtime, path) = (Handle::current(), file.path.clone());
        let read = spawn_blocking(move || runtime.block_on(files.read(file, known))).await;
        read.unwrap_or_else(|error| Err(RepositoryError::damaged(path, error)))
    }

    /// Makes changes of what was read: packages one by one, sources with the files beside them.
    fn assemble_all(
        &self,
        read: Vec<ReadFile>,
        indexed: &Indexed,
        gone: &BTreeSet<String>,
        malformed: Malformed,
        found: &mut StoreComparison,
    ) -> Result<(), RepositoryError> {
        let beside: HashMap<&str, &ReadFile> = read.iter().map(|read| (read.path.as_str(), read)).collect();
        let mut taken: HashSet<&Identity> = HashSet::new();
        for file in &read {
            // known from now on, whatever becomes of it
            found.noticed.known.push(FileRow {
                path: file.path.clone(),
                size_bytes: file.inspected.file.size_bytes,
                digests: file.inspected.file.digests.clone(),
                version: Some(file.version.clone()),
                users: 0,
            });
            if matches!(file.inspected.role, Role::Part | Role::Listing) {
                continue;
            }
            let identity = &file.inspected.identity;
            let elsewhere = indexed.packages.get(&identity.0).filter(|_| !gone.contains(&identity.0));
            let elsewhere = elsewhere.is_some_and(|row| paths(row).all(|path| path != file.path));
            if elsewhere || !taken.insert(identity) {
                tracing::warn!(
                    repository = %self.at.repository, path = %file.path,
                    "skipped: another file is the same package"
                );
                continue;
            }
            let beside_it = |path: &str| match beside.get(path) {
                Some(read) => Some(read.inspected.file.clone()),
                None => indexed.files.get(path).and_then(FileRow::as_record_file),
            };
            match stored_files::assemble(self.at.target, file, &beside_it) {
                Ok(record) => {
                    let versions = record.files.iter().filter_map(|file| {
                        let path = join(&record.directory, file.name.as_str());
                        let read = beside.get(path.as_str()).map(|read| read.version.clone());
                        let known = indexed.files.get(&path).and_then(|row| row.version.clone());
                        Some((file.name.to_string(), read.or(known)?))
                    });
                    let versions = versions.collect();
                    found.changes.push(self.change(identity.clone(), Some(record), versions));
                }
                Err(refusal) => self.malformed(file.path.clone(), refusal, malformed, found)?,
            }
        }
        Ok(())
    }

    fn change(&self, identity: Identity, record: Option<Record>, versions: BTreeMap<String, Version>) -> PlannedChange {
        let change = Change { repository: self.at.repository.clone(), identity, record };
        PlannedChange { change, origin: Origin::Tree(versions) }
    }

    fn malformed(
        &self,
        path: String,
        refusal: Refusal,
        malformed: Malformed,
        found: &mut StoreComparison,
    ) -> Result<(), RepositoryError> {
        let reason = refusal.reason;
        match malformed {
            Malformed::Skip => {
                let key = join(&self.at.tree, &path);
                tracing::warn!(repository = %self.at.repository, path = key, reason, "skipped a malformed package");
                found.malformed.push((path, reason));
                Ok(())
            }
            Malformed::Stop => Err(self.is_malformed(&path, &reason)),
        }
    }

    fn is_malformed(&self, path: &str, reason: &str) -> RepositoryError {
        let (repository, path, reason) = (self.at.repository.clone(), join(&self.at.tree, path), reason.to_owned());
        RepositoryError::Malformed { repository, path, reason }
    }

    /// What a comparison ends with that had to leave malformed packages out, where they are to stop it.
    pub(super) fn stopped(&self, found: &StoreComparison) -> Result<(), RepositoryError> {
        match found.malformed.first() {
            Some((path, reason)) if self.policy == Malformed::Stop => Err(self.is_malformed(path, reason)),
            _ => Ok(()),
        }
    }

    /// Whether the last comparison found malformed packages, and nobody was there since.
    pub(super) async fn has_malformed(&self, state: &CurrentState) -> Result<bool, RepositoryError> {
        if state.head.is_none() {
            return Ok(false);
        }
        for key in [self.public_list()?, private::malformed(self.at.repository)] {
            if self.at.store().stat(&key).await?.is_some() {
                return Ok(!self.at.is_foreign(state).await?);
            }
        }
        Ok(false)
    }

    /// The list of what was left out, beside the indexes as the original wrote it.
    pub(super) fn public_list(&self) -> Result<Key, RepositoryError> {
        self.at.key(&join(&self.at.target.format.layout(self.at.repository).metadata, MALFORMED_LIST))
    }

    /// Lists malformed packages: one path a line, without an end of the last one; no file where there is nothing to list.
    pub(super) async fn list_malformed(&self, key: Key, mut paths: Vec<String>) -> Result<(), RepositoryError> {
        paths.sort();
        let wanted = Some(paths.join("\n").into_bytes()).filter(|list| !list.is_empty());
        let present = match self.at.store().read(&key, Span::Whole).await? {
            Some(content) => Some(content.collect().await?.to_vec()),
            None => None,
        };
        match wanted {
            _ if wanted == present => {}
            Some(list) => {
                let write = Write { condition: Condition::Always, kind: ObjectClass::Mutable };
                self.at.store().write(&key, list.into(), write).await?;
            }
            None => self.at.store().delete(&[key]).await?,
        }
        Ok(())
    }
}
