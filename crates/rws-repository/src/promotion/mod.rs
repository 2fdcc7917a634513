//! Promotion: packages of one target into others of the same format, as one upload. Their files are copied inside the store, byte
//! for byte, before the upload is promised.

mod choice;
mod metadata;
mod read;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use rws_model::{Assembled, FileName, Identity, Inspected, Listed, PackageName, PackagePlace, Record, RepositoryId};
use rws_store::{Store, StoreError};

use self::choice::Source;
use self::metadata::PromotedMetadata;
use self::read::{Candidate, Candidates};
use crate::GenerationId;
use crate::catalogue::{ConfiguredTarget, OnConflict};
use crate::error::{IntakeError, RepositoryError};
use crate::intake::{self, Accepted, Destination, Pool};
use crate::limits::{PackageLimits, Requester};
use crate::presence::{Presence, Presences};
use crate::reception::IncomingFiles;
use crate::selection::{ChangePlan, PlannedPackage, RepositoryPlan};

pub use self::choice::Choice;
pub use self::source::source_of;

/// So many packages that are refused are named; what else is refused is not looked for.
const MAX_REFUSED: usize = 100;

/// What is to be promoted.
pub struct Promotion<'a> {
    /// The target that has the packages.
    pub from: &'a Arc<ConfiguredTarget>,
    /// The targets that get them, all or none.
    pub to: &'a [Arc<ConfiguredTarget>],
    /// Which packages.
    pub packages: &'a Choice,
    /// Whether the sources come along that binary packages were built from.
    pub sources: bool,
    /// Whether other bytes for a package that is there take its place, where the configuration allows that.
    pub replace: bool,
    /// The component that all packages go to; `None`: the one that each has.
    pub component: Option<&'a str>,
    /// Kinds of metadata that come along.
    pub metadata: &'a [String],
    /// A local directory, for packages that are signed.
    pub spool: &'a Path,
    /// How large the index entries of all packages may be together.
    pub max_entries_bytes: u64,
}

/// Why nothing was planned or promised.
#[derive(Debug, thiserror::Error)]
pub enum PromotionError {
    /// No package fits.
    #[error("No package in {from} is {selector}.")]
    NoPackage {
        /// The target that has none.
        from: String,
        /// What was asked for.
        selector: String,
    },
    /// A name without a version stands for several versions.
    #[error("{from} has {name} in several versions: {}.", versions.join(", "))]
    Ambiguous {
        /// The target that has them.
        from: String,
        /// The name.
        name: String,
        /// The versions.
        versions: Vec<String>,
    },
    /// The index entries are larger than allowed.
    #[error("The index entries of the chosen packages have more than {max_bytes} bytes.")]
    TooLarge {
        /// So many may be.
        max_bytes: u64,
    },
    /// The source changed while its files were copied.
    #[error("{path} has gone or changed while it was copied. RWS kept nothing of the promotion.")]
    Moved {
        /// The public path of the file.
        path: String,
    },
    /// The source does not have this metadata.
    #[error("{from} has no metadata of the kind {kind}.")]
    NoMetadata {
        /// The target that has the packages.
        from: String,
        /// The kind.
        kind: String,
    },
    /// As for uploads.
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

impl From<RepositoryError> for PromotionError {
    fn from(error: RepositoryError) -> Self {
        Self::Intake(error.into())
    }
}

/// A package that cannot be promoted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusedPackage {
    /// The repository that it cannot come from, or go to; a target where no repository takes it.
    pub repository: String,
    /// The package.
    pub package: PackageName,
    /// Its own file.
    pub file: FileName,
    /// Why.
    pub reason: String,
}

/// A package that promoted ones need, and that a target would not have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingPackage {
    /// The target.
    pub target: String,
    /// The package that needs it.
    pub package: String,
    /// What it needs: one of these names.
    pub needs: Vec<String>,
}

/// What a promotion would do.
pub struct PlannedPromotion<'a> {
    promotion: Promotion<'a>,
    candidates: Candidates,
    metadata: PromotedMetadata,
    /// What would change.
    pub plan: ChangePlan,
    /// What cannot be promoted. Then nothing is.
    pub refused: Vec<RefusedPackage>,
    /// What promoted packages need that the source has, and a target would not have.
    pub missing: Vec<MissingPackage>,
    /// The current generations of all repositories that were looked at; `None`: there is none yet.
    pub generations: BTreeMap<RepositoryId, Option<GenerationId>>,
}

