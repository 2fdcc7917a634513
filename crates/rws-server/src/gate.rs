//! The only way from a request to a repository: handlers take what the gate makes, and nothing else can make it. A check that is
//! forgotten does not compile.

mod debug;
mod packages;
mod readable;
mod writable;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use futures::Stream;
use rws_model::{Formats, RepositoryId};
use rws_repository::areas::{Area, Areas};
use rws_repository::audit::{self, AuditFilter, AuditRecord};
use rws_repository::build_ids::BuildIdList;
use rws_repository::catalogue::{Catalogue, ConfiguredTarget};
use rws_repository::generation_lists::GenerationLists;
use rws_repository::history::{self, Commit, PastState};
use rws_repository::package_list::PackageList;
use rws_repository::pin::{self, Pin};
use rws_repository::publication::Publication;
use rws_repository::tree::{FileRequest, PublicFile, Published, Tree};
use rws_repository::{GenerationId, RepositoryError, UploadId};
use rws_store::{Depth, Store};

use crate::access::{Reader, User};
use crate::answer::Problem;
use crate::own;

pub use self::packages::{ReadableContents, ReadablePackage};
pub use self::readable::{Readable, ReadablePast, ReadableTarget};
use self::writable::may_change;
pub use self::writable::{Visible, Writable, WritableFile};

/// So many commits are kept in memory, of at most some kilobytes each.
const KEPT_COMMITS: usize = 200;

/// How many bytes the names of all packages may take in memory, see [`GenerationLists`].
const MAX_LIST_BYTES: usize = 64 << 20;

/// The same for build IDs.
const MAX_BUILD_ID_BYTES: usize = 16 << 20;

/// What can be read and written. Its parts are nobody else's.
pub struct Gate {
    catalogue: Arc<Catalogue>,
    areas: Areas,
    commits: Mutex<HashMap<(RepositoryId, GenerationId, bool), Arc<Commit>>>,
    lists: GenerationLists<PackageList>,
    build_ids: GenerationLists<BuildIdList>,
    publications: Mutex<HashMap<(RepositoryId, GenerationId), Arc<Publication>>>,
    /// Targets with packages that are signed with a key that clients do not learn, as the log has said.
    former_keys: Mutex<HashSet<(String, String)>>,
    tree: Tree,
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
            lists: GenerationLists::new(MAX_LIST_BYTES),
            build_ids: GenerationLists::new(MAX_BUILD_ID_BYTES),
            publications: Mutex::default(),
            former_keys: Mutex::default(),
            tree,
        }
    }

    /// Says once that client files do not ask for signatures because of a key. Packages without a signature are no surprise.
    fn warn_of_former_key(&self, target: &str, key: &str) {
        let mut said = self.former_keys.lock().unwrap_or_else(PoisonError::into_inner);
        if !key.is_empty() && said.insert((target.to_owned(), key.to_owned())) {
            tracing::warn!(
                target_path = target,
                key,
                "packages are signed with a key that clients do not learn, so that .repo files have gpgcheck=0: put its public key \
                 into package_keys"
            );
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

    /// The part of a path that says where it is: what follows the name of a generation.
    fn place(path: &str) -> &str {
        match path.strip_prefix('@').map(|path| path.split_once('/')) {
            Some(Some((_, rest))) => rest,
            // a generation without a path is nowhere
            Some(None) => "",
            None => path,
        }
    }

    /// The same path with the codename in place of a suite: all that is asked of a path is asked of this one.
    pub fn canonical(&self, path: String) -> String {
        let place = Self::place(&path);
        match self.catalogue.path_of_metadata(place) {
            Some(own) => format!("{}{own}", path.strip_suffix(place).unwrap_or_default()),
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
