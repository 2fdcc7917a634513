//! Changes of what repositories are and were: requests, plans, pins, generations.

use std::collections::BTreeMap;

use rws_model::PackageName;
use rws_repository::promotion::PlannedPromotion;
use rws_repository::purge::PurgePlan;
use rws_repository::selection;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::Problem;
use crate::gate::{ReadablePin, Visible};
use crate::own::time;

/// What is to be promoted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromoteRequest {
    /// The path of the target that has the packages.
    pub from: String,
    /// The paths of the targets that get them, of the same format; anchors, too.
    pub to: Vec<String>,
    /// Which packages.
    pub packages: Packages,
    /// Whether the sources come along that the packages were built from.
    #[serde(default = "yes")]
    pub sources: bool,
    /// Whether other content for a package that is there takes its place, where the configuration allows that.
    #[serde(default)]
    pub replace: bool,
    /// Metadata files that come along: `comps`, `modules`, for deb `Components-amd64.yml`, `contrib/Translation-de` and others as a
    /// whole, of `updateinfo` the entries of the promoted packages.
    #[serde(default)]
    pub metadata: Vec<String>,
    /// Whether the plan says which packages of the source the promoted ones need and a target would not have.
    #[serde(default)]
    pub dependencies: Option<Dependencies>,
    /// Whether a target may be open to more readers than the source.
    #[serde(default)]
    pub disclose: bool,
    /// The component of apt repositories that all packages go to. Without it each keeps its own. With it packages can be promoted
    /// from a target to itself.
    pub component: Option<String>,
    /// Whether only the plan is wanted.
    #[serde(default)]
    pub dry_run: bool,
    /// The current generations of repositories, by their names, if the request was planned on them.
    #[serde(default)]
    pub if_generation: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

/// What is to be rolled back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// The path of a target.
    pub target: String,
    /// One of its repositories; without it all that have the state.
    #[serde(default)]
    pub repository: Option<String>,
    /// A generation, a time like `20260301T120000Z` (the generation that was current then), or a pin.
    pub to: String,
    /// Whether only the plan is wanted.
    #[serde(default)]
    pub dry_run: bool,
    /// The current generations of repositories, by their names, if the request was planned on them.
    #[serde(default)]
    pub if_generation: BTreeMap<String, String>,
}

/// How many machines out of a hundred get which packages.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseRequest {
    /// The path of the targets; an anchor, too.
    pub target: String,
    /// Selectors of packages that are published.
    pub packages: Vec<String>,
    /// From 0 to 100. At 100 all machines get them.
    pub percentage: u8,
    /// Whether only the plan is wanted.
    #[serde(default)]
    pub dry_run: bool,
    /// The current generations of repositories, by their names, if the request was planned on them.
    #[serde(default)]
    pub if_generation: BTreeMap<String, String>,
}

/// Where the rules of retention are to be applied.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetainRequest {
    /// Paths of targets, or patterns of them such as `live/*/el/*`. Those without a rule stay as they are.
    pub targets: Vec<String>,
    /// Whether only the plan is wanted.
    #[serde(default)]
    pub dry_run: bool,
}

/// The generations of a repository.
#[derive(Serialize, ToSchema)]
pub struct PastGenerations {
    /// The newest first.
    pub generations: Vec<PastGeneration>,
    /// `before` for the next page; null on the last one.
    pub next: Option<String>,
}

/// A generation of a repository.
#[derive(Serialize, ToSchema)]
pub struct PastGeneration {
    /// Its name.
    pub generation: String,
    /// When it was published (RFC 3339).
    pub published_at: Option<String>,
    /// When another one took its place (RFC 3339); null for the current one.
    pub replaced_at: Option<String>,
    /// Whether its packages are still there.
    pub kept: bool,
    /// How many packages it has.
    pub packages: usize,
    /// How many packages came with it; null where the generation before it is not kept, as for the next two.
    pub added: Option<usize>,
    /// How many packages got other content.
    pub replaced: Option<usize>,
    /// How many packages went.
    pub removed: Option<usize>,
    /// The uploads that it was the first to have, at most 100 of them.
    pub uploads: Vec<PastUpload>,
    /// The names of the pins that keep it.
    pub pins: Vec<String>,
}

