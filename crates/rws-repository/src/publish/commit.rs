//! Steps 3 to 5: the files of the next generation, its manifest, and the swap of the head.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::FutureExt;
use rws_model::{Codec, Compression, RepositorySettings, Sha256};
use rws_store::{Body, Condition, Key, ObjectClass, StoreError, Version, Write};
use uuid::Uuid;

use super::TRANSFERS_AT_ONCE;
use super::stored_repository::{CurrentState, StoredRepository};
use crate::events::EventObject;
use crate::gather::gather;
use crate::generation::{Generation, Head, Heads, Past, Swap, Tables, Trimmed, path_order};
use crate::pending::Pending;
use crate::plan::{self, Plan};
use crate::render::{NewFile, Renderer};
use crate::{GenerationId, RepositoryError, UploadId, disk_format, private, reading};

/// A manifest that no head knows after this time belongs to a publisher that died.
const ABANDONED_SECONDS: i64 = 24 * 60 * 60;

/// So many uploads a head remembers whose pointers are gone.
const REMEMBERED: usize = 128;

/// Clients refuse a root whose date is further in the future (apt: 10 s).
const FUTURE_SECONDS: i64 = 10;

/// What a new head takes note of, beside packages.
pub(super) struct HeadUpdate<'a> {
    /// What was pending.
    pub(super) pending: &'a Pending,
    /// The uploads that it contains now.
    pub(super) applied: &'a [UploadId],
    /// Whether the plain-named files that are there now become its own.
    pub(super) take_over: bool,
    /// The store's time before the head was read, in seconds since 1970.
    pub(super) now: i64,
    /// Condemned names that were deleted just now.
    pub(super) deleted: BTreeSet<Key>,
    /// What no generation refers to: written for commits that were lost.
    pub(super) unused: BTreeSet<Key>,
}

/// What became of a commit.
pub(super) enum Commit {
    /// This head is the current one.
    Won(Box<Head>),
    /// Another publisher was faster. Nothing refers to what was written for it.
    Lost(BTreeSet<Key>),
}

/// Makes the next generation, or the next head, of a repository.
pub(super) struct Committer<'a> {
    pub(super) at: &'a StoredRepository<'a>,
    /// The pinned generations; `None` where one cannot be read: then all that is not current is kept.
    pub(super) pinned: Option<Vec<Generation>>,
}

impl<'a> Committer<'a> {
    /// Reads the pinned generations of a repository.
    pub(super) async fn new(at: &'a StoredRepository<'a>, state: &CurrentState) -> Result<Self, RepositoryError> {
        let mut pinned = Some(Vec::new());
        for id in state.head().into_iter().flat_map(|head| head.pinned.keys()) {
            match reading::generation(at.store(), at.repository, id).await {
                Ok(generation) => pinned.iter_mut().for_each(|all| all.push(generation.clone())),
                Err(error @ RepositoryError::Store(_)) => return Err(error),
                Err(error) => {
                    tracing::error!(repository = %at.repository, %error, "a pinned generation cannot be read; RWS deletes nothing there");
                    pinned = None;
                }
            }
        }
        Ok(Self { at, pinned })
    }

    /// Whether a pinned generation needs the file at a path below the tree.
    fn is_pinned(&self, path: &str) -> bool {
        let Some(pinned) = &self.pinned else { return true };
        pinned.iter().any(|generation| {
            let index = generation.indexes.iter().flat_map(|state| &state.files);
            let file = || generation.files.get(path, &path_order);
            index.into_iter().any(|file| file.stored_name == path) || file().map_or(true, |file| file.is_some())
        })
    }
}

