//! A consistent copy of repositories in another store: a backup, or what is restored from one.
//!
//! The copy of a repository is one head with everything that it names. What never changes is copied first and digested on its
//! way, then the head is swapped, then the plain-named files are brought in line, and last of all goes what only the head
//! before needed. So whoever reads the copy finds a whole repository at every instant, and a copy that was killed goes on where
//! it was. Publishers may work on the source meanwhile: what they take away is noticed, and the copy begins again with the
//! new head.

mod others;
mod snapshot;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use rws_model::{RepositoryId, Sha256};
use rws_store::{Body, Condition, Key, ObjectClass, Store, StoreError, Write};

use crate::gather::gather;
use crate::generation::{Generation, Head, Heads, Swap};
use crate::plan::join;
use crate::{GenerationId, RepositoryError, private, reading};

pub use others::ListedUploads;
use snapshot::Snapshot;
use transfer::Wanted;

/// So many objects are copied at once.
const COPIED_AT_ONCE: usize = 8;

/// How often the copy of a repository begins again because a publisher took something away.
const TRIES: usize = 10;

/// Why a copy could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// One of the stores failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source is damaged, or of another version.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// An object has other bytes than its repository says.
    #[error("{path} is damaged in the source: it has other bytes than its index says. Run `rws verify --deep` there")]
    Damaged {
        /// The object.
        path: String,
    },
    /// An object is not there.
    #[error("{path} is not in the source, and its repository needs it. Run `rws verify` there")]
    Missing {
        /// The object.
        path: String,
    },
    /// The destination has another repository of this name.
    #[error(
        "{repository}: the destination has {generation}, which is no earlier state of what would be copied. To replace it \
         nevertheless, say --force"
    )]
    OtherHistory {
        /// The repository.
        repository: RepositoryId,
        /// What is there.
        generation: GenerationId,
    },
    /// Somebody publishes at the destination.
    #[error("{0}: somebody else writes to the destination; stop all servers on it")]
    Busy(RepositoryId),
}

impl BackupError {
    /// Whether a publisher may have taken away what is missing.
    fn may_be_old(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Store(StoreError::Missing { .. }))
    }
}

/// What became of the copy of one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CopiedRepository {
    /// The generation that is current in the copy.
    pub generation: Option<String>,
    /// How many objects were copied.
    pub copied: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// How many were there already.
    pub unchanged: u64,
    /// How many went because no state needs them any more.
    pub deleted: u64,
    /// How many uploads wait to be published.
    pub pending: u64,
}

/// How far the work is.
#[derive(Debug, Default)]
pub struct Progress {
    /// Objects that are in their places.
    pub done: AtomicU64,
    /// Objects of the repository that is being copied.
    pub objects: AtomicU64,
    /// Bytes that were copied, of all repositories.
    pub bytes: AtomicU64,
}

/// How strict a copy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strictness {
    /// A repository at the destination with another history is replaced.
    pub force: bool,
    /// Everything that is there already is read again.
    pub deep: bool,
}

/// Copies repositories from one store to another.
pub struct Copier<'a> {
    /// Where they are.
    pub source: &'a dyn Store,
    /// Where they are to be.
    pub destination: &'a dyn Store,
    /// A local directory for large files on their way.
    pub scratch: &'a Path,
    /// How strict it is.
    pub strictness: Strictness,
    /// How far it is.
    pub progress: &'a Progress,
}

/// What is known of the destination before anything is copied.
struct Present {
    head: Option<(Head, rws_store::Version)>,
    /// The content of the files that its head names, by their paths below the tree.
    files: BTreeMap<String, Sha256>,
}