/// Plans a promotion: nothing is changed.
///
/// # Errors
///
/// When a selector stands for nothing, or for several versions; when the store fails.
pub async fn plan<'a>(
    store: &'a Arc<dyn Store>,
    promotion: Promotion<'a>,
) -> Result<PlannedPromotion<'a>, PromotionError> {
    let source = Source::load(store, promotion.from).await?;
    let chosen = source.choose(promotion.packages, promotion.sources)?;
    let mut refused = Vec::new();
    let mut candidates = Candidates::read(store, &promotion, &source, chosen, &mut refused).await?;
    let mut generations: BTreeMap<RepositoryId, Option<GenerationId>> =
        source.generations().map(|(repository, id)| (repository, Some(id))).collect();
    let (mut plan, mut missing, mut changed) = (ChangePlan::new(), Vec::new(), BTreeSet::new());
    for target in promotion.to {
        let mut presences = Presences::new(&**store, target);
        let assembled = assemble(target, &mut presences, &candidates, &mut refused).await?;
        for repository in target.repositories() {
            let presence = presences.of(&repository).await?;
            generations.insert(repository.clone(), presence.generation().map(|generation| generation.id.clone()));
            let of_repository = assembled.iter().filter(|one| one.repositories.contains(&repository));
            let planned = compare(&promotion, presence, of_repository, &mut refused)?;
            changed.extend(planned.added.iter().chain(&planned.replaced).map(|one| one.file.clone()));
            if !planned.added.is_empty() || !planned.replaced.is_empty() {
                plan.insert(repository, planned);
            }
        }
        missing.extend(needed(target, &mut presences, &source, &candidates).await?);
    }
    let names: Vec<PackageName> = candidates.packages().map(|package| package.planned.package.clone()).collect();
    let metadata = PromotedMetadata::read(store, &promotion, &source, &names).await?;
    for (repository, kind) in &metadata.changes {
        let generation = generations.get(repository).cloned().flatten();
        let planned = || RepositoryPlan { generation, ..RepositoryPlan::default() };
        plan.entry(repository.clone()).or_insert_with(planned).metadata.push(kind.clone());
    }
    candidates.keep(|package| changed.contains(&package.planned.file));
    refused.sort();
    refused.dedup();
    Ok(PlannedPromotion { promotion, candidates, metadata, plan, refused, missing, generations })
}

impl PlannedPromotion<'_> {
    /// Refuses packages that may not be changed in a target, as carrying it out does.
    ///
    /// # Errors
    ///
    /// The first package that may not.
    pub fn check_rights(&self, limits: &PackageLimits) -> Result<(), PromotionError> {
        let files = self.candidates.packages().flat_map(|package| &package.files);
        let inspected: Vec<Inspected> = files.map(|file| file.inspected.clone()).collect();
        for target in self.promotion.to {
            limits.check_upload(target, &inspected)?;
        }
        Ok(())
    }

    /// Copies the files and promises the upload. Only where nothing is refused.
    ///
    /// # Errors
    ///
    /// When a file or a target has changed meanwhile, and as for any upload. Then nothing of it counts.
    pub async fn carry_out(self, store: &Arc<dyn Store>, by: Requester<'_>) -> Result<Accepted, PromotionError> {
        let Promotion { to, replace, .. } = self.promotion;
        let reception = IncomingFiles::begin(Arc::clone(store)).await?;
        let metadata = &self.metadata.files;
        let to = Destination { refuse_other_bytes: !replace, metadata, ..Destination::all(to, by) };
        let (files, _spooled) = self.candidates.into_files();
        let accepted = intake::accept(reception, to, files).await;
        accepted.map_err(|error| match error {
            IntakeError::Failed(RepositoryError::Store(StoreError::Missing { key })) => {
                PromotionError::Moved { path: key }
            }
            other => other.into(),
        })
    }
}