impl Committer<'_> {
    /// Steps 3 to 5.
    pub(super) async fn publish(
        &self,
        state: &CurrentState,
        mut plan: Plan,
        step: &HeadUpdate<'_>,
    ) -> Result<Commit, RepositoryError> {
        let damaged = RepositoryError::generation(self.at.repository);
        let settings = self.settings(state, &plan).await?;
        let mut renderer = Renderer {
            format: &*self.at.target.format,
            repository: self.at.repository,
            settings: &settings,
            present: state.generation.as_ref(),
            plan: &plan,
            scratch: self.at.scratch,
            variant: 0,
        };
        let present_files = self.at.read_all(renderer.needed()).await?;
        let tables = plan.tables(&*self.at.target.format, state.generation.as_ref());
        let Tables { packages, files } = tables.map_err(RepositoryError::generation(self.at.repository))?;
        let mut rendered = renderer.render(&packages, &present_files).map_err(damaged)?;
        while self.is_untouchable(state, &rendered.files)? {
            renderer.variant += 1;
            let again = renderer.render(&packages, &present_files);
            rendered = again.map_err(RepositoryError::generation(self.at.repository))?;
        }
        drop(present_files);

        let (public, written) = match step.take_over || state.head.is_none() {
            true => self.at.public_root().await?,
            false => (Vec::new(), None),
        };
        // a root of another tool is an earlier one too
        let date = self.at.target.format.root_date(self.at.repository, &public);
        let published_at = self.next_second([state.head().map(|head| head.published_at), written], date).await?;
        let former = state.head().map_or(public.as_slice(), |head| head.root.as_slice());
        let root_entries = std::mem::take(&mut plan.root_entries);
        let root = self.root(&rendered, &root_entries, published_at, former).await?;
        let generation = Generation {
            repository: self.at.repository.clone(),
            id: GenerationId::new(published_at, Uuid::new_v4()),
            root,
            partitions: std::mem::take(&mut plan.partitions),
            packages,
            files,
            root_entries,
            indexes: rendered.indexes,
            uploads: step.applied.to_vec(),
            renderers: std::mem::take(&mut plan.renderers),
            signatures: std::mem::take(&mut plan.signatures),
        };
        let manifest = generation.to_bytes().map_err(|error| RepositoryError::damaged(&generation.id, error))?;
        let written = rendered.files.iter().map(|file| self.at.key(&file.name)).collect::<Result<Vec<_>, _>>()?;
        let previous = state.head().map(|head| &head.generation);
        let events = self.at.events.of_commit(self.at.target, &generation, (previous, published_at));
        let told: Vec<Key> = events.iter().map(|(key, _)| key.clone()).collect();
        self.write_all(&generation.id, &rendered.files, (manifest, events)).await?;
        drop(rendered.files);
        let taken_over =
            if step.take_over { self.at.digests(&self.plain_names(&generation)).await? } else { Vec::new() };
        let head = self.next_head(state, &generation, plan, step, taken_over, published_at);
        let won = head.clone();
        // step 5: the one moment in which the generation becomes current
        match Heads(self.at.store()).swap(state.head.as_ref().map(|(_, version)| version), head).await? {
            Swap::Won(head) => return Ok(Commit::Won(head)),
            Swap::Lost => {}
        }
        let current = Heads(self.at.store()).read(self.at.repository).await?.map(|(head, _)| head);
        if current.is_some_and(|head| head.keeps(&generation.id)) {
            // it was won, and somebody has published, or has changed the head, since
            return Ok(Commit::Won(Box::new(won)));
        }
        if !told.is_empty() {
            // whoever delivers waits for the commit of those that stay
            _ = self.at.store().delete(&told).await;
        }
        let manifest = private::manifest(self.at.repository, &generation.id);
        Ok(Commit::Lost(written.into_iter().chain([manifest]).collect()))
    }

    /// The settings; with the uncompressed form of indexes where one lies there, which the present generation does not say because
    /// another tool wrote it, or because all is made anew: whoever reads it goes on, and reads nothing old.
    async fn settings(&self, state: &CurrentState, plan: &Plan) -> Result<RepositorySettings, RepositoryError> {
        let mut settings = self.at.target.settings.clone();
        if state.generation.is_some() {
            return Ok(settings);
        }
        let format = &self.at.target.format;
        for index in format.indexes(&plan.partitions.keys().cloned().collect(), &settings, &[]) {
            let Some(name) = format.plain_name(self.at.repository, &index, Codec::Plain) else { continue };
            if !index.codecs.contains(&Codec::Plain) && self.at.store().stat(&self.at.key(&name)?).await?.is_some() {
                settings.compression.push(Compression::None);
                break;
            }
        }
        Ok(settings)
    }

    /// Whether a new index file would get a name that is condemned: its content was current long ago.
    fn is_untouchable(&self, state: &CurrentState, files: &[NewFile]) -> Result<bool, RepositoryError> {
        let Some(head) = state.head() else { return Ok(false) };
        let untouchable = head.untouchable();
        for file in files {
            if untouchable.contains(&self.at.key(&file.name)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The time of the next root: later than those before, by the store's clock, and than the `date` that one states. There
    /// is one in a second at most, so that readers that compare whole seconds see every one.
    async fn next_second(&self, before: [Option<i64>; 2], date: Option<i64>) -> Result<i64, RepositoryError> {
        let now = self.at.store().clock_milliseconds().await?;
        // a date far in the future is a mistake that clients refuse
        let date = date.filter(|date| *date <= now / 1000 + FUTURE_SECONDS);
        let last = before.into_iter().flatten().max().max(date);
        let Some(last) = last else { return Ok(now / 1000) };
        let next = last + 1;
        let early = (next * 1000 - now).clamp(0, 1000);
        if early > 0 {
            tokio::time::sleep(Duration::from_millis(early.unsigned_abs())).await;
        }
        Ok(next.max(now / 1000))
    }

    /// Writes index files, whose names hold their digest, the manifest, and the events of the commit.
    async fn write_all(
        &self,
        id: &GenerationId,
        files: &[NewFile],
        (manifest, events): (Vec<u8>, Vec<EventObject>),
    ) -> Result<(), RepositoryError> {
        let mut objects =
            vec![(private::manifest(self.at.repository, id), Body::from(manifest), ObjectClass::PrivateImmutable)];
        objects.extend(events.into_iter().map(|(key, bytes)| (key, Body::from(bytes), ObjectClass::Private)));
        for file in files {
            let key = self.at.key(&file.name)?;
            let body = file.content.body().map_err(|error| StoreError::from_io("read", key.as_str(), error))?;
            objects.push((key, body, ObjectClass::Immutable));
        }
        let mut writes = Vec::new();
        for (key, body, kind) in objects {
            let write = Write { condition: Condition::Always, kind };
            writes.push(async move { self.at.store().write(&key, body, write).await }.boxed());
        }
        gather(TRANSFERS_AT_ONCE, writes).await?;
        Ok(())
    }

    fn next_head(
        &self,
        state: &CurrentState,
        generation: &Generation,
        plan: Plan,
        step: &HeadUpdate<'_>,
        taken_over: Vec<Sha256>,
        published_at: i64,
    ) -> Head {
        let before = state.head();
        let mut own = before.map(|head| head.own.clone()).unwrap_or_default();
        let now_own = taken_over.into_iter().chain(generation.plain_digests(&*self.at.target.format));
        own.extend(now_own.map(|digest| (digest, generation.id.clone())));
        let mut history = before.map(|head| head.history.clone()).unwrap_or_default();
        let mut retired = plan.retired;
        if let (Some(head), Some(present)) = (before, &state.generation) {
            let past = Past {
                generation: head.generation.clone(),
                published_at: head.published_at,
                replaced_at: published_at,
            };
            history.insert(0, past);
            let files = present.indexes.iter().flat_map(|state| &state.files);
            let before: Vec<_> = files.map(|file| (file.stored_name.clone(), file.sha256)).collect();
            let files = generation.indexes.iter().flat_map(|state| &state.files);
            let after = files.map(|file| file.stored_name.clone()).collect();
            plan::retire_index_files(&mut retired, &before, &after, &present.id);
        }
        let plain = generation.plain_files(&*self.at.target.format);
        let plain = plain.into_iter().filter_map(|file| Some((file.plain_name?, file.stored_name))).collect();
        let mut head = Head {
            format: 0,
            repository: self.at.repository.clone(),
            generation: generation.id.clone(),
            counter: before.map_or(1, |head| head.counter + 1),
            nonce: Uuid::new_v4(),
            published_at,
            packages: Some(generation.packages.len()),
            oldest_renderer: generation.renderers.keys().next().copied(),
            package_signatures: Some(generation.signatures.clone()),
            first_published_at: before.map_or(Some(published_at), |head| head.first_published_at),
            root: generation.root.clone(),
            plain,
            own,
            applied: remember(before, step),
            history,
            pinned: before.map(|head| head.pinned.clone()).unwrap_or_default(),
            retired,
            condemned: before.map(|head| head.condemned.clone()).unwrap_or_default(),
            configuration_fingerprint: self.at.target.configuration_fingerprint(),
            writer_started_at: self.at.started_at,
        };
        head.format = disk_format::head(&head);
        let files = generation.indexes.iter().flat_map(|state| &state.files);
        let used: BTreeSet<Key> = files.filter_map(|file| self.at.key(&file.stored_name).ok()).collect();
        let unused = step.unused.difference(&used).cloned().collect();
        self.trim(&mut head, published_at, &step.deleted, unused);
        head
    }

    /// Whether a head remembers generations that nobody reads any more.
    pub(super) fn can_trim(&self, head: &Head, now: i64) -> bool {
        let mut trimmed = head.clone();
        self.trim(&mut trimmed, now, &BTreeSet::new(), Vec::new());
        trimmed != *head
    }

    /// Drops from a head what nobody reads any more.
    fn trim(&self, head: &mut Head, now: i64, deleted: &BTreeSet<Key>, unused: Vec<Key>) {
        let keep = self.at.target.keep();
        let file = |path: &str| self.at.key(path).ok();
        let manifest = |id: &GenerationId| private::manifest(self.at.repository, id);
        let is_pinned = |path: &str| self.is_pinned(path);
        let trimmed = Trimmed { deleted, unused, is_pinned: &is_pinned, file: &file, manifest: &manifest };
        head.trim(now, keep, trimmed);
    }

    /// What no generation refers to, of all that was written for lost commits: by this run, and, where that is looked
    /// for, by publishers that died long ago.
    pub(super) async fn all_unused(
        &self,
        state: &CurrentState,
        mut unused: BTreeSet<Key>,
        clean_up: bool,
        now: i64,
    ) -> Result<BTreeSet<Key>, RepositoryError> {
        let (Some(head), Some(generation)) = (state.head(), &state.generation) else { return Ok(BTreeSet::new()) };
        if clean_up {
            unused.extend(self.of_dead_publishers(head, now).await?);
        }
        let used = generation.indexes.iter().flat_map(|state| &state.files).map(|file| &file.stored_name);
        for name in used.chain(head.retired.iter().map(|retired| &retired.path)) {
            unused.remove(&self.at.key(name)?);
        }
        // whoever lost says so of what was written for another generation, never of one that is there
        unused.retain(|key| private::generation_id(key).is_none_or(|id| !head.keeps(&id)));
        head.untouchable().into_iter().for_each(|key| _ = unused.remove(key));
        Ok(unused)
    }

    /// The manifests that no head has known for long, and the index files that they name.
    async fn of_dead_publishers(&self, head: &Head, now: i64) -> Result<BTreeSet<Key>, RepositoryError> {
        let known = head.history.iter().map(|past| &past.generation).chain([&head.generation]);
        let known: BTreeSet<Key> = known.map(|id| private::manifest(self.at.repository, id)).collect();
        let mut unused = BTreeSet::new();
        for listed in self.at.store().list(&private::generations(self.at.repository)).await? {
            let age = now - listed.stat.modified_milliseconds / 1000;
            if known.contains(&listed.key) || age < ABANDONED_SECONDS {
                continue;
            }
            if let Some(id) = private::generation_id(&listed.key)
                && let Ok(generation) = reading::generation(self.at.store(), self.at.repository, &id).await
            {
                for file in generation.indexes.iter().flat_map(|state| &state.files) {
                    unused.insert(self.at.key(&file.stored_name)?);
                }
            }
            unused.insert(listed.key);
        }
        Ok(unused)
    }

    /// A head with the same generation that contains more uploads, which change nothing, or has less to remember.
    pub(super) async fn update(
        &self,
        head: &Head,
        version: &Version,
        step: &HeadUpdate<'_>,
    ) -> Result<Commit, RepositoryError> {
        let applied = remember(Some(head), step);
        let mut head = Head { counter: head.counter + 1, nonce: Uuid::new_v4(), applied, ..head.clone() };
        self.trim(&mut head, step.now, &step.deleted, step.unused.iter().cloned().collect());
        Ok(match Heads(self.at.store()).swap(Some(version), head).await? {
            Swap::Won(head) => Commit::Won(head),
            Swap::Lost => Commit::Lost(BTreeSet::new()),
        })
    }

    /// All names under which the files of a generation are exposed.
    fn plain_names(&self, generation: &Generation) -> Vec<String> {
        let format = &*self.at.target.format;
        let mut names = format.root_names(self.at.repository);
        names.extend(generation.plain_files(format).into_iter().filter_map(|file| file.plain_name));
        names
    }
}

/// The uploads that a head contains: those whose pointers are still there, the latest ones in any case, since a listing may
/// be an old one, and new ones.
fn remember(before: Option<&Head>, step: &HeadUpdate<'_>) -> Vec<UploadId> {
    let before = before.map(|head| head.applied.as_slice()).unwrap_or_default();
    let latest = before.len().saturating_sub(REMEMBERED);
    let remembered = before.iter().enumerate().filter(|(at, id)| *at >= latest || step.pending.pointers.contains(id));
    let remembered = remembered.map(|(_, id)| id).filter(|id| !step.applied.contains(id));
    remembered.chain(step.applied).cloned().collect()
}
