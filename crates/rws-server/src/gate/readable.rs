//! What somebody may read: a path, a target, an earlier state.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use rws_model::{RepositoryId, RootFile, Target};
use rws_repository::catalogue::ConfiguredTarget;
use rws_repository::history::{self, NoState, PastState};
use rws_repository::selection::RepositoryPlan;
use rws_repository::tree::{FileRequest, OfReader, PublicFile};
use rws_repository::{GenerationId, Head, RepositoryError};
use rws_store::{Depth, DirectoryEntry, MAX_PAGE_ENTRIES, Page, Store};

use super::Gate;
use crate::access::Reader;

/// Into so many directories it is looked at the same time whether there is anything in them.
const LOOKS_AT_ONCE: usize = 8;

/// A path that may be read.
#[derive(Clone)]
pub struct Readable {
    pub(super) gate: Arc<Gate>,
    pub(super) path: String,
    pub(super) reader: Reader,
}

/// A target whose repositories may be read.
pub struct ReadableTarget<'a> {
    pub(super) gate: &'a Gate,
    pub(super) target: Arc<ConfiguredTarget>,
}

/// What a repository was.
pub struct ReadablePast {
    pub(super) store: Arc<dyn Store>,
    pub(super) target: Arc<ConfiguredTarget>,
    pub(super) head: Head,
}

impl Readable {
    /// The path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is at a name below the path.
    pub fn below(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        Self { gate: Arc::clone(&self.gate), path, reader: self.reader.clone() }
    }

    /// Who reads.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Whether others may see something else there: nobody may keep the answer for them.
    pub fn is_private(&self) -> bool {
        self.gate.depends_on_reader(&self.reader, &self.path)
    }

    /// Whether there may be something below the path that this one may not know of.
    pub fn hides_some(&self) -> bool {
        self.reader.is_limited() && self.reader.sees_a_part(&self.path, &self.gate.areas.of(&self.path))
    }

    /// The file at the path; `None` where there is none.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn file(
        &self,
        request: FileRequest,
        reader: Option<&OfReader<'_>>,
    ) -> Result<Option<PublicFile>, RepositoryError> {
        self.gate.tree.file(&self.path, request, reader).await
    }

    /// A part of what is below the path; `None` where there is nothing.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn page(&self, depth: Depth, from: Option<&str>, most: usize) -> Result<Option<Page>, RepositoryError> {
        if !self.hides_some() {
            return self.gate.tree.page(&self.path, depth, from, most).await;
        }
        let mut from = from.map(str::to_owned);
        loop {
            let Some(mut page) = self.gate.tree.page(&self.path, depth, from.as_deref(), most).await? else {
                return Ok(None);
            };
            page.entries.retain(|entry| self.gate.may_see(&self.reader, self.below(entry.name()).path()));
            page.entries = self.with_something(page.entries).await?;
            match page.next {
                Some(next) if page.entries.is_empty() => from = Some(next),
                _ => return Ok((!page.entries.is_empty() || self.path.is_empty()).then_some(page)),
            }
        }
    }

    /// These entries without directories in which this one may see nothing: they are there for the sake of what is private.
    async fn with_something(&self, entries: Vec<DirectoryEntry>) -> Result<Vec<DirectoryEntry>, RepositoryError> {
        let looks: Vec<_> = entries.into_iter().map(|entry| self.below(entry.name()).look(entry)).collect();
        let found: Vec<Option<DirectoryEntry>> = stream::iter(looks).buffered(LOOKS_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The entry of this path in the directory above; `None` for a directory in which this one may see nothing.
    fn look(self, entry: DirectoryEntry) -> BoxFuture<'static, Result<Option<DirectoryEntry>, RepositoryError>> {
        let look = async move {
            let is_empty = matches!(entry, DirectoryEntry::Directory(_))
                && self.hides_some()
                && self.page(Depth::Directory, None, MAX_PAGE_ENTRIES).await?.is_none();
            Ok((!is_empty).then_some(entry))
        };
        look.boxed()
    }

    /// A part of a directory, which may be shown to this one with the address of the next: what the store says of that might name
    /// what this one may not know of. Where there is such, the next part begins with a name, and all of the directory is read.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn named_page(&self, from: Option<&str>, most: usize) -> Result<Option<Page>, RepositoryError> {
        if !self.hides_some() {
            return self.page(Depth::Directory, from, most).await;
        }
        let (mut first, mut next, mut is_empty) = (BTreeMap::new(), None::<String>, true);
        loop {
            let Some(page) = self.page(Depth::Directory, next.as_deref(), MAX_PAGE_ENTRIES).await? else { break };
            is_empty &= page.entries.is_empty();
            let behind = |entry: &DirectoryEntry| from.is_none_or(|from| entry.name() >= from);
            let named = page.entries.into_iter().filter(behind).map(|entry| (entry.name().to_owned(), entry));
            first.extend(named);
            // one more than asked for: where the next part begins
            while first.len() > most + 1 {
                first.pop_last();
            }
            match page.next {
                Some(after) => next = Some(after),
                None => break,
            }
        }
        if is_empty && !self.path.is_empty() {
            return Ok(None);
        }
        let next = if first.len() > most { first.pop_last().map(|(name, _)| name) } else { None };
        Ok(Some(Page { entries: first.into_values().collect(), next }))
    }
}

