//! Files that come one by one and wait for the list of their upload (`.changes`): in the store, so that any replica can take
//! the list, and a restart loses nothing. They are no promise: without their list they go after a day.

use std::sync::Arc;
use std::time::Duration;

use rws_model::FileName;
use rws_store::{
    Body, ByteStream, Condition, Key, Listed, LocalFile, ObjectClass, Span, Store, StoreError, Version, Write,
};
use tokio::task::JoinHandle;

use crate::private;

/// A file that waited for so long goes: its list does not come any more.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// So many files are listed at most.
const MOST_LISTED: usize = 1000;

/// Who sends files, and where to. Nobody sees the files of another sender.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The name of the user.
    pub user: &'a str,
    /// The path of the targets, [normalised](crate::catalogue::normal_path).
    pub path: &'a str,
    /// The name of the product.
    pub product: &'a str,
}

/// A file that waits.
pub struct Waiting {
    /// Its size.
    pub size_bytes: u64,
    /// Its content.
    pub bytes: ByteStream,
    /// What [`forget`] needs.
    pub place: StagedFile,
}

/// A file that waits, as a list of them says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// The path of its targets.
    pub path: String,
    /// The name of the product.
    pub product: String,
    /// Its name.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// Since when it waits, by the clock of the store, in milliseconds since 1970.
    pub since_milliseconds: i64,
}

/// The files of all senders that wait, those that came first before others; 1000 at most.
///
/// # Errors
///
/// When the store fails.
pub async fn list(store: &dyn Store) -> Result<Vec<ListedFile>, StoreError> {
    let mut files = Vec::new();
    for Listed { key, stat } in store.list(private::ASIDE).await? {
        if let Some((path, product, name)) = private::aside_parts(&key) {
            let (path, product, name) = (path.to_owned(), product.to_owned(), name.to_owned());
            let (size_bytes, since_milliseconds) = (stat.size_bytes, stat.modified_milliseconds);
            files.push(ListedFile { path, product, name, size_bytes, since_milliseconds });
        }
    }
    files.sort_by(|left, right| (left.since_milliseconds, &left.name).cmp(&(right.since_milliseconds, &right.name)));
    files.truncate(MOST_LISTED);
    Ok(files)
}

/// Where a file waits that was read.
#[derive(Clone, Debug)]
pub struct StagedFile {
    key: Key,
    version: Version,
}

impl Sender<'_> {
    /// Keeps a file until its list comes. One of the same name that waits already is replaced once this one is whole. A
    /// task of its own runs to its end, so that nothing unfinished stays in the store when the request ends early.
    ///
    /// # Errors
    ///
    /// When the store fails, or the file does not become whole. Then an earlier one is still there.
    pub fn keep(&self, store: &Arc<dyn Store>, name: &FileName, file: LocalFile) -> JoinHandle<Result<(), StoreError>> {
        let (store, key) = (Arc::clone(store), private::aside(self, name));
        let write = Write { condition: Condition::Always, kind: ObjectClass::Private };
        tokio::spawn(async move { store.write(&key, Body::File(file), write).await.map(drop) })
    }

    /// Deletes a file that waits.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn forget(&self, store: &dyn Store, name: &FileName) -> Result<(), StoreError> {
        store.delete(&[private::aside(self, name)]).await
    }

    /// A file of this sender that waits; `None` where there is none.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn find(&self, store: &dyn Store, name: &FileName) -> Result<Option<Waiting>, StoreError> {
        let key = private::aside(self, name);
        let found = store.read(&key, Span::Whole).await?;
        Ok(found.map(|found| {
            let place = StagedFile { key, version: found.stat.version };
            Waiting { size_bytes: found.stat.size_bytes, bytes: found.bytes, place }
        }))
    }
}

/// Deletes files whose upload is a promise. One that was replaced meanwhile belongs to another upload, and stays.
///
/// # Errors
///
/// When the store fails. What stays goes after a day.
pub async fn forget(store: &dyn Store, places: Vec<StagedFile>) -> Result<(), StoreError> {
    let mut taken = Vec::new();
    for place in places {
        if store.stat(&place.key).await?.is_some_and(|stat| stat.version == place.version) {
            taken.push(place.key);
        }
    }
    if taken.is_empty() { Ok(()) } else { store.delete(&taken).await }
}
