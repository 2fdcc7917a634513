//! Packages of a repository that another tool made, or of a plain directory, go through intake as uploads do.
//!
//! What the index of the source lists is imported, each file with the digest that the index states; without an index all files
//! that are packages. What the target has already is left out, so that an import that was killed goes on where it was. In the end
//! the target is compared with the list.

mod plan;
mod receive;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use rws_model::{Format, Sha256};
use rws_store::Store;

use crate::actor::Actor;
use crate::catalogue::ConfiguredTarget;
use crate::error::IntakeError;
use crate::generation::Heads;
use crate::intake::{self, Destination, ReceivedFile};
use crate::limits::Requester;
use crate::publish::{Publisher, Triggers};
use crate::purge::Purged;
use crate::reception::IncomingFiles;
use crate::{RepositoryError, pending, reading};

pub use plan::{ImportPlan, PlannedFile};
use receive::Group;

/// So many packages are one upload, unless they are larger.
const BATCH_PACKAGES: usize = 100;

/// So many bytes are on the local disk at a time, but for one package that is larger alone.
const BATCH_BYTES: u64 = 512 << 20;

/// Who imports is at the command line of the machine.
static ACTOR: Actor = Actor::itself("import");

/// Where packages come from. Paths are relative, with slashes, and were checked.
#[async_trait]
pub trait ImportSource: Send + Sync {
    /// The whole of a file; `None` where there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or has more bytes than `most`.
    async fn read(&self, path: &str, most: u64) -> io::Result<Option<Bytes>>;

    /// A file, piece by piece; `None` where there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    async fn open(&self, path: &str) -> io::Result<Option<BoxStream<'static, io::Result<Bytes>>>>;

    /// All files with their sizes; `None` where there is no way to ask for that.
    ///
    /// # Errors
    ///
    /// When the list cannot be read.
    async fn list(&self) -> io::Result<Option<Vec<(String, u64)>>>;
}

/// Why nothing can be imported, or no more.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source cannot be used.
    #[error("{0}")]
    Source(String),
    /// What was imported could not be taken, whatever package it is.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// What was imported could not be published, or the store failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// What became of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// How many files there were to import.
    pub files: usize,
    /// How many the target had already.
    pub present: usize,
    /// How many came.
    pub imported: usize,
    /// What was refused: the path and the reason.
    pub refused: BTreeMap<String, String>,
    /// Files that no source names, and lists of uploads.
    pub left_out: Vec<String>,
    /// What the target does not have in the end, although nothing was said against it.
    pub missing: Vec<String>,
    /// Metadata of the source that is not imported.
    pub metadata: Vec<String>,
}

/// How far the work is.
#[derive(Debug, Default)]
pub struct ImportProgress {
    /// Files that are done with.
    pub done: AtomicU64,
    /// Bytes that were read.
    pub bytes: AtomicU64,
}

/// Imports into some targets of one format.
pub struct Importer<'a> {
    /// Where packages come from.
    pub source: &'a dyn ImportSource,
    /// What takes and publishes them.
    pub publisher: &'a Publisher,
    /// The shared store of the publisher.
    pub store: &'a Arc<dyn Store>,
    /// Where they go.
    pub targets: &'a [Arc<ConfiguredTarget>],
    /// Their format.
    pub format: &'a dyn Format,
    /// The product of all of them, instead of the name of the source package.
    pub product: Option<&'a str>,
    /// The component of all of them, instead of the first one of the repository.
    pub component: Option<&'a str>,
    /// A local directory.
    pub scratch: &'a Path,
    /// How far it is.
    pub progress: &'a ImportProgress,
}

