//! The only way from a request to a repository: handlers take what the gate makes, and nothing else can make it. A check that is
//! forgotten does not compile.

mod packages;

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use rws_model::{Allowed, Formats, RepositoryId, RootFile, Target, Verb, glob_matches};
use rws_repository::actor::Actor;
use rws_repository::areas::{Area, Areas};
use rws_repository::audit::{self, AuditFilter, AuditRecord};
use rws_repository::catalogue::{Catalogue, ConfiguredTarget, PathError};
use rws_repository::history::{self, Commit, NoState, PastState};
use rws_repository::limits::{PackageLimits, Requester};
use rws_repository::package_lists::PackageLists;
use rws_repository::pin::{self, Pin};
use rws_repository::publication::Publication;
use rws_repository::selection::RepositoryPlan;
use rws_repository::tree::{FileRequest, OfReader, PublicFile, Published, Tree};
use rws_repository::{GenerationId, Head, IntakeError, RepositoryError, UploadId};
use rws_store::{Depth, DirectoryEntry, MAX_PAGE_ENTRIES, Page, Store};

use crate::access::{Login, Reader, User};
use crate::answer::Problem;
use crate::own;

pub use self::packages::{ReadableContents, ReadablePackage};

/// So many targets and patterns a request may name.
const MAX_PATHS: usize = 500;

/// The longest one.
const MAX_PATH_BYTES: usize = 500;

/// Into so many directories it is looked at the same time whether there is anything in them.
const LOOKS_AT_ONCE: usize = 8;

/// So many commits are kept in memory, of at most some kilobytes each.
const KEPT_COMMITS: usize = 200;

/// How many bytes the names of all packages may take in memory, see [`PackageLists`].
const MAX_LIST_BYTES: usize = 64 << 20;

/// What can be read and written. Its parts are nobody else's.
pub struct Gate {
    catalogue: Arc<Catalogue>,
    areas: Areas,
    commits: Mutex<HashMap<(RepositoryId, GenerationId, bool), Arc<Commit>>>,
    lists: PackageLists,
    publications: Mutex<HashMap<(RepositoryId, GenerationId), Arc<Publication>>>,
    tree: Tree,
}

/// The targets of a path, all of which a user may change.
#[derive(Clone)]
pub struct Writable {
    targets: Vec<Arc<ConfiguredTarget>>,
    limits: PackageLimits,
    /// One of them that the user may not read.
    hidden: Option<Target>,
}

/// The targets of a path, all of which a user may change and read: answers may say what is there.
#[derive(Clone)]
pub struct Visible(Writable);

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
    reader: Reader,
}

/// Why something may not be read. That follows from the address and the configuration alone, so that it says nothing of what is
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Nobody has logged in.
    LogIn,
    /// For this one it does not exist.
    Hidden,
}

impl Closed {
    /// What a reader is told who may not read something.
    fn to(reader: &Reader) -> Self {
        if reader.user().is_some() { Self::Hidden } else { Self::LogIn }
    }
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

/// A pin with those of its repositories that may be read.
pub struct ReadablePin {
    /// The pin.
    pub pin: Pin,
    /// The bytes of all its packages; `None` where not all repositories may be read: they are in the sum.
    pub bytes: Option<u64>,
}

/// What a repository was.
pub struct ReadablePast {
    store: Arc<dyn Store>,
    target: Arc<ConfiguredTarget>,
    head: Head,
}

impl From<Closed> for Problem {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::LogIn => Self::unauthorized(),
            Closed::Hidden => own::nothing(),
        }
    }
}