/// An upload of a generation.
#[derive(Serialize, ToSchema)]
pub struct PastUpload {
    /// Its name.
    pub upload: String,
    /// What was asked for, such as `upload` or `delete`; null where it is not known any more.
    pub verb: Option<String>,
    /// The user, for administrators only; null for RWS itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The address of the client, for administrators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// Which changes are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document only")]
pub struct AuditQuery {
    /// Those from this time on (RFC 3339, or `20260301T120000Z`).
    since: Option<String>,
    /// Those before this time.
    until: Option<String>,
    /// Those of this user.
    user: Option<String>,
    /// Those of targets that this pattern fits, such as `release/*`.
    target: Option<String>,
    /// Those of this verb: `upload`, `delete`, `promote`, `rollback`, `retain`, `metadata`, `pin`, `unpin`, `purge`, `sign`, `release-package` or `import`.
    verb: Option<String>,
}

/// What is to be pinned.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PinRequest {
    /// The name: letters, digits, `.`, `_` and `-`, at most 64, neither a generation nor a time.
    pub name: String,
    /// Paths of targets, or patterns of them such as `release/*/el/*`.
    pub targets: Vec<String>,
    /// A generation, a time like `20260301T120000Z`, or another pin; what is current without it.
    pub at: Option<String>,
}

/// What is to be purged: either `sha256`, or `selectors` with `targets`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PurgeRequest {
    /// The contents of files.
    #[serde(default)]
    pub sha256: Vec<String>,
    /// Packages: `NAME` or `NAME=VERSION`, with `*` and `?`; in whatever state of the targets they are.
    #[serde(default)]
    pub selectors: Vec<String>,
    /// Paths of targets, or patterns of them.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Whether only the plan is wanted.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a purge deletes.
#[derive(Serialize, ToSchema)]
pub struct Purge {
    /// The files.
    pub files: Vec<PurgedFile>,
}

/// A file that a purge deletes.
#[derive(Serialize, ToSchema)]
pub struct PurgedFile {
    /// Its public path.
    pub path: String,
    /// Its content.
    pub sha256: Option<String>,
    /// The repositories that had it when the purge was asked for.
    pub current: Vec<String>,
    /// The earlier generations that had it, by their repositories.
    pub earlier: BTreeMap<String, Vec<String>>,
}

impl From<PurgePlan> for Purge {
    fn from(plan: PurgePlan) -> Self {
        let file = |(path, file): (String, rws_repository::purge::PurgedFile)| PurgedFile {
            path,
            sha256: file.sha256.map(|sha256| sha256.to_string()),
            current: file.current.iter().map(ToString::to_string).collect(),
            earlier: file
                .earlier
                .iter()
                .map(|(repository, ids)| (repository.to_string(), ids.iter().map(ToString::to_string).collect()))
                .collect(),
        };
        Self { files: plan.into_iter().map(file).collect() }
    }
}

/// All pins.
#[derive(Serialize, ToSchema)]
pub struct Pins {
    /// In the order of their names.
    pub pins: Vec<Pin>,
}

/// A name for states of repositories. They are kept until it is removed.
#[derive(Serialize, ToSchema)]
pub struct Pin {
    /// Its name.
    pub name: String,
    /// When it was made (RFC 3339).
    pub created_at: Option<String>,
    /// How many bytes the package files of its states have, each counted once for each repository; only for who may read all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The generation of each repository, by its name.
    pub repositories: BTreeMap<String, String>,
}

impl From<ReadablePin> for Pin {
    fn from(ReadablePin { pin, bytes }: ReadablePin) -> Self {
        let repositories =
            pin.repositories.iter().map(|(repository, generation)| (repository.to_string(), generation.to_string()));
        Self { name: pin.name, created_at: time(pin.created_at), bytes, repositories: repositories.collect() }
    }
}

/// Which packages.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "packages is \"all\", or a list of NAME or NAME=VERSION")]
pub enum Packages {
    /// `all`
    Word(String),
    /// `NAME` or `NAME=VERSION`, both with `*` and `?`. A name alone stands for the only version that there is.
    Selectors(Vec<String>),
}

/// What becomes of dependencies.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dependencies {
    /// They are only named.
    Report,
}

