//! A store whose public objects all stand below one name.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Body, Content, Depth, DirectoryEntry, Key, Listed, Page, Span, Stat, Store, StoreError, Version, Write, private,
};

/// Shows another store with everything below one directory more, but for private objects (`.rws/`): so that what stands
/// at the root of a store can be addressed like what stands in a directory of it.
pub struct MountedStore {
    inner: Arc<dyn Store>,
    /// The name of the directory, with a slash at its end.
    mount: String,
}

impl MountedStore {
    /// Shows `inner` below the directory `name`, a single plain name.
    pub fn new(inner: Arc<dyn Store>, name: &str) -> Self {
        Self { inner, mount: format!("{name}/") }
    }

    /// The name in the other store; `None` for one that is not below the directory.
    fn below(&self, key: &Key) -> Option<Key> {
        match key.as_str().strip_prefix(&self.mount) {
            Some(rest) => Key::parse(rest),
            None => key.as_str().starts_with(private::PREFIX).then(|| key.clone()),
        }
    }

    fn wanted(&self, key: &Key) -> Result<Key, StoreError> {
        self.below(key).ok_or_else(|| StoreError::Missing { key: key.to_string() })
    }

    /// The prefix in the other store, and whether what is listed there stands below the directory here.
    fn listed_below<'p>(&self, prefix: &'p str) -> Option<(&'p str, bool)> {
        match prefix.strip_prefix(self.mount.as_str()) {
            Some(rest) => Some((rest, true)),
            None => prefix.starts_with(private::PREFIX).then_some((prefix, false)),
        }
    }
}

#[async_trait]
impl Store for MountedStore {
    async fn stat(&self, key: &Key) -> Result<Option<Stat>, StoreError> {
        match self.below(key) {
            Some(key) => self.inner.stat(&key).await,
            None => Ok(None),
        }
    }

    async fn read(&self, key: &Key, span: Span) -> Result<Option<Content>, StoreError> {
        match self.below(key) {
            Some(key) => self.inner.read(&key, span).await,
            None => Ok(None),
        }
    }

    async fn write(&self, key: &Key, body: Body, write: Write) -> Result<Stat, StoreError> {
        self.inner.write(&self.wanted(key)?, body, write).await
    }

    async fn copy(&self, from: &Key, to: &Key, write: Write) -> Result<Version, StoreError> {
        self.inner.copy(&self.wanted(from)?, &self.wanted(to)?, write).await
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), StoreError> {
        let keys: Vec<Key> = keys.iter().filter_map(|key| self.below(key)).collect();
        self.inner.delete(&keys).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let Some((below, is_mounted)) = self.listed_below(prefix) else { return Ok(Vec::new()) };
        let listed = self.inner.list(below).await?;
        if !is_mounted {
            return Ok(listed);
        }
        let public = listed.into_iter().filter(|one| !one.key.as_str().starts_with(private::PREFIX));
        let named =
            public.filter_map(|one| Some(Listed { key: Key::parse(&format!("{}{}", self.mount, one.key))?, ..one }));
        Ok(named.collect())
    }

    async fn page(&self, prefix: &str, depth: Depth, from: Option<&str>, most: usize) -> Result<Page, StoreError> {
        match self.listed_below(prefix) {
            Some((below, _)) => self.inner.page(below, depth, from, most).await,
            None if prefix.is_empty() && depth == Depth::Directory => {
                let mount = DirectoryEntry::Directory(self.mount.trim_end_matches('/').to_owned());
                Ok(Page { entries: vec![mount], next: None })
            }
            None => Ok(Page::default()),
        }
    }

    async fn clock_milliseconds(&self) -> Result<i64, StoreError> {
        self.inner.clock_milliseconds().await
    }

    async fn abort_unfinished_uploads(&self, prefix: &str, before_milliseconds: i64) -> Result<usize, StoreError> {
        match self.listed_below(prefix) {
            Some((below, _)) => self.inner.abort_unfinished_uploads(below, before_milliseconds).await,
            None => Ok(0),
        }
    }
}
