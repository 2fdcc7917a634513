//! The files of one request on their way into the store: large ones while they are still being received.

use std::collections::BTreeMap;
use std::sync::Arc;

use rws_model::FileName;
use rws_store::{Body, Condition, Key, LocalFile, ObjectClass, Stat, Store, StoreError, Write};
use tokio::sync::oneshot;

use crate::intake::FileLocation;
use crate::{IntakeError, UploadId, private};

/// A file that has become so large goes into the store at once. Smaller ones wait until all of the request is known to be
/// good, so that a refused request costs the store nothing.
const LARGE_BYTES: u64 = 16 << 20;

/// How package files are written: the name of the upload is in theirs, so that nobody else writes them.
const WRITE: Write = Write { condition: Condition::Always, kind: ObjectClass::PrivateImmutable };

/// The files of one request. When this is dropped before it was accepted, nothing of it stays in the store.
pub struct IncomingFiles {
    store: Arc<dyn Store>,
    id: UploadId,
    early: BTreeMap<FileName, Early>,
    /// Whether files wait until all of the request is known to be good, however large they are.
    waits: bool,
}

/// A file that was begun with before the end of its request.
pub struct Early {
    written: oneshot::Receiver<Result<Stat, StoreError>>,
    kept: Kept,
}

/// Told that the file is part of an upload; it is deleted when this is dropped.
pub type Kept = oneshot::Sender<()>;

impl IncomingFiles {
    /// Begins a request.
    ///
    /// # Errors
    ///
    /// When the store does not say what time it is.
    pub async fn begin(store: Arc<dyn Store>) -> Result<Self, IntakeError> {
        let id = UploadId::next(store.clock_milliseconds().await?);
        Ok(Self { store, id, early: BTreeMap::new(), waits: false })
    }

    /// The same where large files wait, too: what goes into the store is not known before the end of the request.
    #[must_use]
    pub fn waiting_if(self, waits: bool) -> Self {
        Self { waits, ..self }
    }

    /// The name of the upload.
    pub fn id(&self) -> &UploadId {
        &self.id
    }

    /// Where the files go.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The same, to keep beside what happens to the files.
    pub fn shared_store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// A file begins.
    pub fn receive(&mut self, name: &FileName, file: LocalFile) {
        if self.waits {
            return;
        }
        let (answer, written) = oneshot::channel();
        let (kept, keep) = oneshot::channel();
        let (store, key) = (Arc::clone(&self.store), private::incoming(&self.id, name));
        tokio::spawn(async move {
            if !file.grown(LARGE_BYTES).await.is_ok_and(|growth| growth.size_bytes >= LARGE_BYTES) {
                return;
            }
            _ = answer.send(store.write(&key, Body::File(file), WRITE).await);
            if keep.await.is_err()
                && let Err(error) = store.delete(&[key]).await
            {
                tracing::warn!(%error, "RWS could not delete a file of a refused upload; it stays for a day");
            }
        });
        self.early.insert(name.clone(), Early { written, kept });
    }

    /// Brings a good file into the store, or waits for what was begun with. What is returned has to be kept.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn bring(
        &self,
        key: Key,
        location: FileLocation,
        early: Option<Early>,
    ) -> Result<Option<Kept>, StoreError> {
        if let Some(Early { written, kept }) = early
            && let Ok(written) = written.await
        {
            if written.is_ok() {
                return Ok(Some(kept));
            }
            // that may be long ago, and the file is here
            _ = kept.send(());
        }
        match location {
            FileLocation::Disk(file) => _ = self.store.write(&key, Body::File(file), WRITE).await?,
            FileLocation::Store(from, version) => {
                self.store.copy(&from, &key, WRITE).await?;
                // package files have names of their own: only another tool replaces one
                if self.store.stat(&from).await?.is_none_or(|stat| stat.version != version) {
                    return Err(StoreError::Missing { key: from.to_string() });
                }
            }
        }
        Ok(None)
    }

    /// What was begun with for a file.
    pub fn early(&mut self, name: &FileName) -> Option<Early> {
        self.early.remove(name)
    }
}
