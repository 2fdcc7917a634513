//! Entries that an earlier version of the code rendered: they are rendered again from the packages in the store, in batches.
//!
//! Reading packages takes long, so it is no part of a run: the next run takes in what is ready, and drops what has been overtaken by
//! an upload.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use rws_model::{Change, RepositoryId, Role};

use super::Publisher;
use crate::generation::{Heads, PackageRow};
use crate::plan::{Origin, PlannedChange, join};
use crate::stored_files::{self, ReadFile};
use crate::stored_packages::StoredPackages;
use crate::{RepositoryError, reading};

/// One commit takes in at most so many packages …
const MAX_PACKAGES: usize = 512;

/// … and entries of so many bytes: they are in memory until then.
const MAX_ENTRIES_BYTES: u64 = 8 << 20;

/// How many packages are read at once.
const READS_AT_ONCE: usize = 4;

/// A package whose entries cannot be rendered again. It keeps the ones that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its identity.
    pub identity: String,
    /// The public path of its file.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// One batch of packages that were read again.
#[derive(Debug, Default)]
pub struct Batch {
    /// The packages with new entries: what their rows say of them, to tell them from others that come later.
    pub packages: Vec<(String, [u8; 32])>,
    /// Those that could not be read.
    pub unreadable: Vec<Unreadable>,
    changes: Vec<PlannedChange>,
}

impl Batch {
    /// Whether there was nothing to do.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty() && self.unreadable.is_empty()
    }
}

/// What is ready for the next run of each repository.
#[derive(Default)]
pub(super) struct Ready(Mutex<HashMap<RepositoryId, Arc<Vec<PlannedChange>>>>);

impl Ready {
    fn lock(&self) -> MutexGuard<'_, HashMap<RepositoryId, Arc<Vec<PlannedChange>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is ready for a repository.
    pub(super) fn of(&self, repository: &RepositoryId) -> Option<Arc<Vec<PlannedChange>>> {
        self.lock().get(repository).cloned()
    }

    /// Forgets what a run has taken in, and nothing that has come since.
    pub(super) fn taken(&self, repository: &RepositoryId, changes: &Arc<Vec<PlannedChange>>) {
        let mut ready = self.lock();
        if ready.get(repository).is_some_and(|now| Arc::ptr_eq(now, changes)) {
            ready.remove(repository);
        }
    }
}

impl Publisher {
    /// Reads the next packages whose entries an earlier version of the code rendered, but for those in `skipped`, by identity.
    ///
    /// # Errors
    ///
    /// When the store fails, or the manifest is damaged. A package that cannot be read is none.
    pub async fn render_stale(
        &self,
        repository: &RepositoryId,
        skipped: &BTreeSet<String>,
    ) -> Result<Batch, RepositoryError> {
        let target =
            self.catalogue.repository(repository).ok_or_else(|| RepositoryError::Unknown(repository.clone()))?;
        let Some((head, _)) = Heads(self.store()).read(repository).await? else { return Ok(Batch::default()) };
        let generation = reading::generation(self.store(), repository, &head.generation).await?;
        let renderer = target.format.renderer();
        if generation.rendered_before(renderer) == 0 {
            return Ok(Batch::default());
        }
        let is_stale = |row: &PackageRow| row.indexed_by().is_some_and(|by| by < renderer);
        let wanted = |row: &PackageRow| is_stale(row) && !skipped.contains(&row.identity);
        let rows = generation.packages.first(MAX_PACKAGES, wanted).map_err(RepositoryError::generation(repository))?;
        let mut entries_bytes = 0;
        let rows = rows.into_iter().enumerate().take_while(|(number, row)| {
            entries_bytes += row.entries.iter().map(|(_, bytes)| bytes).sum::<u64>();
            *number == 0 || entries_bytes <= MAX_ENTRIES_BYTES
        });
        let packages = Packages(StoredPackages {
            store: &self.store,
            target,
            repository,
            generation: &generation,
            depth: target.depth(),
        });
        let rows: Vec<PackageRow> = rows.map(|(_, row)| row).collect();
        let mut rendered = stream::iter(rows).map(|row| packages.render(row)).buffered(READS_AT_ONCE);
        let mut batch = Batch::default();
        while let Some((row, outcome)) = rendered.try_next().await? {
            match outcome {
                Ok(change) => {
                    batch.packages.push((row.identity, row.record));
                    batch.changes.push(change);
                }
                Err((path, reason)) => {
                    batch.unreadable.push(Unreadable {
                        identity: row.identity,
                        path: packages.0.public(&path),
                        reason,
                    });
                }
            }
        }
        Ok(batch)
    }

    /// Hands a batch to the next run of its repository.
    pub fn hand_over(&self, repository: &RepositoryId, batch: Batch) {
        self.ready.lock().insert(repository.clone(), Arc::new(batch.changes));
    }

    /// Takes back what no run has taken in: it would stay in memory.
    pub fn take_back(&self, repository: &RepositoryId) {
        self.ready.lock().remove(repository);
    }

    /// Whether what was handed over was not taken in yet.
    pub fn is_handed_over(&self, repository: &RepositoryId) -> bool {
        self.ready.lock().contains_key(repository)
    }
}

/// A change, or the path of a file and what is wrong with it.
type Rendered = Result<PlannedChange, (String, String)>;

/// The packages of a generation, read from the store.
struct Packages<'a>(StoredPackages<'a>);

impl Packages<'_> {
    async fn render(&self, row: PackageRow) -> Result<(PackageRow, Rendered), RepositoryError> {
        let mut wrong = (row.directory.clone(), "it has no file of a package".to_owned());
        for name in &row.files {
            let path = join(&row.directory, name.as_str());
            let read = match self.0.read(&path).await? {
                Ok(read) => read,
                Err(reason) => {
                    wrong = (path, reason);
                    break;
                }
            };
            if !matches!(read.inspected.role, Role::Binary | Role::Source) {
                continue;
            }
            let outcome = self.change(&row, &read).map_err(|reason| (path, reason));
            return Ok((row, outcome));
        }
        Ok((row, Err(wrong)))
    }

    fn change(&self, row: &PackageRow, read: &ReadFile) -> Result<PlannedChange, String> {
        let beside = |path: &str| self.0.file(path).ok().flatten().and_then(|row| row.as_record_file());
        let record = stored_files::assemble(self.0.target, read, &beside).map_err(|refusal| refusal.reason)?;
        if self.0.target.format.compare(&record.identity, &rws_model::Identity(row.identity.clone())).is_ne() {
            return Err(format!("it is {} now", record.identity.0));
        }
        let names: Vec<_> = record.files.iter().map(|file| &file.name).collect();
        if !names.iter().copied().eq(&row.files) {
            return Err("it names other files than the index has".to_owned());
        }
        let change =
            Change { repository: self.0.repository.clone(), identity: record.identity.clone(), record: Some(record) };
        Ok(PlannedChange { change, origin: Origin::Rendered(row.record) })
    }
}
