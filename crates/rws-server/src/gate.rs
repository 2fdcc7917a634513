//! The only way from a request to a repository: handlers take what the gate makes, and nothing else can make it. A check that is
//! forgotten does not compile.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use futures::Stream;
use rws_model::{Allowed, Formats, RepositoryId, RootFile, Target, Verb, glob_matches};
use rws_repository::actor::Actor;
use rws_repository::audit::{self, AuditFilter, AuditRecord};
use rws_repository::catalogue::{Catalogue, ConfiguredTarget, PathError};
use rws_repository::history::{self, Commit, NoState, PastState};
use rws_repository::limits::{PackageLimits, Requester};
use rws_repository::pin;
use rws_repository::selection::RepositoryPlan;
use rws_repository::tree::{FileRequest, OfReader, PublicFile, Published, Tree};
use rws_repository::{GenerationId, Head, RepositoryError};
use rws_store::{Depth, Page, Store};

use crate::access::User;
use crate::answer::Problem;

/// So many targets and patterns a request may name.
const MAX_PATHS: usize = 500;

/// The longest one.
const MAX_PATH_BYTES: usize = 500;

/// So many commits are kept in memory, of at most some kilobytes each.
const KEPT_COMMITS: usize = 200;

/// What can be read and written. Its parts are nobody else's.
pub struct Gate {
    catalogue: Arc<Catalogue>,
    commits: Mutex<HashMap<(RepositoryId, GenerationId, bool), Arc<Commit>>>,
    tree: Tree,
}

/// The targets of a path, all of which a user may change.
#[derive(Clone)]
pub struct Writable {
    targets: Vec<Arc<ConfiguredTarget>>,
    limits: PackageLimits,
}

/// A file of a package in a repository that a user may change.
pub struct WritableFile {
    /// Its target.
    pub target: Writable,
    /// Its repository.
    pub repository: RepositoryId,
    /// Its path below the tree of the repository.
    pub path: String,
}

/// A path that may be read.
#[derive(Clone)]
pub struct Readable {
    gate: Arc<Gate>,
    path: String,
}

/// A target whose repositories may be read.
pub struct ReadableTarget<'a> {
    gate: &'a Gate,
    target: Arc<ConfiguredTarget>,
}

/// A repository that may be read, and what is configured for it; `None` for one that is not configured any more.
pub struct ReadableRepository {
    /// What is published.
    pub published: Published,
    /// The name of its format.
    pub format: Option<&'static str>,
}

/// What a repository was, as anybody may read it.
pub struct ReadablePast {
    store: Arc<dyn Store>,
    target: Arc<ConfiguredTarget>,
    head: Head,
}

impl Gate {
    /// A gate before the repositories of a catalogue.
    pub fn new(catalogue: Arc<Catalogue>, tree: Tree) -> Self {
        Self { catalogue, commits: Mutex::default(), tree }
    }

    /// The formats of all repositories.
    pub fn formats(&self) -> &Formats {
        self.catalogue.formats()
    }

    /// The store: for RWS's own objects.
    pub fn store(&self) -> &Arc<dyn Store> {
        self.tree.store()
    }

