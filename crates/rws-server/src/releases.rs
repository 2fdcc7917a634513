//! Release packages of repositories: made at start, and when what they would say has changed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rws_model::{ReleasePackage, Sha256, Target, sha256};
use rws_repository::catalogue::ConfiguredTarget;
use rws_repository::release::{self, Released};
use rws_repository::scheduler::Scheduler;
use rws_repository::{GenerationId, IntakeError, RepositoryError};
use rws_store::WriteAccess;
use tokio::sync::watch;

use crate::access::Reader;
use crate::gate::{Gate, ReadableTarget};
use crate::service::Keys;
use crate::target_setup::TargetSetup;

/// How often it is looked whether a release package would say something else.
const LOOKS: Duration = Duration::from_secs(15);

/// Makes release packages.
pub struct Releases {
    /// The way to repositories.
    pub gate: Arc<Gate>,
    /// The public keys.
    pub keys: Keys,
    /// The URL at which clients reach the service.
    pub base: String,
    /// A local directory.
    pub spool: PathBuf,
}

/// What was seen of a target.
#[derive(PartialEq)]
struct Seen {
    /// The generations of its repositories.
    generations: Vec<GenerationId>,
    /// The digest of what a release package says.
    says: Option<Sha256>,
}

impl Releases {
    /// Makes the release package of a target, unless its repositories have it. `name` is what its name is made of.
    ///
    /// # Errors
    ///
    /// As for an upload of the package.
    pub async fn release(&self, readable: &ReadableTarget<'_>, name: &str) -> Result<Released, IntakeError> {
        let setup = self.setup(readable).await?;
        let target = readable.shared();
        release::release(self.gate.store(), target, name, &setup.setup(), &self.spool).await
    }

    async fn setup(&self, readable: &ReadableTarget<'_>) -> Result<TargetSetup, RepositoryError> {
        let format = &readable.configured().format;
        let names = format.setup_files().iter().any(|end| format.setup_names_architectures(end));
        TargetSetup::read(readable, &self.keys, self.base.clone(), names).await
    }

    /// Looks for ever, while this process may write. A repository that nobody has published yet gets none.
    pub async fn keep(self, scheduler: Arc<Scheduler>, mut writing: watch::Receiver<WriteAccess>) {
        let mut seen: HashMap<Target, Seen> = HashMap::new();
        if self.gate.release_targets().next().is_none() {
            return;
        }
        loop {
            // a sender that is gone does not change its mind
            _ = writing.wait_for(WriteAccess::is_allowed).await;
            if let Err(error) = self.look(&scheduler, &mut seen).await {
                tracing::warn!(%error, "RWS could not look for release packages to make; it looks again");
            }
            tokio::time::sleep(LOOKS).await;
        }
    }

    async fn look(&self, scheduler: &Arc<Scheduler>, seen: &mut HashMap<Target, Seen>) -> Result<(), RepositoryError> {
        let published: HashMap<_, _> = self
            .gate
            .readable_repositories(&Reader::itself())
            .await?
            .into_iter()
            .map(|one| (one.published.repository, one.published.generation))
            .collect();
        for target in self.gate.release_targets() {
            let repositories = target.repositories().into_iter();
            let generations: Vec<GenerationId> =
                repositories.filter_map(|repository| published.get(&repository).cloned()).collect();
            let known = seen.get(&target.target);
            if generations.is_empty() || known.is_some_and(|known| known.generations == generations) {
                continue;
            }
            let Some(name) = &target.release_package else { continue };
            let name_of_target = target.target.to_string();
            let Ok(Some(readable)) = self.gate.readable_target(&Reader::itself(), &name_of_target) else { continue };
            let says = self.says(&readable, target, name).await?;
            if says.is_none() || known.is_some_and(|known| known.says == says) {
                seen.insert(target.target.clone(), Seen { generations, says });
                continue;
            }
            match self.release(&readable, name).await {
                Ok(Released::Made { file, accepted }) => {
                    tracing::info!(target = %target.target, file, upload = %accepted.id, "RWS made a release package");
                    scheduler.take(&accepted);
                }
                Ok(Released::Unchanged { .. } | Released::None) => {
                    seen.insert(target.target.clone(), Seen { generations, says });
                }
                Err(error) => {
                    tracing::error!(target = %target.target, %error, "RWS could not make a release package");
                    seen.insert(target.target.clone(), Seen { generations, says });
                }
            }
        }
        Ok(())
    }

    /// The digest of what a release package would say.
    async fn says(
        &self,
        readable: &ReadableTarget<'_>,
        target: &ConfiguredTarget,
        name: &str,
    ) -> Result<Option<Sha256>, RepositoryError> {
        let setup = self.setup(readable).await?;
        let setup = setup.setup();
        let package = ReleasePackage { name, version: "1", built_at: 0, maintainer: "", setup: &setup };
        Ok(target.format.release_package(&package).map(|built| sha256(&built.bytes)))
    }
}
