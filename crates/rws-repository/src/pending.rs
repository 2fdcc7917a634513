//! What uploads promise and no generation contains yet.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use rws_model::RepositoryId;
use rws_store::{Span, Store, collect};
use tokio::sync::Semaphore;

use crate::gather::gather;
use crate::upload::Upload;
use crate::{RepositoryError, UploadId, private};

/// A pointer of this age is looked at, whatever the listing says.
const OLD_MILLISECONDS: i64 = 60_000;

/// How many uploads are read at once.
const READS_AT_ONCE: usize = 16;

/// How many bytes of uploads are published together, but for one that is larger alone; so much of them is in memory.
const BATCH_BYTES: u64 = 16 << 20;

/// How many bytes of uploads are read at the same time, in units of a KiB.
const READ_KIB_AT_ONCE: u32 = 32 << 10;

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
    /// Whether there are further ones, for the next batch.
    pub has_more: bool,
    /// The size of their objects.
    pub bytes: u64,
}

/// Reads what waits for a repository, but for uploads that are `applied` already: as many as fit into memory. A pointer
/// whose upload does not exist means nothing (yet).
///
/// # Errors
///
/// When the store fails. An upload that cannot be read is reported and left alone.
pub async fn read(
    store: &dyn Store,
    repository: &RepositoryId,
    applied: &[UploadId],
) -> Result<Pending, RepositoryError> {
    let (pointers, found) = read_all(store, repository, applied, BATCH_BYTES).await?;
    let mut pending = Pending { pointers, ..Pending::default() };
    for read in found {
        if pending.bytes + read.bytes > BATCH_BYTES && !pending.uploads.is_empty() {
            pending.has_more = true;
            break;
        }
        pending.bytes += read.bytes;
        let upload = match read.has_entries {
            true => Some(read.pending),
            // the first one is large
            false => {
                let (id, pointed) = (read.pending.upload.id, read.pending.pointed_milliseconds);
                read_upload(store, repository, id, pointed, &Room::of(u64::MAX)).await?.map(|read| read.pending)
            }
        };
        pending.uploads.extend(upload);
    }
    Ok(pending)
}

/// The same where all of it together has no more bytes than these; `None` where it has more, of which little is in memory then.
///
/// # Errors
///
/// The same.
pub async fn read_small(
    store: &dyn Store,
    repository: &RepositoryId,
    applied: &[UploadId],
    most_bytes: u64,
) -> Result<Option<Pending>, RepositoryError> {
    let (pointers, found) = read_all(store, repository, applied, most_bytes).await?;
    let bytes = found.iter().map(|read| read.bytes).sum();
    let uploads = found.into_iter().map(|read| read.pending).collect();
    Ok((bytes <= most_bytes).then_some(Pending { pointers, uploads, has_more: false, bytes }))
}

/// Reads all that waits for a repository, but for uploads that are `applied` already, without the entries of its records: who
/// wants to know what will be there needs none.
///
/// # Errors
///
/// When the store fails.
pub async fn read_outlines(
    store: &dyn Store,
    repository: &RepositoryId,
    applied: &[UploadId],
) -> Result<Vec<PendingUpload>, RepositoryError> {
    let (_, found) = read_all(store, repository, applied, 0).await?;
    Ok(found.into_iter().map(|read| read.pending).collect())
}

/// The uploads that point to a repository, each with the time of its pointer by the clock of the store, in milliseconds since
/// 1970. Nothing of them is read.
///
/// # Errors
///
/// When the store fails.
pub async fn names(store: &dyn Store, repository: &RepositoryId) -> Result<Vec<(UploadId, i64)>, RepositoryError> {
    let mut names = Vec::new();
    for listed in store.list(&private::pending(repository)).await? {
        let Some((_, id)) = private::pointer_parts(&listed.key) else { continue };
        // a pointer without its upload means nothing (yet)
        if store.stat(&private::upload(&id)).await?.is_some() {
            names.push((id, listed.stat.modified_milliseconds));
        }
    }
    Ok(names)
}

/// An upload that was read.
struct Read {
    pending: PendingUpload,
    /// The size of its object.
    bytes: u64,
    has_entries: bool,
}

/// How much of uploads is kept in memory with their entries, and how much is read at once.
struct Room {
    left_bytes: AtomicU64,
    reading: Semaphore,
}

impl Room {
    fn of(bytes: u64) -> Self {
        Self { left_bytes: AtomicU64::new(bytes), reading: Semaphore::new(READ_KIB_AT_ONCE as usize) }
    }

    /// Whether there is room for so many bytes more.
    fn takes(&self, bytes: u64) -> bool {
        let left = |left: u64| left.checked_sub(bytes);
        self.left_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
    }
}

/// All pointers, and the uploads behind them in their order; with entries as long as there is room for them.
async fn read_all(
    store: &dyn Store,
    repository: &RepositoryId,
    applied: &[UploadId],
    entries_bytes: u64,
) -> Result<(Vec<UploadId>, Vec<Read>), RepositoryError> {
    let listed = store.list(&private::pending(repository)).await?;
    let pointers = listed.iter().filter_map(|listed| {
        private::pointer_parts(&listed.key).map(|(_, upload)| (upload, listed.stat.modified_milliseconds))
    });
    let mut pointers: Vec<(UploadId, i64)> = pointers.collect();
    pointers.sort_by(|(left, left_pointed), (right, right_pointed)| (left_pointed, left).cmp(&(right_pointed, right)));
    let room = Room::of(entries_bytes);
    let wanted = pointers.iter().filter(|(id, _)| !applied.contains(id)).cloned();
    let reads = wanted.map(|(id, pointed)| read_upload(store, repository, id, pointed, &room).boxed()).collect();
    let found: Vec<Option<Read>> = gather(READS_AT_ONCE, reads).await?;
    Ok((pointers.into_iter().map(|(id, _)| id).collect(), found.into_iter().flatten().collect()))
}

async fn read_upload(
    store: &dyn Store,
    repository: &RepositoryId,
    id: UploadId,
    pointed_milliseconds: i64,
    room: &Room,
) -> Result<Option<Read>, RepositoryError> {
    let key = private::upload(&id);
    // A listing may be an old one. Pointers that the head has forgotten are gone for long: a young one is none of them.
    let pointed_before_milliseconds = store.clock_milliseconds().await? - pointed_milliseconds;
    if pointed_before_milliseconds > OLD_MILLISECONDS && store.stat(&private::pointer(repository, &id)).await?.is_none()
    {
        return Ok(None);
    }
    let Some(content) = store.read(&key, Span::Whole).await? else { return Ok(None) };
    let size_bytes = content.stat.size_bytes;
    let has_entries = room.takes(size_bytes);
    let kib = u32::try_from(size_bytes >> 10).unwrap_or(u32::MAX).clamp(1, READ_KIB_AT_ONCE);
    // the semaphore is never closed
    let _reading = room.reading.acquire_many(kib).await;
    let bytes = collect(content.bytes).await?;
    let parsed = if has_entries { serde_json::from_slice(&bytes) } else { Upload::outline(&bytes) };
    let upload = match parsed {
        Ok(upload) if upload.id != id => {
            tracing::error!(object = %key, "what was read is another upload");
            return Ok(None);
        }
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
    Ok(Some(Read { pending: PendingUpload { upload, pointed_milliseconds }, bytes: size_bytes, has_entries }))
}
