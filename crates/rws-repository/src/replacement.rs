//! Which published files go because their packages come under another product or file name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use rws_model::{Assembled, FileName, Inspected, Record, RepositoryId};
use rws_store::Store;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::catalogue::ConfiguredTarget;
use crate::gather::gather;
use crate::generation::{Generation, Heads};
use crate::intake::Replaced;
use crate::plan::join;
use crate::presence::{Presences, placed_in};
use crate::upload::Upload;
use crate::vague_names::says_too_little;
use crate::{RepositoryError, reading};

/// An upload is not held up for longer by this.
const LONGEST: Duration = Duration::from_secs(2);

/// How many heads are read at once for one upload.
const HEADS_AT_ONCE: usize = 8;

/// Looks into generations, of all uploads: what a large repository has takes megabytes.
static LOOKS: Semaphore = Semaphore::const_new(1);

/// What an upload replaces: found in what was read of a repository anyway, else asked for while its files are written.
pub struct Replacements {
    /// Files whose names are not the usual ones of their packages.
    odd: BTreeSet<FileName>,
    found: BTreeSet<Replaced>,
    known: BTreeSet<RepositoryId>,
}

impl Replacements {
    /// Nothing is known yet of an upload of these files.
    pub fn new(files: &[Inspected]) -> Self {
        let is_odd = |file: &&Inspected| file.misnamed.is_some() || says_too_little(file).is_some();
        let odd = files.iter().filter(is_odd).map(|file| file.file.name.clone()).collect();
        Self { odd, found: BTreeSet::new(), known: BTreeSet::new() }
    }

    /// Whether a package may have been under another name: always where the product decides its place, else where its file name
    /// is not the usual one.
    fn may_move(&self, target: &ConfiguredTarget, record: &Record) -> bool {
        target.format.product_rule().is_some() || record.files.first().is_some_and(|file| self.odd.contains(&file.name))
    }

    /// Looks in what was read already.
    pub fn take_known(&mut self, target: &ConfiguredTarget, presences: &Presences<'_>, assembled: &[Assembled]) {
        for repository in target.repositories() {
            let Some(presence) = presences.known(&repository) else { continue };
            let of_repository = assembled.iter().filter(|one| one.repositories.contains(&repository));
            let records = of_repository.map(|one| &one.record).filter(|record| self.may_move(target, record));
            let records: Vec<&Record> = records.collect();
            let found = match presence.generation() {
                Some(generation) => in_generation(generation, target, &repository, &records),
                None => Ok(Vec::new()),
            };
            // a damaged generation is said by the publisher
            self.found.extend(found.unwrap_or_default());
            self.known.insert(repository);
        }
    }

    /// Looks in all other repositories, with one request for each. What fails, or takes long, is no reason not to take the upload:
    /// then nothing is said.
    pub async fn find(self, store: &dyn Store, upload: &Upload, targets: &[Arc<ConfiguredTarget>]) -> Vec<Replaced> {
        let mut looks = Vec::new();
        for target in targets {
            for repository in target.repositories().into_iter().filter(|one| !self.known.contains(one)) {
                let records = upload.changes_for(&repository).filter_map(|(_, record)| record);
                let records: Vec<&Record> = records.filter(|record| self.may_move(target, record)).collect();
                if !records.is_empty() {
                    looks.push(of_repository(store, target, repository, records).boxed());
                }
            }
        }
        let mut found = self.found.clone();
        match timeout(LONGEST, gather(HEADS_AT_ONCE, looks)).await {
            Ok(Ok(others)) => found.extend(others.into_iter().flatten()),
            Ok(Err(error)) => {
                tracing::debug!(%error, upload = %upload.id, "RWS could not find out what an upload replaces")
            }
            Err(_) => {}
        }
        found.into_iter().collect()
    }
}

async fn of_repository(
    store: &dyn Store,
    target: &ConfiguredTarget,
    repository: RepositoryId,
    records: Vec<&Record>,
) -> Result<Vec<Replaced>, RepositoryError> {
    let Some((head, _)) = Heads(store).read(&repository).await? else { return Ok(Vec::new()) };
    // the semaphore is never closed
    let _look = LOOKS.acquire().await;
    let generation = reading::generation(store, &repository, &head.generation).await?;
    in_generation(&generation, target, &repository, &records)
}

fn in_generation(
    generation: &Generation,
    target: &ConfiguredTarget,
    repository: &RepositoryId,
    records: &[&Record],
) -> Result<Vec<Replaced>, RepositoryError> {
    let mut replaced = Vec::new();
    let tree = target.format.layout(repository).tree;
    for record in records {
        let placed = placed_in(generation, target, &record.identity);
        let placed = placed.map_err(RepositoryError::generation(repository))?;
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
