//! Metadata that no package has: a change like any other.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use rws_model::{Metadata, RepositoryId};
use rws_store::{Body, Condition, Key, ObjectClass, Stat, Store, StoreError, Write};

use super::{Accepted, WRITES_AT_ONCE, announce, pointers, promise, write_pointer};
use crate::actor::Actor;
use crate::catalogue::ConfiguredTarget;
use crate::error::IntakeError;
use crate::gather::gather;
use crate::plan::join;
use crate::presence::Presence;
use crate::upload::{Upload, UploadBuilder};
use crate::{UploadId, private};

/// Takes a file of metadata for some repositories: a change like any other.
///
/// # Errors
///
/// What the store fails with.
pub async fn describe(
    store: &dyn Store,
    metadata: Metadata,
    targets: &[(Arc<ConfiguredTarget>, RepositoryId)],
    actor: &Actor,
) -> Result<Accepted, IntakeError> {
    let repositories = targets.iter().map(|(_, repository)| repository);
    let places: Vec<Key> = repositories.filter_map(|one| Key::parse(&join(one.as_str(), "any"))).collect();
    store.check_places(&places).await?;
    let id = UploadId::next(store.clock_milliseconds().await?);
    let mut upload = UploadBuilder::new(id.clone(), actor);
    let files: Vec<Key> = metadata.record.files.iter().map(|file| private::incoming(&id, &file.name)).collect();
    for (target, repository) in targets {
        let record = metadata.record_for(&*target.format, repository);
        upload.add(record, std::slice::from_ref(repository));
    }
    let upload = upload.finish();
    let pointers = pointers(&upload);
    let content = Bytes::from(metadata.content);
    let write = Write { condition: Condition::Always, kind: ObjectClass::PrivateImmutable };
    let mut writes: Vec<BoxFuture<'_, Result<Stat, StoreError>>> = Vec::new();
    for file in &files {
        writes.push(store.write(file, Body::Bytes(content.clone()), write.clone()));
    }
    writes.extend(pointers.iter().map(|pointer| write_pointer(store, pointer).boxed()));
    if let Err(error) = gather(WRITES_AT_ONCE, writes).await {
        _ = store.delete(&files.into_iter().chain(pointers).collect::<Vec<_>>()).await;
        return Err(error.into());
    }
    Ok(promise(store, upload).await?)
}

/// Takes metadata of a kind out of those of some repositories that have it. `None` where none has.
///
/// # Errors
///
/// What the store fails with.
pub async fn undescribe(
    store: &dyn Store,
    targets: &[(Arc<ConfiguredTarget>, RepositoryId)],
    kind: &str,
    actor: &Actor,
) -> Result<Option<Accepted>, IntakeError> {
    let mut upload = Upload::new(UploadId::next(store.clock_milliseconds().await?), actor);
    for (target, repository) in targets {
        let identity = target.format.metadata_identity(kind);
        if Presence::load(store, target, repository).await?.content(&identity)?.is_some() {
            upload.remove(identity, repository.clone(), None);
        }
    }
    if upload.changes.is_empty() { Ok(None) } else { announce(store, upload).await.map(Some) }
}
