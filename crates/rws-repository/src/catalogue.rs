//! What the configuration says there can be: targets, anchors, repositories.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::generation::Keep;
use crate::plan::join;
use crate::retention::Retention;
use rws_model::{Format, Formats, Reading, RepositoryId, RepositorySettings, Signer, Target};

/// The most targets that one path may stand for.
const MOST_TARGETS: usize = 1000;

/// One distribution with its format and versions.
#[derive(Clone)]
pub struct Distribution {
    /// The format of its packages; `None` for a `base` that RWS does not know, whose name is kept.
    pub format: Result<Arc<dyn Format>, String>,
    /// Its versions.
    pub versions: Vec<String>,
}

/// What happens to other bytes for a package that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// The new ones take its place, as in the original.
    #[default]
    Replace,
    /// The upload is refused.
    Refuse,
}

/// Which packages are signed when they are uploaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignPackages {
    /// None: packages are published as they are sent.
    #[default]
    Off,
    /// Those that have no signature. One that is signed is taken only with a signature that clients can verify.
    Unsigned,
    /// All: the signatures that they have are replaced.
    Always,
}

/// What the configuration says of a target beside the form of its repositories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What happens to other bytes for a package that is there.
    pub on_conflict: OnConflict,
    /// Whether its repositories are there, signed, before their first package.
    pub create_empty: bool,
    /// Whether a file name that contradicts its package is refused.
    pub strict_names: bool,
    /// Which packages are signed, where packages of the format carry signatures.
    pub sign_packages: SignPackages,
    /// Whether roots name the keys that sign the next ones.
    pub signed_by: bool,
    /// At least so many earlier generations are kept, where it is said.
    pub keep_generations: Option<usize>,
    /// All earlier generations are kept for so many seconds after they were replaced, where it is said.
    pub keep_seconds: Option<i64>,
}

/// What the configuration says of one target.
pub struct Configured {
    /// What shapes its repositories.
    pub settings: RepositorySettings,
    /// What else there is to know of them.
    pub policy: Policy,
    /// The key that signs them.
    pub signer: Option<Arc<dyn Signer>>,
    /// The name of the release package, where there is to be one.
    pub release_package: Option<String>,
    /// Which packages are kept, where not all are.
    pub retention: Option<Retention>,
}

impl From<(RepositorySettings, Option<Arc<dyn Signer>>)> for Configured {
    fn from((settings, signer): (RepositorySettings, Option<Arc<dyn Signer>>)) -> Self {
        Self { settings, policy: Policy::default(), signer, release_package: None, retention: None }
    }
}

/// One target with everything that is known of it.
#[derive(Clone)]
pub struct ConfiguredTarget {
    /// Its name.
    pub target: Target,
    /// The format of its packages.
    pub format: Arc<dyn Format>,
    /// What the configuration says of its repositories.
    pub settings: RepositorySettings,
    /// What else it says of them.
    pub policy: Policy,
    /// The key that signs them; without one they are not signed.
    pub signer: Option<Arc<dyn Signer>>,
    /// Why packages cannot be signed, where that is wanted: clients do not verify what the key makes.
    pub signing_problem: Option<String>,
    /// The name of the release package, where there is to be one.
    pub release_package: Option<String>,
    /// Which packages are kept, where not all are.
    pub retention: Option<Retention>,
}

impl ConfiguredTarget {
    /// Its repositories: all that can exist.
    pub fn repositories(&self) -> Vec<RepositoryId> {
        self.format.repositories(&self.target, &self.settings)
    }

    /// Whether uploaded packages are signed, or their signatures verified.
    pub fn signs_packages(&self) -> bool {
        self.policy.sign_packages != SignPackages::Off && self.format.signing().is_some()
    }

    /// The fingerprints of keys whose signatures of packages clients know; `None` where packages are not signed.
    pub fn package_keys(&self) -> Option<BTreeSet<String>> {
        let signer = self.signer.as_ref().filter(|_| self.signs_packages())?;
        Some(signer.package_key_fingerprints().into_iter().collect())
    }

    /// How much is read of packages that are in the store already.
    pub fn depth(&self) -> Reading {
        if self.settings.contents { Reading::Contents } else { Reading::Entries }
    }

    /// Which earlier generations of its repositories are kept.
    pub fn keep(&self) -> Keep {
        let Policy { keep_generations, keep_seconds, .. } = self.policy;
        let least = keep_generations.unwrap_or_default();
        match keep_seconds {
            Some(seconds) => Keep::all(least, seconds),
            None => Keep::notable(least, self.format.keep_seconds()),
        }
    }