impl ReadablePast {
    /// What is current, and which earlier generations are kept.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What tells two generations apart.
    ///
    /// # Errors
    ///
    /// When the store fails, or a manifest is damaged.
    pub async fn difference(&self, between: (&GenerationId, &GenerationId)) -> Result<RepositoryPlan, RepositoryError> {
        history::difference(&*self.store, &self.target, &self.head.repository, between).await
    }
}

impl ReadableTarget<'_> {
    /// The target with what is configured for it.
    pub fn configured(&self) -> &ConfiguredTarget {
        &self.target
    }

    /// The same, to keep.
    pub fn shared(&self) -> &Arc<ConfiguredTarget> {
        &self.target
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target.target
    }

    /// The root that readers of one of its repositories get.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn root(&self, repository: &RepositoryId) -> Result<Vec<RootFile>, RepositoryError> {
        self.gate.tree.root(repository).await
    }

    /// Whether one of its repositories has a state; within it, why none has.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn has_state(&self, state: &PastState) -> Result<Result<(), NoState>, RepositoryError> {
        let store = &**self.gate.store();
        let now = store.clock_milliseconds().await? / 1000;
        let nothing = |repository: RepositoryId| match state {
            PastState::Pinned(pin, _) => NoState::NotPinned { repository, pin: pin.clone() },
            _ => NoState::NotKept { repository, generation: "of that state".to_owned() },
        };
        let mut has = self.configured().repositories().into_iter().next().map_or(Ok(()), |one| Err(nothing(one)));
        for repository in self.configured().repositories() {
            let Some(head) = history::head(store, &repository).await? else { continue };
            has = history::resolve(&head, state, now).map(|_| ());
            if has.is_ok() {
                break;
            }
        }
        Ok(has)
    }

    /// Whether packages are signed when they are uploaded, and each one that is there has a signature of a key that clients are
    /// told of.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn verifies_packages(&self) -> Result<bool, RepositoryError> {
        let target = self.configured();
        let (true, None, Some(signer)) = (target.signs_packages(), &target.signing_problem, &target.signer) else {
            return Ok(false);
        };
        let known = signer.package_key_fingerprints();
        for repository in target.repositories() {
            let signatures = self.gate.tree.package_signatures(&repository).await?;
            let Some(signatures) = signatures else { return Ok(false) };
            if let Some(other) = signatures.keys().find(|key| !known.contains(key)) {
                self.gate.warn_of_former_key(&target.target.to_string(), other);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The current generation of one of its repositories.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn generation(&self, repository: &RepositoryId) -> Result<Option<GenerationId>, RepositoryError> {
        self.gate.tree.generation(repository).await
    }
}
