//! Reading RWS's own objects back.

use rws_model::RepositoryId;
use rws_store::{Key, Span, Store, Version};
use serde::de::DeserializeOwned;

use crate::generation::Generation;
use crate::upload::Upload;
use crate::{GenerationId, RepositoryError, UploadId, disk_format, private};

/// What is wrong with an object that names another one as itself.
const OTHER: &str = "the store returned another object";

/// A generation of a repository.
///
/// # Errors
///
/// When the store fails or the manifest is missing or damaged.
pub async fn generation(
    store: &dyn Store,
    repository: &RepositoryId,
    id: &GenerationId,
) -> Result<Generation, RepositoryError> {
    let key = private::manifest(repository, id);
    let Some(content) = store.read(&key, Span::Whole).await? else {
        return Err(RepositoryError::damaged(&key, "it does not exist"));
    };
    let bytes = content.collect().await?;
    match Generation::from_bytes(&bytes) {
        Ok(generation) if generation.id == *id => Ok(generation),
        Ok(_) => Err(RepositoryError::damaged(&key, OTHER)),
        Err(_) if disk_format::manifest_parts(&bytes).is_some_and(|(version, _)| version > disk_format::MANIFEST) => {
            Err(RepositoryError::later(&key))
        }
        Err(error) => Err(RepositoryError::damaged(&key, error)),
    }
}

/// A JSON object of RWS's own and its version in the store.
///
/// # Errors
///
/// When the store fails or the object is damaged.
pub async fn json<T: DeserializeOwned>(store: &dyn Store, key: &Key) -> Result<Option<(T, Version)>, RepositoryError> {
    let Some(content) = store.read(key, Span::Whole).await? else { return Ok(None) };
    let version = content.stat.version.clone();
    let value = serde_json::from_slice(&content.collect().await?);
    Ok(Some((value.map_err(|error| RepositoryError::damaged(key, error))?, version)))
}

/// An upload without the entries of its packages; `None` for one that is not there any more, or cannot be read.
///
/// # Errors
///
/// When the store fails.
pub async fn upload(store: &dyn Store, id: &UploadId) -> Result<Option<Upload>, RepositoryError> {
    let Some(content) = store.read(&private::upload(id), Span::Whole).await? else { return Ok(None) };
    let upload = Upload::outline(&content.collect().await?);
    Ok(upload.ok().filter(|upload| upload.id == *id && upload.is_readable()))
}
