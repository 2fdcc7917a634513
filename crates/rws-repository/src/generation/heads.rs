//! The heads of a store: the only objects that are ever swapped.

use rws_model::RepositoryId;
use rws_store::{Condition, ObjectClass, Span, Stat, Store, StoreError, Version, Write};

use super::head::Head;
use crate::{RepositoryError, disk_format, private};

/// A head with its version in the store: what a swap replaces.
pub type VersionedHead = (Head, Version);

/// What became of a swap.
#[derive(Debug)]
pub enum Swap {
    /// This head is the current one.
    Won(Box<Head>),
    /// Another publisher was faster.
    Lost,
}

/// Reads and swaps heads.
#[derive(Clone, Copy)]
pub struct Heads<'a>(pub &'a dyn Store);

impl Heads<'_> {
    /// The head of a repository; `None` where it has none.
    ///
    /// # Errors
    ///
    /// When the store fails, or the head is damaged or of a later version that cannot be read.
    pub async fn read(self, repository: &RepositoryId) -> Result<Option<VersionedHead>, RepositoryError> {
        let key = private::head(repository);
        let Some(content) = self.0.read(&key, Span::Whole).await? else { return Ok(None) };
        let version = content.stat.version.clone();
        let bytes = content.collect().await?;
        match serde_json::from_slice::<Head>(&bytes) {
            Ok(head) if head.repository != *repository => {
                Err(RepositoryError::damaged(&key, "the store returned another object"))
            }
            Ok(head) => Ok(Some((head, version))),
            Err(_) if disk_format::stated(&bytes).is_some_and(|stated| stated > disk_format::HEAD_PINNED) => {
                Err(RepositoryError::later(&key))
            }
            Err(error) => Err(RepositoryError::damaged(&key, error)),
        }
    }

    /// What the store says of a head, without reading it.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn stat(self, repository: &RepositoryId) -> Result<Option<Stat>, RepositoryError> {
        Ok(self.0.stat(&private::head(repository)).await?)
    }

    /// Whether a repository has no head, for certain.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn is_absent(self, repository: &RepositoryId) -> Result<bool, RepositoryError> {
        Ok(self.0.is_gone(&private::head(repository)).await?)
    }

    /// All repositories that have a head, in the order of their names, with what the store says of each.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn list(self) -> Result<Vec<(RepositoryId, Stat)>, RepositoryError> {
        let listed = self.0.list(private::HEADS).await?.into_iter();
        Ok(listed.filter_map(|listed| Some((private::head_repository(&listed.key)?, listed.stat))).collect())
    }

    /// Makes a head the current one, unless another than `replaced` is current; `None`: unless there is any.
    ///
    /// # Errors
    ///
    /// When the store fails, and reading the head again does not say what became of the swap.
    pub async fn swap(self, replaced: Option<&Version>, head: Head) -> Result<Swap, RepositoryError> {
        let condition = replaced.map_or(Condition::Absent, |version| Condition::Matches(version.clone()));
        let bytes = serde_json::to_vec(&head).map_err(|error| RepositoryError::damaged(&head.generation, error))?;
        let key = private::head(&head.repository);
        let error = match self.0.write(&key, bytes.into(), Write { condition, kind: ObjectClass::Private }).await {
            Ok(_) => return Ok(Swap::Won(Box::new(head))),
            Err(error) => error,
        };
        // whatever went wrong: whose head is there decides
        match self.read(&head.repository).await? {
            Some((current, _)) if current.nonce == head.nonce => Ok(Swap::Won(Box::new(head))),
            _ if matches!(error, StoreError::Conflict { .. }) => Ok(Swap::Lost),
            _ => Err(error.into()),
        }
    }
}
