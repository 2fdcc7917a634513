//! A store in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream;

use crate::{
    Body, Condition, Content, Depth, DirectoryEntry, Key, Listed, MAX_PAGE_ENTRIES, Page, Span, Stat, Store,
    StoreError, Version, Write,
};

/// A store in memory. Its clock is the machine's until a test sets it.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<Key, (Bytes, Stat)>,
    writes: u64,
    clock_milliseconds: Option<i64>,
}

impl State {
    fn now(&self) -> i64 {
        self.clock_milliseconds.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    }

    fn put(&mut self, key: &Key, bytes: Bytes, condition: &Condition) -> Result<Stat, StoreError> {
        let current = self.objects.get(key).map(|(_, stat)| &stat.version);
        let holds = match condition {
            Condition::Always => true,
            Condition::Absent => current.is_none(),
            Condition::Matches(version) => current == Some(version),
        };
        if !holds {
            return Err(StoreError::Conflict { key: key.to_string() });
        }
        self.writes += 1;
        let stat = Stat {
            size_bytes: bytes.len() as u64,
            version: Version(format!("m{}", self.writes)),
            modified_milliseconds: self.now(),
        };
        self.objects.insert(key.clone(), (bytes, stat.clone()));
        Ok(stat)
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the clock at this time.
    pub fn set_clock_milliseconds(&self, now: i64) {
        self.state().clock_milliseconds = Some(now);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn stat(&self, key: &Key) -> Result<Option<Stat>, StoreError> {
        Ok(self.state().objects.get(key).map(|(_, stat)| stat.clone()))
    }

    async fn read(&self, key: &Key, span: Span) -> Result<Option<Content>, StoreError> {
        let Some((bytes, stat)) = self.state().objects.get(key).cloned() else { return Ok(None) };
        // what is in memory has a length that fits
        let (start, length) = span.within(bytes.len() as u64);
        let bytes = bytes.slice(start as usize..(start + length) as usize);
        Ok(Some(Content { stat, bytes: Box::pin(stream::iter([Ok(bytes)])), file: None }))
    }

    async fn write(&self, key: &Key, body: Body, write: Write) -> Result<Stat, StoreError> {
        let bytes = match body {
            Body::Bytes(bytes) => bytes,
            Body::File(file) => {
                let failed = |error| StoreError::from_io("write", key.as_str(), error);
                file.ended().await.map_err(failed)?;
                tokio::fs::read(file.path()).await.map_err(failed)?.into()
            }
        };
        self.state().put(key, bytes, &write.condition)
    }

    async fn copy(&self, from: &Key, to: &Key, write: Write) -> Result<Version, StoreError> {
        let mut state = self.state();
        let Some((bytes, _)) = state.objects.get(from).cloned() else {
            return Err(StoreError::Missing { key: from.to_string() });
        };
        state.put(to, bytes, &write.condition).map(|stat| stat.version)
    }

    async fn delete(&self, keys: &[Key]) -> Result<(), StoreError> {
        let mut state = self.state();
        for key in keys {
            state.objects.remove(key);
        }
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let state = self.state();
        let objects = state.objects.iter().filter(|(key, _)| key.as_str().starts_with(prefix));
        Ok(objects.map(|(key, (_, stat))| Listed { key: key.clone(), stat: stat.clone() }).collect())
    }

    async fn page(&self, prefix: &str, depth: Depth, from: Option<&str>, most: usize) -> Result<Page, StoreError> {
        let mut entries = BTreeMap::new();
        for Listed { key, stat } in self.list(prefix).await? {
            let rest = &key.as_str()[prefix.len()..];
            match rest.split_once('/').filter(|_| depth == Depth::Directory) {
                Some((name, _)) => entries.insert(format!("{name}/"), DirectoryEntry::Directory(name.to_owned())),
                None => entries.insert(rest.to_owned(), DirectoryEntry::File(rest.to_owned(), stat)),
            };
        }
        let mut rest =
            entries.into_iter().filter(|(order, _)| from.is_none_or(|from| order.as_str() > from)).peekable();
        let (mut page, mut last) = (Page::default(), None);
        while let Some((order, entry)) = rest.next_if(|_| page.entries.len() < most.clamp(1, MAX_PAGE_ENTRIES)) {
            page.entries.push(entry);
            last = Some(order);
        }
        page.next = last.filter(|_| rest.peek().is_some());
        Ok(page)
    }

    async fn clock_milliseconds(&self) -> Result<i64, StoreError> {
        Ok(self.state().now())
    }
}
