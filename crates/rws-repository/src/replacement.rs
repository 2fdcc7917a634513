//! Which published files go because their packages come under another product or file name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use rws_model::{FileName, Inspected, Record, RepositoryId};
use rws_store::Store;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::catalogue::ConfiguredTarget;
use crate::gather::gather;
use crate::intake::Replaced;
use crate::plan::join;
use crate::presence::placed_in;
use crate::upload::Upload;
use crate::vague_names::says_too_little;
use crate::{RepositoryError, reading};

/// An upload is not held up for longer by this.
const LONGEST: Duration = Duration::from_secs(2);

/// How many heads are read at once for one upload.
const HEADS_AT_ONCE: usize = 8;

/// Looks into generations, of all uploads: what a large repository has takes megabytes.
static LOOKS: Semaphore = Semaphore::const_new(1);

/// Finds them. One request for each repository where a package may have been under another name: always where the product
/// decides its place, else where its file name is not the usual one. What fails, or takes long, is no reason not to take the
/// upload: then nothing is said.
pub async fn find(
    store: &dyn Store,
    upload: &Upload,
    targets: &[Arc<ConfiguredTarget>],
    files: &[Inspected],
) -> Vec<Replaced> {
    let is_odd = |file: &&Inspected| file.misnamed.is_some() || says_too_little(file).is_some();
    let odd: BTreeSet<&FileName> = files.iter().filter(is_odd).map(|file| &file.file.name).collect();
    let mut looks = Vec::new();
    for target in targets {
        let may_move = |record: &&Record| {
            target.format.product_rule().is_some() || record.files.first().is_some_and(|file| odd.contains(&file.name))
        };
        for repository in target.repositories() {
            let records = upload.changes_for(&repository).filter_map(|(_, record)| record);
            let records: Vec<&Record> = records.filter(may_move).collect();
            if !records.is_empty() {
                looks.push(of_repository(store, target, repository, records).boxed());
            }
        }
    }
    match timeout(LONGEST, gather(HEADS_AT_ONCE, looks)).await {
        Ok(Ok(found)) => found.into_iter().flatten().collect::<BTreeSet<Replaced>>().into_iter().collect(),
        Ok(Err(error)) => {
            tracing::debug!(%error, upload = %upload.id, "what an upload replaces is not known");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

async fn of_repository(
    store: &dyn Store,
    target: &ConfiguredTarget,
    repository: RepositoryId,
    records: Vec<&Record>,
) -> Result<Vec<Replaced>, RepositoryError> {
    let mut replaced = Vec::new();
    let Some((head, _)) = reading::head(store, &repository).await? else { return Ok(replaced) };
    // the semaphore is never closed
    let _look = LOOKS.acquire().await;
    let generation = reading::generation(store, &repository, &head.generation).await?;
    let tree = target.format.layout(&repository).tree;
    for record in records {
        let placed = placed_in(&generation, target, &record.identity);
        let placed = placed.map_err(RepositoryError::generation(&repository))?;
        let (Some(own), Some((directory, name))) = (record.files.first(), placed) else { continue };
        // other bytes of the same name are in a directory below
        let below = directory.strip_prefix(&record.directory);
        if name != own.name || below.is_none_or(|below| !below.is_empty() && !below.starts_with('/')) {
            let path = join(&tree, &join(&directory, name.as_str()));
            replaced.push(Replaced { file: own.name.clone(), path });
        }
    }
    Ok(replaced)
}
