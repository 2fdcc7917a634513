//! The publisher: the only one that writes public files. It reads like the protocol.
//!
//! 1. Read the head, then what is pending, and plan.
//! 2. Place the package files.
//! 3. Write the index files under names that hold their digest.
//! 4. Render and sign the root; write the manifest.
//! 5. Commit: swap the head. Lost: start again.
//! 6. Expose: bring the plain-named files in line with the head.
//! 7. Clean: delete what the generation contains from the private prefix.
//!
//! A crash may come between any two operations of the store. Before step 5 nothing that is read refers to anything
//! new, and the next run starts again with what is pending. After step 5 the next run finds the head and goes on with
//! steps 6 and 7, which only look at what is there.

mod clean;
mod expose;
mod place;
mod synchronise;

pub use clean::upload_objects;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use rws_model::{IndexFile, RepositoryId, RootFile, RootInput, Sha256, sha256};
use rws_store::{Body, Condition, Key, Kind, Span, Store, StoreError, Version, Write, collect};
use uuid::Uuid;

use crate::catalogue::{Catalogue, ConfiguredTarget};
use crate::gather::gather;
use crate::generation::{FORMAT, Generation, Head, IndexState, Past};
use crate::pending::{self, Pending};
use crate::plan::{self, Origin, Plan, PlannedChange, Present};
use crate::render::{NewFile, PresentFiles, Renderer};
use crate::{GenerationId, RepositoryError, UploadId, private, reading};

/// How many objects of one publish are read or written at once.
const TRANSFERS_AT_ONCE: usize = 8;

/// How often a publisher that lost the commit starts again before it lets the others go first.
const TRIES: usize = 20;

/// What to do with a malformed package that somebody put into the store by other means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The synchronisation stops; the repository keeps its last good generation.
    Stop,
    /// It is reported and left out.
    Skip,
}

/// Why a repository is reconciled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occasion {
    /// Compare the store with the index: somebody asked for it.
    pub synchronise: bool,
    /// The program starts: publish anew when settings or keys are others than those of the head, and look at the
    /// public files even when nothing is published.
    pub start: bool,
}

impl Occasion {
    /// Both reasons together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { synchronise: self.synchronise || other.synchronise, start: self.start || other.start }
    }
}

/// What a reconciliation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The generation that is current now; `None` when the repository has none, and nothing to publish.
    pub generation: Option<GenerationId>,
    /// Whether this run published it.
    pub published: bool,
    /// Uploads that it contains for certain.
    pub applied: Vec<UploadId>,
    /// Uploads that could not be carried out, and why.
    pub failed: Vec<(UploadId, String)>,
    /// How often another publisher was faster.
    pub lost_commits: usize,
}

/// Publishes repositories of one store.
pub struct Publisher {
    store: Arc<dyn Store>,
    catalogue: Arc<Catalogue>,
    malformed: Malformed,
    /// The versions of plain-named files that this process has seen to have a content.
    exposed: Mutex<BTreeMap<Key, (Version, Sha256)>>,
}

/// What one run works with.
struct Run<'a> {
    publisher: &'a Publisher,
    repository: &'a RepositoryId,
    target: &'a ConfiguredTarget,
    tree: String,
}

/// The present state of a repository.
struct State {
    head: Option<(Head, Version)>,
    generation: Option<Generation>,
}

impl State {
    fn head(&self) -> Option<&Head> {
        self.head.as_ref().map(|(head, _)| head)
    }
}

/// What a lost or won commit leaves to do.
enum Commit {
    Won(Box<Head>),
    Lost,
}