/// What a change would do.
#[derive(Serialize, ToSchema)]
pub struct Plan {
    /// The repositories that it would change.
    pub repositories: BTreeMap<String, RepositoryPlan>,
    /// Packages that cannot be part of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedPackage>,
    /// What packages need that a target would not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<MissingPackage>>,
}

/// A package that cannot be part of a change.
#[derive(Serialize, ToSchema)]
pub struct RefusedPackage {
    /// The repository that it cannot come from or go to; a target where no repository takes it.
    pub repository: String,
    /// The package.
    pub package: NamedPackage,
    /// Why.
    pub reason: String,
}

/// A package by its name.
#[derive(Serialize, ToSchema)]
pub struct NamedPackage {
    /// Its name.
    pub name: String,
    /// Its version, for rpm with its release.
    pub version: String,
    /// Its architecture; `source` or `src` of sources.
    pub architecture: String,
    /// Its file.
    pub file: String,
}

/// What a package needs that a target would not have.
#[derive(Serialize, ToSchema)]
pub struct MissingPackage {
    /// The target.
    pub target: String,
    /// The name of the package.
    pub package: String,
    /// The names of packages of which it needs one.
    pub needs: Vec<String>,
}

/// Why nothing was changed, with what would change.
#[derive(Serialize, ToSchema)]
pub struct PlanProblem {
    /// Why.
    #[serde(flatten)]
    pub problem: Problem,
    /// The plan.
    #[serde(flatten)]
    pub plan: Plan,
}

/// What a change would do to one repository.
#[derive(Serialize, ToSchema)]
pub struct RepositoryPlan {
    /// The generation that it was planned on.
    pub generation: Option<String>,
    /// Packages that come.
    pub added: Vec<PlannedPackage>,
    /// Packages whose bytes change.
    pub replaced: Vec<PlannedPackage>,
    /// Packages that go.
    pub removed: Vec<PlannedPackage>,
    /// How many packages stay as they are.
    pub unchanged: usize,
    /// The kinds of metadata that change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<String>,
}

/// A package.
#[derive(Serialize, ToSchema)]
pub struct PlannedPackage {
    /// Its name.
    pub name: String,
    /// Its version, for rpm with its release.
    pub version: String,
    /// Its architecture; `source` or `src` of sources.
    pub architecture: String,
    /// Its file.
    pub file: String,
    /// The digest of that, as it was uploaded.
    pub sha256: String,
}

impl From<selection::RepositoryPlan> for RepositoryPlan {
    fn from(planned: selection::RepositoryPlan) -> Self {
        let package = |planned: selection::PlannedPackage| {
            let PackageName { name, version, architecture } = planned.package;
            PlannedPackage { name, version, architecture, file: planned.file.to_string(), sha256: planned.sha256.hex() }
        };
        let packages = |all: Vec<selection::PlannedPackage>| all.into_iter().map(package).collect();
        Self {
            generation: planned.generation.map(|generation| generation.to_string()),
            added: packages(planned.added),
            replaced: packages(planned.replaced),
            removed: packages(planned.removed),
            unchanged: planned.unchanged,
            metadata: planned.metadata,
        }
    }
}

impl Plan {
    /// What would change in targets that may be read.
    pub fn of(_: &Visible, plan: selection::ChangePlan) -> Self {
        let repositories = plan.into_iter().map(|(repository, planned)| (repository.to_string(), planned.into()));
        Self { repositories: repositories.collect(), refused: Vec::new(), missing: None }
    }

    /// That of a promotion; what is missing only where it is asked for.
    pub fn of_promotion(to: &Visible, planned: &PlannedPromotion<'_>, with_missing: bool) -> Self {
        let refused = planned.refused.iter().map(|refused| {
            let PackageName { name, version, architecture } = refused.package.clone();
            let package = NamedPackage { name, version, architecture, file: refused.file.to_string() };
            RefusedPackage { repository: refused.repository.clone(), package, reason: refused.reason.clone() }
        });
        let missing = planned.missing.iter().map(|missing| MissingPackage {
            target: missing.target.clone(),
            package: missing.package.clone(),
            needs: missing.needs.clone(),
        });
        Self {
            refused: refused.collect(),
            missing: with_missing.then(|| missing.collect()),
            ..Self::of(to, planned.plan.clone())
        }
    }
}
