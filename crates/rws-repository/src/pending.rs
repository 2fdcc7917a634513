//! What uploads promise and no generation contains yet.

use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use rws_model::RepositoryId;
use rws_store::{Content, Span, Store};

use crate::upload::Upload;
use crate::{RepositoryError, UploadId, disk_format, private};

/// A pointer of this age is looked at, whatever the listing says.
const OLD_MILLISECONDS: i64 = 60_000;

/// How many uploads are asked for at once. Their bytes are read one after the other.
const ASKED_AT_ONCE: usize = 16;

/// How many bytes of uploads are published together, but for one that is larger alone; so much of them is in memory.
const BATCH_BYTES: u64 = 16 << 20;

/// What waits for one repository.
#[derive(Debug, Default)]
pub struct Pending {
    /// All pointers that are there.
    pub pointers: Vec<UploadId>,
    /// The uploads behind them, in the order in which they apply: the store's time of the pointer, then the name. An
    /// upload that was answered before another one began comes first.
    pub uploads: Vec<Upload>,
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
    let (pointers, mut asked) = ask(store, repository, applied).await?;
    let mut pending = Pending { pointers, ..Pending::default() };
    while let Some(waiting) = asked.try_next().await? {
        let bytes = waiting.bytes();
        if pending.bytes + bytes > BATCH_BYTES && !pending.uploads.is_empty() {
            pending.has_more = true;
            break;
        }
        if let Some(upload) = waiting.read(Entries::Kept).await? {
            pending.bytes += bytes;
            pending.uploads.push(upload);
        }
    }
    Ok(pending)
}

/// The same where all of it together has no more bytes than these; `None` where it has more, of which nothing more is read then.
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
    let (pointers, mut asked) = ask(store, repository, applied).await?;
    let mut pending = Pending { pointers, ..Pending::default() };
    while let Some(waiting) = asked.try_next().await? {
        pending.bytes += waiting.bytes();
        if pending.bytes > most_bytes {
            return Ok(None);
        }
        pending.uploads.extend(waiting.read(Entries::Kept).await?);
    }
    Ok(Some(pending))
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
) -> Result<Vec<Upload>, RepositoryError> {
    let (_, mut asked) = ask(store, repository, applied).await?;
    let mut uploads = Vec::new();
    while let Some(waiting) = asked.try_next().await? {
        uploads.extend(waiting.read(Entries::Skipped).await?);
    }
    Ok(uploads)
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

/// An upload that the store was asked for; nothing of its bytes was read yet.
struct Asked {
    id: UploadId,
    content: Content,
}

/// What becomes of the entries of an upload's records.
#[derive(Clone, Copy)]
enum Entries {
    Kept,
    Skipped,
}

/// All pointers, and the uploads behind those that are not `applied`, in the order in which they apply.
async fn ask<'a>(
    store: &'a dyn Store,
    repository: &'a RepositoryId,
    applied: &[UploadId],
) -> Result<(Vec<UploadId>, BoxStream<'a, Result<Asked, RepositoryError>>), RepositoryError> {
    let listed = store.list(&private::pending(repository)).await?;
    let pointers = listed.iter().filter_map(|listed| {
        private::pointer_parts(&listed.key).map(|(_, upload)| (upload, listed.stat.modified_milliseconds))
    });
    let mut pointers: Vec<(UploadId, i64)> = pointers.collect();
    pointers.sort_by(|(left, left_pointed), (right, right_pointed)| (left_pointed, left).cmp(&(right_pointed, right)));
    let wanted: Vec<_> = pointers.iter().filter(|(id, _)| !applied.contains(id)).cloned().collect();
    let asked = stream::iter(wanted).map(move |(id, pointed)| ask_one(store, repository, id, pointed).boxed());
    let asked = asked.buffered(ASKED_AT_ONCE).try_filter_map(async |asked| Ok(asked)).boxed();
    Ok((pointers.into_iter().map(|(id, _)| id).collect(), asked))
}

async fn ask_one(
    store: &dyn Store,
    repository: &RepositoryId,
    id: UploadId,
    pointed_milliseconds: i64,
) -> Result<Option<Asked>, RepositoryError> {
    // A listing may be an old one. Pointers that the head has forgotten are gone for long: a young one is none of them.
    let pointed_before_milliseconds = store.clock_milliseconds().await? - pointed_milliseconds;
    if pointed_before_milliseconds > OLD_MILLISECONDS && store.stat(&private::pointer(repository, &id)).await?.is_none()
    {
        return Ok(None);
    }
    let content = store.read(&private::upload(&id), Span::Whole).await?;
    Ok(content.map(|content| Asked { id, content }))
}

impl Asked {
    /// The size of its object.
    fn bytes(&self) -> u64 {
        self.content.stat.size_bytes
    }

    /// Reads it; `None` for one that cannot be read: it stays where it is, for a person, and holds nobody up.
    async fn read(self, entries: Entries) -> Result<Option<Upload>, RepositoryError> {
        let Self { id, content } = self;
        let key = private::upload(&id);
        let bytes = content.collect().await?;
        let parsed = match entries {
            Entries::Kept => serde_json::from_slice(&bytes),
            Entries::Skipped => Upload::outline(&bytes),
        };
        match parsed {
            Ok(upload) if upload.id != id => tracing::error!(object = %key, "the store returned another upload"),
            Ok(upload) if upload.is_readable() => return Ok(Some(upload)),
            _ if disk_format::stated(&bytes).is_some_and(|stated| stated > disk_format::UPLOAD_SIGNED) => {
                return Err(RepositoryError::later(&key));
            }
            Ok(_) => tracing::error!(object = %key, "an upload refers to a missing file"),
            Err(error) => tracing::error!(object = %key, %error, "RWS cannot read an upload"),
        }
        Ok(None)
    }
}