    /// Whether the store can be listed.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn check(&self) -> Result<(), RepositoryError> {
        self.tree.page("", Depth::Directory, None, 1).await.map(drop)
    }

    /// The targets of a path, when the user may do this with them all. `failed` says what cannot be done where a distribution is of
    /// an unknown kind.
    ///
    /// # Errors
    ///
    /// 400 for a path of no target, 403 for a target with which the user may not do this.
    pub fn writable(&self, user: &User, verb: Verb, path: &str, failed: &str) -> Result<Writable, Problem> {
        let targets = self.catalogue.resolve(path).map_err(|error| match error {
            PathError::Base(_) => Problem::bad_request("path", format!("{failed}: {error}")),
            _ => Problem::bad_request("path", error.to_string()),
        })?;
        allow(user, verb, targets)
    }

    /// The targets of several paths, each once, when the user may do this with them all.
    ///
    /// # Errors
    ///
    /// 400 for no path, or one of no target, 403 for a target with which the user may not do this.
    pub fn writable_all(&self, user: &User, verb: Verb, paths: &[String]) -> Result<Writable, Problem> {
        allow(user, verb, each_once(paths, |path| self.resolve(path))?)
    }

    fn resolve(&self, path: &str) -> Result<Vec<Arc<ConfiguredTarget>>, Problem> {
        let resolved = self.catalogue.resolve(path.trim_matches('/'));
        resolved.map_err(|error| Problem::bad_request("path", format!("{path}: {error}")))
    }

    /// The same for paths and patterns. A pattern has four parts, with `*` and `?` in them.
    ///
    /// # Errors
    ///
    /// The same; 400 for a pattern that matches no target, too.
    pub fn writable_matching(&self, user: &User, verb: Verb, paths: &[String]) -> Result<Writable, Problem> {
        let resolve = |path: &str| {
            if !path.contains(['*', '?']) {
                return self.resolve(path);
            }
            let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
            let is_meant = |target: &&Arc<ConfiguredTarget>| {
                let Target { kind, series, distribution, version } = &target.target;
                let names = [kind, series, distribution, version];
                parts.len() == names.len() && parts.iter().zip(names).all(|(part, name)| glob_matches(part, name))
            };
            let found: Vec<_> = self.catalogue.targets().filter(is_meant).cloned().collect();
            let nothing = || Problem::bad_request("path", format!("{path} matches no target."));
            if found.is_empty() { Err(nothing()) } else { Ok(found) }
        };
        allow(user, verb, each_once(paths, resolve)?)
    }

    /// The file at the address where it is downloaded; `None` for a path that is none. A path as in uploads is one, whatever lies
    /// there.
    ///
    /// # Errors
    ///
    /// 403 for a target with which the user may not do this.
    pub fn writable_file(&self, user: &User, verb: Verb, path: &str) -> Result<Option<WritableFile>, Problem> {
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let found = self.catalogue.by_package(path).filter(|_| self.catalogue.resolve(directory).is_err());
        let Some((repository, target, below)) = found else { return Ok(None) };
        let target = allow(user, verb, vec![Arc::clone(target)])?;
        Ok(Some(WritableFile { target, repository: repository.clone(), path: below.to_owned() }))
    }

    /// A path without slashes at its ends, as anybody may read it.
    pub fn readable(self: &Arc<Self>, path: &str) -> Readable {
        Readable { gate: Arc::clone(self), path: path.to_owned() }
    }

    /// The one target of a path, as anybody may read it; `None` where it stands for none, or for several.
    pub fn readable_target(&self, path: &str) -> Option<ReadableTarget<'_>> {
        let targets = self.catalogue.resolve(path).ok()?;
        let [target] = targets.as_slice() else { return None };
        Some(ReadableTarget { gate: self, target: Arc::clone(target) })
    }

    /// The file that a path named in a state of its repository, as anybody may read it; `None` where there was none.
    ///
    /// # Errors
    ///
    /// When the store fails; within it, where there is no such state.
    pub async fn readable_at(
        &self,
        state: &PastState,
        path: &str,
        wanted: FileRequest,
    ) -> Result<Result<Option<PublicFile>, NoState>, RepositoryError> {
        self.tree.file_at(state, path, wanted).await
    }

    /// The state that a text names: a generation, a time, or a pin.
    ///
    /// # Errors
    ///
    /// 400 for what can name none, 404 where there is no such pin.
    pub async fn past_state(&self, text: &str) -> Result<PastState, Problem> {
        if let Some(state) = pin::state(&**self.store(), text).await? {
            return Ok(state);
        }
        let message =
            format!("{text:?} is neither a generation, nor a time like 20260301T120000Z, nor the name of a pin.");
        Err(match pin::is_name(text) {
            true => Problem::new(StatusCode::NOT_FOUND, "no-pin", message),
            false => Problem::bad_request("state", message),
        })
    }

    /// What a repository was; `None` for one that is not configured, or was never published.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn readable_past(&self, repository: &str) -> Result<Option<ReadablePast>, RepositoryError> {
        let Some(id) = RepositoryId::parse(repository) else { return Ok(None) };
        let Some(target) = self.catalogue.repository(&id) else { return Ok(None) };
        let store = Arc::clone(self.store());
        let head = history::head(&*store, &id).await?;
        Ok(head.map(|head| ReadablePast { store, target: Arc::clone(target), head }))
    }

    /// What the commit of a generation did. That never changes.
    ///
    /// # Errors
    ///
    /// When the store fails, or a manifest is damaged.
    pub async fn commit(
        &self,
        past: &ReadablePast,
        (before, id): (Option<&GenerationId>, &GenerationId),
    ) -> Result<Arc<Commit>, RepositoryError> {
        let repository = &past.head.repository;
        let key = (repository.clone(), id.clone(), before.is_some());
        let commits = || self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = commits().get(&key) {
            return Ok(Arc::clone(known));
        }
        let commit = Arc::new(history::commit(&**self.store(), &past.target, repository, (before, id)).await?);
        let mut commits = commits();
        if commits.len() >= KEPT_COMMITS {
            commits.clear();
        }
        commits.insert(key, Arc::clone(&commit));
        Ok(commit)
    }

    /// Every accepted change; for administrators.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn audit(
        &self,
        filter: AuditFilter,
    ) -> Result<impl Stream<Item = Result<AuditRecord, RepositoryError>> + Send + use<>, RepositoryError> {
        audit::records(Arc::clone(self.store()), Arc::clone(&self.catalogue), filter).await
    }

    /// The targets that are to have a release package.
    pub fn release_targets(&self) -> impl Iterator<Item = &Arc<ConfiguredTarget>> {
        self.catalogue.targets().filter(|target| target.release_package.is_some())
    }

    /// All repositories that are published, as anybody may read them.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn readable_repositories(&self) -> Result<Vec<ReadableRepository>, RepositoryError> {
        let published = self.tree.generations().await?.into_iter();
        let with_format = |published: Published| {
            let configured = self.catalogue.repository(&published.repository);
            ReadableRepository { format: configured.map(|target| target.format.name()), published }
        };
        Ok(published.map(with_format).collect())
    }
}