impl Gate {
    /// A gate before the repositories of a catalogue.
    pub fn new(catalogue: Arc<Catalogue>, tree: Tree) -> Self {
        Self {
            areas: Areas::new(Arc::clone(&catalogue)),
            catalogue,
            commits: Mutex::default(),
            lists: PackageLists::new(MAX_LIST_BYTES),
            publications: Mutex::default(),
            tree,
        }
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
    pub fn writable(&self, user: &Login, verb: Verb, path: &str, failed: &str) -> Result<Writable, Problem> {
        let targets = self.catalogue.resolve(path).map_err(|error| match error {
            PathError::Base(_) => Problem::bad_request("path", format!("{failed}: {error}")),
            _ => Problem::bad_request("path", error.to_string()),
        })?;
        allow(user, verb, targets)
    }

    /// Whether a path stands for targets, whoever asks.
    pub fn is_of_targets(&self, path: &str) -> bool {
        self.catalogue.resolve(path).is_ok()
    }

    /// The targets of several paths, each once, when the user may do this with them all.
    ///
    /// # Errors
    ///
    /// 400 for no path, or one of no target, 403 for a target with which the user may not do this.
    pub fn writable_all(&self, user: &Login, verb: Verb, paths: &[String]) -> Result<Writable, Problem> {
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
    pub fn writable_matching(&self, user: &Login, verb: Verb, paths: &[String]) -> Result<Writable, Problem> {
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
            // what a user can neither read nor change is not matched: a refusal would name it
            let is_known = |target: &&Arc<ConfiguredTarget>| {
                may_change(user, &target.target) || user.reader().may_read(&target.target)
            };
            let found: Vec<_> = self.catalogue.targets().filter(is_meant).filter(is_known).cloned().collect();
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
    pub fn writable_file(&self, user: &Login, verb: Verb, path: &str) -> Result<Option<WritableFile>, Problem> {
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let found = self.catalogue.by_package(path).filter(|_| self.catalogue.resolve(directory).is_err());
        let Some((repository, target, below)) = found else { return Ok(None) };
        let target = allow(user, verb, vec![Arc::clone(target)])?;
        Ok(Some(WritableFile { target, repository: repository.clone(), path: below.to_owned() }))
    }

    /// The part of a path that says where it is: what follows the name of a generation.
    fn place(path: &str) -> &str {
        match path.strip_prefix('@').map(|path| path.split_once('/')) {
            Some(Some((_, rest))) => rest,
            // a generation without a path is nowhere
            Some(None) => "",
            None => path,
        }
    }

    /// Whether somebody may know of what is at a path without slashes at its ends, or of a repository of that name.
    pub fn may_see(&self, reader: &Reader, path: &str) -> bool {
        !reader.is_limited() || reader.may_see(path, &self.areas.of(path))
    }

    /// Whether readers see different things at a path, so that it matters who reads.
    pub fn depends_on_reader(&self, reader: &Reader, path: &str) -> bool {
        let place = Self::place(path);
        reader.sees_its_own(place, &self.areas.of(place))
    }

    /// The target that a path belongs to, where this one may know of it.
    pub fn target_of_path(&self, reader: &Reader, path: &str) -> Option<&Arc<ConfiguredTarget>> {
        match self.areas.of(path) {
            Area::Of(target) if reader.may_read(&target.target) => Some(target),
            _ => None,
        }
    }

    /// A path without slashes at its ends, as this one may read it.
    ///
    /// # Errors
    ///
    /// When this one may not know of it.
    pub fn readable(self: &Arc<Self>, reader: &Reader, path: &str) -> Result<Readable, Closed> {
        match self.may_see(reader, Self::place(path)) {
            true => Ok(Readable { gate: Arc::clone(self), path: path.to_owned(), reader: reader.clone() }),
            false => Err(Closed::to(reader)),
        }
    }

    /// The one target of a path, as this one may read it; `None` where it stands for none, or for several.
    ///
    /// # Errors
    ///
    /// When this one may not know of it.
    pub fn readable_target(&self, reader: &Reader, path: &str) -> Result<Option<ReadableTarget<'_>>, Closed> {
        let Ok(targets) = self.catalogue.resolve(path) else { return Ok(None) };
        let [target] = targets.as_slice() else { return Ok(None) };
        match reader.may_read(&target.target) {
            true => Ok(Some(ReadableTarget { gate: self, target: Arc::clone(target) })),
            false if reader.user().is_some() => Ok(None),
            false => Err(Closed::LogIn),
        }
    }

    /// The file that a path named in a state of its repository, as this one may read it; `None` where there was none.
    ///
    /// # Errors
    ///
    /// When this one may not know of it, and when the store fails.
    pub async fn readable_at(
        &self,
        reader: &Reader,
        (state, path): (&str, &str),
        wanted: FileRequest,
    ) -> Result<(PastState, Option<PublicFile>), Problem> {
        let is_hidden = !self.may_see(reader, path);
        if is_hidden && reader.user().is_none() {
            return Err(Closed::LogIn.into());
        }
        let state = self.past_state(reader, state).await?;
        if is_hidden {
            return Ok((state, None));
        }
        let found = self.tree.file_at(&state, path, wanted).await??;
        Ok((state, found))
    }

    /// Whether somebody may know of one of the targets of a path as uploads have it.
    pub fn may_see_targets(&self, reader: &Reader, path: &str) -> bool {
        !reader.is_limited()
            || self.catalogue.resolve(path).is_ok_and(|targets| targets.iter().any(|one| reader.may_read(&one.target)))
    }

    /// Whether somebody may know of an upload: who may read or change one of its repositories.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn may_see_upload(&self, reader: &Reader, id: &UploadId) -> Result<bool, RepositoryError> {
        if !reader.is_limited() {
            return Ok(true);
        }
        let repositories = audit::repositories(&**self.store(), id).await?;
        Ok(repositories.iter().any(|repository| self.may_follow(reader, repository)))
    }

    /// Whether somebody may read all repositories of an upload.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn may_see_all(&self, reader: &Reader, id: &UploadId) -> Result<bool, RepositoryError> {
        let all = async || audit::repositories(&**self.store(), id).await;
        Ok(!reader.is_limited() || all().await?.iter().all(|repository| self.may_see(reader, repository.as_str())))
    }

