//! Objects of a bucket that everybody may read from the bucket itself, and those that nobody may any more.
//!
//! RWS gives new objects of public repositories an ACL where that is configured. What was written before a repository became private
//! has one still. It is taken away object by object; a note below the private prefix says up to when that is done, so that later looks
//! are at newer objects only.

use futures::FutureExt;
use rws_model::{RepositoryId, Target};
use rws_store::{Body, Condition, Key, Listed, ObjectClass, Span, Store, Write};

use crate::catalogue::ConfiguredTarget;
use crate::gather::gather;
use crate::plan::join;
use crate::{RepositoryError, private};

/// How many objects are changed at once.
const AT_ONCE: usize = 16;

/// So much earlier than the last look objects may have been written that it did not see, in milliseconds.
const OVERLAP: i64 = 10 * 60 * 1000;

/// Takes away from everybody the right to read the objects of a target from the bucket: of all that were written since the last
/// time. Says how many objects it looked at.
///
/// # Errors
///
/// When the store fails. What is done stays done, and the next call goes on.
pub async fn close(store: &dyn Store, target: &ConfiguredTarget) -> Result<usize, RepositoryError> {
    let now = store.clock_milliseconds().await?;
    let note = private::closed(&target.target);
    let since = since(store, &note).await?;
    let objects = objects(store, target).await?;
    let newer = objects.into_iter().filter(|one| since.is_none_or(|since| one.stat.modified_milliseconds >= since));
    let count = set(store, newer.map(|one| one.key).collect(), false).await?;
    let write = Write { condition: Condition::Always, kind: ObjectClass::Private };
    store.write(&note, Body::from((now - OVERLAP).to_string().into_bytes()), write).await?;
    Ok(count)
}

/// Gives everybody the right to read the objects of a target from the bucket, where it was taken away.
///
/// # Errors
///
/// When the store fails.
pub async fn open(store: &dyn Store, target: &ConfiguredTarget) -> Result<usize, RepositoryError> {
    let objects = objects(store, target).await?;
    let count = set(store, objects.into_iter().map(|one| one.key).collect(), true).await?;
    store.delete(&[private::closed(&target.target)]).await?;
    Ok(count)
}

/// The targets whose objects were closed.
///
/// # Errors
///
/// When the store fails.
pub async fn closed(store: &dyn Store) -> Result<Vec<Target>, RepositoryError> {
    let listed = store.list(private::CLOSED).await?;
    Ok(listed.iter().filter_map(|one| private::closed_target(&one.key)).collect())
}

/// The objects of a private target that everybody may read from the bucket.
///
/// # Errors
///
/// When the store fails.
pub async fn exposed(
    store: &dyn Store,
    target: &ConfiguredTarget,
    repository: &RepositoryId,
) -> Result<Vec<Key>, RepositoryError> {
    let mut looks = Vec::new();
    for one in below(store, target, repository).await? {
        looks.push(
            async move {
                let is_public = store.is_public(&one.key).await?;
                Ok(is_public.then_some(one.key))
            }
            .boxed(),
        );
    }
    Ok(gather::<_, RepositoryError>(AT_ONCE, looks).await?.into_iter().flatten().collect())
}

/// Takes away from everybody the right to read these objects from the bucket.
///
/// # Errors
///
/// When the store fails.
pub async fn withdraw(store: &dyn Store, keys: Vec<Key>) -> Result<usize, RepositoryError> {
    set(store, keys, false).await
}

async fn since(store: &dyn Store, note: &Key) -> Result<Option<i64>, RepositoryError> {
    let Some(content) = store.read(note, Span::Whole).await? else { return Ok(None) };
    Ok(String::from_utf8(content.collect().await?.to_vec()).ok().and_then(|text| text.parse().ok()))
}

async fn objects(store: &dyn Store, target: &ConfiguredTarget) -> Result<Vec<Listed>, RepositoryError> {
    let mut objects = Vec::new();
    for repository in target.repositories() {
        objects.extend(below(store, target, &repository).await?);
    }
    Ok(objects)
}

/// The public objects of a repository.
async fn below(
    store: &dyn Store,
    target: &ConfiguredTarget,
    repository: &RepositoryId,
) -> Result<Vec<Listed>, RepositoryError> {
    let layout = target.format.layout(repository);
    let packages = join(&layout.tree, &layout.packages).trim_end_matches('/').to_owned();
    let metadata = join(&layout.tree, &layout.metadata);
    let mut objects = store.list(&format!("{packages}/")).await?;
    if !format!("{metadata}/").starts_with(&format!("{packages}/")) {
        objects.extend(store.list(&format!("{metadata}/")).await?);
    }
    Ok(objects)
}

async fn set(store: &dyn Store, keys: Vec<Key>, is_public: bool) -> Result<usize, RepositoryError> {
    let count = keys.len();
    let mut writes = Vec::new();
    for key in keys {
        writes.push(async move { Ok(store.set_public(&key, is_public).await?) }.boxed());
    }
    gather::<_, RepositoryError>(AT_ONCE, writes).await?;
    Ok(count)
}
