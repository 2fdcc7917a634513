//! Changes are made of files while these are read: packages one by one, sources with the files beside them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::sync::Arc;

use rws_model::{Identity, Role};
use rws_store::StoreError;

use super::indexed::Indexed;
use super::{Comparer, StoreComparison, paths};
use crate::RepositoryError;
use crate::generation::FileRow;
use crate::plan::{ChangeWriter, PlannedChange, join};
use crate::publish::Malformed;
use crate::spill::SpillWriter;
use crate::stored_files::{self, ReadFile};

/// Makes changes of files, which come in the order of their paths. In memory are the files of sources of one directory, and
/// packages that the index has at another path.
pub(super) struct Assembly<'a> {
    comparer: &'a Comparer<'a>,
    indexed: &'a Indexed<'a>,
    /// What malformed packages do.
    pub(super) malformed: Malformed,
    changes: ChangeWriter,
    known: SpillWriter<FileRow>,
    taken: HashSet<Identity>,
    /// The files of sources, and those beside them, of directories that may have more.
    beside: BTreeMap<String, Vec<ReadFile>>,
    /// Packages that the index has at another path: only if that one is gone they are taken.
    elsewhere: Vec<(ReadFile, Arc<Vec<ReadFile>>)>,
    /// The paths with other bytes than the index knows.
    changed: HashSet<String>,
    /// The paths that the index knows and that were read.
    read_again: HashSet<String>,
}

impl<'a> Assembly<'a> {
    pub(super) fn new(comparer: &'a Comparer<'a>, indexed: &'a Indexed<'a>, malformed: Malformed) -> Self {
        Self {
            comparer,
            indexed,
            malformed,
            changes: ChangeWriter::new(comparer.at.scratch),
            known: SpillWriter::new(comparer.at.scratch),
            taken: HashSet::new(),
            beside: BTreeMap::new(),
            elsewhere: Vec::new(),
            changed: HashSet::new(),
            read_again: HashSet::new(),
        }
    }

    /// Whether a file has other bytes than the index knows.
    pub(super) fn has_changed(&self, path: &str) -> bool {
        self.changed.contains(path)
    }

    /// Whether a file that the index knows was read.
    pub(super) fn was_read(&self, path: &str) -> bool {
        self.read_again.contains(path)
    }

    /// Takes a change that is made already.
    pub(super) fn push(&mut self, change: PlannedChange) -> Result<(), RepositoryError> {
        self.changes.push(change).map_err(|error| self.disk(error))
    }

    /// Takes the next file.
    pub(super) fn take(&mut self, file: ReadFile, found: &mut StoreComparison) -> Result<(), RepositoryError> {
        // known from now on, whatever becomes of it
        let row = FileRow {
            path: file.path.clone(),
            size_bytes: file.inspected.file.size_bytes,
            digests: file.inspected.file.digests.clone(),
            version: Some(file.version.clone()),
            users: 0,
        };
        if let Some(before) = self.indexed.file(&file.path)? {
            self.read_again.insert(file.path.clone());
            if before.digests.sha256 != row.digests.sha256 {
                self.changed.insert(file.path.clone());
            }
        }
        self.known.push(&row, &[]).map_err(|error| self.disk(error))?;
        self.end_directories(Some(&file.path), found)?;
        let is_alone = file.inspected.names.is_empty();
        match file.inspected.role {
            Role::Binary | Role::Source if is_alone => self.package(file, &Arc::default(), found),
            Role::Binary | Role::Source | Role::Part | Role::Listing => {
                let directory = file.path.rsplit_once('/').map_or("", |(directory, _)| directory);
                self.beside.entry(directory.to_owned()).or_default().push(file);
                Ok(())
            }
        }
    }

    /// Takes the packages whose places in the index are gone, and ends.
    pub(super) fn finish(
        mut self,
        gone: &BTreeSet<String>,
        found: &mut StoreComparison,
    ) -> Result<(), RepositoryError> {
        self.end_directories(None, found)?;
        for (file, beside) in std::mem::take(&mut self.elsewhere) {
            match gone.contains(&file.inspected.identity.0) {
                true => self.assemble(&file, &beside, found)?,
                false => self.is_there_already(&file),
            }
        }
        let repository = self.comparer.at.repository;
        for identity in gone {
            self.changes.push_first(self.comparer.change(Identity(identity.clone()), None, BTreeMap::new()));
        }
        let known = self.known.finish().map_err(RepositoryError::generation(repository))?;
        found.noticed.known = Some(known);
        found.changes = Some(self.changes);
        Ok(())
    }

    /// Takes the sources of the directories that have no more files: all but those above the next path.
    fn end_directories(&mut self, next: Option<&str>, found: &mut StoreComparison) -> Result<(), RepositoryError> {
        let is_over = |directory: &String| {
            let rest = next.map(|next| next.strip_prefix(directory.as_str()));
            !directory.is_empty() && !rest.flatten().is_some_and(|rest| rest.starts_with('/')) || next.is_none()
        };
        let over: Vec<String> = self.beside.keys().filter(|directory| is_over(directory)).cloned().collect();
        for directory in over {
            let mut files = self.beside.remove(&directory).unwrap_or_default();
            let is_source = |file: &mut ReadFile| matches!(file.inspected.role, Role::Binary | Role::Source);
            let sources: Vec<ReadFile> = files.extract_if(.., is_source).collect();
            let files = Arc::new(files);
            for source in sources {
                self.package(source, &files, found)?;
            }
        }
        Ok(())
    }

    /// Takes a package, unless the index has it at another path.
    fn package(
        &mut self,
        file: ReadFile,
        beside: &Arc<Vec<ReadFile>>,
        found: &mut StoreComparison,
    ) -> Result<(), RepositoryError> {
        let known = self.indexed.package(&file.inspected.identity.0)?;
        if known.is_some_and(|row| paths(&row).all(|path| path != file.path)) {
            self.elsewhere.push((file, Arc::clone(beside)));
            return Ok(());
        }
        self.assemble(&file, beside, found)
    }

    fn assemble(
        &mut self,
        file: &ReadFile,
        beside: &[ReadFile],
        found: &mut StoreComparison,
    ) -> Result<(), RepositoryError> {
        let identity = &file.inspected.identity;
        if !self.taken.insert(identity.clone()) {
            self.is_there_already(file);
            return Ok(());
        }
        let read = |path: &str| std::iter::once(file).chain(beside).find(|read| read.path == path);
        let beside_it = |path: &str| match read(path) {
            Some(read) => Some(read.inspected.file.clone()),
            None => self.indexed.file(path).ok().flatten().and_then(|row| row.as_record_file()),
        };
        match stored_files::assemble(self.comparer.at.target, file, &beside_it) {
            Ok(record) => {
                let versions = record.files.iter().filter_map(|file| {
                    let path = join(&record.directory, file.name.as_str());
                    let read = read(&path).map(|read| read.version.clone());
                    let known = || self.indexed.file(&path).ok().flatten().and_then(|row| row.version);
                    Some((file.name.to_string(), read.or_else(known)?))
                });
                let versions = versions.collect();
                self.push(self.comparer.change(identity.clone(), Some(record), versions))
            }
            Err(refusal) => self.comparer.malformed(file.path.clone(), refusal, self.malformed, found),
        }
    }

    fn is_there_already(&self, file: &ReadFile) {
        tracing::warn!(
            repository = %self.comparer.at.repository, path = %file.path, "skipped: another file is the same package"
        );
    }

    fn disk(&self, error: io::Error) -> RepositoryError {
        StoreError::from_io("write", self.comparer.at.scratch.display().to_string(), error).into()
    }
}
