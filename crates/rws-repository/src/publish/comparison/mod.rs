//! The store compared with the index: one listing, and a read of each file that is new or changed. What another tool left is
//! taken over here.

mod assembly;
mod carried;
mod indexed;
mod known_digests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use rws_model::{Change, FileName, Identity, Record, Refusal};
use rws_store::{Condition, Key, ObjectClass, Span, Version, Write};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::Malformed;
use super::progress::{self, Comparing};
use super::stored_repository::{CurrentState, StoredRepository};
use crate::catalogue::ConfiguredTarget;
use crate::generation::{FileRow, PackageRow};
use crate::plan::{ChangeWriter, Origin, PlannedChange, StoreObservations, join};
use crate::render::StoredIndex;
use crate::stored_files::{ReadFile, StoredFile, StoredFiles};
use crate::{RepositoryError, private};
use assembly::Assembly;
use indexed::Indexed;
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
    pub(super) changes: Option<ChangeWriter>,
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
        let indexed = Indexed::new(self.at, state);
        let mut found = StoreComparison { looked: true, ..StoreComparison::default() };
        let stored = self.stored_files(malformed, &mut found).await?;
        let is_rebuilt = state.head.is_some() && state.generation.is_none();
        if stored.is_empty() && (is_rebuilt || indexed.has_used_files()?) {
            let reason = "the listing is empty, but the index has packages. RWS removed nothing. If all packages \
                          were deleted on purpose, delete them through RWS";
            return Err(RepositoryError::damaged(&self.at.tree, reason));
        }
        let (missing, unknown): (Vec<_>, Vec<_>) = indexed.missing(&stored)?.into_iter().partition(|row| row.users > 0);
        found.noticed.gone = unknown.into_iter().map(|row| row.path).collect();
        let mut gone = self.gone(&indexed, &missing).await?;
        let unreadable = self.unreadable(state).await?;
        let mut assembly = Assembly::new(self, &indexed, malformed);
        self.read_new(state, &indexed, &unreadable, stored, &mut assembly, &mut found).await?;
        let is_refused = |path: &str| unreadable.contains(path) && !assembly.was_read(path);
        // a package goes with the bytes of any of its files; what is there now may be it again
        let other = indexed.packages_with(|path| assembly.has_changed(path) || is_refused(path))?;
        gone.extend(other.into_iter().map(|row| row.identity));
        assembly.finish(&gone, &mut found)?;
        tracing::info!(repository = %self.at.repository, "compared with the store");
        Ok(found)
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
                Ok(name) if self.is_of_package(&name) => stored.push(StoredFile::new(&layout.tree, listed)),
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
        FileName::parse(name).is_ok_and(|name| self.is_of_package(&name))
    }

    /// Whether the repository has files of this name, as it is configured.
    fn is_of_package(&self, name: &FileName) -> bool {
        let ConfiguredTarget { format, settings, .. } = self.at.target;
        format.accepts(name) && format.skips(name.as_str(), settings).is_none()
    }

    /// The identities of packages whose files are gone: those that the listing does not have, and that asking for says so of.
    async fn gone(&self, indexed: &Indexed<'_>, missing: &[FileRow]) -> Result<BTreeSet<String>, RepositoryError> {
        let mut gone = HashSet::new();
        for row in missing {
            if self.at.store().is_gone(&self.at.key(&row.path)?).await? {
                gone.insert(row.path.as_str());
            }
        }
        if gone.is_empty() {
            return Ok(BTreeSet::new());
        }
        let packages = indexed.packages_with(|path| gone.contains(path))?;
        Ok(packages.into_iter().map(|row| row.identity).collect())
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
        indexed: &Indexed<'_>,
        unreadable: &HashSet<String>,
        stored: Vec<StoredFile>,
        assembly: &mut Assembly<'_>,
        found: &mut StoreComparison,
    ) -> Result<(), RepositoryError> {
        let mut new: Vec<bool> = Vec::with_capacity(stored.len());
        for file in &stored {
            let is_known = !unreadable.contains(file.path()) && indexed.has(file)?;
            new.push(!is_known && !indexed.is_retired(file.path()));
        }
        let whole = self.whole_packages(indexed, &stored, &new)?;
        let wanted = stored.into_iter().zip(new);
        let wanted = wanted.filter(|(file, is_new)| *is_new || whole.contains(file.path()));
        let wanted: Vec<StoredFile> = wanted.map(|(file, _)| file).collect();
        let recorded = self.recorded(state).await?;
        self.carry(&recorded, assembly).await?;
        if wanted.is_empty() {
            return Ok(());
        }
        let comparing = Comparing::begin(self.progress, self.at.repository, wanted.len());
        let mut reads = stream::iter(wanted).map(|file| self.read(file, &recorded)).buffered(READS_AT_ONCE);
        while let Some(one) = reads.try_next().await? {
            comparing.advance();
            match one {
                Ok(file) => assembly.take(file, found)?,
                Err((path, refusal)) => self.malformed(path, refusal, assembly.malformed, found)?,
            }
        }
        Ok(())
    }

    /// The paths of the packages of several files of which any is new.
    fn whole_packages(
        &self,
        indexed: &Indexed<'_>,
        stored: &[StoredFile],
        new: &[bool],
    ) -> Result<HashSet<String>, RepositoryError> {
        // what the index does not know belongs to none of its packages
        let mut known = HashSet::new();
        for (file, _) in stored.iter().zip(new).filter(|(_, is_new)| **is_new) {
            if indexed.file(file.path())?.is_some_and(|row| row.users > 0) {
                known.insert(file.path());
            }
        }
        if known.is_empty() {
            return Ok(HashSet::new());
        }
        let packages = indexed.packages_with(|path| known.contains(path))?;
        Ok(packages.iter().filter(|row| row.files.len() > 1).flat_map(paths).collect())
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
        let known = recorded.of(file.path(), file.stat());
        let (runtime, path) = (Handle::current(), file.path().to_owned());
        let read = spawn_blocking(move || runtime.block_on(files.read(file, known))).await;
        read.unwrap_or_else(|error| Err(RepositoryError::damaged(path, error)))
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
