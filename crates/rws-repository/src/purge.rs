//! Purging: the bytes of a leaked secret leave every state of every repository, also pinned ones.
//!
//! The record of a purge is written first. From then on the sweep of any replica takes the package out of repositories that have it and
//! deletes its bytes, whatever refers to them; uploads of these bytes are refused, and their addresses answer that they are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use futures::TryStreamExt;
use rws_model::{ContentDigester, Identity, RepositoryId, Sha256};
use rws_store::{Condition, Key, ObjectClass, Span, Store, Write};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::catalogue::{Catalogue, ConfiguredTarget};
use crate::error::{IntakeError, RepositoryError};
use crate::generation::{Generation, Heads};
use crate::intake::{Accepted, announce};
use crate::plan::join;
use crate::selection::{PlannedPackage, Selector};
use crate::upload::{RemovedFile, Upload};
use crate::{GenerationId, UploadId, disk_format, history, private, reading};

/// When all replicas know of a purge, in seconds.
const KNOWN_TO_ALL: i64 = 10 * 60;

/// The record of a purge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PurgeRecord {
    format: u32,
    /// The content that goes.
    sha256: Sha256,
    /// The public paths at which it was.
    paths: BTreeSet<String>,
    /// When it was asked for, in seconds since 1970.
    at: i64,
    /// Who asked for it.
    user: Option<String>,
    /// Whether nothing is left to do.
    done: bool,
}

/// What is to be purged.
pub enum Choice<'a> {
    /// Files with this content.
    Digests(BTreeSet<Sha256>),
    /// The files of packages of some targets, in whatever state, and their bytes wherever else they are.
    Packages(&'a [Arc<ConfiguredTarget>], Vec<Selector>),
}

/// A file that a purge would delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgedFile {
    /// Its content.
    pub sha256: Option<Sha256>,
    /// The repositories that have it now.
    pub current: BTreeSet<RepositoryId>,
    /// The earlier generations that have it.
    pub earlier: BTreeMap<RepositoryId, Vec<GenerationId>>,
}

/// The files of a purge by their public paths.
pub type PurgePlan = BTreeMap<String, PurgedFile>;

/// What was purged, in memory.
#[derive(Debug, Default)]
pub struct Purged {
    known: RwLock<BTreeMap<Sha256, PurgeRecord>>,
}

impl Purged {
    /// Whether files with this content are refused.
    pub fn has_content(&self, sha256: &Sha256) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).contains_key(sha256)
    }

    /// Whether a file was purged at a public path.
    pub fn has_path(&self, path: &str) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().any(|record| record.paths.contains(path))
    }

    /// Reads the records that are not known yet.
    ///
    /// # Errors
    ///
    /// When the store fails, or a record is damaged.
    pub async fn refresh(&self, store: &dyn Store) -> Result<(), RepositoryError> {
        for listed in store.list(private::PURGED).await? {
            let known = private::purged_content(&listed.key).and_then(|sha256| self.record(&sha256));
            if known.is_none_or(|record| !record.done)
                && let Some((record, _)) = reading::json::<PurgeRecord>(store, &listed.key).await?
            {
                self.note(record);
            }
        }
        Ok(())
    }

    fn record(&self, sha256: &Sha256) -> Option<PurgeRecord> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(sha256).cloned()
    }

    fn note(&self, record: PurgeRecord) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(record.sha256, record);
    }

    fn unfinished(&self) -> BTreeMap<Sha256, PurgeRecord> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().filter(|(_, record)| !record.done).map(|(sha256, record)| (*sha256, record.clone())).collect()
    }
}