impl Publisher {
    /// A publisher of the repositories that `catalogue` lists.
    pub fn new(store: Arc<dyn Store>, catalogue: Arc<Catalogue>, malformed: Malformed) -> Self {
        Self { store, catalogue, malformed, exposed: Mutex::default() }
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// What is configured.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Brings the public files of a repository in line with its head and all that is pending. Idempotent; safe beside
    /// any number of others, in this process or elsewhere.
    ///
    /// # Errors
    ///
    /// When the store fails, a malformed package stops a synchronisation, or a public file is foreign. Nothing is
    /// lost: what is pending stays so.
    pub async fn reconcile(&self, repository: &RepositoryId, occasion: Occasion) -> Result<Outcome, RepositoryError> {
        let target =
            self.catalogue.repository(repository).ok_or_else(|| RepositoryError::Unknown(repository.clone()))?;
        let tree = target.format.layout(repository).tree;
        let run = Run { publisher: self, repository, target, tree };
        for lost_commits in 0..TRIES {
            if let Some(outcome) = run.attempt(occasion, lost_commits).await? {
                return Ok(outcome);
            }
        }
        Err(RepositoryError::Contended(repository.clone()))
    }
}

impl Run<'_> {
    /// One way through the protocol; `None` when another publisher was faster.
    async fn attempt(&self, occasion: Occasion, lost_commits: usize) -> Result<Option<Outcome>, RepositoryError> {
        let state = self.state().await?;
        let applied = state.head().map(|head| head.applied.clone()).unwrap_or_default();
        let pending = pending::read(self.store(), self.repository, &applied).await?;
        let mut changes = Vec::new();
        let unadopted = state.head.is_none() && !pending.uploads.is_empty();
        let mut taken_over = Vec::new();
        let mut known = Vec::new();
        if occasion.synchronise || unadopted {
            let found = self.synchronise(&state).await?;
            changes = found.changes;
            known = found.known;
            taken_over = self.public_digests().await?;
        }
        for waiting in &pending.uploads {
            let origin = Origin::Upload(waiting.upload.id.clone());
            let wanted = waiting.upload.changes_for(self.repository).into_iter();
            changes.extend(wanted.map(|change| PlannedChange { change, origin: origin.clone() }));
        }
        let made_with = self.target.made_with();
        let anew = occasion.start && state.head().is_some_and(|head| head.made_with != made_with);

        let Some(mut plan) = self.plan_and_place(&state, &mut changes).await? else { return Ok(None) };
        known.into_iter().for_each(|row| plan.know(row));
        let applied: Vec<UploadId> = pending.uploads.iter().map(|waiting| waiting.upload.id.clone()).collect();
        let failed = plan.failed.clone();
        let adopts = state.head().is_some_and(|head| taken_over.iter().any(|digest| !head.own.contains(digest)));

        let head = if plan.is_empty() && !anew && !adopts {
            state.head.map(|(head, _)| head)
        } else {
            match self.publish(&state, plan, &pending, &applied, taken_over).await? {
                Commit::Won(head) => Some(*head),
                Commit::Lost => return Ok(None),
            }
        };
        let published =
            head.as_ref().is_some_and(|head| Some(&head.generation) != state.generation.as_ref().map(|now| &now.id));
        if let Some(head) = head.as_ref().filter(|_| published || occasion.start || occasion.synchronise) {
            self.expose(head).await?;
        }
        let mut contained = applied;
        if let Some(head) = &head {
            contained.extend(head.applied.iter().filter(|id| pending.pointers.contains(id)).cloned());
            contained.dedup();
        }
        self.clean(&pending, &contained).await?;
        Ok(Some(Outcome {
            generation: head.map(|head| head.generation),
            published,
            applied: contained.into_iter().filter(|id| !failed.iter().any(|(failed, _)| failed == id)).collect(),
            failed,
            lost_commits,
        }))
    }

    fn store(&self) -> &dyn Store {
        &*self.publisher.store
    }

    /// The key of a file of this repository.
    fn key(&self, name: &str) -> Result<Key, RepositoryError> {
        let path = plan::join(&self.tree, name);
        Key::parse(&path).ok_or_else(|| RepositoryError::damaged(&path, "it is no name of a file"))
    }

    async fn state(&self) -> Result<State, RepositoryError> {
        let head = reading::head(self.store(), self.repository).await?;
        let generation = match &head {
            Some((head, _)) if head.format != FORMAT => {
                let reason = "it was written by another version of RWS";
                return Err(RepositoryError::damaged(private::head(self.repository), reason));
            }
            Some((head, _)) => Some(reading::generation(self.store(), self.repository, &head.generation).await?),
            None => None,
        };
        Ok(State { head, generation })
    }

