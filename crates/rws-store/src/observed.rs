//! A store that a test can watch and interrupt.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Body, Content, Depth, DirectoryEntry, Key, Listed, Page, Reserved, Span, Stat, Store, StoreError, Version, Write,
};

/// Before or after an operation took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing has happened yet; an error keeps it from happening.
    Before,
    /// It has taken effect; an error loses the answer.
    After,
}

/// One operation: its name and the key or prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The name of the trait's method.
    pub verb: &'static str,
    /// The object written, read or listed; for a copy the new one.
    pub key: String,
}

/// Sees every operation of a store, and may hold it (by not returning) or fail it.
#[async_trait]
pub trait Observer: Send + Sync {
    /// Called before and after every operation.
    ///
    /// # Errors
    ///
    /// Whatever the operation shall fail with.
    async fn observe(&self, moment: Moment, operation: &Operation) -> Result<(), StoreError>;
}

/// Passes everything on to another store and tells an [`Observer`]: counts, faults, crashes and barriers are observers.
#[derive(Clone)]
pub struct ObservedStore {
    inner: Arc<dyn Store>,
    observer: Arc<dyn Observer>,
}

impl ObservedStore {
    /// Watches `inner`.
    pub fn new(inner: Arc<dyn Store>, observer: Arc<dyn Observer>) -> Self {
        Self { inner, observer }
    }

    async fn around<T>(
        &self,
        verb: &'static str,
        key: &str,
        operation: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let name = Operation { verb, key: key.to_owned() };
        self.observer.observe(Moment::Before, &name).await?;
        let result = operation.await?;
        self.observer.observe(Moment::After, &name).await?;
        Ok(result)
    }
}

#[async_trait]
impl Store for ObservedStore {
    async fn stat(&self, key: &Key) -> Result<Option<Stat>, StoreError> {
        self.around("stat", key.as_str(), self.inner.stat(key)).await
    }

    async fn reserve(&self, copies: &[Key], bytes: u64) -> Result<Reserved, StoreError> {
        self.inner.reserve(copies, bytes).await
    }

    async fn is_own(&self, key: &Key) -> Result<bool, StoreError> {
        self.inner.is_own(key).await
    }

    async fn set_public(&self, key: &Key, is_public: bool) -> Result<(), StoreError> {
        self.around("set_public", key.as_str(), self.inner.set_public(key, is_public)).await
    }

    async fn is_public(&self, key: &Key) -> Result<bool, StoreError> {
        self.inner.is_public(key).await
    }

    async fn check_places(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.inner.check_places(keys).await
    }

    async fn read(&self, key: &Key, span: Span) -> Result<Option<Content>, StoreError> {
        self.around("read", key.as_str(), self.inner.read(key, span)).await
    }

    async fn write(&self, key: &Key, body: Body, write: Write) -> Result<Stat, StoreError> {
        self.around("write", key.as_str(), self.inner.write(key, body, write)).await
    }

    async fn copy(&self, from: &Key, to: &Key, write: Write) -> Result<Version, StoreError> {
        self.around("copy", to.as_str(), self.inner.copy(from, to, write)).await
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), StoreError> {
        let first = keys.first().map_or("", Key::as_str);
        self.around("delete", first, self.inner.delete(keys)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        self.around("list", prefix, self.inner.list(prefix)).await
    }

    async fn page(&self, prefix: &str, depth: Depth, from: Option<&str>, most: usize) -> Result<Page, StoreError> {
        self.around("page", prefix, self.inner.page(prefix, depth, from, most)).await
    }

    async fn list_directory(&self, prefix: &str) -> Result<Vec<DirectoryEntry>, StoreError> {
        self.around("list_directory", prefix, self.inner.list_directory(prefix)).await
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