/// What a purge would delete, and the contents that are meant, also those that no repository has: nothing is changed.
///
/// # Errors
///
/// When the store fails, or a generation is damaged.
pub async fn plan(
    store: &dyn Store,
    catalogue: &Catalogue,
    choice: Choice<'_>,
) -> Result<(PurgePlan, BTreeSet<Sha256>), RepositoryError> {
    let digests = match choice {
        Choice::Digests(digests) => digests,
        Choice::Packages(targets, selectors) => {
            let mut digests = BTreeSet::new();
            for target in targets {
                for repository in target.repositories() {
                    for (id, _) in states(store, &repository).await? {
                        let generation = reading::generation(store, &repository, &id).await?;
                        digests.extend(selected(target, &generation, &selectors)?);
                    }
                }
            }
            digests
        }
    };
    let mut digests = digests;
    // a package that RWS signed has two contents, and another repository may have either
    loop {
        let before = digests.len();
        let plan = look(store, catalogue, &mut digests).await?;
        if digests.len() == before {
            return Ok((plan, digests));
        }
    }
}

/// The files with some contents, to which those are added that their packages have besides.
async fn look(
    store: &dyn Store,
    catalogue: &Catalogue,
    digests: &mut BTreeSet<Sha256>,
) -> Result<PurgePlan, RepositoryError> {
    let wanted = digests.clone();
    let mut plan = PurgePlan::new();
    for (repository, _) in Heads(store).list().await? {
        let Some(target) = catalogue.repository(&repository) else { continue };
        let tree = target.format.layout(&repository).tree;
        for (id, is_current) in states(store, &repository).await? {
            // one after the other: each is in memory as a whole
            let generation = reading::generation(store, &repository, &id).await?;
            let found = found(&generation, &wanted)?;
            digests.extend(found.contents);
            for (path, sha256) in found.files {
                let file = plan.entry(join(&tree, &path)).or_default();
                file.sha256 = Some(sha256);
                if is_current {
                    file.current.insert(repository.clone());
                } else {
                    file.earlier.entry(repository.clone()).or_default().push(generation.id.clone());
                }
            }
        }
    }
    Ok(plan)
}

/// Writes the records of a purge: from now on it will be carried out, whoever dies. `also` are contents without a path.
///
/// # Errors
///
/// When the store fails.
pub async fn record(
    store: &dyn Store,
    purged: &Purged,
    plan: &PurgePlan,
    also: &BTreeSet<Sha256>,
    actor: &Actor,
) -> Result<(), RepositoryError> {
    let at = store.clock_milliseconds().await? / 1000;
    let mut contents: BTreeMap<Sha256, BTreeSet<String>> =
        also.iter().map(|sha256| (*sha256, BTreeSet::new())).collect();
    for (path, file) in plan {
        if let Some(sha256) = file.sha256 {
            contents.entry(sha256).or_default().insert(path.clone());
        }
    }
    for (sha256, mut paths) in contents {
        let key = private::purged(&sha256);
        if let Some((former, _)) = reading::json::<PurgeRecord>(store, &key).await? {
            paths.extend(former.paths);
        }
        let (format, user) = (disk_format::PURGE, actor.user.clone());
        let record = PurgeRecord { format, sha256, paths, at, user, done: false };
        write(store, &record).await?;
        purged.note(record);
    }
    Ok(())
}

async fn write(store: &dyn Store, record: &PurgeRecord) -> Result<(), RepositoryError> {
    let key = private::purged(&record.sha256);
    let text = serde_json::to_vec(record).map_err(|error| RepositoryError::damaged(&key, error))?;
    let write = Write { condition: Condition::Always, kind: ObjectClass::Private };
    store.write(&key, text.into(), write).await?;
    Ok(())
}