    /// Steps 1 and 2. A public path that turns out to hold something else is avoided, and the plan made again. `None`
    /// when another publisher was faster.
    async fn plan_and_place(
        &self,
        state: &State,
        changes: &mut Vec<PlannedChange>,
    ) -> Result<Option<Plan>, RepositoryError> {
        let mut taken = BTreeSet::new();
        let mut failed = Vec::new();
        loop {
            let present = Present {
                format: &*self.target.format,
                generation: state.generation.as_ref(),
                retired: state.head().map(|head| head.retired.as_slice()).unwrap_or_default(),
                taken: &taken,
            };
            let mut plan = plan::plan(&present, changes).map_err(RepositoryError::generation(self.repository))?;
            let placed = self.place(&plan).await?;
            for (path, version) in placed.versions {
                plan.set_version(&path, version);
            }
            if placed.taken.is_empty() && placed.missing.is_empty() {
                plan.failed.extend(failed);
                return Ok(Some(plan));
            }
            // a faster publisher deletes the files of uploads that it has published
            let current = reading::head(self.store(), self.repository).await?.map(|(head, _)| head.counter);
            if !placed.missing.is_empty() && current != state.head().map(|head| head.counter) {
                return Ok(None);
            }
            for (upload, reason) in placed.missing {
                changes.retain(|change| change.origin != Origin::Upload(upload.clone()));
                failed.push((upload, reason));
            }
            taken.extend(placed.taken);
        }
    }

    /// Steps 3 to 5.
    async fn publish(
        &self,
        state: &State,
        mut plan: Plan,
        pending: &Pending,
        applied: &[UploadId],
        taken_over: Vec<Sha256>,
    ) -> Result<Commit, RepositoryError> {
        let damaged = RepositoryError::generation(self.repository);
        let renderer = Renderer {
            format: &*self.target.format,
            repository: self.repository,
            settings: &self.target.settings,
            present: state.generation.as_ref(),
            plan: &plan,
        };
        let present_files = self.read_all(renderer.needed()).await?;
        let taken = BTreeSet::new();
        let present = Present {
            format: &*self.target.format,
            generation: state.generation.as_ref(),
            retired: &[],
            taken: &taken,
        };
        let (packages, files) = plan.tables(&present).map_err(RepositoryError::generation(self.repository))?;
        let rendered = renderer.render(&packages, &present_files).map_err(damaged)?;
        drop(present_files);

        let published_at = self.next_second(state.head()).await?;
        let root = self.root(&rendered.indexes, published_at)?;
        let generation = Generation {
            repository: self.repository.clone(),
            id: GenerationId::new(published_at, Uuid::new_v4()),
            root,
            partitions: std::mem::take(&mut plan.partitions),
            packages,
            files,
            indexes: rendered.indexes,
        };
        let manifest = generation.to_bytes().map_err(|error| RepositoryError::damaged(&generation.id, error))?;
        self.write_all(&generation.id, rendered.files, manifest).await?;
        let head = self.next_head(state, &generation, plan, pending, applied, taken_over, published_at);
        self.commit(state, head).await
    }

    async fn read_all(&self, names: BTreeSet<String>) -> Result<PresentFiles, RepositoryError> {
        let mut reads = Vec::new();
        for name in names {
            reads.push(self.read_index_file(name).boxed());
        }
        Ok(gather(TRANSFERS_AT_ONCE, reads).await?.into_iter().collect())
    }

    async fn read_index_file(&self, name: String) -> Result<(String, Bytes), RepositoryError> {
        let key = self.key(&name)?;
        match self.store().read(&key, Span::Whole).await? {
            Some(content) => Ok((name, collect(content.bytes).await?)),
            None => Err(RepositoryError::damaged(&key, "the current generation refers to it, and it does not exist")),
        }
    }

    /// The time of the next root: later than the last one, by the store's clock. There is one in a second at most, so
    /// that readers that compare whole seconds see every one.
    async fn next_second(&self, head: Option<&Head>) -> Result<i64, RepositoryError> {
        let now = self.store().clock_milliseconds().await?;
        let Some(head) = head else { return Ok(now / 1000) };
        let next = head.published_at + 1;
        let early = (next * 1000 - now).clamp(0, 1000);
        if early > 0 {
            tokio::time::sleep(Duration::from_millis(early.unsigned_abs())).await;
        }
        Ok(next.max(now / 1000))
    }

    fn root(&self, indexes: &[IndexState], published_at: i64) -> Result<Vec<RootFile>, RepositoryError> {
        let files: Vec<IndexFile> = indexes.iter().flat_map(|state| state.files.iter().cloned()).collect();
        let indexes: Vec<_> = indexes.iter().map(|state| state.index.clone()).collect();
        let input = RootInput {
            repository: self.repository,
            settings: &self.target.settings,
            indexes: &indexes,
            files: &files,
            published_at,
        };
        Ok(self.target.format.root(&input, self.target.signer.as_deref())?)
    }

