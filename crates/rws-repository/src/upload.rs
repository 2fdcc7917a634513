//! One accepted request: its changes for all its repositories, one immutable object.

use std::collections::BTreeSet;

use rws_model::{Change, Identity, Record, RepositoryId};
use serde::{Deserialize, Serialize};

use crate::UploadId;

/// The version of the form of uploads.
const FORMAT: u32 = 1;

/// One accepted request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    format: u32,
    /// Its name.
    pub id: UploadId,
    /// The records of its changes, each once, however many repositories it goes to.
    pub records: Vec<Record>,
    /// Its changes.
    pub changes: Vec<UploadChange>,
}

/// One change of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadChange {
    /// The repository that changes.
    pub repository: RepositoryId,
    /// The identity that changes.
    pub identity: Identity,
    /// The position in [`Upload::records`] of what it becomes; absent: it goes.
    pub record: Option<usize>,
}

impl Upload {
    /// An upload without changes.
    pub fn new(id: UploadId) -> Self {
        Self { format: FORMAT, id, records: Vec::new(), changes: Vec::new() }
    }

    /// Adds a record for some repositories.
    pub fn add(&mut self, record: Record, repositories: &[RepositoryId]) {
        let known = self.records.iter().position(|known| *known == record);
        let identity = record.identity.clone();
        let position = known.unwrap_or_else(|| {
            self.records.push(record);
            self.records.len() - 1
        });
        for repository in repositories {
            let change =
                UploadChange { repository: repository.clone(), identity: identity.clone(), record: Some(position) };
            if !self.changes.contains(&change) {
                self.changes.push(change);
            }
        }
    }

    /// Takes a package out of a repository.
    pub fn remove(&mut self, identity: Identity, repository: RepositoryId) {
        self.changes.push(UploadChange { repository, identity, record: None });
    }

    /// The repositories that it changes.
    pub fn repositories(&self) -> BTreeSet<&RepositoryId> {
        self.changes.iter().map(|change| &change.repository).collect()
    }

    /// Its changes for one repository.
    pub fn changes_for(&self, repository: &RepositoryId) -> Vec<Change> {
        let changes = self.changes.iter().filter(|change| change.repository == *repository);
        changes
            .map(|change| Change {
                repository: repository.clone(),
                identity: change.identity.clone(),
                record: change.record.and_then(|position| self.records.get(position)).cloned(),
            })
            .collect()
    }

    /// Whether its form is one that this version of RWS reads.
    pub fn is_readable(&self) -> bool {
        self.format == FORMAT
            && self.changes.iter().all(|change| change.record.is_none_or(|at| at < self.records.len()))
    }
}
