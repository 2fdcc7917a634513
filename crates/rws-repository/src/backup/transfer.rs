//! Copying single objects, each digested on its way.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use rws_model::{ContentDigester, Sha256};
use rws_store::{Body, Condition, Content, Key, LocalFile, ObjectClass, Span, Store, StoreError, Write};

use super::{BackupError, COPIED_AT_ONCE, CopiedRepository, Copier};
use crate::gather::gather;

/// What is larger goes through a file.
const IN_MEMORY_BYTES: u64 = 4 << 20;

/// An object that is to be at the destination.
pub(super) struct Wanted {
    pub(super) key: Key,
    pub(super) sha256: Sha256,
    /// What the head of the destination says is there.
    pub(super) known: Option<Sha256>,
    pub(super) class: ObjectClass,
}

/// What became of one object.
enum Copied {
    Unchanged,
    Bytes(u64),
}

impl Copier<'_> {
    /// The sizes of all objects of the destination below a tree.
    pub(super) async fn sizes(&self, tree: &str) -> Result<BTreeMap<Key, u64>, BackupError> {
        let listed = self.destination.list(&format!("{tree}/")).await?.into_iter();
        Ok(listed.map(|one| (one.key, one.stat.size_bytes)).collect())
    }

    /// Brings files into their places.
    pub(super) async fn files(
        &self,
        wanted: Vec<Wanted>,
        is_there: &BTreeMap<Key, u64>,
        done: &mut CopiedRepository,
    ) -> Result<(), BackupError> {
        self.progress.objects.store(wanted.len() as u64, Ordering::Relaxed);
        self.progress.done.store(0, Ordering::Relaxed);
        let copy = |one: Wanted| {
            async move {
                let copied = self.object(&one, is_there.contains_key(&one.key)).await;
                self.progress.done.fetch_add(1, Ordering::Relaxed);
                copied
            }
            .boxed()
        };
        for copied in gather(COPIED_AT_ONCE, wanted.into_iter().map(copy).collect()).await? {
            match copied {
                Copied::Unchanged => done.unchanged += 1,
                Copied::Bytes(bytes) => self.note(bytes, done),
            }
        }
        Ok(())
    }

    async fn object(&self, wanted: &Wanted, is_there: bool) -> Result<Copied, BackupError> {
        if is_there && wanted.known == Some(wanted.sha256) {
            return Ok(Copied::Unchanged);
        }
        // what an earlier copy brought that came to no end
        if is_there && wanted.known.is_none() && digest(self.destination, &wanted.key).await? == Some(wanted.sha256) {
            return Ok(Copied::Unchanged);
        }
        let missing = || BackupError::Missing { path: wanted.key.to_string() };
        let content = self.source.read(&wanted.key, Span::Whole).await?.ok_or_else(missing)?;
        let (bytes, write) = (content.stat.size_bytes, Write { condition: Condition::Always, kind: wanted.class });
        let damaged = || BackupError::Damaged { path: wanted.key.to_string() };
        if bytes <= IN_MEMORY_BYTES {
            let content = content.collect().await?;
            if rws_model::sha256(&content) != wanted.sha256 {
                return Err(damaged());
            }
            self.destination.write(&wanted.key, Body::Bytes(content), write).await?;
        } else {
            let failed = |error| StoreError::from_io("write", wanted.key.as_str(), error);
            let mut file = tempfile::NamedTempFile::new_in(self.scratch).map_err(failed)?;
            let mut digester = ContentDigester::new();
            let mut stream = content.bytes;
            while let Some(piece) = stream.next().await {
                let piece = piece?;
                digester.update(&piece);
                file.write_all(&piece).map_err(failed)?;
            }
            file.flush().map_err(failed)?;
            if digester.finish().1 != wanted.sha256 {
                return Err(damaged());
            }
            self.destination.write(&wanted.key, Body::File(LocalFile::whole(file.path())), write).await?;
        }
        Ok(Copied::Bytes(bytes))
    }

    /// The whole content of a small object of the source.
    pub(super) async fn read(&self, key: &Key) -> Result<Bytes, BackupError> {
        let content = self.source.read(key, Span::Whole).await?;
        let content = content.ok_or_else(|| BackupError::Missing { path: key.to_string() })?;
        Ok(content.collect().await?)
    }

    /// Writes a small object.
    pub(super) async fn write(
        &self,
        key: &Key,
        bytes: Bytes,
        class: ObjectClass,
        done: &mut CopiedRepository,
    ) -> Result<(), BackupError> {
        self.note(bytes.len() as u64, done);
        let write = Write { condition: Condition::Always, kind: class };
        self.destination.write(key, Body::Bytes(bytes), write).await?;
        Ok(())
    }
}

/// The digest of an object; `None` where there is none.
async fn digest(store: &dyn Store, key: &Key) -> Result<Option<Sha256>, BackupError> {
    let Some(Content { mut bytes, .. }) = store.read(key, Span::Whole).await? else { return Ok(None) };
    let mut digester = ContentDigester::new();
    while let Some(piece) = bytes.next().await {
        digester.update(&piece?);
    }
    Ok(Some(digester.finish().1))
}
