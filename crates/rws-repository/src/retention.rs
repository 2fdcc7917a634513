//! Retention: packages that a rule keeps no longer are removed, as one upload for a target. Of each package the newest version
//! stays in any case. A source goes with the last package that was built from it.

use std::collections::{BTreeMap, BTreeSet};

use rws_model::{Identity, PackageName, RepositoryId, glob_matches, sha256};
use rws_store::Store;
use uuid::Uuid;

use crate::actor::Actor;
use crate::catalogue::ConfiguredTarget;
use crate::error::{IntakeError, RepositoryError};
use crate::generation::{Generation, Head, Heads, PackageRow};
use crate::history;
use crate::intake::{Accepted, announce};
use crate::plan::join;
use crate::release::is_reserved;
use crate::selection::{ChangePlan, PlannedPackage, RepositoryPlan};
use crate::sources::built_from;
use crate::upload::{RemovedFile, Upload};
use crate::{GenerationId, UploadId, private, reading};

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Replicas that apply the same rule to the same generations within this time make one upload.
const SAME_MILLISECONDS: i64 = 60 * 60 * 1000;

/// Which packages of a target are kept. What none of it names is kept for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Of each name and architecture so many versions are kept, by the order of the format; at least one.
    pub newest: usize,
    /// What was published within so many days is kept, too.
    pub days: Option<u32>,
    /// Patterns of names that the rule is for.
    pub names: Vec<String>,
}

/// What a rule would remove.
pub struct PlannedRetention {
    removed: BTreeMap<RepositoryId, BTreeMap<String, Option<RemovedFile>>>,
    /// What would change.
    pub plan: ChangePlan,
    /// The current generations of the repositories that would change.
    pub generations: BTreeMap<RepositoryId, GenerationId>,
}

/// One repository of the target.
struct Part {
    repository: RepositoryId,
    head: Head,
    generation: Generation,
    rows: Vec<PackageRow>,
}

/// What the rule of a target would remove; `None` where it has none.
///
/// # Errors
///
/// When the store fails, or a repository is damaged.
pub async fn plan(store: &dyn Store, target: &ConfiguredTarget) -> Result<Option<PlannedRetention>, RepositoryError> {
    let Some(rule) = &target.retention else { return Ok(None) };
    let now = store.clock_milliseconds().await? / 1000;
    let parts = parts(store, target).await?;
    let mut removed: BTreeMap<RepositoryId, BTreeSet<String>> = BTreeMap::new();
    for part in &parts {
        let old = outdated(target, rule, &part.rows);
        let old = match rule.days {
            Some(days) if !old.is_empty() => {
                let before = now - i64::from(days) * DAY_SECONDS;
                published_before(store, target, &part.repository, old, before * 1000).await?
            }
            _ => old,
        };
        let identities = old.into_iter().map(|row| row.identity.clone()).collect();
        removed.insert(part.repository.clone(), identities);
    }
    if removed.values().any(|identities| !identities.is_empty()) {
        for (repository, identity) in sources(store, target, &parts, &removed).await? {
            removed.entry(repository).or_default().insert(identity);
        }
    }
    let mut planned =
        PlannedRetention { removed: BTreeMap::new(), plan: ChangePlan::new(), generations: BTreeMap::new() };
    for part in &parts {
        let Some(identities) = removed.get(&part.repository).filter(|identities| !identities.is_empty()) else {
            continue;
        };
        let mut plan = RepositoryPlan { generation: Some(part.generation.id.clone()), ..RepositoryPlan::default() };
        let mut files = BTreeMap::new();
        for row in part.rows.iter().filter(|row| identities.contains(&row.identity)) {
            let planned = history::planned(target, &part.generation, row)?;
            files.insert(row.identity.clone(), planned.as_ref().map(PlannedPackage::own_file));
            plan.removed.extend(planned);
        }
        plan.unchanged = part.rows.len() - identities.len();
        planned.plan.insert(part.repository.clone(), plan);
        planned.generations.insert(part.repository.clone(), part.head.generation.clone());
        planned.removed.insert(part.repository.clone(), files);
    }
    Ok(Some(planned))
}

/// Promises what plans would remove, as one upload; `None` where there is nothing to do, or another replica does it.
///
/// # Errors
///
/// What the store fails with.
pub async fn carry_out(
    store: &dyn Store,
    plans: Vec<PlannedRetention>,
    actor: &Actor,
) -> Result<Option<Accepted>, IntakeError> {
    let mut removed = BTreeMap::new();
    // the same for all who plan the same on the same generations
    let mut said = String::new();
    for plan in plans {
        for (repository, identities) in plan.removed {
            let names = identities.keys();
            said.push_str(&format!("{repository} {:?} {names:?}\n", plan.generations.get(&repository)));
            removed.insert(repository, identities);
        }
    }
    if removed.is_empty() {
        return Ok(None);
    }
    let now = store.clock_milliseconds().await?;
    let random = sha256(said.as_bytes()).bytes().first_chunk().copied().unwrap_or_default();
    let id = UploadId::new(now - now.rem_euclid(SAME_MILLISECONDS), Uuid::from_bytes(random));
    if store.stat(&private::upload(&id)).await?.is_some() {
        return Ok(None);
    }
    let mut upload = Upload::new(id, actor);
    for (repository, identities) in removed {
        for (identity, was) in identities {
            upload.remove(Identity(identity), repository.clone(), was);
        }
    }
    announce(store, upload).await.map(Some)
}