/// Checks that the user may do this with all of some targets.
/// The targets of some paths, each once. Bounded before anything is looked up: what is not yet known to be allowed costs little.
fn each_once(
    paths: &[String],
    resolve: impl Fn(&str) -> Result<Vec<Arc<ConfiguredTarget>>, Problem>,
) -> Result<Vec<Arc<ConfiguredTarget>>, Problem> {
    let refuse = |message: String| Err(Problem::bad_request("path", message));
    if paths.is_empty() {
        return refuse("The request names no target.".to_owned());
    }
    if paths.len() > MAX_PATHS {
        return refuse(format!("The request names more than {MAX_PATHS} targets and patterns."));
    }
    if paths.iter().any(|path| path.len() > MAX_PATH_BYTES) {
        return refuse(format!("A target or a pattern has more than {MAX_PATH_BYTES} bytes."));
    }
    let mut targets = BTreeMap::new();
    for path in paths {
        targets.extend(resolve(path)?.into_iter().map(|target| (target.target.clone(), target)));
    }
    Ok(targets.into_values().collect())
}

fn allow(user: &User, verb: Verb, targets: Vec<Arc<ConfiguredTarget>>) -> Result<Writable, Problem> {
    let mut limits = PackageLimits::none();
    let may = |target: &&Arc<ConfiguredTarget>| match (user.may)(verb, &target.target) {
        Allowed::Nothing => false,
        Allowed::Packages(patterns) => {
            limits.limit(target.target.clone(), patterns);
            true
        }
        Allowed::Everything => true,
    };
    let (allowed, refused): (Vec<_>, Vec<_>) = targets.iter().partition(may);
    match refused.first() {
        Some(target) => {
            let message = match verb {
                Verb::Upload | Verb::Read => format!("You are not allowed to write to {}.", target.target),
                Verb::Delete => format!("You are not allowed to delete from {}.", target.target),
                Verb::Promote => format!("You are not allowed to promote to {}.", target.target),
                Verb::Retain => format!("You are not allowed to apply retention to {}.", target.target),
            };
            Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", message))
        }
        None => Ok(Writable { targets: allowed.into_iter().cloned().collect(), limits }),
    }
}

impl Writable {
    /// The targets.
    pub fn targets(&self) -> &[Arc<ConfiguredTarget>] {
        &self.targets
    }

    /// Somebody who asks for a change of them, with the packages that may be changed.
    pub fn requester<'a>(&'a self, actor: &'a Actor) -> Requester<'a> {
        Requester { actor, limits: &self.limits }
    }

    /// These targets for who changes more than single packages.
    ///
    /// # Errors
    ///
    /// 403 where only some packages may be changed.
    pub fn whole(self) -> Result<Self, Problem> {
        match self.limits.limited() {
            Some(target) => {
                let message = format!("You may change only some packages of {target}, and this changes it as a whole.");
                Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", message))
            }
            None => Ok(self),
        }
    }
}

impl Readable {
    /// The path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is at a name below the path.
    pub fn below(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        Self { gate: Arc::clone(&self.gate), path }
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
        self.gate.tree.page(&self.path, depth, from, most).await
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
            if signatures.is_none_or(|signatures| signatures.keys().any(|key| !known.contains(key))) {
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
