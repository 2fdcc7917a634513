//! What became of an upload, by what is in the store: any replica can tell, also after a restart.

use std::collections::BTreeMap;

use rws_model::RepositoryId;
use rws_store::{Span, Store};

use super::Progress;
use crate::generation::Heads;
use crate::upload::Upload;
use crate::{GenerationId, RepositoryError, UploadId, private, reading};

/// So many generations are looked through for an upload.
const GENERATIONS: usize = 32;

/// What became of an upload; `None` for one that is not known (any more).
pub async fn progress(store: &dyn Store, id: &UploadId) -> Result<Option<Progress>, RepositoryError> {
    let Some((upload, _)) = reading::json::<Upload>(store, &private::upload(id)).await? else { return Ok(None) };
    let mut published = BTreeMap::new();
    for repository in upload.repositories() {
        if let Some(note) = store.read(&private::failed(repository, id), Span::Whole).await? {
            let reason = note.collect().await?;
            return Ok(Some(Progress::Failed(String::from_utf8_lossy(&reason).into_owned())));
        }
        let head = Heads(store).read(repository).await?.map(|(head, _)| head);
        let is_pointed_to = store.stat(&private::pointer(repository, id)).await?.is_some();
        // a pointer may outlive the publish by a moment
        if is_pointed_to && !head.as_ref().is_some_and(|head| head.applied.contains(id)) {
            return Ok(Some(Progress::Pending));
        }
        let generation = match head {
            Some(head) => {
                let past = head.history.into_iter().map(|past| past.generation);
                find(store, repository, id, std::iter::once(head.generation).chain(past)).await?
            }
            None => None,
        };
        published.insert(repository.clone(), generation);
    }
    Ok(Some(Progress::Published(published)))
}

/// The generation that was the first to contain an upload, where it is kept still.
async fn find(
    store: &dyn Store,
    repository: &RepositoryId,
    id: &UploadId,
    generations: impl Iterator<Item = GenerationId>,
) -> Result<Option<GenerationId>, RepositoryError> {
    // no generation before the upload contains it; its clock may have been a replica's
    let since = id.seconds() - 5;
    for generation in generations.take_while(|generation| generation.seconds() >= since).take(GENERATIONS) {
        match reading::generation(store, repository, &generation).await {
            Ok(manifest) if manifest.uploads.contains(id) => return Ok(Some(generation)),
            Ok(_) => {}
            // it is being cleared away
            Err(RepositoryError::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
