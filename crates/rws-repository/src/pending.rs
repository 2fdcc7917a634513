//! What uploads promise and no generation contains yet.

use futures::FutureExt;
use rws_model::RepositoryId;
use rws_store::{Span, Store, collect};

use crate::gather::gather;
use crate::upload::Upload;
use crate::{RepositoryError, UploadId, private};

/// How many uploads are read at once.
const READS_AT_ONCE: usize = 16;

/// An upload that waits.
#[derive(Debug)]
pub struct PendingUpload {
    /// The upload.
    pub upload: Upload,
    /// When its pointer was written, by the clock of the store, in milliseconds since 1970.
    pub pointed_milliseconds: i64,
}

/// What waits for one repository.
#[derive(Debug, Default)]
pub struct Pending {
    /// All pointers that are there.
    pub pointers: Vec<UploadId>,
    /// The uploads behind them, in the order in which they apply: the store's time of the pointer, then the name. An
    /// upload that was answered before another one began comes first.
    pub uploads: Vec<PendingUpload>,
}

/// Reads what waits for a repository, but for uploads that are `applied` already. A pointer whose upload does not
/// exist means nothing (yet).
///
/// # Errors
///
/// When the store fails. An upload that cannot be read is reported and left alone.
pub async fn read(
    store: &dyn Store,
    repository: &RepositoryId,
    applied: &[UploadId],
) -> Result<Pending, RepositoryError> {
    let listed = store.list(&private::pending(repository)).await?;
    let pointers = listed.iter().filter_map(|listed| {
        private::pointer_parts(&listed.key).map(|(_, upload)| (upload, listed.stat.modified_milliseconds))
    });
    let pointers: Vec<(UploadId, i64)> = pointers.collect();
    let wanted = pointers.iter().filter(|(id, _)| !applied.contains(id)).cloned();
    let reads = wanted.map(|(id, pointed)| read_upload(store, id, pointed).boxed()).collect();
    let found: Vec<Option<PendingUpload>> = gather(READS_AT_ONCE, reads).await?;
    let mut uploads: Vec<PendingUpload> = found.into_iter().flatten().collect();
    uploads.sort_by(|left, right| {
        (left.pointed_milliseconds, &left.upload.id).cmp(&(right.pointed_milliseconds, &right.upload.id))
    });
    Ok(Pending { pointers: pointers.into_iter().map(|(id, _)| id).collect(), uploads })
}

async fn read_upload(
    store: &dyn Store,
    id: UploadId,
    pointed_milliseconds: i64,
) -> Result<Option<PendingUpload>, RepositoryError> {
    let key = private::upload(&id);
    let Some(content) = store.read(&key, Span::Whole).await? else { return Ok(None) };
    let bytes = collect(content.bytes).await?;
    let upload = match serde_json::from_slice::<Upload>(&bytes) {
        Ok(upload) if upload.is_readable() => upload,
        // it stays where it is, for a person or for a version that can read it, and holds nobody up
        Ok(_) => {
            tracing::error!(object = %key, "an upload waits for a later version of RWS");
            return Ok(None);
        }
        Err(error) => {
            tracing::error!(object = %key, %error, "an upload cannot be read");
            return Ok(None);
        }
    };
    Ok(Some(PendingUpload { upload, pointed_milliseconds }))
}
