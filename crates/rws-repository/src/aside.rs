//! Files that come one by one and wait for the list of their upload (`.changes`): in the store, so that any replica can take
//! the list, and a restart loses nothing. They are no promise: without their list they go after a day.

use std::sync::Arc;

use rws_model::FileName;
use rws_store::{Body, ByteStream, Condition, Key, Kind, LocalFile, Span, Store, StoreError, Version, Write};
use tokio::task::JoinHandle;

use crate::private;

/// Who sends files, and where to. Nobody sees the files of another sender.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The name of the user.
    pub user: &'a str,
    /// The path of the targets, as it was sent.
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
    pub place: Place,
}

/// Where a file waits that was read.
#[derive(Clone, Debug)]
pub struct Place {
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
        let write = Write { condition: Condition::Always, kind: Kind::Private };
        tokio::spawn(async move { store.write(&key, Body::File(file), write).await.map(drop) })
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
            let place = Place { key, version: found.stat.version };
            Waiting { size_bytes: found.stat.size_bytes, bytes: found.bytes, place }
        }))
    }
}

/// Deletes files whose upload is a promise. One that was replaced meanwhile belongs to another upload, and stays.
///
/// # Errors
///
/// When the store fails. What stays goes after a day.
pub async fn forget(store: &dyn Store, places: Vec<Place>) -> Result<(), StoreError> {
    let mut taken = Vec::new();
    for place in places {
        if store.stat(&place.key).await?.is_some_and(|stat| stat.version == place.version) {
            taken.push(place.key);
        }
    }
    if taken.is_empty() { Ok(()) } else { store.delete(&taken).await }
}