    /// Whether somebody may know what becomes of changes of a repository.
    pub fn may_follow(&self, reader: &Reader, repository: &RepositoryId) -> bool {
        let target = self.catalogue.repository(repository);
        let changes = |user: &User| target.is_some_and(|target| may_change(user, &target.target));
        self.may_see(reader, repository.as_str()) || reader.user().is_some_and(changes)
    }

    /// The state that a text names: a generation, a time, or a pin. A pin of which this one may read nothing does not exist.
    ///
    /// # Errors
    ///
    /// 400 for what can name none, 404 where there is no such pin.
    pub async fn past_state(&self, reader: &Reader, text: &str) -> Result<PastState, Problem> {
        let state = pin::state(&**self.store(), text).await?;
        let is_known = |state: &PastState| match state {
            PastState::Pinned(_, repositories) => self.sees_some(reader, repositories.keys()),
            _ => true,
        };
        if let Some(state) = state.filter(is_known) {
            return Ok(state);
        }
        let message =
            format!("{text:?} is neither a generation, nor a time like 20260301T120000Z, nor the name of a pin.");
        Err(match pin::is_name(text) {
            true => Problem::new(StatusCode::NOT_FOUND, "no-pin", message),
            false => Problem::bad_request("state", message),
        })
    }

    /// Whether somebody may read any of these; of none everybody may.
    fn sees_some<'r>(&self, reader: &Reader, repositories: impl IntoIterator<Item = &'r RepositoryId>) -> bool {
        let mut repositories = repositories.into_iter().peekable();
        repositories.peek().is_none() || repositories.any(|repository| self.may_see(reader, repository.as_str()))
    }

    /// The pins, each with those of its repositories that this one may read.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn readable_pins(&self, reader: &Reader) -> Result<Vec<ReadablePin>, RepositoryError> {
        let mut pins = pin::all(&**self.store()).await?;
        if reader.is_limited() {
            pins.retain(|pin| self.sees_some(reader, pin.repositories.keys()));
            for pin in &mut pins {
                pin.repositories.retain(|repository, _| self.may_see(reader, repository.as_str()));
            }
        }
        let bytes = |pin: &Pin| (!reader.is_limited()).then_some(pin.bytes);
        Ok(pins.into_iter().map(|pin| ReadablePin { bytes: bytes(&pin), pin }).collect())
    }

    /// What a repository was; `None` for one that is not configured, or was never published.
    ///
    /// # Errors
    ///
    /// When this one may not know of it, and when the store fails.
    pub async fn readable_past(&self, reader: &Reader, repository: &str) -> Result<Option<ReadablePast>, Problem> {
        let Some(id) = RepositoryId::parse(repository) else { return Ok(None) };
        match self.may_see(reader, repository) {
            true => {}
            false if reader.user().is_some() => return Ok(None),
            false => return Err(Closed::LogIn.into()),
        }
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

    /// All targets.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<ConfiguredTarget>> {
        self.catalogue.targets()
    }

    /// The targets that are to have a release package.
    pub fn release_targets(&self) -> impl Iterator<Item = &Arc<ConfiguredTarget>> {
        self.targets().filter(|target| target.release_package.is_some())
    }

    /// All repositories that are published, as far as this one may read them.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn readable_repositories(&self, reader: &Reader) -> Result<Vec<ReadableRepository>, RepositoryError> {
        let published = self.tree.generations(|repository| self.may_see(reader, repository.as_str())).await?;
        let with_format = |published: Published| {
            let configured = self.catalogue.repository(&published.repository);
            ReadableRepository { format: configured.map(|target| target.format.name()), published }
        };
        Ok(published.into_iter().map(with_format).collect())
    }
}

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

