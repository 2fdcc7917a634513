//! Where a promoted package came from.

use rws_store::Store;

use crate::generation::{Generation, PackageRow};
use crate::{RepositoryError, reading};

/// In so many uploads of a generation it is looked for a package.
const MAX_UPLOADS: usize = 20;

/// The target that a package was promoted from, where one of the uploads that `generation` was the first to have says that.
///
/// # Errors
///
/// When the store fails.
pub async fn source_of(
    store: &dyn Store,
    generation: &Generation,
    row: &PackageRow,
) -> Result<Option<String>, RepositoryError> {
    // the last one counts
    for id in generation.uploads.iter().rev().take(MAX_UPLOADS) {
        let Some(upload) = reading::upload(store, id).await? else { continue };
        let brings = upload.changes.iter().any(|change| {
            change.repository == generation.repository && change.identity.0 == row.identity && change.record.is_some()
        });
        if brings {
            let actor = upload.actor.filter(|actor| actor.verb == "promote");
            return Ok(actor.and_then(|actor| actor.subject));
        }
    }
    Ok(None)
}
