//! What the index of a repository says now, read by block.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::io;

use rws_model::RepositoryId;

use super::paths;
use crate::RepositoryError;
use crate::blocks::table::TableReader;
use crate::generation::{FileRow, Generation, PackageRow, package_order, path_order};
use crate::publish::stored_repository::{CurrentState, StoredRepository};
use crate::stored_files::StoredFile;

type Order<'a> = Box<dyn Fn(&str, &str) -> Ordering + Send + Sync + 'a>;

/// What the index says now.
pub(super) struct Indexed<'a> {
    repository: &'a RepositoryId,
    order: Order<'a>,
    files: TableReader<FileRow>,
    packages: TableReader<PackageRow>,
    /// Files that only readers of earlier generations need, or nobody.
    retired: HashSet<String>,
}

impl<'a> Indexed<'a> {
    pub(super) fn new(at: &StoredRepository<'a>, state: &CurrentState) -> Self {
        let tables = state.generation.as_ref().map(Generation::tables).unwrap_or_default();
        let mut retired = HashSet::new();
        if let Some(head) = state.head() {
            retired.extend(head.retired.iter().map(|file| file.path.clone()));
            retired.extend(at.condemned_paths(state));
        }
        Self {
            repository: at.repository,
            order: Box::new(package_order(&*at.target.format)),
            files: TableReader::new(tables.files),
            packages: TableReader::new(tables.packages),
            retired,
        }
    }

    fn damaged<T>(&self, result: io::Result<T>) -> Result<T, RepositoryError> {
        result.map_err(RepositoryError::generation(self.repository))
    }

    /// A file.
    pub(super) fn file(&self, path: &str) -> Result<Option<FileRow>, RepositoryError> {
        self.damaged(self.files.get(path, &path_order))
    }

    /// A package.
    pub(super) fn package(&self, identity: &str) -> Result<Option<PackageRow>, RepositoryError> {
        self.damaged(self.packages.get(identity, &*self.order))
    }

    /// Whether a file is as the index knows it, by what the store says of it.
    pub(super) fn has(&self, file: &StoredFile) -> Result<bool, RepositoryError> {
        let stat = file.stat();
        let row = self.file(file.path())?;
        Ok(row.is_some_and(|row| row.version.as_ref() == Some(&stat.version) && row.size_bytes == stat.size_bytes))
    }

    /// Whether no generation needs a file any more, or only earlier ones do.
    pub(super) fn is_retired(&self, path: &str) -> bool {
        self.retired.contains(path)
    }

    /// Whether any package has a file.
    pub(super) fn has_used_files(&self) -> Result<bool, RepositoryError> {
        let used = self.damaged(self.files.table().first(1, |row| row.users > 0))?;
        Ok(!used.is_empty())
    }

    /// The files that the index knows and that are not among `stored`, which is in byte order.
    pub(super) fn missing(&self, stored: &[StoredFile]) -> Result<Vec<FileRow>, RepositoryError> {
        let (mut missing, mut stored) = (Vec::new(), stored.iter().map(StoredFile::path).peekable());
        for row in self.files.table().rows() {
            let row = self.damaged(row)?;
            while stored.next_if(|path| *path < row.path.as_str()).is_some() {}
            if stored.peek() != Some(&row.path.as_str()) {
                missing.push(row);
            }
        }
        Ok(missing)
    }

    /// The packages with a file whose path is `wanted`.
    pub(super) fn packages_with(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<PackageRow>, RepositoryError> {
        let rows = self.packages.table().first(usize::MAX, |row| paths(row).any(|path| wanted(&path)));
        self.damaged(rows)
    }
}
