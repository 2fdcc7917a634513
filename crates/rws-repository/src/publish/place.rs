//! Step 2: package files at their public paths, each written once.

use futures::{FutureExt, StreamExt};
use rws_model::ContentDigester;
use rws_store::{Condition, Key, ObjectClass, Span, StoreError, Version, Write};

use super::stored_repository::StoredRepository;
use crate::gather::gather;
use crate::plan::{PlacedFile, Plan};
use crate::{RepositoryError, UploadId};

/// How many files are placed at once: the store copies them itself, which is little but waiting for answers.
const COPIES_AT_ONCE: usize = 32;

/// What placing found.
#[derive(Default)]
pub struct Placed {
    /// What the store says of each placed file.
    pub versions: Vec<(String, Version)>,
    /// Paths that hold something else.
    pub taken: Vec<String>,
    /// Uploads whose files are gone, and which.
    pub missing: Vec<(UploadId, String)>,
}

enum Place {
    Done(Version),
    Taken,
    Missing(String),
}

impl StoredRepository<'_> {
    /// Brings the files of a plan to their public paths. What is there already with the same bytes is left alone.
    pub(super) async fn place(&self, plan: &Plan) -> Result<Placed, RepositoryError> {
        let mut places = Vec::new();
        for file in &plan.placed {
            places.push(async move { Ok((file, self.place_file(file).await?)) }.boxed());
        }
        let mut placed = Placed::default();
        for (file, place) in gather::<_, RepositoryError>(COPIES_AT_ONCE, places).await? {
            match place {
                Place::Done(version) => placed.versions.push((file.path.clone(), version)),
                Place::Taken => placed.taken.push(file.path.clone()),
                Place::Missing(reason) => placed.missing.push((file.upload.clone(), reason)),
            }
        }
        Ok(placed)
    }

    async fn place_file(&self, file: &PlacedFile) -> Result<Place, RepositoryError> {
        let to = self.key(&file.path)?;
        let incoming = file.incoming.clone();
        let pool = file.pool.as_deref().map(|path| self.key(path)).transpose()?;
        for from in [Some(incoming), pool].into_iter().flatten() {
            let write = Write { condition: Condition::Absent, kind: ObjectClass::Immutable };
            match self.store().copy(&from, &to, write).await {
                Ok(version) => return Ok(Place::Done(version)),
                // of an earlier attempt, or somebody else's
                Err(StoreError::Conflict { .. }) => return self.present_file(&to, file).await,
                Err(StoreError::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // what brings no file is about one that is in its place
        if let Place::Done(version) = self.present_file(&to, file).await? {
            return Ok(Place::Done(version));
        }
        Ok(Place::Missing(format!("{} is no longer in the upload and no longer in the repository", file.path)))
    }

    /// What is at a path already.
    async fn present_file(&self, to: &Key, file: &PlacedFile) -> Result<Place, RepositoryError> {
        Ok(match self.store().stat(to).await? {
            Some(present) if Some(&present.version) == file.version.as_ref() => Place::Done(present.version),
            Some(present) if present.size_bytes == file.size_bytes && self.holds(to, file).await? => {
                Place::Done(present.version)
            }
            _ => Place::Taken,
        })
    }

    async fn holds(&self, key: &Key, file: &PlacedFile) -> Result<bool, RepositoryError> {
        let Some(mut content) = self.store().read(key, Span::Whole).await? else { return Ok(false) };
        let mut digester = ContentDigester::new();
        while let Some(piece) = content.bytes.next().await {
            digester.update(&piece?);
        }
        Ok(digester.finish() == (file.size_bytes, file.digests.sha256))
    }
}