/// Takes packages with purged bytes out of repositories, as one upload; `None` where none has any.
///
/// # Errors
///
/// When the store fails.
pub async fn remove(
    store: &dyn Store,
    catalogue: &Catalogue,
    purged: &Purged,
    actor: &Actor,
) -> Result<Option<Accepted>, IntakeError> {
    let digests: BTreeSet<Sha256> = purged.unfinished().into_keys().collect();
    if digests.is_empty() {
        return Ok(None);
    }
    let mut upload = Upload::new(UploadId::next(store.clock_milliseconds().await?), actor);
    for (repository, _) in Heads(store).list().await? {
        let Some(target) = catalogue.repository(&repository) else { continue };
        let Some(head) = history::head(store, &repository).await? else { continue };
        let generation = reading::generation(store, &repository, &head.generation).await?;
        for (identity, was) in found(&generation, &digests)?.packages {
            upload.remove(identity, repository.clone(), was);
        }
        let presence = crate::presence::Presence::load(store, target, &repository).await?;
        for (identity, name) in presence.own_files()? {
            let content = presence.content(&identity)?.filter(|content| digests.contains(content));
            let is_known = upload.changes.iter().any(|one| one.repository == repository && one.identity == identity);
            if let (Some(sha256), false) = (content, is_known) {
                upload.remove(identity, repository.clone(), Some(RemovedFile { name, sha256 }));
            }
        }
    }
    if upload.changes.is_empty() { Ok(None) } else { announce(store, upload).await.map(Some) }
}

/// Deletes purged bytes that no current generation refers to. Says whether none are left.
///
/// # Errors
///
/// When the store fails.
pub async fn erase(store: &dyn Store, catalogue: &Catalogue, purged: &Purged) -> Result<bool, RepositoryError> {
    let records = purged.unfinished();
    let digests: BTreeSet<Sha256> = records.keys().copied().collect();
    if digests.is_empty() {
        return Ok(true);
    }
    let (mut used, mut is_done) = (BTreeSet::new(), true);
    let mut paths: BTreeMap<String, Sha256> = BTreeMap::new();
    for (repository, _) in Heads(store).list().await? {
        let Some(target) = catalogue.repository(&repository) else { continue };
        let Some(head) = history::head(store, &repository).await? else { continue };
        let tree = target.format.layout(&repository).tree;
        let retired = head.retired.iter().filter(|file| digests.contains(&file.sha256));
        paths.extend(retired.map(|file| (join(&tree, &file.path), file.sha256)));
        let generation = reading::generation(store, &repository, &head.generation).await?;
        used.extend(found(&generation, &digests)?.files.into_keys().map(|path| join(&tree, &path)));
    }
    for (sha256, record) in &records {
        paths.extend(record.paths.iter().map(|path| (path.clone(), *sha256)));
    }
    let mut gone = Vec::new();
    for (path, sha256) in paths {
        if used.contains(&path) {
            is_done = false;
        } else if let Some(key) = Key::parse(&path)
            && content(store, &key).await? == Some(sha256)
        {
            gone.push(key);
        }
    }
    gone.extend(held(store, &digests).await?);
    for listed in store.list(private::ASIDE).await? {
        if content(store, &listed.key).await?.is_some_and(|content| digests.contains(&content)) {
            gone.push(listed.key);
        }
    }
    store.delete(&gone).await?;
    let now = store.clock_milliseconds().await? / 1000;
    for mut record in records.into_values().filter(|record| is_done && now - record.at > KNOWN_TO_ALL) {
        record.done = true;
        write(store, &record).await?;
        purged.note(record);
    }
    Ok(is_done)
}

/// Files of uploads with purged bytes that no publisher waits for.
async fn held(store: &dyn Store, digests: &BTreeSet<Sha256>) -> Result<Vec<Key>, RepositoryError> {
    let pending = store.list(private::PENDING).await?;
    let pending: BTreeSet<UploadId> =
        pending.iter().filter_map(|one| private::pointer_parts(&one.key)).map(|(_, id)| id).collect();
    let incoming = store.list(private::INCOMING).await?;
    let uploads: BTreeSet<UploadId> = incoming.iter().filter_map(|one| private::incoming_upload(&one.key)).collect();
    let mut keys = Vec::new();
    for id in uploads.into_iter().filter(|id| !pending.contains(id)) {
        let Some(upload) = reading::upload(store, &id).await? else { continue };
        for record in &upload.records {
            let is_purged = |sha256: &Sha256| digests.contains(sha256);
            let own = record.uploaded().is_some_and(|sha256| is_purged(&sha256));
            let files = record.files.iter().enumerate();
            let files = files.filter(|(at, file)| is_purged(&file.digests.sha256) || (own && *at == 0));
            keys.extend(files.map(|(_, file)| private::record_file(&id, record, file)));
        }
    }
    Ok(keys)
}

