//! What belongs to no single repository: uploads, pins, tokens, purges.

use std::collections::BTreeSet;

use rws_store::{Key, ObjectClass, Span, Store};

use super::snapshot::Snapshot;
use super::transfer::Wanted;
use super::{BackupError, CopiedRepository, Copier};
use crate::{UploadId, private, reading};

/// Records that are copied whole, and go with those of the source.
const RECORDS: [&str; 4] = [private::PINS, private::PURGED, private::TOKENS, private::FAILED];

/// The uploads of a store, before any repository is copied.
pub struct ListedUploads(BTreeSet<Key>);

impl ListedUploads {
    /// Lists them.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn list(store: &dyn Store) -> Result<Self, BackupError> {
        Ok(Self(store.list(private::UPLOADS).await?.into_iter().map(|one| one.key).collect()))
    }
}

impl Copier<'_> {
    /// What waits for a repository: package files, then pointers, then the uploads that make them count.
    pub(super) async fn pending(&self, snapshot: &Snapshot, done: &mut CopiedRepository) -> Result<(), BackupError> {
        for id in &snapshot.pending {
            let Some(upload) = reading::upload(self.source, id).await? else {
                return Err(BackupError::Missing { path: private::upload(id).to_string() });
            };
            let (mut wanted, mut seen) = (Vec::new(), BTreeSet::new());
            let of_repository = upload.changes.iter().filter(|change| change.repository == snapshot.repository);
            for record in of_repository.filter_map(|change| upload.records.get(change.record?)) {
                for file in &record.files {
                    let key = private::record_file(id, record, file);
                    if seen.insert(key.clone()) {
                        let class = ObjectClass::PrivateImmutable;
                        wanted.push(Wanted { key, sha256: file.digests.sha256, known: None, class });
                    }
                }
            }
            let listed = self.destination.list(&format!("{}{id}/", private::INCOMING)).await?.into_iter();
            let is_there = listed.map(|one| (one.key, one.stat.size_bytes)).collect();
            self.files(wanted, &is_there, done).await?;
            let pointer = private::pointer(&snapshot.repository, id);
            self.write(&pointer, Vec::new().into(), ObjectClass::PrivateImmutable, done).await?;
            let key = private::upload(id);
            let bytes = self.read(&key).await?;
            self.write(&key, bytes, ObjectClass::PrivateImmutable, done).await?;
        }
        Ok(())
    }

    /// Pointers of the destination to uploads that are done.
    pub(super) async fn leftover_pointers(&self, snapshot: &Snapshot) -> Result<Vec<Key>, BackupError> {
        let pending: BTreeSet<&UploadId> = snapshot.pending.iter().collect();
        let listed = self.destination.list(&private::pending(&snapshot.repository)).await?.into_iter();
        let is_done = |key: &Key| private::pointer_parts(key).is_some_and(|(_, id)| !pending.contains(&id));
        Ok(listed.map(|one| one.key).filter(is_done).collect())
    }

    /// The records of uploads, pins, tokens and purges; `uploads` were listed before the repositories were copied.
    ///
    /// # Errors
    ///
    /// When a store fails.
    pub async fn records(&self, uploads: &ListedUploads) -> Result<CopiedRepository, BackupError> {
        let mut done = CopiedRepository::default();
        let there: BTreeSet<Key> = ListedUploads::list(self.destination).await?.0;
        for key in uploads.0.iter().filter(|key| !there.contains(key)) {
            // one that has gone meanwhile is too old for the audit
            if let Some(content) = self.source.read(key, Span::Whole).await? {
                let bytes = content.collect().await?;
                self.write(key, bytes, ObjectClass::PrivateImmutable, &mut done).await?;
            }
        }
        done.unchanged += there.intersection(&uploads.0).count() as u64;
        let mut gone: Vec<Key> = Vec::new();
        for key in there.difference(&uploads.0) {
            if self.source.stat(key).await?.is_none() {
                gone.push(key.clone());
            }
        }
        for prefix in RECORDS {
            let here: BTreeSet<Key> = self.source.list(prefix).await?.into_iter().map(|one| one.key).collect();
            for key in &here {
                let Some(content) = self.source.read(key, Span::Whole).await? else { continue };
                let bytes = content.collect().await?;
                let there = match self.destination.read(key, Span::Whole).await? {
                    Some(content) => Some(content.collect().await?),
                    None => None,
                };
                if there.as_ref() == Some(&bytes) {
                    done.unchanged += 1;
                } else {
                    self.write(key, bytes, ObjectClass::Private, &mut done).await?;
                }
            }
            let there = self.destination.list(prefix).await?.into_iter().map(|one| one.key);
            gone.extend(there.filter(|key| !here.contains(key)));
        }
        // package files of uploads that an earlier copy took for pending
        let mut waiting: BTreeSet<UploadId> = BTreeSet::new();
        let pointers = self.destination.list(private::PENDING).await?.into_iter();
        waiting.extend(pointers.filter_map(|one| private::pointer_parts(&one.key)).map(|(_, id)| id));
        let incoming = self.destination.list(private::INCOMING).await?.into_iter().map(|one| one.key);
        gone.extend(incoming.filter(|key| private::incoming_upload(key).is_some_and(|id| !waiting.contains(&id))));
        if !gone.is_empty() {
            self.destination.delete(&gone).await?;
        }
        done.deleted = gone.len() as u64;
        Ok(done)
    }
}