impl Copier<'_> {
    /// Whether a repository at the destination may be replaced: it is an earlier state of the one at the source.
    ///
    /// # Errors
    ///
    /// [`BackupError::OtherHistory`] where it is not.
    pub async fn check(&self, repository: &RepositoryId) -> Result<(), BackupError> {
        let there = Heads(self.destination).read(repository).await?;
        let Some((there, _)) = there.filter(|_| !self.strictness.force) else { return Ok(()) };
        let here = Heads(self.source).read(repository).await?;
        if here.is_some_and(|(here, _)| is_earlier(&there, &here)) {
            return Ok(());
        }
        Err(BackupError::OtherHistory { repository: repository.clone(), generation: there.generation })
    }

    /// Copies a repository whose files are below `tree`.
    ///
    /// # Errors
    ///
    /// When a store fails, something is damaged, or the destination is no earlier state.
    pub async fn repository(&self, repository: &RepositoryId, tree: &str) -> Result<CopiedRepository, BackupError> {
        let mut tries = 0;
        loop {
            let snapshot = Snapshot::read(self.source, repository).await?;
            tries += 1;
            match self.copy(&snapshot, tree).await {
                Err(error) if error.may_be_old() && tries < TRIES => {
                    if !snapshot.is_outdated(self.source).await? {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    async fn copy(&self, snapshot: &Snapshot, tree: &str) -> Result<CopiedRepository, BackupError> {
        let repository = &snapshot.repository;
        let present = self.present(repository).await?;
        if let (Some((there, _)), Some(head), false) = (&present.head, &snapshot.head, self.strictness.force)
            && !is_earlier(there, head)
        {
            let generation = there.generation.clone();
            return Err(BackupError::OtherHistory { repository: repository.clone(), generation });
        }
        let mut done = CopiedRepository { pending: snapshot.pending.len() as u64, ..CopiedRepository::default() };
        let Some(head) = &snapshot.head else {
            self.pending(snapshot, &mut done).await?;
            return Ok(done);
        };
        done.generation = Some(head.generation.to_string());
        let files = snapshot.files()?;
        let known = |path: &str| present.files.get(path).filter(|_| !self.strictness.deep).copied();
        let mut wanted = Vec::new();
        for (path, sha256) in &files {
            let key = key(&join(tree, path))?;
            wanted.push(Wanted { key, sha256: *sha256, known: known(path), class: ObjectClass::Immutable });
        }
        // what replaces other bytes comes last: until then the head before is whole
        wanted.sort_by_key(|one| one.known.is_some_and(|known| known != one.sha256));
        let is_there = self.sizes(tree).await?;
        self.files(wanted, &is_there, &mut done).await?;
        let states: Vec<&GenerationId> =
            head.history.iter().map(|past| &past.generation).chain([&head.generation]).collect();
        self.manifests(repository, &states, &mut done).await?;
        self.pending(snapshot, &mut done).await?;

        let leftover = self.leftover_pointers(snapshot).await?;
        let head = snapshot.head_of_copy(head, &leftover);
        let version = present.head.as_ref().map(|(_, version)| version);
        if present.head.as_ref().is_none_or(|(there, _)| !is_same(there, &head)) {
            match Heads(self.destination).swap(version, head.clone()).await? {
                Swap::Won(_) => {}
                Swap::Lost => return Err(BackupError::Busy(repository.clone())),
            }
        }
        self.expose(&head, present.head.as_ref().map(|(head, _)| head), tree).await?;
        done.deleted = self.clear(repository, tree, &present, (&files, &states, &leftover)).await?;
        Ok(done)
    }

    /// What the destination says of the repository.
    async fn present(&self, repository: &RepositoryId) -> Result<Present, BackupError> {
        let Some(head) = Heads(self.destination).read(repository).await? else {
            return Ok(Present { head: None, files: BTreeMap::new() });
        };
        let generation = reading::generation(self.destination, repository, &head.0.generation).await;
        let files = match generation {
            Ok(generation) => snapshot::files(&head.0, &generation)?,
            // all is looked at then
            Err(RepositoryError::Damaged { .. }) => BTreeMap::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(Present { head: Some(head), files })
    }

    /// The manifests of all kept generations, that of the current one last.
    async fn manifests(
        &self,
        repository: &RepositoryId,
        states: &[&GenerationId],
        done: &mut CopiedRepository,
    ) -> Result<(), BackupError> {
        let listed = self.destination.list(&private::generations(repository)).await?.into_iter();
        let is_there: BTreeSet<Key> = listed.map(|one| one.key).collect();
        for id in states {
            let key = private::manifest(repository, id);
            if is_there.contains(&key) && !self.strictness.deep {
                done.unchanged += 1;
                continue;
            }
            let bytes = self.read(&key).await?;
            match Generation::from_bytes(&bytes) {
                Ok(generation) if generation.id == **id => {}
                _ => return Err(BackupError::Damaged { path: key.to_string() }),
            }
            self.write(&key, bytes, ObjectClass::PrivateImmutable, done).await?;
        }
        Ok(())
    }

    /// The plain-named files: indexes as copies of what the head names, roots behind them.
    async fn expose(&self, head: &Head, before: Option<&Head>, tree: &str) -> Result<(), BackupError> {
        let write = || Write { condition: Condition::Always, kind: ObjectClass::Mutable };
        let mut copies = Vec::new();
        for (name, stored) in head.plain.iter().filter(|(name, stored)| name != stored) {
            let is_new = before.is_none_or(|before| before.plain.get(name) != Some(stored));
            let (from, to) = (key(&join(tree, stored))?, key(&join(tree, name))?);
            if is_new || self.destination.stat(&to).await?.is_none() {
                copies.push(async move { self.destination.copy(&from, &to, write()).await }.boxed());
            }
        }
        gather(COPIED_AT_ONCE, copies).await?;
        let root: BTreeSet<&str> = head.root.iter().map(|file| file.name.as_str()).collect();
        for file in &head.root {
            let to = key(&join(tree, &file.name))?;
            let is_old = before.is_some_and(|before| before.root.contains(file));
            if !is_old || self.destination.stat(&to).await?.is_none() {
                self.destination.write(&to, Body::from(file.content.clone()), write()).await?;
            }
        }
        let gone = before.into_iter().flat_map(|before| {
            let roots = before.root.iter().map(|file| &file.name).filter(|name| !root.contains(name.as_str()));
            roots.chain(before.plain.keys().filter(|name| !head.plain.contains_key(*name)))
        });
        let gone = gone.map(|name| key(&join(tree, name))).collect::<Result<Vec<_>, _>>()?;
        if !gone.is_empty() {
            self.destination.delete(&gone).await?;
        }
        Ok(())
    }

    /// Deletes what only the head before needed; how many objects.
    async fn clear(
        &self,
        repository: &RepositoryId,
        tree: &str,
        present: &Present,
        (files, states, leftover): (&BTreeMap<String, Sha256>, &[&GenerationId], &[Key]),
    ) -> Result<u64, BackupError> {
        let mut gone: Vec<Key> = leftover.to_vec();
        for path in present.files.keys().filter(|path| !files.contains_key(*path)) {
            gone.push(key(&join(tree, path))?);
        }
        let kept: BTreeSet<Key> = states.iter().map(|id| private::manifest(repository, id)).collect();
        let listed = self.destination.list(&private::generations(repository)).await?.into_iter();
        gone.extend(listed.map(|one| one.key).filter(|key| !kept.contains(key)));
        if !gone.is_empty() {
            self.destination.delete(&gone).await?;
        }
        Ok(gone.len() as u64)
    }

    fn note(&self, bytes: u64, done: &mut CopiedRepository) {
        done.copied += 1;
        done.copied_bytes += bytes;
        self.progress.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Whether a head is an earlier state of another one.
fn is_earlier(earlier: &Head, later: &Head) -> bool {
    let is_known = later.keeps(&earlier.generation);
    // what the later one has forgotten: both began with the same generation
    let is_of_one_line = earlier.first_published_at.is_some()
        && earlier.first_published_at == later.first_published_at
        && earlier.counter <= later.counter;
    is_known || is_of_one_line
}

/// Whether two heads say the same, whoever wrote them.
fn is_same(left: &Head, right: &Head) -> bool {
    Head { nonce: right.nonce, ..left.clone() } == *right
}

/// The key of a path that a head or a manifest names.
fn key(path: &str) -> Result<Key, BackupError> {
    Key::parse(path).ok_or_else(|| RepositoryError::damaged(path, "this is no name of an object").into())
}
