//! What there is to copy of one repository, at one moment.

use std::collections::{BTreeMap, BTreeSet};

use rws_model::{RepositoryId, Sha256};
use rws_store::{Key, Store};

use super::BackupError;
use crate::generation::{Generation, Head, Heads};
use crate::{RepositoryError, UploadId, pending, private, reading};

/// How often head and pointers are read until they fit together.
const READS: usize = 20;

/// A head, its generation, and what waits to be published on top of it.
pub(super) struct Snapshot {
    pub(super) repository: RepositoryId,
    pub(super) head: Option<Head>,
    generation: Option<Generation>,
    /// Uploads that are accepted and that the head does not contain.
    pub(super) pending: Vec<UploadId>,
}

impl Snapshot {
    /// Reads a head between two listings of the pointers: what was accepted before the first one is in the head, or still pending
    /// at the second one.
    pub(super) async fn read(store: &dyn Store, repository: &RepositoryId) -> Result<Self, BackupError> {
        for _ in 0..READS {
            let before = pointers(store, repository).await?;
            let head = Heads(store).read(repository).await?.map(|(head, _)| head);
            let after = pointers(store, repository).await?;
            let applied: BTreeSet<&UploadId> = head.iter().flat_map(|head| &head.applied).collect();
            if !before.iter().all(|id| after.contains(id) || applied.contains(id)) {
                continue;
            }
            let pending = after.iter().filter(|id| !applied.contains(id)).cloned().collect();
            let generation = match &head {
                Some(head) => match reading::generation(store, repository, &head.generation).await {
                    Ok(generation) => Some(generation),
                    // a much later head may have taken it away
                    Err(RepositoryError::Damaged { .. }) if is_replaced(store, head).await? => continue,
                    Err(error) => return Err(error.into()),
                },
                None => None,
            };
            return Ok(Self { repository: repository.clone(), head, generation, pending });
        }
        Err(RepositoryError::Contended(repository.clone()).into())
    }

    /// Whether the source has moved on since: another head, or an upload that was published.
    pub(super) async fn is_outdated(&self, store: &dyn Store) -> Result<bool, BackupError> {
        let is_replaced = match &self.head {
            Some(head) => is_replaced(store, head).await?,
            None => Heads(store).read(&self.repository).await?.is_some(),
        };
        let now = pointers(store, &self.repository).await?;
        Ok(is_replaced || self.pending.iter().any(|id| !now.contains(id)))
    }

    /// The files that the head needs, for its generation and for earlier ones, with their content.
    pub(super) fn files(&self) -> Result<BTreeMap<String, Sha256>, BackupError> {
        match (&self.head, &self.generation) {
            (Some(head), Some(generation)) => files(head, generation),
            _ => Ok(BTreeMap::new()),
        }
    }

    /// The head as the copy has it. What was condemned at the source is not in the copy, and uploads that only an earlier copy took
    /// for pending are done.
    pub(super) fn head_of_copy(&self, head: &Head, leftover: &[Key]) -> Head {
        let mut copy = head.clone();
        copy.condemned.clear();
        let done = leftover.iter().filter_map(private::pointer_parts).map(|(_, upload)| upload);
        let done: Vec<UploadId> = done.filter(|id| !copy.applied.contains(id)).collect();
        // the latest ones stand last, and are the ones that count
        copy.applied.splice(0..0, done);
        copy
    }
}

async fn is_replaced(store: &dyn Store, head: &Head) -> Result<bool, BackupError> {
    let now = Heads(store).read(&head.repository).await?;
    Ok(now.is_none_or(|(now, _)| now.nonce != head.nonce))
}

async fn pointers(store: &dyn Store, repository: &RepositoryId) -> Result<BTreeSet<UploadId>, BackupError> {
    Ok(pending::names(store, repository).await?.into_iter().map(|(id, _)| id).collect())
}

/// The files that a head needs, by their paths below the tree.
pub(super) fn files(head: &Head, generation: &Generation) -> Result<BTreeMap<String, Sha256>, BackupError> {
    let mut files = BTreeMap::new();
    files.extend(head.retired.iter().map(|retired| (retired.path.clone(), retired.sha256)));
    let indexes = generation.indexes.iter().flat_map(|state| &state.files);
    files.extend(indexes.map(|file| (file.stored_name.clone(), file.sha256)));
    // a file that no package has is only known so that it is not read again
    let visited = generation.files.visit(|row| {
        if row.users > 0 {
            files.insert(row.path, row.digests.sha256);
        }
    });
    visited.map_err(RepositoryError::generation(&generation.repository))?;
    Ok(files)
}
