//! Step 6: the plain-named public files in line with the head.
//!
//! RWS itself serves these names from the head; the files are for readers of the store itself. A file is written over
//! only when it is one of our own: anything else was put there by another tool and stays.

use std::sync::PoisonError;

use rws_model::{Sha256, sha256};
use rws_store::{Body, Condition, Key, Kind, Span, Stat, StoreError, Version, Write, collect};

use super::Run;
use crate::generation::Head;
use crate::{RepositoryError, reading};

/// What a plain-named file is to be.
enum Wanted<'a> {
    /// These bytes.
    Text(&'a str),
    /// What this object has.
    CopyOf(&'a str),
}

impl Run<'_> {
    /// Exposes all files of a head: indexes first, then the roots that name them. Stops, as done, when the head is no
    /// longer the current one: then its successor is exposed by whoever made it.
    pub(super) async fn expose(&self, head: &Head) -> Result<(), RepositoryError> {
        let indexes = head.plain.iter().map(|(name, stored)| (name, Wanted::CopyOf(stored)));
        let roots = head.root.iter().map(|file| (&file.name, Wanted::Text(&file.text)));
        for (name, wanted) in indexes.chain(roots) {
            if !self.expose_file(head, name, &wanted).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether to go on.
    async fn expose_file(&self, head: &Head, name: &str, wanted: &Wanted<'_>) -> Result<bool, RepositoryError> {
        let key = self.key(name)?;
        let content = match wanted {
            Wanted::Text(text) => sha256(text.as_bytes()),
            Wanted::CopyOf(stored) => self.stored_digest(stored).await?,
        };
        loop {
            let condition = match self.present(&key).await? {
                None => Condition::Absent,
                Some((_, present)) if present == content => return Ok(true),
                Some((version, present)) if head.own.contains(&present) => Condition::Matches(version),
                Some(_) => return self.foreign(head, name).await,
            };
            let write = Write { condition, kind: Kind::Mutable };
            let written = match wanted {
                Wanted::Text(text) => self.store().write(&key, Body::from(text.as_bytes().to_vec()), write).await,
                Wanted::CopyOf(stored) => self.store().copy(&self.key(stored)?, &key, write).await,
            };
            match written {
                Ok(stat) => {
                    self.remember(&key, stat, content);
                    return Ok(true);
                }
                // somebody wrote in between: look again
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The version and content of a public file.
    async fn present(&self, key: &Key) -> Result<Option<(Version, Sha256)>, RepositoryError> {
        let Some(stat) = self.store().stat(key).await? else { return Ok(None) };
        let known = self.publisher.exposed.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if let Some((version, content)) = known.filter(|(version, _)| *version == stat.version) {
            return Ok(Some((version, content)));
        }
        let Some(read) = self.store().read(key, Span::Whole).await? else { return Ok(None) };
        let version = read.stat.version.clone();
        let content = sha256(&collect(read.bytes).await?);
        self.remember(key, read.stat, content);
        Ok(Some((version, content)))
    }

    /// The digest of a stored index file: it is known to be what its name says, and its name holds the digest.
    async fn stored_digest(&self, stored: &str) -> Result<Sha256, RepositoryError> {
        let name = stored.rsplit('/').next().unwrap_or(stored);
        if let Some(digest) = Sha256::from_hex(name.get(..64).unwrap_or_default()) {
            return Ok(digest);
        }
        let key = self.key(stored)?;
        match self.store().read(&key, Span::Whole).await? {
            Some(content) => Ok(sha256(&collect(content.bytes).await?)),
            None => Err(RepositoryError::damaged(&key, "the current generation refers to it, and it does not exist")),
        }
    }

    fn remember(&self, key: &Key, stat: Stat, content: Sha256) {
        let mut exposed = self.publisher.exposed.lock().unwrap_or_else(PoisonError::into_inner);
        exposed.insert(key.clone(), (stat.version, content));
    }

    /// A file that is none of our own: a later head's, or another tool's.
    async fn foreign(&self, head: &Head, name: &str) -> Result<bool, RepositoryError> {
        match reading::head(self.store(), self.repository).await? {
            Some((current, _)) if current.counter > head.counter => Ok(false),
            _ => Err(RepositoryError::Foreign { repository: self.repository.clone(), file: name.to_owned() }),
        }
    }
}