    /// When a root of that date has to be replaced by one that says the same, in seconds since 1970; `None` for roots that
    /// are valid for ever. Half of its time is left then for those who could not do so at once.
    pub fn renew_at(&self, published_at: i64) -> Option<i64> {
        let valid = i64::try_from(self.format.valid_seconds(&self.settings)?).unwrap_or(i64::MAX);
        Some(published_at.saturating_add(valid / 2))
    }
}

/// Why packages of a target cannot be signed, where the configuration wants that.
pub fn signing_problem(
    target: &Target,
    format: &dyn Format,
    policy: Policy,
    signer: Option<&dyn Signer>,
) -> Option<String> {
    let signing = format.signing().filter(|_| policy.sign_packages != SignPackages::Off)?;
    let Some(signer) = signer else { return Some("the repository has no key that signs: configure one".to_owned()) };
    let reason = signing.unsuited(target, signer.algorithm()?)?;
    Some(format!("the key {} {reason}", signer.signing_fingerprint()))
}

/// Why a path names no targets. The texts are those of the original service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not four parts.
    #[error("Invalid URL.")]
    Shape,
    /// The first part.
    #[error("Repo kind \"{0}\" is not supported.")]
    ObjectClass(String),
    /// The second part.
    #[error("Tarantool series \"{0}\" is not supported.")]
    Series(String),
    /// The third part.
    #[error("Distribution \"{0}\" is not supported.")]
    Distribution(String),
    /// The fourth part.
    #[error("Distribution version \"{0}\" is not supported.")]
    Version(String),
    /// The distribution's `base`.
    #[error("Unknown repository base: {0}.")]
    Base(String),
    /// Anchors that multiply without bound.
    #[error("The URL stands for more than 1000 repositories.")]
    TooMany,
}

/// What the catalogue is made of.
#[derive(Clone, Default)]
pub struct Model {
    /// `live`, `release` …
    pub kinds: Vec<String>,
    /// `1.10`, `modules` …
    pub series: Vec<String>,
    /// What the special series `enabled` stands for.
    pub enabled: Vec<String>,
    /// Distributions by name.
    pub distributions: BTreeMap<String, Distribution>,
    /// Names that stand for several paths.
    pub anchors: BTreeMap<String, Vec<String>>,
}

/// Everything that the configuration says there can be.
#[derive(Clone)]
pub struct Catalogue {
    model: Model,
    targets: BTreeMap<Target, Arc<ConfiguredTarget>>,
    repositories: BTreeMap<RepositoryId, Arc<ConfiguredTarget>>,
    /// Repositories by the public path of their metadata.
    metadata: HashMap<String, PublicTree>,
    /// The lengths of these paths: most parts of most paths have another one.
    lengths: BTreeSet<usize>,
    /// Other paths of metadata, each with the one in `metadata`; `None` for those that several repositories claim.
    others: HashMap<String, Option<String>>,
    /// Repositories by the public path of their packages.
    packages: HashMap<String, RepositoryId>,
    /// All formats that there are, whether a repository has them or not.
    formats: Formats,
}

/// Where readers find a repository: worked out once, as it is asked for with every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicTree {
    /// The repository.
    pub repository: RepositoryId,
    /// What all its paths are relative to.
    pub tree: String,
    /// The names of the files that a root can have.
    pub root_names: Vec<String>,
}

impl Catalogue {
    /// Makes the catalogue; `configure` says the settings and the key of each target.
    pub fn new<C: Into<Configured>>(model: Model, configure: impl Fn(&Target, &dyn Format) -> C) -> Self {
        let mut catalogue = Self::of_repositories([]);
        for kind in &model.kinds {
            for series in model.series.iter().filter(|series| *series != ENABLED) {
                for (name, distribution) in &model.distributions {
                    let Ok(format) = &distribution.format else { continue };
                    for version in &distribution.versions {
                        let target = Target {
                            kind: kind.clone(),
                            series: series.clone(),
                            distribution: name.clone(),
                            version: version.clone(),
                        };
                        let Configured { settings, policy, signer, release_package, retention } =
                            configure(&target, &**format).into();
                        let (format, target) = (Arc::clone(format), target.clone());
                        let signing_problem = signing_problem(&target, &*format, policy, signer.as_deref());
                        let one = ConfiguredTarget {
                            target: target.clone(),
                            format,
                            settings,
                            policy,
                            signer,
                            signing_problem,
                            release_package,
                            retention,
                        };
                        let one = Arc::new(one);
                        for repository in one.repositories() {
                            catalogue.add(repository, &one);
                        }
                        catalogue.targets.insert(target, one);
                    }
                }
            }
        }
        Self { model, ..catalogue }
    }

