//! What the API answers, in JSON.

mod access;
mod packages;
mod states;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::{IntoParams, IntoResponses, ToSchema};

pub use self::access::*;
pub use self::packages::*;
pub use self::states::*;
use crate::answer::Problem;

/// The beginning of a path, as in uploads.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "for the document only")]
pub struct TargetPath {
    /// The same as in the path of an upload.
    kind: String,
    /// The same as in the path of an upload.
    series: String,
    /// The same as in the path of an upload.
    distribution: String,
    /// The same as in the path of an upload.
    version: String,
}

/// The address of a file that is uploaded by itself.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "for the document only")]
pub struct FilePath {
    /// The same as in the path of an upload.
    kind: String,
    /// The same as in the path of an upload.
    series: String,
    /// The same as in the path of an upload.
    distribution: String,
    /// The same as in the path of an upload.
    version: String,
    /// The name of the file.
    file: String,
}

/// What the form field of this name says.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document only")]
pub struct Product {
    /// The directory in the pool of an apt repository; rpm repositories have none.
    product: Option<String>,
}

/// Where in an apt repository the packages go.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document only")]
pub struct Component {
    /// One of the configured components of the repository. Without it: the first of them, which is `main` where none is
    /// configured.
    component: Option<String>,
}

/// Which file of metadata.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "for the document only")]
pub struct MetadataPath {
    /// Of an rpm repository the directory: `x86_64`, `SRPMS`. Of an apt repository the component: `main`.
    part: String,
    /// `comps`, `updateinfo`, `modules`, …; `Components-amd64.yml`, `icons-64x64.tar`, `Translation-de`, …
    name: String,
}

/// A repository.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "for the document only")]
pub struct RepositoryPath {
    /// Its name, with its slashes: `live/2.8/el/9/x86_64`, `live/2.8/ubuntu/focal`.
    repository: String,
}

/// Which generations.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document only")]
pub struct GenerationsQuery {
    /// Only those before this one.
    before: Option<String>,
    /// At most so many, and at most 100.
    limit: Option<u64>,
}

/// Which generations are compared.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document only")]
pub struct DiffQuery {
    /// A generation, a time like `20260301T120000Z` (the generation that was current then), or a pin.
    from: String,
    /// The same; the current generation without it.
    to: Option<String>,
}

/// How long the answer may take.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the document only")]
pub struct Wait {
    /// Seconds to wait until it is published, at most 60.
    wait: Option<u64>,
}

/// What the store may be the reason of.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "for the document only")]
pub enum StoreProblems {
    /// The store answers nonsense.
    #[response(status = 502)]
    Nonsense(Problem),
    /// The store does not answer.
    #[response(status = 503)]
    Unavailable(Problem),
}

/// Why a change is not made.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "for the document only")]
pub enum ChangeProblems {
    /// The path or the file is wrong.
    #[response(status = 400)]
    Wrong(Problem),
    /// No user, or a wrong password.
    #[response(status = 401, content_type = "text/html")]
    Unauthorized(String),
    /// This user may not write there.
    #[response(status = 403)]
    Forbidden(Problem),
    /// There is no such repository.
    #[response(status = 404)]
    Missing(Problem),
    /// The request made no progress.
    #[response(status = 408)]
    Stalled(Problem),
    /// Other bytes are there already, or it could not be published.
    #[response(status = 409)]
    Conflict(Problem),
    /// It is too large.
    #[response(status = 413)]
    TooLarge(Problem),
    /// Too much that this user sent is not published yet, or waits for its list.
    #[response(status = 429)]
    Quota(Problem),
    /// The store answers nonsense.
    #[response(status = 502)]
    Nonsense(Problem),
    /// Try again later: too much is under way, the store does not answer, or this replica may not write.
    #[response(status = 503)]
    Unavailable(Problem),
    /// There is no room on a disk.
    #[response(status = 507)]
    Full(Problem),
}