    /// Writes index files, whose names hold their digest, and the manifest.
    async fn write_all(
        &self,
        id: &GenerationId,
        files: Vec<NewFile>,
        manifest: Vec<u8>,
    ) -> Result<(), RepositoryError> {
        let mut objects = vec![(private::manifest(self.repository, id), Body::from(manifest), Kind::Private)];
        for file in files {
            objects.push((self.key(&file.name)?, Body::Bytes(file.bytes), Kind::Immutable));
        }
        let mut writes = Vec::new();
        for (key, body, kind) in objects {
            let write = Write { condition: Condition::Always, kind };
            writes.push(async move { self.store().write(&key, body, write).await }.boxed());
        }
        gather(TRANSFERS_AT_ONCE, writes).await?;
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "everything that a head is made of, once")]
    fn next_head(
        &self,
        state: &State,
        generation: &Generation,
        plan: Plan,
        pending: &Pending,
        applied: &[UploadId],
        taken_over: Vec<Sha256>,
        published_at: i64,
    ) -> Head {
        let before = state.head();
        let mut own: Vec<Sha256> = before.map(|head| head.own.clone()).unwrap_or_default();
        own.extend(taken_over);
        own.extend(generation.plain_digests());
        own.sort();
        own.dedup();
        let mut history = before.map(|head| head.history.clone()).unwrap_or_default();
        let mut retired = plan.retired;
        if let (Some(head), Some(present)) = (before, &state.generation) {
            history.insert(0, Past { generation: head.generation.clone(), published_at: head.published_at });
            let files = present.indexes.iter().flat_map(|state| &state.files);
            let before: Vec<_> = files.map(|file| (file.stored_name.clone(), file.sha256)).collect();
            let files = generation.indexes.iter().flat_map(|state| &state.files);
            let after = files.map(|file| file.stored_name.clone()).collect();
            plan::retire_index_files(&mut retired, &before, &after, &present.id);
        }
        let plain = generation.indexes.iter().flat_map(|state| &state.files);
        let plain = plain.filter_map(|file| Some((file.plain_name.clone()?, file.stored_name.clone()))).collect();
        let remembered = before.map(|head| head.applied.as_slice()).unwrap_or_default().iter();
        let remembered = remembered.filter(|id| pending.pointers.contains(id));
        Head {
            format: FORMAT,
            repository: self.repository.clone(),
            generation: generation.id.clone(),
            counter: before.map_or(1, |head| head.counter + 1),
            nonce: Uuid::new_v4(),
            published_at,
            root: generation.root.clone(),
            plain,
            own,
            applied: remembered.chain(applied).cloned().collect(),
            history,
            retired,
            made_with: self.target.made_with(),
        }
    }

    /// Step 5: the one moment in which the generation becomes current.
    async fn commit(&self, state: &State, head: Head) -> Result<Commit, RepositoryError> {
        let condition = match &state.head {
            Some((_, version)) => Condition::Matches(version.clone()),
            None => Condition::Absent,
        };
        let bytes = serde_json::to_vec(&head).map_err(|error| RepositoryError::damaged(&head.generation, error))?;
        let key = private::head(self.repository);
        let error = match self.store().write(&key, bytes.into(), Write { condition, kind: Kind::Private }).await {
            Ok(_) => return Ok(Commit::Won(Box::new(head))),
            Err(error) => error,
        };
        // whatever went wrong: whose head is there decides
        match reading::head(self.store(), self.repository).await? {
            Some((current, _)) if current.nonce == head.nonce => Ok(Commit::Won(Box::new(head))),
            _ if matches!(error, StoreError::Conflict { .. }) => Ok(Commit::Lost),
            _ => Err(error.into()),
        }
    }

    /// The digests of the plain-named public files that are there now: what a synchronisation takes over.
    async fn public_digests(&self) -> Result<Vec<Sha256>, RepositoryError> {
        let mut names: Vec<String> = self.root(&[], 0)?.into_iter().map(|file| file.name).collect();
        for index in self.target.format.indexes(&BTreeSet::new(), &self.target.settings) {
            for codec in &index.codecs {
                names.extend(self.target.format.plain_name(self.repository, &index, *codec));
            }
        }
        let mut digests = Vec::new();
        for name in names {
            if let Some(content) = self.store().read(&self.key(&name)?, Span::Whole).await? {
                digests.push(sha256(&collect(content.bytes).await?));
            }
        }
        Ok(digests)
    }
}