async fn parts(store: &dyn Store, target: &ConfiguredTarget) -> Result<Vec<Part>, RepositoryError> {
    let mut parts = Vec::new();
    for repository in target.repositories() {
        let Some((head, _)) = Heads(store).read(&repository).await? else { continue };
        let generation = reading::generation(store, &repository, &head.generation).await?;
        let rows = generation.packages.all().map_err(RepositoryError::generation(&repository))?;
        parts.push(Part { repository, head, generation, rows });
    }
    Ok(parts)
}

/// The source that a row is; `None` for all others.
fn source_name(target: &ConfiguredTarget, row: &PackageRow) -> Option<String> {
    target.format.source_name(&Identity(row.identity.clone()), row.files.first()?)
}

/// The packages that are older than the newest ones, whenever they were published.
fn outdated<'r>(target: &ConfiguredTarget, rule: &Retention, rows: &'r [PackageRow]) -> Vec<&'r PackageRow> {
    let mut versions: BTreeMap<(String, String), Vec<(Identity, &PackageRow)>> = BTreeMap::new();
    for row in rows {
        let identity = Identity(row.identity.clone());
        let Some(PackageName { name, architecture, .. }) = target.format.package_name(&identity, None) else {
            continue;
        };
        let is_meant = rule.names.iter().any(|pattern| glob_matches(pattern, &name));
        if is_meant && source_name(target, row).is_none() && !is_reserved(target, &identity) {
            versions.entry((name, architecture)).or_default().push((identity, row));
        }
    }
    let mut old = Vec::new();
    for mut rows in versions.into_values() {
        rows.sort_by(|(left, _), (right, _)| target.format.compare(right, left));
        old.extend(rows.into_iter().skip(rule.newest.max(1)).map(|(_, row)| row));
    }
    old
}

/// Those whose own file was published before a time, in milliseconds since 1970. One whose time is not known is none.
async fn published_before<'r>(
    store: &dyn Store,
    target: &ConfiguredTarget,
    repository: &RepositoryId,
    rows: Vec<&'r PackageRow>,
    before: i64,
) -> Result<Vec<&'r PackageRow>, RepositoryError> {
    let layout = target.format.layout(repository);
    let packages = join(&layout.tree, &layout.packages);
    let times: BTreeMap<String, i64> = store
        .list(&format!("{}/", packages.trim_end_matches('/')))
        .await?
        .into_iter()
        .map(|listed| (listed.key.to_string(), listed.stat.modified_milliseconds))
        .collect();
    let is_old = |row: &&PackageRow| {
        let path = row.files.first().map(|name| join(&layout.tree, &join(&row.directory, name.as_str())));
        path.and_then(|path| times.get(&path)).is_some_and(|time| *time < before)
    };
    Ok(rows.into_iter().filter(is_old).collect())
}

/// The sources of which packages go, and none stays.
async fn sources(
    store: &dyn Store,
    target: &ConfiguredTarget,
    parts: &[Part],
    removed: &BTreeMap<RepositoryId, BTreeSet<String>>,
) -> Result<Vec<(RepositoryId, String)>, RepositoryError> {
    let named = |part: &Part| {
        let of_row =
            |row: &PackageRow| Some((part.repository.clone(), row.identity.clone(), source_name(target, row)?));
        part.rows.iter().filter_map(of_row).collect::<Vec<_>>()
    };
    let sources: Vec<_> = parts.iter().flat_map(named).collect();
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let (mut going, mut staying) = (BTreeSet::new(), BTreeSet::new());
    for part in parts {
        let of_files = built_from(store, target, &part.repository, &part.head).await?;
        let goes = removed.get(&part.repository);
        for row in &part.rows {
            let Some(name) = row.files.first() else { continue };
            let Some(Some(source)) = of_files.get(&join(&row.directory, name.as_str())) else { continue };
            let goes = goes.is_some_and(|identities| identities.contains(&row.identity));
            if goes {
                going.insert(source.clone())
            } else {
                staying.insert(source.clone())
            };
        }
    }
    let goes = |source: &String| going.contains(source) && !staying.contains(source);
    Ok(sources
        .into_iter()
        .filter(|(.., source)| goes(source))
        .map(|(repository, identity, _)| (repository, identity))
        .collect())
}
