//! Earlier generations: which there are, what tells two of them apart, and which one is meant.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rws_model::{Identity, RepositoryId};
use rws_store::Store;

use crate::actor::Actor;
use crate::catalogue::ConfiguredTarget;
use crate::error::RepositoryError;
use crate::generation::{Generation, Head, Heads, PackageRow, path_order};
use crate::plan::join;
use crate::selection::{PlannedPackage, RepositoryPlan};
use crate::{GenerationId, UploadId, reading};

/// So many uploads of a commit are named.
const MAX_UPLOADS: usize = 100;

/// A state of a repository, as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PastState {
    /// A generation.
    Generation(GenerationId),
    /// The generation that was current at this time, in seconds since 1970.
    At(i64),
    /// What a pin of this name names, see [`crate::pin::state`].
    Pinned(String, Arc<BTreeMap<RepositoryId, GenerationId>>),
}

impl PastState {
    /// Reads `20261122T133000Z-1a2b3c4d` or `20261122T133000Z`; `None` for all else, such as the name of a pin.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(id) = GenerationId::parse(text) {
            return Some(Self::Generation(id));
        }
        let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
        let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        // one writing for each time
        let timestamp: Timestamp = time.timestamp();
        (timestamp.strftime("%Y%m%dT%H%M%SZ").to_string() == text).then(|| Self::At(timestamp.as_second()))
    }
}

/// Why there is no such state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoState {
    /// The repository has never had it, or not kept it.
    #[error(
        "{repository} does not have generation {generation}: it is not kept any more, or was another repository's."
    )]
    NotKept {
        /// The repository.
        repository: RepositoryId,
        /// What was asked for.
        generation: String,
    },
    /// There was no such repository yet.
    #[error("{repository} was published for the first time after {time}.")]
    NotYet {
        /// The repository.
        repository: RepositoryId,
        /// The time that was asked for.
        time: String,
    },
    /// The pin says nothing of the repository.
    #[error("The pin {pin} does not have {repository}.")]
    NotPinned {
        /// The repository.
        repository: RepositoryId,
        /// The name of the pin.
        pin: String,
    },
    /// The time is to come, or not over yet.
    #[error("{time} is in the future, or not over yet.")]
    Future {
        /// The time.
        time: String,
    },
}

/// One state of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its name.
    pub generation: GenerationId,
    /// When it was published, in seconds since 1970.
    pub published_at: i64,
    /// When another one took its place, in seconds since 1970; `None` for the current one.
    pub replaced_at: Option<i64>,
}

/// All states that a head keeps, newest first.
pub fn states(head: &Head) -> Vec<State> {
    let current = State { generation: head.generation.clone(), published_at: head.published_at, replaced_at: None };
    let past = head.history.iter().map(|past| State {
        generation: past.generation.clone(),
        published_at: past.published_at,
        replaced_at: Some(past.replaced_at),
    });
    [current].into_iter().chain(past).collect()
}

/// The generation that is meant. `now` is in seconds since 1970.
///
/// # Errors
///
/// When there is none, or none any more.
pub fn resolve(head: &Head, state: &PastState, now: i64) -> Result<GenerationId, NoState> {
    let not_kept = |generation: String| NoState::NotKept { repository: head.repository.clone(), generation };
    let states = states(head);
    let kept = |id: &GenerationId| {
        let is_kept = states.iter().any(|state| state.generation == *id);
        if is_kept { Ok(id.clone()) } else { Err(not_kept(id.to_string())) }
    };
    match state {
        PastState::Generation(id) => kept(id),
        PastState::Pinned(pin, generations) => match generations.get(&head.repository) {
            Some(id) => kept(id),
            None => Err(NoState::NotPinned { repository: head.repository.clone(), pin: pin.clone() }),
        },
        PastState::At(time) => {
            let written = Timestamp::from_second(*time).map_or_else(|_| time.to_string(), |time| time.to_string());
            // within a second something may still be published
            if *time >= now {
                return Err(NoState::Future { time: written });
            }
            if head.first_published_at.is_some_and(|first| *time < first) {
                return Err(NoState::NotYet { repository: head.repository.clone(), time: written });
            }
            let was_current =
                |state: &State| state.published_at <= *time && state.replaced_at.is_none_or(|until| *time < until);
            let found = states.into_iter().find(was_current);
            found.map(|state| state.generation).ok_or_else(|| not_kept(format!("of {written}")))
        }
    }
}

/// A repository's head; `None` for one that was never published.
///
/// # Errors
///
/// When the store fails, or the head is damaged.
pub async fn head(store: &dyn Store, repository: &RepositoryId) -> Result<Option<Head>, RepositoryError> {
    Ok(Heads(store).read(repository).await?.map(|(head, _)| head))
}

/// What a generation has that another one does not have. The generation of the plan is the older one.
///
/// # Errors
///
/// When the store fails, or a manifest is damaged.
pub async fn difference(
    store: &dyn Store,
    target: &ConfiguredTarget,
    repository: &RepositoryId,
    (from, to): (&GenerationId, &GenerationId),
) -> Result<RepositoryPlan, RepositoryError> {
    let from = reading::generation(store, repository, from).await?;
    let to = reading::generation(store, repository, to).await?;
    let mut plan = RepositoryPlan { generation: Some(from.id.clone()), ..RepositoryPlan::default() };
    for (identity, (before, after)) in changed(&from, &to)? {
        plan.metadata.extend(metadata_kind(&identity));
        match (before, after) {
            (None, Some(row)) => plan.added.extend(planned(target, &to, &row)?),
            (Some(row), None) => plan.removed.extend(planned(target, &from, &row)?),
            (Some(_), Some(row)) => plan.replaced.extend(planned(target, &to, &row)?),
            (None, None) => {}
        }
    }
    plan.unchanged = packages(target, &to)?.saturating_sub(plan.added.len() + plan.replaced.len());
    Ok(plan)
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// How many packages the generation has.
    pub packages: usize,
    /// The uploads that the generation before did not contain, the first of them, each with who asked for it where that is known.
    pub uploads: Vec<(UploadId, Option<Actor>)>,
    /// How many packages came, got other content, and went; `None` where the generation before is not kept.
    pub changes: Option<CommitChanges>,
}

