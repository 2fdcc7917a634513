//! Phased updates: of all machines only so many out of a hundred get a version. The number of packages that are published changes
//! as one upload, without new files.

use std::collections::BTreeMap;
use std::sync::Arc;

use rws_store::Store;

use crate::actor::Actor;
use crate::catalogue::ConfiguredTarget;
use crate::error::{IntakeError, RepositoryError};
use crate::generation::{Heads, PackageRow};
use crate::history;
use crate::intake::{self, Accepted};
use crate::rollback::{self, RollbackError};
use crate::selection::{ChangePlan, RepositoryPlan, Selector};
use crate::stored_packages::StoredPackages;
use crate::upload::UploadBuilder;
use crate::{GenerationId, UploadId, reading};
use rws_model::{Identity, RepositoryId};

/// So many packages change at once.
const MAX_PACKAGES: usize = 1000;

/// What is to change.
pub struct Phasing<'a> {
    /// The targets.
    pub targets: &'a [Arc<ConfiguredTarget>],
    /// Which packages of them.
    pub packages: &'a [Selector],
    /// How many machines out of a hundred get them: 0 to 100.
    pub percentage: u8,
}

/// Why nothing changes.
#[derive(Debug, thiserror::Error)]
pub enum PhasingError {
    /// Nothing fits.
    #[error("No package that clients update in phases is {0}.")]
    NoPackage(String),
    /// Too much fits.
    #[error("More than {MAX_PACKAGES} packages are meant.")]
    TooMany,
    /// A package cannot be read any more, and what the store fails with.
    #[error(transparent)]
    Rollback(#[from] RollbackError),
}

impl From<RepositoryError> for PhasingError {
    fn from(error: RepositoryError) -> Self {
        Self::Rollback(error.into())
    }
}

impl From<IntakeError> for PhasingError {
    fn from(error: IntakeError) -> Self {
        Self::Rollback(error.into())
    }
}

/// What would change.
pub struct PlannedPhasing<'a> {
    phasing: Phasing<'a>,
    rows: Vec<(Arc<ConfiguredTarget>, RepositoryId, GenerationId, Vec<PackageRow>)>,
    /// The packages, as replaced ones.
    pub plan: ChangePlan,
    /// The current generations of all repositories that were looked at.
    pub generations: BTreeMap<RepositoryId, Option<GenerationId>>,
}

/// Plans a change of phases: nothing is changed.
///
/// # Errors
///
/// When nothing fits, or too much; when the store fails.
pub async fn plan<'a>(store: &Arc<dyn Store>, phasing: Phasing<'a>) -> Result<PlannedPhasing<'a>, PhasingError> {
    let (mut rows, mut plan, mut generations) = (Vec::new(), ChangePlan::new(), BTreeMap::new());
    let mut count = 0;
    for target in phasing.targets {
        for repository in target.repositories() {
            let Some((head, _)) = Heads(&**store).read(&repository).await? else { continue };
            generations.insert(repository.clone(), Some(head.generation.clone()));
            let generation = reading::generation(&**store, &repository, &head.generation).await?;
            let mut chosen: Vec<PackageRow> = Vec::new();
            let visited = generation.packages.visit(|row| {
                let name = target.format.package_name(&Identity(row.identity.clone()), row.files.first());
                let is_meant = name.is_some_and(|name| {
                    target.format.is_installable(&name)
                        && phasing.packages.iter().any(|one| one.matches(&*target.format, &name))
                });
                if is_meant && target.format.is_phased(&row.entries) && chosen.len() <= MAX_PACKAGES {
                    chosen.push(row);
                }
            });
            visited.map_err(RepositoryError::generation(&repository))?;
            count += chosen.len();
            if count > MAX_PACKAGES {
                return Err(PhasingError::TooMany);
            }
            if chosen.is_empty() {
                continue;
            }
            let mut planned = RepositoryPlan { generation: Some(generation.id.clone()), ..RepositoryPlan::default() };
            for row in &chosen {
                planned.replaced.extend(history::planned(target, &generation, row)?);
            }
            planned.unchanged = history::packages(target, &generation)?.saturating_sub(planned.replaced.len());
            plan.insert(repository.clone(), planned);
            rows.push((Arc::clone(target), repository, generation.id.clone(), chosen));
        }
    }
    if rows.is_empty() {
        let meant: Vec<String> = phasing.packages.iter().map(ToString::to_string).collect();
        return Err(PhasingError::NoPackage(meant.join(" or ")));
    }
    Ok(PlannedPhasing { phasing, rows, plan, generations })
}

impl PlannedPhasing<'_> {
    /// Promises the upload. It brings no files: a package that goes meanwhile does not come back by it.
    ///
    /// # Errors
    ///
    /// When a package is not there any more, and as for any upload. Then nothing of it counts.
    pub async fn carry_out(self, store: &Arc<dyn Store>, actor: &Actor) -> Result<Accepted, PhasingError> {
        let now = store.clock_milliseconds().await.map_err(IntakeError::from)?;
        let mut upload = UploadBuilder::new(UploadId::next(now), actor);
        for (target, repository, id, rows) in self.rows {
            let generation = reading::generation(&**store, &repository, &id).await?;
            let packages = StoredPackages {
                store,
                target: &target,
                repository: &repository,
                generation: &generation,
                depth: target.depth(),
            };
            for row in rows {
                let (record, _) = rollback::restore(&packages, row).await?;
                if let Some(record) = target.format.phased(&record, self.phasing.percentage) {
                    upload.add(record, std::slice::from_ref(&repository));
                }
            }
        }
        Ok(intake::announce(&**store, upload.finish()).await?)
    }
}
