//! Which published files go because their packages come under another product or file name.

use std::collections::BTreeSet;
use std::sync::Arc;

use rws_model::{FileName, Inspected, Record};
use rws_store::Store;

use crate::RepositoryError;
use crate::catalogue::ConfiguredTarget;
use crate::intake::Replaced;
use crate::naming::says_too_little;
use crate::plan::join;
use crate::presence::Presence;
use crate::upload::Upload;

/// Finds them. One request for each repository where a package may have been under another name: always where the product
/// decides its place, else where its file name is not the usual one. What fails is no reason not to take the upload: then
/// nothing is said.
pub async fn find(
    store: &dyn Store,
    upload: &Upload,
    targets: &[Arc<ConfiguredTarget>],
    files: &[Inspected],
) -> Vec<Replaced> {
    let is_odd = |file: &&Inspected| file.misnamed.is_some() || says_too_little(file).is_some();
    let odd: BTreeSet<&FileName> = files.iter().filter(is_odd).map(|file| &file.file.name).collect();
    let mut replaced = BTreeSet::new();
    for target in targets {
        let may_move = |record: &&Record| {
            target.format.places_by_product() || record.files.first().is_some_and(|file| odd.contains(&file.name))
        };
        match of_target(store, upload, target, may_move).await {
            Ok(found) => replaced.extend(found),
            Err(error) => tracing::debug!(%error, target = %target.target, "what an upload replaces is not known"),
        }
    }
    replaced.into_iter().collect()
}

async fn of_target(
    store: &dyn Store,
    upload: &Upload,
    target: &ConfiguredTarget,
    may_move: impl Fn(&&Record) -> bool,
) -> Result<BTreeSet<Replaced>, RepositoryError> {
    let mut replaced = BTreeSet::new();
    for repository in target.repositories() {
        let records: Vec<&Record> = upload
            .changes_for(&repository)
            .filter_map(|(_, record)| record)
            .filter(|record| may_move(record))
            .collect();
        if records.is_empty() {
            continue;
        }
        let presence = Presence::published(store, target, &repository).await?;
        for record in records {
            let Some(own) = record.files.first() else { continue };
            let Some((directory, name)) = presence.placed(&record.identity)? else { continue };
            // other bytes of the same name are in a directory below
            let below = directory.strip_prefix(&record.directory);
            if name != own.name || below.is_none_or(|below| !below.is_empty() && !below.starts_with('/')) {
                let tree = target.format.layout(&repository).tree;
                let path = join(&tree, &join(&directory, name.as_str()));
                replaced.insert(Replaced { file: own.name.clone(), path });
            }
        }
    }
    Ok(replaced)
}
