//! Step 7: what a generation contains leaves the private prefix.

use rws_model::Record;
use rws_store::{Body, Condition, Key, ObjectClass, Write};

use super::stored_repository::StoredRepository;
use crate::catalogue::OnConflict;
use crate::pending::Pending;
use crate::upload::Upload;
use crate::{RepositoryError, UploadId, conflict, private};

impl StoredRepository<'_> {
    /// Deletes the pointers of uploads that the current generation contains, and the package files of uploads that had no
    /// other repository; those of uploads to several repositories go with the sweep, once no pointer of them is left. The
    /// upload object stays for a week, to say what became of it. Uploads that could not be carried out are put aside with
    /// all their bytes.
    pub(super) async fn clean(
        &self,
        pending: &Pending,
        contained: &[UploadId],
        failed: &[(UploadId, String)],
    ) -> Result<(), RepositoryError> {
        let mut keys: Vec<Key> = Vec::new();
        self.events.note_failed_uploads(self.store(), (self.target, self.repository), failed).await?;
        for (id, reason) in failed {
            let aside = private::failed(self.repository, id);
            let write = Write { condition: Condition::Always, kind: ObjectClass::Private };
            self.store().write(&aside, Body::from(reason.clone().into_bytes()), write).await?;
        }
        let refuses = self.target.policy.on_conflict == OnConflict::Refuse;
        for upload in pending.uploads.iter().filter(|upload| refuses && contained.contains(&upload.id)) {
            keys.extend(conflict::claims(upload, self.repository));
        }
        for id in contained {
            keys.push(private::pointer(self.repository, id));
            let upload = pending.uploads.iter().find(|upload| upload.id == *id);
            let is_alone = |upload: &&Upload| upload.repositories().len() == 1;
            if let (Some(upload), false) = (upload.filter(is_alone), failed.iter().any(|(failed, _)| failed == id)) {
                keys.extend(package_files(upload));
            }
        }
        if !keys.is_empty() {
            self.store().delete(&keys).await?;
        }
        Ok(())
    }
}

/// The package files of an upload.
fn package_files(upload: &Upload) -> Vec<Key> {
    let of_record = |record: &Record| {
        record.files.iter().map(|file| private::record_file(&upload.id, record, file)).collect::<Vec<_>>()
    };
    let mut keys: Vec<Key> = upload.records.iter().flat_map(of_record).collect();
    keys.sort();
    keys.dedup();
    keys
}
