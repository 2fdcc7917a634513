//! What this process wrote and never changes is read from the local disk instead of from a store far away.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{
    Body, Condition, Content, Depth, Key, Listed, LocalStore, ObjectClass, Page, Span, Stat, Store, StoreError,
    Version, Write,
};

/// Passes everything on to another store and keeps copies of bytes that never change: index files, manifests, uploads.
/// The copies are a cache: they are gone with the process and bounded in size.
pub struct CachedStore {
    inner: Arc<dyn Store>,
    copies: LocalStore,
    known: Mutex<Known>,
}

/// Which copies there are.
#[derive(Debug)]
struct Known {
    stats: HashMap<Key, (Stat, u64)>,
    bytes: u64,
    most_bytes: u64,
    uses: u64,
}

impl Known {
    fn used(&mut self, key: &Key) -> Option<Stat> {
        self.uses += 1;
        let uses = self.uses;
        self.stats.get_mut(key).map(|(stat, last)| {
            *last = uses;
            stat.clone()
        })
    }

    /// Takes note of a copy; the names of those that have to go for it.
    fn add(&mut self, key: &Key, stat: Stat) -> Vec<Key> {
        self.uses += 1;
        self.bytes += stat.size_bytes;
        self.stats.insert(key.clone(), (stat, self.uses));
        let mut gone = Vec::new();
        while self.bytes > self.most_bytes {
            let oldest = self.stats.iter().min_by_key(|(_, (_, last))| *last).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            self.forget(&oldest);
            gone.push(oldest);
        }
        gone
    }

    fn forget(&mut self, key: &Key) {
        if let Some((stat, _)) = self.stats.remove(key) {
            self.bytes -= stat.size_bytes;
        }
    }
}

impl CachedStore {
    /// Keeps at most `most_bytes` in `directory`, which is emptied first.
    ///
    /// # Errors
    ///
    /// When the directory cannot be used.
    pub fn new(inner: Arc<dyn Store>, directory: &Path, most_bytes: u64) -> Result<Self, StoreError> {
        let failed = |error| StoreError::from_io("open", directory.display().to_string(), error);
        match std::fs::remove_dir_all(directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let copies = LocalStore::open_volatile(directory)?;
        let known = Known { stats: HashMap::new(), bytes: 0, most_bytes, uses: 0 };
        Ok(Self { inner, copies, known: Mutex::new(known) })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy; one that cannot be read is forgotten.
    async fn copy_of(&self, key: &Key, span: Span) -> Option<Content> {
        let stat = self.known().used(key)?;
        match self.copies.read(key, span).await {
            Ok(Some(content)) if content.stat.size_bytes == stat.size_bytes => Some(Content { stat, ..content }),
            _ => {
                self.known().forget(key);
                None
            }
        }
    }

    async fn keep(&self, key: &Key, body: Body, stat: Stat) {
        let write = Write { condition: Condition::Always, kind: ObjectClass::Private };
        if self.copies.write(key, body, write).await.is_ok() {
            let gone = self.known().add(key, stat);
            self.drop_copies(&gone).await;
        }
    }

    async fn drop_copies(&self, keys: &[Key]) {
        if let Err(error) = self.copies.delete(keys).await {
            tracing::warn!(%error, "RWS could not delete local copies; they stay until the next start");
        }
    }
}

#[async_trait]
impl Store for CachedStore {
    async fn stat(&self, key: &Key) -> Result<Option<Stat>, StoreError> {
        self.inner.stat(key).await
    }

    async fn is_gone(&self, key: &Key) -> Result<bool, StoreError> {
        self.inner.is_gone(key).await
    }

    async fn is_own(&self, key: &Key) -> Result<bool, StoreError> {
        self.inner.is_own(key).await
    }

    async fn set_public(&self, key: &Key, is_public: bool) -> Result<(), StoreError> {
        self.inner.set_public(key, is_public).await
    }

    async fn is_public(&self, key: &Key) -> Result<bool, StoreError> {
        self.inner.is_public(key).await
    }

    async fn check_places(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.inner.check_places(keys).await
    }

    async fn read(&self, key: &Key, span: Span) -> Result<Option<Content>, StoreError> {
        match self.copy_of(key, span).await {
            Some(content) => Ok(Some(content)),
            None => self.inner.read(key, span).await,
        }
    }

    async fn write(&self, key: &Key, body: Body, write: Write) -> Result<Stat, StoreError> {
        let keeps = matches!(write.kind, ObjectClass::Immutable | ObjectClass::PrivateImmutable)
            && matches!(body, Body::Bytes(_));
        let kept = keeps.then(|| body.clone());
        let stat = self.inner.write(key, body, write).await?;
        if let Some(body) = kept {
            self.keep(key, body, stat.clone()).await;
        }
        Ok(stat)
    }

    async fn copy(&self, from: &Key, to: &Key, write: Write) -> Result<Version, StoreError> {
        // no service keeps a condition on a copy, and the bytes are at hand
        if matches!(write.condition, Condition::Matches(_))
            && let Some(content) = self.copy_of(from, Span::Whole).await
        {
            let bytes = content.collect().await?;
            return self.inner.write(to, Body::Bytes(bytes), write).await.map(|stat| stat.version);
        }
        self.inner.copy(from, to, write).await
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), StoreError> {
        let gone: Vec<Key> = {
            let mut known = self.known();
            let gone = keys.iter().filter(|key| known.stats.contains_key(key)).cloned().collect::<Vec<_>>();
            gone.iter().for_each(|key| known.forget(key));
            gone
        };
        self.drop_copies(&gone).await;
        self.inner.delete(keys).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(prefix).await
    }

    async fn page(&self, prefix: &str, depth: Depth, from: Option<&str>, most: usize) -> Result<Page, StoreError> {
        self.inner.page(prefix, depth, from, most).await
    }

    async fn clock_milliseconds(&self) -> Result<i64, StoreError> {
        self.inner.clock_milliseconds().await
    }

    async fn abort_unfinished_uploads(&self, prefix: &str, before_milliseconds: i64) -> Result<usize, StoreError> {
        self.inner.abort_unfinished_uploads(prefix, before_milliseconds).await
    }

    fn suspect_answers(&self) -> Option<String> {
        self.inner.suspect_answers()
    }

    fn presigned_url(&self, key: &Key, seconds: u64) -> Option<String> {
        self.inner.presigned_url(key, seconds)
    }
}
