//! Uploads that were accepted and are nowhere: neither pending, nor put aside as failed, nor in the index, nor in any
//! generation since. Nothing of RWS leaves such a one; a person or a tool that deletes from the store does.

use std::collections::BTreeSet;

use rws_model::{Record, RepositoryId};
use rws_store::{Span, Store};

use crate::catalogue::ConfiguredTarget;
use crate::generation::{Generation, Head};
use crate::presence::content_in;
use crate::upload::Upload;
use crate::{RepositoryError, UploadId, private, reading};

/// A generation may be a little older by its name than an upload that it contains: replicas have clocks of their own.
const CLOCKS_SECONDS: i64 = 5;

/// The uploads of a repository that are lost, as far back as all generations since are kept.
///
/// # Errors
///
/// When the store fails, or the generation is damaged.
pub async fn lost(
    store: &dyn Store,
    target: &ConfiguredTarget,
    repository: &RepositoryId,
    head: &Head,
    generation: &Generation,
) -> Result<Vec<UploadId>, RepositoryError> {
    let kept_since = head.history.last().map_or(head.published_at, |past| past.published_at);
    let listed = store.list(private::UPLOADS).await?;
    let ids = listed.iter().filter_map(|listed| private::upload_id(&listed.key));
    let is_known = |id: &UploadId| head.applied.contains(id) || generation.uploads.contains(id);
    let mut suspects = BTreeSet::new();
    for id in ids.filter(|id| id.seconds() > kept_since && !is_known(id)) {
        let Some(content) = store.read(&private::upload(&id), Span::Whole).await? else { continue };
        let Ok(upload) = Upload::outline(&content.collect().await?) else { continue };
        let in_index =
            is_in(generation, target, repository, &upload).map_err(RepositoryError::generation(repository))?;
        if !in_index && is_nowhere(store, repository, &id).await? {
            suspects.insert(id);
        }
    }
    for past in &head.history {
        let first = suspects.first().map(UploadId::seconds);
        if first.is_none_or(|first| past.generation.seconds() < first - CLOCKS_SECONDS) {
            break;
        }
        match reading::generation(store, repository, &past.generation).await {
            Ok(past) => past.uploads.iter().for_each(|id| _ = suspects.remove(id)),
            // whether it contained them is not known
            Err(RepositoryError::Damaged { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
    }
    Ok(suspects.into_iter().collect())
}

/// Whether the index is as all changes of an upload want it. One without changes for the repository wants nothing.
fn is_in(
    generation: &Generation,
    target: &ConfiguredTarget,
    repository: &RepositoryId,
    upload: &Upload,
) -> std::io::Result<bool> {
    for (identity, record) in upload.changes_for(repository) {
        let wanted = record.and_then(Record::uploaded);
        if content_in(generation, target, identity)? != wanted {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether an upload neither waits for a repository nor was put aside there.
async fn is_nowhere(store: &dyn Store, repository: &RepositoryId, id: &UploadId) -> Result<bool, RepositoryError> {
    let waits = !store.is_gone(&private::pointer(repository, id)).await?;
    Ok(!waits && store.is_gone(&private::failed(repository, id)).await?)
}
