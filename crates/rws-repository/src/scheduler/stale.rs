//! Entries that an earlier version of the code rendered are rendered again, one repository at a time, beside all else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rws_model::RepositoryId;
use rws_store::low_priority;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::{Priority, Scheduler, lock};
use crate::RepositoryError;
use crate::generation::Head;
use crate::publish::{Batch, Triggers, Unreadable};

/// How long a batch may wait for the run that takes it in, before the rest is left to a later look.
const MAX_WAIT: Duration = Duration::from_secs(10 * 60);

/// The entries of a repository that an earlier version of the code rendered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// How many packages have some.
    pub packages: u64,
    /// Those among them that cannot be read: they keep what they have.
    pub unreadable: Vec<Unreadable>,
}

/// All repositories with such entries.
pub(super) struct Work {
    repositories: Mutex<BTreeMap<RepositoryId, Repository>>,
    /// One permit: one repository at a time.
    turn: Semaphore,
}

impl Default for Work {
    fn default() -> Self {
        Self { repositories: Mutex::default(), turn: Semaphore::new(1) }
    }
}

#[derive(Default)]
struct Repository {
    stale: Stale,
    is_running: bool,
    /// The packages that were tried: what their rows said then.
    tried: BTreeSet<(String, [u8; 32])>,
}

impl Repository {
    /// The packages that are not tried again.
    fn skipped(&self) -> BTreeSet<String> {
        self.stale.unreadable.iter().map(|package| package.identity.clone()).collect()
    }

    /// Takes note of a batch. A package that was rendered before and has its old entries still is not tried for ever.
    fn note(&mut self, batch: &Batch) {
        self.stale.unreadable.extend(batch.unreadable.iter().cloned());
        for package in &batch.packages {
            if !self.tried.insert(package.clone()) {
                let (identity, reason) = (package.0.clone(), "its entries were rendered, and not taken in".to_owned());
                self.stale.unreadable.push(Unreadable { path: String::new(), identity, reason });
            }
        }
    }
}

impl Scheduler {
    /// The repositories with entries that an earlier version of the code rendered, as far as this process has met them.
    pub fn stale(&self) -> BTreeMap<RepositoryId, Stale> {
        let repositories = lock(&self.stale.repositories);
        repositories.iter().map(|(repository, state)| (repository.clone(), state.stale.clone())).collect()
    }

    /// Takes note of how many packages of a repository have such entries, and has them rendered again.
    pub(super) fn note_stale(self: &Arc<Self>, repository: &RepositoryId, packages: u64) {
        let mut repositories = lock(&self.stale.repositories);
        if packages == 0 {
            repositories.remove(repository);
            return;
        }
        let state = repositories.entry(repository.clone()).or_default();
        state.stale.packages = packages;
        if !state.is_running && packages > state.stale.unreadable.len() as u64 {
            state.is_running = true;
            let (scheduler, repository) = (Arc::clone(self), repository.clone());
            tokio::spawn(async move { scheduler.render_stale(&repository).await });
        }
    }

    /// Wakes a repository whose head says that it has such entries: another replica published it, of an earlier version.
    pub(super) fn look_at_renderer(self: &Arc<Self>, repository: &RepositoryId, head: &Head) -> bool {
        let Some(target) = self.publisher.catalogue().repository(repository) else { return false };
        let is_stale = head.oldest_renderer.is_some_and(|oldest| oldest < target.format.renderer());
        if is_stale && !lock(&self.stale.repositories).contains_key(repository) {
            self.wake(repository, Triggers::NONE, Priority::Background);
        }
        is_stale
    }

    /// Renders the entries of a repository again, batch by batch, each with a commit of its own.
    async fn render_stale(self: Arc<Self>, repository: &RepositoryId) {
        // the semaphore is never closed
        let turn = self.stale.turn.acquire().await;
        tracing::info!(%repository, "entries that an earlier version rendered are rendered again");
        loop {
            match self.render_batch(repository).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::error!(%repository, %error, "entries could not be rendered again; it is tried again later");
                    break;
                }
            }
        }
        drop(turn);
        let mut repositories = lock(&self.stale.repositories);
        if let Some(state) = repositories.get_mut(repository) {
            state.is_running = false;
            state.tried.clear();
            // without one that is known to be unreadable the next look starts again
            if state.stale.unreadable.is_empty() {
                repositories.remove(repository);
            }
        }
    }

    /// Renders one batch, and waits for the run that takes it in. Says whether there was one.
    async fn render_batch(self: &Arc<Self>, repository: &RepositoryId) -> Result<bool, RepositoryError> {
        let known = lock(&self.stale.repositories).get(repository).map(Repository::skipped);
        // a run has found none left
        let Some(skipped) = known else { return Ok(false) };
        let (scheduler, name, runtime) = (Arc::clone(self), repository.clone(), Handle::current());
        let work = move || runtime.block_on(scheduler.publisher.render_stale(&name, &skipped));
        let batch = low_priority::run(work).await.map_err(|error| RepositoryError::damaged(repository, error))??;
        if let Some(state) = lock(&self.stale.repositories).get_mut(repository) {
            state.note(&batch);
        }
        for Unreadable { path, reason, .. } in &batch.unreadable {
            tracing::error!(%repository, path, reason, "a package cannot be read: it keeps its old entry");
        }
        if batch.packages.is_empty() {
            return Ok(!batch.is_empty());
        }
        self.publisher.hand_over(repository, batch);
        self.wake(repository, Triggers::NONE, Priority::Background);
        let taken = || (!self.publisher.is_handed_over(repository)).then_some(());
        let is_taken = self.until(MAX_WAIT, taken).await.is_some();
        if !is_taken {
            self.publisher.take_back(repository);
        }
        Ok(is_taken)
    }
}
