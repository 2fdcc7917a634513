//! Rolling back: a new generation with the packages of an earlier one, as one upload of what differs. The files that come back are
//! copied before it is promised, so that the earlier generation may go meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use rws_model::{Entry, FileName, Identity, ROOT, Record, RepositoryId, Role, Sha256};
use rws_store::{Key, Store};

use crate::actor::Actor;
use crate::catalogue::ConfiguredTarget;
use crate::error::{IntakeError, RepositoryError};
use crate::generation::{Generation, PackageRow};
use crate::history::{self, ChangedRows, NoState, PastState};
use crate::intake::{self, Accepted, FileLocation};
use crate::plan::join;
use crate::reception::IncomingFiles;
use crate::selection::{ChangePlan, RepositoryPlan};
use crate::stored_files;
use crate::stored_packages::StoredPackages;
use crate::upload::{RemovedFile, UploadBuilder};
use crate::{GenerationId, private, reading};

/// How many packages are read at once.
const READS_AT_ONCE: usize = 8;

/// Why nothing was rolled back.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// The repositories have no such state.
    #[error(transparent)]
    NoState(#[from] NoState),
    /// None of the repositories was ever published.
    #[error("{0} has no generation.")]
    Unpublished(String),
    /// A package of the earlier generation cannot be read any more.
    #[error("{path} cannot be restored: {reason}. RWS changed nothing.")]
    Unreadable {
        /// The public path of its file.
        path: String,
        /// Why.
        reason: String,
    },
    /// As for uploads.
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

impl From<RepositoryError> for RollbackError {
    fn from(error: RepositoryError) -> Self {
        Self::Intake(error.into())
    }
}

/// What one repository had then, and what differs from what it has now.
struct Step {
    repository: RepositoryId,
    then: Generation,
    changed: ChangedRows,
    /// The own files of packages that go, by their identities.
    removed: BTreeMap<String, RemovedFile>,
}

/// What rolling back would do.
pub struct PlannedRollback<'a> {
    target: &'a Arc<ConfiguredTarget>,
    steps: Vec<Step>,
    /// What would change.
    pub plan: ChangePlan,
    /// The current generations of all repositories that were looked at.
    pub generations: BTreeMap<RepositoryId, Option<GenerationId>>,
}

/// Plans to bring repositories of a target back to a state: nothing is changed. A repository that is named has to have that state;
/// of all repositories of a target those are meant that have it.
///
/// # Errors
///
/// When there is no such state, or the store fails.
pub async fn plan<'a>(
    store: &dyn Store,
    target: &'a Arc<ConfiguredTarget>,
    repository: Option<&RepositoryId>,
    state: &PastState,
) -> Result<PlannedRollback<'a>, RollbackError> {
    let now = store.clock_milliseconds().await.map_err(IntakeError::from)? / 1000;
    let repositories = repository.map_or_else(|| target.repositories(), |one| vec![one.clone()]);
    let (mut steps, mut plan, mut generations) = (Vec::new(), ChangePlan::new(), BTreeMap::new());
    let mut no_state = None;
    for repository in repositories {
        let Some(head) = history::head(store, &repository).await? else { continue };
        generations.insert(repository.clone(), Some(head.generation.clone()));
        let id = match history::resolve(&head, state, now) {
            Ok(id) => id,
            Err(error) => {
                no_state.get_or_insert(error);
                continue;
            }
        };
        let now = reading::generation(store, &repository, &head.generation).await?;
        let then = reading::generation(store, &repository, &id).await?;
        let changed = history::changed(&now, &then)?;
        let mut removed = BTreeMap::new();
        let mut planned = RepositoryPlan { generation: Some(now.id.clone()), ..RepositoryPlan::default() };
        for (identity, change) in &changed {
            planned.metadata.extend(history::metadata_kind(identity));
            match change {
                (None, Some(row)) => planned.added.extend(history::planned(target, &then, row)?),
                (Some(row), None) => {
                    let package = history::planned(target, &now, row)?;
                    removed.extend(package.iter().map(|package| (row.identity.clone(), package.own_file())));
                    planned.removed.extend(package);
                }
                (Some(_), Some(row)) => planned.replaced.extend(history::planned(target, &then, row)?),
                (None, None) => {}
            }
        }
        planned.unchanged =
            history::packages(target, &then)?.saturating_sub(planned.added.len() + planned.replaced.len());
        if !changed.is_empty() {
            plan.insert(repository.clone(), planned);
            steps.push(Step { repository, then, changed, removed });
        }
    }
    if let Some(error) = ambiguous(target, &plan) {
        return Err(error);
    }
    // a generation is that of one repository; a time that one repository does not reach back to is none of the target
    let is_of_one = matches!(state, PastState::Generation(_)) && generations.len() > 1;
    let is_found = !plan.is_empty() || no_state.is_none();
    match no_state {
        Some(error) if !(is_of_one && is_found) => Err(error.into()),
        _ if generations.is_empty() => {
            Err(RollbackError::Unpublished(repository.map_or_else(|| target.target.to_string(), ToString::to_string)))
        }
        _ => Ok(PlannedRollback { target, steps, plan, generations }),
    }
}