    /// A catalogue of single repositories, which no path of an upload stands for.
    pub fn of_repositories(repositories: impl IntoIterator<Item = (RepositoryId, ConfiguredTarget)>) -> Self {
        let mut catalogue = Self {
            model: Model::default(),
            targets: BTreeMap::new(),
            repositories: BTreeMap::new(),
            metadata: HashMap::new(),
            lengths: BTreeSet::new(),
            others: HashMap::new(),
            packages: HashMap::new(),
            formats: Formats::default(),
        };
        for (repository, target) in repositories {
            catalogue.add(repository, &Arc::new(target));
        }
        catalogue
    }

    fn add(&mut self, repository: RepositoryId, target: &Arc<ConfiguredTarget>) {
        self.formats.add(&target.format);
        let layout = target.format.layout(&repository);
        let root_names = target.format.root_names(&repository);
        let path = format!("{}/{}", layout.tree, layout.metadata);
        let packages = join(&layout.tree, &layout.packages).trim_end_matches('/').to_owned();
        self.packages.insert(packages, repository.clone());
        if let Some(other) = target.format.other_metadata(&repository, &target.settings) {
            let claims = self.others.entry(join(&layout.tree, &other));
            claims.and_modify(|claimed| *claimed = None).or_insert_with(|| Some(path.clone()));
        }
        let public = PublicTree { tree: layout.tree, root_names, repository: repository.clone() };
        self.lengths.insert(path.len());
        self.metadata.insert(path, public);
        self.repositories.insert(repository, Arc::clone(target));
    }

    /// The same with all formats of the installation: what they say of names holds where no repository has them, too.
    #[must_use]
    pub fn with_formats(self, formats: Formats) -> Self {
        Self { formats, ..self }
    }

    /// All formats that there are.
    pub fn formats(&self) -> &Formats {
        &self.formats
    }

    /// All repositories that can exist.
    pub fn repositories(&self) -> impl Iterator<Item = (&RepositoryId, &Arc<ConfiguredTarget>)> {
        self.repositories.iter()
    }