/// The digest of an object; `None` where there is none.
async fn content(store: &dyn Store, key: &Key) -> Result<Option<Sha256>, RepositoryError> {
    let Some(content) = store.read(key, Span::Whole).await? else { return Ok(None) };
    let mut digester = ContentDigester::new();
    let mut bytes = content.bytes;
    while let Some(piece) = bytes.try_next().await? {
        digester.update(&piece);
    }
    Ok(Some(digester.finish().1))
}

/// What a generation has of some contents.
#[derive(Default)]
struct Found {
    /// Files by their paths below the tree, each with what is stored there.
    files: BTreeMap<String, Sha256>,
    /// The contents of these files, as they were uploaded and as they are stored.
    contents: BTreeSet<Sha256>,
    /// Packages that are such files, or have one.
    packages: Vec<(Identity, Option<RemovedFile>)>,
}

/// A package that RWS signed is meant by the content that was uploaded, too.
fn found(generation: &Generation, digests: &BTreeSet<Sha256>) -> Result<Found, RepositoryError> {
    let damaged = |error| RepositoryError::generation(&generation.repository)(error);
    let mut found = Found::default();
    let files: BTreeMap<String, Sha256> =
        generation.files.all().map_err(damaged)?.into_iter().map(|file| (file.path, file.digests.sha256)).collect();
    for row in generation.packages.all().map_err(damaged)? {
        let uploaded = row.signature.as_ref().map(|signature| signature.uploaded);
        let mut is_meant = false;
        for (at, name) in row.files.iter().enumerate() {
            let path = join(&row.directory, name.as_str());
            let Some(stored) = files.get(&path) else { continue };
            if digests.contains(stored) || (at == 0 && uploaded.is_some_and(|sha256| digests.contains(&sha256))) {
                found.contents.insert(*stored);
                found.contents.extend(uploaded.filter(|_| at == 0));
                found.files.insert(path, *stored);
                is_meant = true;
            }
        }
        if is_meant {
            let own = row.files.first().and_then(|name| {
                let sha256 = uploaded.or_else(|| files.get(&join(&row.directory, name.as_str())).copied());
                sha256.map(|sha256| RemovedFile { name: name.clone(), sha256 })
            });
            found.packages.push((Identity(row.identity), own));
        }
    }
    Ok(found)
}

/// The contents of the files of packages that selectors mean.
fn selected(
    target: &ConfiguredTarget,
    generation: &Generation,
    selectors: &[Selector],
) -> Result<BTreeSet<Sha256>, RepositoryError> {
    let damaged = |error| RepositoryError::generation(&generation.repository)(error);
    let files = generation.files.all().map_err(damaged)?.into_iter();
    let files: BTreeMap<String, Sha256> = files.map(|file| (file.path, file.digests.sha256)).collect();
    let (mut digests, mut meant, mut others) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for row in generation.packages.all().map_err(damaged)? {
        let package = history::planned(target, generation, &row)?;
        let is_meant = |package: &PlannedPackage| {
            selectors.iter().any(|selector| selector.matches(&*target.format, &package.package))
        };
        let package = package.filter(is_meant);
        digests.extend(package.as_ref().map(|package| package.sha256));
        let paths = row.files.iter().map(|name| join(&row.directory, name.as_str()));
        if package.is_some() { meant.extend(paths) } else { others.extend(paths) }
    }
    // a tarball that other sources have, too, stays
    digests.extend(meant.difference(&others).filter_map(|path| files.get(path)));
    Ok(digests)
}

/// All states of a repository that are kept, and whether each is the current one.
async fn states(store: &dyn Store, repository: &RepositoryId) -> Result<Vec<(GenerationId, bool)>, RepositoryError> {
    let Some(head) = history::head(store, repository).await? else { return Ok(Vec::new()) };
    let states = history::states(&head).into_iter();
    Ok(states.map(|state| (state.generation, state.replaced_at.is_none())).collect())
}