/// Files of one upload have one name each: several packages with the same name and other content cannot come back together.
fn ambiguous(target: &ConfiguredTarget, plan: &ChangePlan) -> Option<RollbackError> {
    // those that RWS signs have their digests in their names
    if target.signs_packages() {
        return None;
    }
    let mut contents: BTreeMap<&FileName, Sha256> = BTreeMap::new();
    let restored = plan.values().flat_map(|plan| plan.added.iter().chain(&plan.replaced));
    for package in restored {
        if contents.insert(&package.file, package.sha256).is_some_and(|other| other != package.sha256) {
            let reason = "several packages with this file name and other content come back at once".to_owned();
            return Some(RollbackError::Unreadable { path: package.file.to_string(), reason });
        }
    }
    None
}

impl PlannedRollback<'_> {
    /// Copies the files that come back, and promises the upload.
    ///
    /// # Errors
    ///
    /// When a file is not there any more, and as for any upload. Then nothing of it counts.
    pub async fn carry_out(self, store: &Arc<dyn Store>, actor: &Actor) -> Result<Accepted, RollbackError> {
        let reception = IncomingFiles::begin(Arc::clone(store)).await?;
        let mut upload = UploadBuilder::new(reception.id().clone(), actor);
        let mut files: BTreeMap<Key, (FileLocation, Sha256)> = BTreeMap::new();
        for Step { repository, then, changed, mut removed } in self.steps {
            let mut restored = Vec::new();
            for (identity, (_, row)) in changed {
                match row {
                    Some(row) => restored.push(row),
                    None => {
                        let was = removed.remove(&identity);
                        upload.remove(Identity(identity), repository.clone(), was);
                    }
                }
            }
            let packages = StoredPackages {
                store,
                target: self.target,
                repository: &repository,
                generation: &then,
                depth: self.target.depth(),
            };
            let mut reading = stream::iter(restored).map(|row| restore(&packages, row)).buffered(READS_AT_ONCE);
            while let Some((record, locations)) = reading.try_next().await? {
                for (file, location) in record.files.iter().zip(locations) {
                    let key = private::record_file(reception.id(), &record, file);
                    let content = file.digests.sha256;
                    let former = files.insert(key.clone(), (location, content));
                    if former.is_some_and(|(_, other)| other != content) {
                        let reason = "several packages with this file name and other content come back at once";
                        let path = packages.public(&join(&record.directory, file.name.as_str()));
                        return Err(RollbackError::Unreadable { path, reason: reason.to_owned() });
                    }
                }
                upload.add(record, std::slice::from_ref(&repository));
            }
        }
        let files = files.into_iter().map(|(key, (location, _))| (key, location)).collect();
        Ok(intake::restore(reception, upload.finish(), files).await?)
    }
}

/// The record of a package of an earlier generation, and where its files are.
pub(crate) async fn restore(
    packages: &StoredPackages<'_>,
    row: PackageRow,
) -> Result<(Record, Vec<FileLocation>), RollbackError> {
    let unreadable =
        |path: &str, reason: String| RollbackError::Unreadable { path: format!("/{}", packages.public(path)), reason };
    let (mut locations, mut record) = (Vec::new(), None);
    let is_package = row.indexed_by().is_some();
    for name in &row.files {
        let path = join(&row.directory, name.as_str());
        if !is_package {
            locations.push(
                location(packages, &path)
                    .await?
                    .ok_or_else(|| unreadable(&path, "it does not exist any more".to_owned()))?,
            );
            continue;
        }
        let read = packages.read(&path).await?.map_err(|reason| unreadable(&path, reason))?;
        let key = Key::parse(&packages.public(&path));
        let key = key.ok_or_else(|| unreadable(&path, "it is no file name".to_owned()))?;
        locations.push(FileLocation::Store(key, read.version.clone()));
        if record.is_none() && matches!(read.inspected.role, Role::Binary | Role::Source) {
            let beside = |path: &str| packages.file(path).ok().flatten().and_then(|row| row.as_record_file());
            let made = stored_files::assemble(packages.target, &read, &beside);
            record = Some(made.map_err(|refusal| unreadable(&path, refusal.reason))?);
        }
    }
    let identity = Identity(row.identity.clone());
    let record = match record {
        Some(record) => Record { identity, signature: row.signature, ..record },
        None if !is_package => {
            let text = packages.generation.root_entries.get(&row.identity).cloned();
            let entry = |text| Entry { partition: ROOT.to_owned(), text };
            let mut files = Vec::new();
            for name in &row.files {
                let file = packages.file(&join(&row.directory, name.as_str()))?;
                files.extend(file.and_then(|file| file.as_record_file()));
            }
            let entries = text.map(entry).into_iter().collect();
            Record { identity, directory: row.directory, files, entries, renderer: row.renderer, signature: None }
        }
        None => return Err(unreadable(&row.directory, "it has no file of a package".to_owned())),
    };
    let carried = packages.target.format.carried(&record, &row.entries);
    Ok((carried.unwrap_or(record), locations))
}

/// Where a file is that is no package; `None` where it is gone.
async fn location(packages: &StoredPackages<'_>, path: &str) -> Result<Option<FileLocation>, RollbackError> {
    let Some(key) = Key::parse(&packages.public(path)) else { return Ok(None) };
    let stat = packages.store.stat(&key).await.map_err(IntakeError::from)?;
    Ok(stat.map(|stat| FileLocation::Store(key, stat.version)))
}