/// How many packages a commit changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitChanges {
    /// Those that came.
    pub added: usize,
    /// Those that got other content.
    pub replaced: usize,
    /// Those that went.
    pub removed: usize,
}

/// What the commit of a generation did; `before` is the generation before it.
///
/// # Errors
///
/// When the store fails, or a manifest is damaged.
pub async fn commit(
    store: &dyn Store,
    target: &ConfiguredTarget,
    repository: &RepositoryId,
    (before, id): (Option<&GenerationId>, &GenerationId),
) -> Result<Commit, RepositoryError> {
    let is_package = |identity: &str| target.format.package_name(&Identity(identity.to_owned()), None).is_some();
    let generation = reading::generation(store, repository, id).await?;
    let packages = packages(target, &generation)?;
    let changes = match before {
        None => None,
        Some(before) => {
            let before = reading::generation(store, repository, before).await?;
            let mut changes = CommitChanges::default();
            for (identity, change) in changed(&before, &generation)? {
                match change {
                    _ if !is_package(&identity) => {}
                    (None, _) => changes.added += 1,
                    (Some(_), Some(_)) => changes.replaced += 1,
                    (Some(_), None) => changes.removed += 1,
                }
            }
            Some(changes)
        }
    };
    let mut uploads = Vec::new();
    for id in generation.uploads.iter().take(MAX_UPLOADS) {
        let upload = reading::upload(store, id).await?;
        uploads.push((id.clone(), upload.and_then(|upload| upload.actor)));
    }
    Ok(Commit { packages, uploads, changes })
}

/// The kind of metadata that an identity is of ([`rws_model::UploadFormat::metadata_identity`]).
pub(crate) fn metadata_kind(identity: &str) -> Option<String> {
    identity.strip_prefix("metadata ").map(str::to_owned)
}

/// How many packages a generation has.
pub(crate) fn packages(target: &ConfiguredTarget, generation: &Generation) -> Result<usize, RepositoryError> {
    let rows = generation.packages.all().map_err(RepositoryError::generation(&generation.repository))?;
    let is_package = |row: &&PackageRow| target.format.package_name(&Identity(row.identity.clone()), None).is_some();
    Ok(rows.iter().filter(is_package).count())
}

/// Rows by their identities: as they are in one generation, and in another one.
pub(crate) type ChangedRows = BTreeMap<String, (Option<PackageRow>, Option<PackageRow>)>;

/// The rows of two generations that differ in their files.
pub(crate) fn changed(from: &Generation, to: &Generation) -> Result<ChangedRows, RepositoryError> {
    let rows = |generation: &Generation| {
        let all = generation.packages.all().map_err(RepositoryError::generation(&generation.repository))?;
        Ok::<_, RepositoryError>(all.into_iter().map(|row| (row.identity.clone(), row)).collect::<BTreeMap<_, _>>())
    };
    let (before, mut after) = (rows(from)?, rows(to)?);
    let mut changed = BTreeMap::new();
    for (identity, row) in before {
        let now = after.remove(&identity);
        let is_same = match &now {
            Some(now) => files_of(from, &row)? == files_of(to, now)?,
            None => false,
        };
        if !is_same {
            changed.insert(identity, (Some(row), now));
        }
    }
    changed.extend(after.into_iter().map(|(identity, row)| (identity, (None, Some(row)))));
    Ok(changed)
}

/// Whether two rows have the same files.
pub(crate) fn is_same(
    (before, was): (&Generation, &PackageRow),
    (after, row): (&Generation, &PackageRow),
) -> Result<bool, RepositoryError> {
    Ok(files_of(before, was)? == files_of(after, row)?)
}

/// The paths and contents of a package's files.
fn files_of(
    generation: &Generation,
    row: &PackageRow,
) -> Result<Vec<(String, Option<rws_model::Sha256>)>, RepositoryError> {
    let mut files = Vec::new();
    for name in &row.files {
        let path = join(&row.directory, name.as_str());
        let file = generation.files.get(&path, &path_order);
        let file = file.map_err(RepositoryError::generation(&generation.repository))?;
        files.push((path, file.map(|file| file.digests.sha256)));
    }
    Ok(files)
}

/// A row as a plan names it; `None` for what is no package.
pub(crate) fn planned(
    target: &ConfiguredTarget,
    generation: &Generation,
    row: &PackageRow,
) -> Result<Option<PlannedPackage>, RepositoryError> {
    let (package, file) =
        (target.format.package_name(&Identity(row.identity.clone()), row.files.first()), row.files.first());
    let (Some(package), Some(file)) = (package, file) else { return Ok(None) };
    let own = files_of(generation, row)?.into_iter().next().and_then(|(_, content)| content);
    let sha256 = row.signature.as_ref().map(|signature| signature.uploaded).or(own);
    Ok(sha256.map(|sha256| PlannedPackage { package, file: file.clone(), sha256 }))
}