    /// All targets.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<ConfiguredTarget>> {
        self.targets.values()
    }

    /// The target that a repository belongs to.
    pub fn repository(&self, repository: &RepositoryId) -> Option<&Arc<ConfiguredTarget>> {
        self.repositories.get(repository)
    }

    /// The repository whose metadata a public path belongs to.
    pub fn by_metadata(&self, path: &str) -> Option<&PublicTree> {
        let mut prefix = path;
        while let Some((before, _)) = prefix.rsplit_once('/') {
            if self.lengths.contains(&before.len())
                && let Some(tree) = self.metadata.get(before)
            {
                return Some(tree);
            }
            prefix = before;
        }
        None
    }

    /// The path under which a repository has its metadata, for one that names it by another path; `None` for all others.
    pub fn path_of_metadata(&self, path: &str) -> Option<String> {
        if self.others.is_empty() || self.by_metadata(path).is_some() {
            return None;
        }
        let mut prefix = path;
        loop {
            if let Some(own) = self.others.get(prefix) {
                // a repository of this name comes first
                let own = own.as_ref().filter(|_| !self.metadata.contains_key(prefix))?;
                return Some(format!("{own}{}", &path[prefix.len()..]));
            }
            (prefix, _) = prefix.rsplit_once('/')?;
        }
    }

    /// The directory below its tree that has the metadata of a repository once more; `None` where there is none of its own.
    pub fn other_metadata(&self, repository: &RepositoryId) -> Option<String> {
        let target = self.repositories.get(repository)?;
        let other = target.format.other_metadata(repository, &target.settings)?;
        let path = join(&target.format.layout(repository).tree, &other);
        let is_own = !self.metadata.contains_key(&path) && self.others.get(&path).is_some_and(Option::is_some);
        is_own.then_some(other)
    }

    /// Whether a path is that of the metadata of some repository.
    pub fn has_metadata_at(&self, path: &str) -> bool {
        self.metadata.contains_key(path) || self.others.get(path).is_some_and(Option::is_some)
    }

    /// Other paths of metadata that several repositories claim, so that none has them.
    pub fn claimed_twice(&self) -> impl Iterator<Item = &str> {
        self.others.iter().filter(|(_, own)| own.is_none()).map(|(path, _)| path.as_str())
    }

    /// The repository that has its packages where a public path is, its target, and the rest of the path below its tree.
    pub fn by_package<'p>(&self, path: &'p str) -> Option<(&RepositoryId, &Arc<ConfiguredTarget>, &'p str)> {
        let mut prefix = path;
        while let Some((before, _)) = prefix.rsplit_once('/') {
            if let Some(repository) = self.packages.get(before) {
                let target = self.repositories.get(repository)?;
                let tree = target.format.layout(repository).tree;
                return Some((repository, target, path.strip_prefix(&tree)?.strip_prefix('/')?));
            }
            prefix = before;
        }
        None
    }

    /// The targets that the path of an upload stands for: anchors and `enabled` are replaced, in every combination.
    ///
    /// # Errors
    ///
    /// The first part that the configuration does not know.
    pub fn resolve(&self, path: &str) -> Result<Vec<Arc<ConfiguredTarget>>, PathError> {
        let mut found: Vec<Arc<ConfiguredTarget>> = Vec::new();
        for path in self.expand(path)? {
            let target = self.target(&path)?;
            if !found.iter().any(|known| known.target == target.target) {
                found.push(target);
            }
        }
        Ok(found)
    }

    fn expand(&self, path: &str) -> Result<Vec<String>, PathError> {
        let parts: Vec<&str> = path.split('/').collect();
        let is_anchor = |part: &&str| self.model.anchors.contains_key(*part) || self.is_enabled(part);
        if !parts.iter().any(is_anchor) {
            return Ok(vec![path.to_owned()]);
        }
        let mut paths = vec![String::new()];
        for part in parts {
            let values = self.model.anchors.get(part).cloned().unwrap_or_else(|| vec![part.to_owned()]);
            if paths.len() * values.len() > MOST_TARGETS {
                return Err(PathError::TooMany);
            }
            // a value with a leading slash is not a part of a path
            if values.iter().any(|value| value.starts_with('/')) {
                return Err(PathError::Shape);
            }
            paths =
                paths.iter().flat_map(|before| values.iter().map(move |value| format!("{before}/{value}"))).collect();
        }
        // where an anchor stands, the path is read as one of a file system
        self.expand_enabled(paths.iter().map(|path| normal_path(path)).collect::<Result<_, _>>()?)
    }

    fn is_enabled(&self, series: &str) -> bool {
        series == ENABLED && !self.model.enabled.is_empty()
    }

    fn expand_enabled(&self, paths: Vec<String>) -> Result<Vec<String>, PathError> {
        let mut expanded = Vec::new();
        for path in paths {
            let parts: Vec<&str> = path.split('/').collect();
            match parts.as_slice() {
                [kind, series, rest @ ..] if self.is_enabled(series) => {
                    let series = self.model.enabled.iter();
                    expanded.extend(series.map(|series| format!("{kind}/{series}/{}", rest.join("/"))));
                }
                _ => expanded.push(path),
            }
        }
        if expanded.len() > MOST_TARGETS { Err(PathError::TooMany) } else { Ok(expanded) }
    }

    fn target(&self, path: &str) -> Result<Arc<ConfiguredTarget>, PathError> {
        let parts: Vec<&str> = path.split('/').collect();
        let [kind, series, distribution, version] = parts.as_slice() else { return Err(PathError::Shape) };
        if !self.model.kinds.iter().any(|known| known == kind) {
            return Err(PathError::ObjectClass((*kind).to_owned()));
        }
        if *series == ENABLED || !self.model.series.iter().any(|known| known == series) {
            return Err(PathError::Series((*series).to_owned()));
        }
        let Some(known) = self.model.distributions.get(*distribution) else {
            return Err(PathError::Distribution((*distribution).to_owned()));
        };
        if !known.versions.iter().any(|known| known == version) {
            return Err(PathError::Version((*version).to_owned()));
        }
        let name = Target {
            kind: (*kind).to_owned(),
            series: (*series).to_owned(),
            distribution: (*distribution).to_owned(),
            version: (*version).to_owned(),
        };
        self.targets
            .get(&name)
            .cloned()
            .ok_or_else(|| PathError::Base(known.format.as_ref().err().cloned().unwrap_or_default()))
    }
}

/// A path without empty parts, `.` and `..`.
///
/// # Errors
///
/// [`PathError::Shape`] when it leads out of the tree.
pub fn normal_path(path: &str) -> Result<String, PathError> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop().ok_or(PathError::Shape)?,
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// The series that stands for all enabled ones.
const ENABLED: &str = "enabled";