/// Which program this is.
#[derive(Serialize, ToSchema)]
pub struct Program {
    /// `rws`
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// State of the service.
#[derive(Serialize, ToSchema)]
pub struct Overview {
    /// The version of the program.
    pub version: &'static str,
    /// Whether all writes are refused.
    pub read_only: bool,
    /// Who may write to the store.
    pub writers: Writers,
    /// The repositories that could not be published last, each with the error.
    pub failing: BTreeMap<String, String>,
    /// The repositories that are compared with the store right now.
    pub comparing: BTreeMap<String, Comparison>,
    /// The repositories with index entries that an earlier version of RWS rendered. They are rendered again in the background.
    pub stale: BTreeMap<String, Stale>,
    /// The keys by their names in the configuration.
    pub keys: BTreeMap<String, Key>,
    /// How many repositories this replica has not compared yet with its settings and keys since it started: they may still be
    /// signed with others. Null as long as it does not know which there are, and on a read-only server.
    pub unchecked: Option<usize>,
    /// How many repositories a replica that started later has published with other settings or keys than those of this one.
    pub overruled: usize,
    /// The files that came to `/-/incoming/` and wait for their `.changes`, of all users, those that came first before others;
    /// 1000 at most. None where the store does not say it in time.
    pub waiting: Option<Vec<WaitingFile>>,
}

/// A key.
#[derive(Serialize, ToSchema)]
pub struct Key {
    /// The fingerprint of the primary key.
    pub fingerprint: String,
    /// When it expires (RFC 3339); none for never.
    pub expires: Option<String>,
    /// What an operator should know of it.
    pub warnings: Vec<String>,
    /// Why it cannot sign now: what has to be signed with it waits.
    pub problem: Option<String>,
}

/// Index entries that an earlier version of RWS rendered.
#[derive(Serialize, ToSchema)]
pub struct Stale {
    /// How many packages have them still.
    pub packages: u64,
    /// The packages that cannot be read any more, by their paths, each with the reason. They keep the entries that they have.
    pub unreadable: BTreeMap<String, String>,
}

/// A file that waits for its `.changes`.
#[derive(Serialize, ToSchema)]
pub struct WaitingFile {
    /// Where it goes: a path as in uploads.
    pub path: String,
    /// The product.
    pub product: String,
    /// Its name.
    pub file: String,
    /// Its size.
    pub size_bytes: u64,
    /// Since when it waits (RFC 3339).
    pub since: Option<String>,
    /// When it is deleted, unless its `.changes` comes (RFC 3339).
    pub until: Option<String>,
}

/// Who may write to the store.
#[derive(Serialize, ToSchema)]
pub struct Writers {
    /// The state as one word.
    pub state: WritersState,
    /// The state as a sentence.
    pub message: String,
}

/// Who may write to the store.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WritersState {
    /// The store has not answered yet.
    Unknown,
    /// Not this process.
    Never,
    /// All replicas.
    Many,
    /// This process alone.
    Single,
    /// Another process; this one waits.
    Waiting,
}

/// Progress of a comparison with the store.
#[derive(Serialize, ToSchema)]
pub struct Comparison {
    /// Number of files that RWS has read.
    pub read: usize,
    /// Number of files in total.
    pub files: usize,
}

/// All repositories.
#[derive(Serialize, ToSchema)]
pub struct Repositories {
    /// In the order of their names.
    pub repositories: Vec<Repository>,
}

/// One repository: what is indexed, signed and read as one.
#[derive(Serialize, ToSchema)]
pub struct Repository {
    /// Its name: the directory of an rpm repository; the archive root and the codename of an apt one.
    pub repository: String,
    /// `deb` or `rpm`; none where it is not configured any more.
    pub format: Option<&'static str>,
    /// Its state.
    pub state: RepositoryState,
    /// What is current; none before the first publish.
    pub generation: Option<String>,
    /// When that was published (RFC 3339).
    pub published_at: Option<String>,
    /// How many packages it has; none where it was published last by a version that did not count.
    pub packages: Option<u64>,
    /// Why it could not be published last, as far as this process knows.
    pub last_error: Option<String>,
}

/// State of a repository.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RepositoryState {
    /// All is published.
    Published,
    /// It could not be published last.
    Failing,
    /// It is compared with the store.
    Comparing,
    /// It is served, and nothing can be uploaded there, as the configuration does not have it.
    NotConfigured,
}

/// What happened to an upload.
#[derive(Serialize, ToSchema)]
pub struct Upload {
    /// Its name.
    pub upload: String,
    /// The state as one word.
    pub state: UploadState,
    /// Where it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repositories: Option<BTreeMap<String, Generation>>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What happened to an upload.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UploadState {
    /// It will be published.
    Pending,
    /// It is in the index.
    Published,
    /// It could not be carried out.
    Failed,
}

/// A generation that has an upload.
#[derive(Serialize, ToSchema)]
pub struct Generation {
    /// Its name; null if RWS no longer knows it.
    pub generation: Option<String>,
    /// When it was published (RFC 3339).
    pub published_at: Option<String>,
}

/// What is answered where a change was accepted.
#[derive(Serialize, ToSchema)]
pub struct Message {
    /// `OK`
    pub message: String,
    /// Where its status is, when the time of `wait` was up before it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}