/// Whether a user may change anything of a target.
fn may_change(user: &User, target: &Target) -> bool {
    Verb::ALL.iter().any(|verb| (user.may)(*verb, target) != Allowed::Nothing)
}

/// Checks that the user may do this with all of some targets.
fn allow(user: &Login, verb: Verb, targets: Vec<Arc<ConfiguredTarget>>) -> Result<Writable, Problem> {
    let mut limits = PackageLimits::none();
    let may = |target: &&Arc<ConfiguredTarget>| match (user.may)(verb, &target.target) {
        Allowed::Nothing => false,
        Allowed::Packages(lists) => {
            limits.limit(target.target.clone(), lists);
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
        None => {
            let reader = user.reader();
            let hidden = targets.iter().map(|target| &target.target).find(|target| !reader.may_read(target)).cloned();
            Ok(Writable { targets: allowed.into_iter().cloned().collect(), limits, hidden })
        }
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

    /// The same, where the user may read them all.
    ///
    /// # Errors
    ///
    /// 403 where the user may not: the answer would say what is there.
    pub fn visible(&self) -> Result<Visible, Problem> {
        match &self.hidden {
            Some(target) => {
                let message = format!("You may not read {target}, and the answer would say what is there.");
                let problem = Problem::new(StatusCode::FORBIDDEN, "may-not-read", message);
                Err(problem.with_hint("an administrator can add the verb \"read\" to what you are allowed to do"))
            }
            None => Ok(Visible(self.clone())),
        }
    }

    /// Whether the user may read them all.
    pub fn is_visible(&self) -> bool {
        self.hidden.is_none()
    }

    /// Why a change was refused: without what is there, where the user may not read that.
    pub fn problem(&self, error: IntakeError) -> Problem {
        match error.names_contents() {
            true => self.problem_of_contents(Problem::of_intake(error)),
            false => Problem::of_intake(error),
        }
    }

    /// A problem that names what is there: in general words, where the user may not read that.
    pub fn problem_of_contents(&self, problem: Problem) -> Problem {
        match self.is_visible() {
            true => problem,
            false => problem.with_message("What is published there stands in the way, and you may not read it."),
        }
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

impl Deref for Visible {
    type Target = Writable;

    fn deref(&self) -> &Writable {
        &self.0
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
