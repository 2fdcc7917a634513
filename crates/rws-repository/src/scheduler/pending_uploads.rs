//! Uploads that other replicas took, and objects of uploads that nobody needs any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rws_model::RepositoryId;
use rws_store::{Key, Listed, Span, Stat};

use super::sweep::ABANDONED_MILLISECONDS;
use super::{Priority, Scheduler};
use crate::publish::Triggers;
use crate::upload::Upload;
use crate::{RepositoryError, UploadId, private};

/// An upload is remembered for this time at least, and one that could not be carried out kept with its files.
const KEPT_MILLISECONDS: i64 = 7 * ABANDONED_MILLISECONDS;

const DAY_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;

impl Scheduler {
    /// Wakes repositories with pending uploads, whoever took them. Answers the objects of uploads that nobody needs any more.
    pub(super) async fn sweep_uploads(
        self: &Arc<Self>,
        now: i64,
        is_thorough: bool,
    ) -> Result<Vec<Key>, RepositoryError> {
        let store = self.publisher.store();
        let remembered = KEPT_MILLISECONDS.max(i64::from(self.audited_days) * DAY_MILLISECONDS);
        let is_old = |listed: &Listed, age: i64| now - listed.stat.modified_milliseconds > age;
        // Package files before uploads before pointers: an upload is written after all of its pointers, so one that was
        // there while none of its pointers is has been taken by all of its repositories.
        let incoming = store.list(private::INCOMING).await?;
        let waiting: BTreeSet<UploadId> =
            incoming.iter().filter_map(|listed| private::incoming_upload(&listed.key)).collect();
        let mut known: BTreeSet<UploadId> = BTreeSet::new();
        for id in waiting {
            if store.stat(&private::upload(&id)).await?.is_some() {
                known.insert(id);
            }
        }
        let uploads = if is_thorough { store.list(private::UPLOADS).await? } else { Vec::new() };
        let pointers = store.list(private::PENDING).await?;
        let failed = if is_thorough || !known.is_empty() { store.list(private::FAILED).await? } else { Vec::new() };

        let mut needed: BTreeSet<UploadId> = BTreeSet::new();
        let mut abandoned: Vec<Key> = Vec::new();
        let mut wanted: BTreeSet<RepositoryId> = BTreeSet::new();
        for listed in pointers {
            let Some((repository, upload)) = private::pointer_parts(&listed.key) else { continue };
            needed.insert(upload.clone());
            if known.contains(&upload) || store.stat(&private::upload(&upload)).await?.is_some() {
                known.insert(upload);
                wanted.insert(repository);
            } else if is_old(&listed, ABANDONED_MILLISECONDS) && store.is_gone(&private::upload(&upload)).await? {
                abandoned.push(listed.key);
            }
        }
        for listed in failed {
            if is_old(&listed, remembered) {
                abandoned.push(listed.key);
            } else if !is_old(&listed, KEPT_MILLISECONDS) {
                needed.extend(private::failed_upload(&listed.key));
            }
        }
        for repository in wanted {
            if self.publisher.catalogue().repository(&repository).is_some() {
                self.wake(&repository, Triggers::NONE, Priority::Background);
            }
        }
        let mut unneeded: BTreeMap<UploadId, bool> = BTreeMap::new();
        for listed in incoming {
            let Some(upload) = private::incoming_upload(&listed.key) else { continue };
            let is_taken = known.contains(&upload) && !needed.contains(&upload);
            if is_taken || (!known.contains(&upload) && is_old(&listed, ABANDONED_MILLISECONDS)) {
                let is_unneeded = match unneeded.get(&upload) {
                    Some(is_unneeded) => *is_unneeded,
                    None => self.is_unneeded(&upload, now).await?,
                };
                unneeded.insert(upload, is_unneeded);
                abandoned.extend(is_unneeded.then_some(listed.key));
            }
        }
        for listed in uploads {
            let Some(upload) = private::upload_id(&listed.key).filter(|id| !needed.contains(id)) else { continue };
            if is_old(&listed, remembered) && self.is_unneeded(&upload, now).await? {
                abandoned.push(listed.key);
            }
        }
        Ok(abandoned)
    }

    /// Whether no repository needs an upload any more. A listing may be an old one, and an answer somebody else's: nothing that
    /// was accepted is deleted for them alone.
    async fn is_unneeded(&self, id: &UploadId, now: i64) -> Result<bool, RepositoryError> {
        let store = self.publisher.store();
        let key = private::upload(id);
        let Some(content) = store.read(&key, Span::Whole).await? else { return Ok(store.is_gone(&key).await?) };
        let bytes = content.collect().await?;
        let upload = match Upload::outline(&bytes) {
            Ok(upload) if upload.id == *id => upload,
            // it is for a person, or for another version
            _ => return Ok(false),
        };
        for repository in upload.repositories() {
            if !store.is_gone(&private::pointer(repository, id)).await? {
                return Ok(false);
            }
            let failed = private::failed(repository, id);
            let is_old = |stat: Stat| now - stat.modified_milliseconds > KEPT_MILLISECONDS;
            if !store.stat(&failed).await?.is_some_and(is_old) && !store.is_gone(&failed).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