/// The records of the packages for one target; those that it does not take are refused.
async fn assemble(
    target: &Arc<ConfiguredTarget>,
    presences: &mut Presences<'_>,
    candidates: &Candidates,
    refused: &mut Vec<RefusedPackage>,
) -> Result<Vec<Assembled>, PromotionError> {
    let mut packages: Vec<&Candidate> = candidates.packages().collect();
    let before = refused.len();
    loop {
        let files = packages.iter().flat_map(|package| &package.files);
        let (inspected, places): (Vec<Inspected>, Vec<PackagePlace>) =
            files.map(|file| (file.inspected.clone(), file.place.clone())).unzip();
        let pool = Pool::load(presences, target, &inspected, Listed::InUpload).await?;
        let refusal = match intake::assemble(target, Listed::InUpload, (&inspected, &places), &pool) {
            Ok(assembled) => return Ok(assembled),
            Err(refusal) => refusal,
        };
        let is_of =
            |package: &&Candidate| package.files.iter().any(|file| file.inspected.file.name.as_str() == refusal.file);
        let Some(at) = packages.iter().position(is_of) else {
            return Err(IntakeError::from(refusal).into());
        };
        let PlannedPackage { package, file, .. } = packages.remove(at).planned.clone();
        refused.push(RefusedPackage { repository: target.target.to_string(), package, file, reason: refusal.reason });
        if refused.len() >= before + MAX_REFUSED {
            return Ok(Vec::new());
        }
    }
}

/// What comes to one repository.
fn compare<'r>(
    promotion: &Promotion<'_>,
    presence: &Presence<'_>,
    assembled: impl Iterator<Item = &'r Assembled>,
    refused: &mut Vec<RefusedPackage>,
) -> Result<RepositoryPlan, RepositoryError> {
    let generation = presence.generation().map(|generation| generation.id.clone());
    let mut plan = RepositoryPlan { generation, ..RepositoryPlan::default() };
    let refuses = presence.target().policy.on_conflict == OnConflict::Refuse;
    for Assembled { record, .. } in assembled {
        let Some(planned) = planned(promotion.from, record) else { continue };
        match presence.content(&record.identity)? {
            None => plan.added.push(planned),
            Some(present) if present == planned.sha256 && moves(promotion, presence, record)? => {
                plan.replaced.push(planned)
            }
            Some(present) if present == planned.sha256 => {}
            Some(_) if promotion.replace && !refuses => plan.replaced.push(planned),
            Some(present) => refused.push(RefusedPackage {
                repository: presence.repository().to_string(),
                reason: format!("the repository has it with other content, SHA-256 {present}"),
                package: planned.package,
                file: planned.file,
            }),
        }
    }
    plan.unchanged = presence.own_files()?.len().saturating_sub(plan.replaced.len());
    Ok(plan)
}

/// Whether a package that is there goes to another component.
fn moves(promotion: &Promotion<'_>, presence: &Presence<'_>, record: &Record) -> Result<bool, RepositoryError> {
    let Some(component) = promotion.component else { return Ok(false) };
    let placed = presence.placed(&record.identity)?;
    let present = placed.and_then(|(directory, _)| presence.target().format.place_of(&directory).component);
    Ok(present.is_some_and(|present| present != component))
}

fn planned(target: &ConfiguredTarget, record: &Record) -> Option<PlannedPackage> {
    let package = target.format.package_name(&record.identity, record.files.first().map(|file| &file.name))?;
    Some(PlannedPackage { package, file: record.files.first()?.name.clone(), sha256: record.uploaded()? })
}

/// What the packages need that the source has and the target would not have.
async fn needed(
    target: &Arc<ConfiguredTarget>,
    presences: &mut Presences<'_>,
    source: &Source<'_>,
    candidates: &Candidates,
) -> Result<Vec<MissingPackage>, RepositoryError> {
    let of_source = source.names();
    let mut had: BTreeSet<String> = candidates.packages().map(|one| one.planned.package.name.clone()).collect();
    for repository in target.repositories() {
        let identities = presences.of(&repository).await?.identities()?;
        let named =
            |identity: &Identity| target.format.package_name(identity, None).map(|PackageName { name, .. }| name);
        had.extend(identities.iter().filter_map(named));
    }
    let mut missing = BTreeSet::new();
    for package in candidates.packages() {
        let lists = package.relations.needs.iter();
        for needs in lists.filter(|names| names.iter().any(|name| of_source.contains(name))) {
            if !needs.iter().any(|name| had.contains(name)) {
                let (target, package) = (target.target.to_string(), package.planned.package.name.clone());
                missing.insert(MissingPackage { target, package, needs: needs.clone() });
            }
        }
    }
    Ok(missing.into_iter().collect())
}
