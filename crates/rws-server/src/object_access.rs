//! Objects of private repositories that a bucket would show to everybody.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rws_model::Target;
use rws_repository::catalogue::ConfiguredTarget;
use rws_repository::read_rules::PublicPaths;
use rws_repository::{RepositoryError, object_access};
use rws_store::{Store, WriteAccess};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::gate::Gate;

/// How often it is looked whether a repository has become private or public. That asks nothing of the store.
const LOOKS: Duration = Duration::from_secs(2);

/// How often the newer objects of private repositories are looked at: a replica that has not read the configuration again may have
/// written some.
const CHECKS: Duration = Duration::from_secs(600);

/// Takes public ACLs away from objects of private repositories, and gives them to those of repositories that have become public.
pub struct ObjectAccess {
    gate: Arc<Gate>,
    public: Arc<PublicPaths>,
    /// What is known to be closed; `None`: nobody has asked the store.
    closed: Option<HashSet<Target>>,
    checked: Instant,
}

impl ObjectAccess {
    /// Looks after the objects of all targets behind a gate.
    pub fn new(gate: Arc<Gate>, public: Arc<PublicPaths>) -> Self {
        Self { gate, public, closed: None, checked: Instant::now() }
    }

    /// Looks for ever, while this process may write.
    pub async fn keep(mut self, mut writing: watch::Receiver<WriteAccess>) {
        loop {
            // a sender that is gone does not change its mind
            _ = writing.wait_for(WriteAccess::is_allowed).await;
            if let Err(error) = self.look().await {
                tracing::error!(%error, "RWS could not set who may read objects from the bucket; it tries again");
            }
            tokio::time::sleep(LOOKS).await;
        }
    }

    async fn look(&mut self) -> Result<(), RepositoryError> {
        let store = Arc::clone(self.gate.store());
        if self.closed.is_none() {
            self.closed = Some(object_access::closed(&*store).await?.into_iter().collect());
        }
        let is_due = self.checked.elapsed() >= CHECKS;
        let mut failed = None;
        for target in self.gate.targets() {
            let is_closed = self.closed.as_ref().is_some_and(|closed| closed.contains(&target.target));
            match self.set(&*store, target, is_closed, is_due).await {
                Ok(true) => self.closed.get_or_insert_default().insert(target.target.clone()),
                Ok(false) => self.closed.get_or_insert_default().remove(&target.target),
                // one target must not keep the others open
                Err(error) => failed.replace(error).is_some(),
            };
        }
        if let Some(error) = failed {
            return Err(error);
        }
        if is_due {
            self.checked = Instant::now();
        }
        Ok(())
    }

    /// Sets who may read the objects of a target; says whether they are closed now.
    async fn set(
        &self,
        store: &dyn Store,
        target: &ConfiguredTarget,
        is_closed: bool,
        is_due: bool,
    ) -> Result<bool, RepositoryError> {
        let name = &target.target;
        match (self.public.has_target(name), is_closed) {
            (true, false) => return Ok(false),
            (false, true) if !is_due => {}
            (false, _) => {
                let objects = object_access::close(store, target).await?;
                if !is_closed {
                    tracing::info!(target = %name, objects, "nobody but RWS reads these objects from the bucket now");
                }
            }
            (true, true) => {
                let objects = object_access::open(store, target).await?;
                tracing::info!(target = %name, objects, "the repository is public again");
                return Ok(false);
            }
        }
        Ok(true)
    }
}