impl Importer<'_> {
    /// Imports what a plan lists.
    ///
    /// # Errors
    ///
    /// When it cannot go on. What came so far stays; another import goes on from there.
    pub async fn run(&self, plan: &ImportPlan) -> Result<Imported, ImportError> {
        let mut done = Imported { files: plan.files.len(), metadata: plan.metadata.clone(), ..Imported::default() };
        let purged = Purged::default();
        purged.refresh(&**self.store).await?;
        let present = self.present().await?;
        let by_path: HashMap<&str, &PlannedFile> = plan.files.iter().map(|file| (file.path.as_str(), file)).collect();
        let mut known: BTreeMap<&str, Sha256> = BTreeMap::new();
        let (mut taken, mut parts) = (BTreeSet::new(), BTreeMap::new());
        let mut batch = Batch::default();
        for file in &plan.files {
            if taken.contains(&file.path) {
                continue;
            }
            if file.sha256.is_some_and(|sha256| present.contains(&sha256)) {
                done.present += 1;
                self.progress.done.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let group = match self.group(&by_path, file, &present).await? {
                Group::Package(group) => group,
                Group::Present(sha256) => {
                    known.insert(&file.path, sha256);
                    done.present += 1;
                    continue;
                }
                Group::Part => {
                    parts.insert(file.path.clone(), ());
                    continue;
                }
                Group::LeftOut => {
                    done.left_out.push(file.path.clone());
                    continue;
                }
                Group::Refused(reason) => {
                    done.refused.insert(file.path.clone(), reason);
                    continue;
                }
            };
            let is_purged = group.iter().any(|one| purged.has_content(&one.received.inspected.file.digests.sha256));
            if is_purged {
                done.refused.insert(file.path.clone(), "its content was purged".to_owned());
                continue;
            }
            taken.extend(group.iter().map(|one| one.path.clone()));
            known.insert(&file.path, group[0].received.inspected.file.digests.sha256);
            if batch.is_full() || batch.has_one_of(&group) {
                self.send(std::mem::take(&mut batch), &mut done).await?;
            }
            batch.add(group);
        }
        self.send(batch, &mut done).await?;
        parts.retain(|path, ()| !taken.contains(path));
        let present = self.present().await?;
        let is_part = |path: &String| parts.contains_key(path);
        for file in &plan.files {
            let sha256 = file.sha256.or_else(|| known.get(file.path.as_str()).copied());
            let is_said = done.refused.contains_key(&file.path) || done.left_out.contains(&file.path);
            let is_there = sha256.is_some_and(|sha256| present.contains(&sha256)) || taken.contains(&file.path);
            match (is_said, is_there) {
                (true, _) | (false, true) => {}
                (false, false) if is_part(&file.path) => done.left_out.push(file.path.clone()),
                (false, false) => done.missing.push(file.path.clone()),
            }
        }
        Ok(done)
    }

    /// The contents that all targets have, of packages and of their parts, also of what is pending there.
    async fn present(&self) -> Result<HashSet<Sha256>, ImportError> {
        let mut all: Option<HashSet<Sha256>> = None;
        for target in self.targets {
            let mut of_target = HashSet::new();
            for repository in target.repositories() {
                let head = Heads(&**self.store).read(&repository).await?.map(|(head, _)| head);
                let applied = head.as_ref().map(|head| head.applied.clone()).unwrap_or_default();
                if let Some(head) = head {
                    let generation = reading::generation(&**self.store, &repository, &head.generation).await?;
                    let damaged = || RepositoryError::generation(&repository);
                    let files = generation.files.visit(|row| {
                        if row.users > 0 {
                            of_target.insert(row.digests.sha256);
                        }
                    });
                    files.map_err(damaged())?;
                    // what RWS signed has other bytes than the source
                    let packages = generation.packages.visit(|row| {
                        of_target.extend(row.signature.map(|signature| signature.uploaded));
                    });
                    packages.map_err(damaged())?;
                }
                for upload in pending::read_outlines(&**self.store, &repository, &applied).await? {
                    for (_, record) in upload.changes_for(&repository) {
                        let files = record.into_iter().flat_map(|record| &record.files);
                        of_target.extend(files.map(|file| file.digests.sha256));
                        of_target.extend(record.and_then(|record| record.uploaded()));
                    }
                }
            }
            all = Some(match all {
                Some(all) => all.intersection(&of_target).copied().collect(),
                None => of_target,
            });
        }
        Ok(all.unwrap_or_default())
    }

    /// Takes and publishes what was received. A package that is refused keeps none of the others out.
    async fn send(&self, mut batch: Batch, done: &mut Imported) -> Result<(), ImportError> {
        while !batch.groups.is_empty() {
            let reception = IncomingFiles::begin(Arc::clone(self.store)).await?.waiting_if(true);
            let files: Vec<ReceivedFile> = batch.groups.iter().flatten().map(|one| one.received.clone()).collect();
            let to = Destination::all(self.targets, Requester::unlimited(&ACTOR));
            let refused = match intake::accept(reception, to, files).await {
                Ok(accepted) => {
                    for repository in &accepted.repositories {
                        while self.publisher.reconcile(repository, Triggers::NONE).await?.has_more {}
                    }
                    done.imported += batch.groups.len();
                    return Ok(());
                }
                Err(IntakeError::Refused(refusal)) => (refusal.file.clone(), refusal.to_string()),
                Err(error) if batch.groups.len() == 1 && error.is_of_package() => {
                    done.refused.insert(batch.groups[0][0].path.clone(), error.to_string());
                    return Ok(());
                }
                Err(error) if error.is_of_package() => {
                    // which one is not said: each by itself
                    for group in std::mem::take(&mut batch.groups) {
                        Box::pin(self.send(Batch::of(group), done)).await?;
                    }
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            let (file, reason) = refused;
            let names = |one: &receive::Received| one.received.inspected.file.name.as_str() == file;
            let Some(at) = batch.groups.iter().position(|group| group.iter().any(names)) else {
                return Err(ImportError::Source(reason));
            };
            let group = batch.groups.remove(at);
            done.refused.insert(group[0].path.clone(), reason);
        }
        Ok(())
    }
}

/// What is sent together.
#[derive(Default)]
struct Batch {
    groups: Vec<Vec<receive::Received>>,
    bytes: u64,
}

impl Batch {
    fn of(group: Vec<receive::Received>) -> Self {
        let mut batch = Self::default();
        batch.add(group);
        batch
    }

    fn is_full(&self) -> bool {
        self.groups.len() >= BATCH_PACKAGES || self.bytes >= BATCH_BYTES
    }

    /// Whether a file of one of these names is in it: an upload has each name once.
    fn has_one_of(&self, group: &[receive::Received]) -> bool {
        let name = |one: &receive::Received| one.received.inspected.file.name.clone();
        let names: HashSet<_> = group.iter().map(name).collect();
        self.groups.iter().flatten().any(|one| names.contains(&name(one)))
    }

    fn add(&mut self, group: Vec<receive::Received>) {
        self.bytes += group.iter().map(|one| one.received.inspected.file.size_bytes).sum::<u64>();
        self.groups.push(group);
    }
}
