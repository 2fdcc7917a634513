//! Reading what is below `/-/`: what is not a repository path.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use rws_repository::publish::Unreadable;
use rws_repository::scheduler::{self, Progress};
use rws_repository::{UploadId, aside};
use rws_store::WriteAccess;
use tokio::time::timeout;

use crate::access::Reader;
use crate::answer::{Answer, Problem, json, text};
use crate::connection::Client;
use crate::contents::{packages, search};
use crate::gate::ReadableRepository;
use crate::openapi::document;
use crate::pages::{self, Visit};
use crate::path;
use crate::schema::{
    Comparison, Generation, Key, Overview, Program, Repositories, Repository, RepositoryState, Stale, StoreProblems,
    TargetPath, Upload, UploadState, WaitingFile, Writers, WritersState,
};
use crate::service::{KeyState, Service};
use crate::table::{Endpoint, Route};
use crate::target_setup::TargetSetup;
use crate::{at, changelogs, debuginfod, past, pins};

/// How long the store is waited for by who asks for the status, which says more than what is in the store.
const LONGEST_LIST: Duration = Duration::from_secs(2);

const PLAIN: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const PGP: &str = "application/pgp-keys";

/// The URL at which the client reaches the service, where that is known.
type Base<'a> = dyn Fn() -> Option<String> + Send + Sync + 'a;

/// What is answered: nothing where nothing is at an address.
type Answered = Result<Option<Answer>, Problem>;

/// Answers a GET below `/-/`.
pub async fn get(service: &Arc<Service>, reader: &Reader, client: &Client, parts: &Parts) -> Answer {
    let base = || Some(client.base(&service.settings, &parts.uri, &parts.headers)? + reader.prefix());
    let answered = match path::decoded(path::absolute(parts.uri.path())) {
        Some(path) => answer(service, (reader, client), &base, &path, parts).await,
        None => Ok(None),
    };
    match answered {
        Ok(Some(answer)) => answer,
        Ok(None) => nothing().answer(),
        Err(problem) => problem.answer(),
    }
}

/// Nothing is at an address.
pub fn nothing() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "This address does not exist.")
}

async fn answer(
    service: &Arc<Service>,
    (reader, client): (&Reader, &Client),
    base: &Base<'_>,
    path: &str,
    parts: &Parts,
) -> Answered {
    // a path may be written in other ways
    let route = Route::of(path);
    let Some(row) = route.row(&Method::GET) else { return Ok(None) };
    match row.endpoint {
        Endpoint::Health => Ok(Some(health())),
        Endpoint::Ready => ready(service).await.map(Some),
        Endpoint::Metrics => Ok(Some(metrics(service).await)),
        Endpoint::Version => Ok(Some(version(service))),
        Endpoint::OpenApi => Ok(Some(openapi())),
        Endpoint::Repositories => repositories(service, reader).await.map(Some),
        Endpoint::Past => past::get(service, reader, route.rest, parts).await,
        Endpoint::Search => search::get(service, reader, parts).await.map(Some),
        Endpoint::Packages => packages::get(service, reader, route.rest).await,
        Endpoint::Browse => {
            let visit = Visit { service, reader, base, parts };
            Box::pin(pages::get(&visit, route.rest)).await
        }
        Endpoint::Nothing if route.rest.is_empty() => Ok(pages::of_nothing(service, reader, parts)),
        Endpoint::Pins => pins::get(service, reader).await.map(Some),
        Endpoint::At => at::get(service, (reader, client), route.rest, parts).await,
        Endpoint::Status => Ok(Some(overview(service, reader).await)),
        Endpoint::UploadStatus => upload(service, reader, route.rest).await,
        Endpoint::Key => Ok(key(service, route.rest)),
        Endpoint::ClientFile => client_file(service, reader, base, (route.rest, parts.uri.query())).await,
        Endpoint::Changelog => changelogs::get(service, reader, client, route.rest).await,
        Endpoint::Debuginfod => debuginfod::get(service, reader, client, route.rest).await,
        Endpoint::Mirrorlist => mirrorlist(service, reader, base, route.rest).await,
        _ => Ok(None),
    }
}

/// Whether the process answers at all.
#[utoipa::path(get, path = "/-/health", tag = "operation", responses((status = 200, description = "It does.", body = String, content_type = "text/plain")))]
fn health() -> Answer {
    text(StatusCode::OK, PLAIN, "ok\n")
}

/// Whether this replica is ready, which means that the store answers. A standby replica can read and is ready: otherwise no
/// rolling restart would ever finish.
#[utoipa::path(get, path = "/-/ready", tag = "operation", responses(
    (status = 200, description = "It is ready. Further lines say if this replica may not write, if something other than the store answered during the last minute, and which keys cannot sign.", body = String, content_type = "text/plain"),
    StoreProblems,
))]
async fn ready(service: &Service) -> Result<Answer, Problem> {
    let writing = service.writing.borrow().clone();
    if let WriteAccess::Unknown { .. } = writing {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", writing.sentence()));
    }
    if let Some(reason) = service.scheduler.outdated() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "later-version", reason));
    }
    service.gate.check().await?;
    let writes = (writing != WriteAccess::MultiWriter).then(|| writing.sentence());
    let access = service.logins.broken();
    let access =
        access.map(|broken| format!("users and rights are those of before: {broken} cannot be used, the log says why"));
    let lines = [Some("ready".to_owned()), access, writes, service.gate.store().suspect_answers()];
    let keys = (service.key_states)().into_iter();
    let keys = keys.filter_map(|key| Some(format!("key {} cannot sign: {}", key.name, key.problem?)));
    let lines = lines.into_iter().chain(keys.map(Some));
    let said: String = lines.flatten().map(|line| line + "\n").collect();
    Ok(text(StatusCode::OK, PLAIN, said))
}

/// Counters and gauges of this process, for Prometheus.
#[utoipa::path(get, path = "/-/metrics", tag = "operation", responses((status = 200, description = "The text format of Prometheus.", body = String, content_type = "text/plain")))]
async fn metrics(service: &Service) -> Answer {
    let is_ready = timeout(LONGEST_LIST, ready(service)).await.is_ok_and(|answer| answer.is_ok());
    text(StatusCode::OK, METRICS, service.metrics.text(service, is_ready))
}

/// Which program this is.
#[utoipa::path(get, path = "/-/version", tag = "operation", responses((status = 200, description = "Its name and version.", body = Program)))]
fn version(service: &Service) -> Answer {
    json(StatusCode::OK, &Program { name: "rws", version: service.version })
}

/// This document.
#[utoipa::path(get, path = "/-/openapi.json", tag = "operation", responses((status = 200, description = "The addresses below `/-/` as an OpenAPI 3.1 document.", body = Object)))]
fn openapi() -> Answer {
    text(StatusCode::OK, "application/json", document())
}

/// The state of the service.
#[utoipa::path(get, path = "/-/status", tag = "operation", responses((status = 200, description = "The state of this process.", body = Overview)))]
async fn overview(service: &Service, reader: &Reader) -> Answer {
    json(StatusCode::OK, &status(service, reader).await)
}

/// The state of the service, as far as this one may know of it.
pub async fn status(service: &Service, reader: &Reader) -> Overview {
    let writing = service.writing.borrow().clone();
    let state = match &writing {
        WriteAccess::Unknown { .. } => WritersState::Unknown,
        WriteAccess::ReadOnly => WritersState::Never,
        WriteAccess::MultiWriter => WritersState::Many,
        WriteAccess::SoleWriter => WritersState::Single,
        WriteAccess::Standby { .. } => WritersState::Waiting,
    };
    Overview {
        version: service.version,
        read_only: service.settings.read_only,
        writers: Writers { state, message: service.scheduler.outdated().unwrap_or_else(|| writing.sentence()) },
        failing: failing(service, reader),
        comparing: comparing(service, reader),
        stale: stale(service, reader),
        keys: keys(service),
        unchecked: service.scheduler.unchecked(),
        overruled: service.scheduler.overruled(),
        waiting: waiting(service, reader, &writing).await,
    }
}

/// What waits for its `.changes`; `None` where the store does not answer: all else is answered nevertheless.
async fn waiting(service: &Service, reader: &Reader, writing: &WriteAccess) -> Option<Vec<WaitingFile>> {
    if matches!(writing, WriteAccess::Unknown { .. }) {
        return None;
    }
    let files = timeout(LONGEST_LIST, service.waiting.list(&**service.gate.store())).await.ok()?.ok()?;
    let kept_seconds = i64::try_from(aside::KEPT.as_secs()).unwrap_or(i64::MAX);
    let file = |file: &aside::ListedFile| {
        let since = file.since_milliseconds.div_euclid(1000);
        WaitingFile {
            path: file.path.clone(),
            product: file.product.clone(),
            file: file.name.clone(),
            size_bytes: file.size_bytes,
            since: time(since),
            until: time(since.saturating_add(kept_seconds)),
        }
    };
    let may_see = |file: &&aside::ListedFile| service.gate.may_see_targets(reader, &file.path);
    Some(files.iter().filter(may_see).map(file).collect())
}

fn keys(service: &Service) -> BTreeMap<String, Key> {
    let key = |state: KeyState| {
        let KeyState { name, fingerprint, expires_at, warnings, problem } = state;
        (name, Key { fingerprint, expires: expires_at.and_then(time), warnings, problem })
    };
    (service.key_states)().into_iter().map(key).collect()
}

fn stale(service: &Service, reader: &Reader) -> BTreeMap<String, Stale> {
    let unreadable = |package: Unreadable| (package.path, package.reason);
    let of_one = |stale: scheduler::Stale| Stale {
        packages: stale.packages,
        unreadable: stale.unreadable.into_iter().map(unreadable).collect(),
    };
    let all = service.scheduler.stale().into_iter().map(|(repository, stale)| (repository.to_string(), of_one(stale)));
    all.filter(|(repository, _)| service.gate.may_see(reader, repository)).collect()
}

/// The repositories that this one may read and that are compared with the store now.
pub fn comparing(service: &Service, reader: &Reader) -> BTreeMap<String, Comparison> {
    let comparisons = service.scheduler.publisher().comparisons().into_iter();
    let all = comparisons.map(|one| (one.repository.to_string(), Comparison { read: one.read, files: one.files }));
    all.filter(|(repository, _)| service.gate.may_see(reader, repository)).collect()
}

/// The repositories that this one may read and that cannot be published, each with the reason.
pub fn failing(service: &Service, reader: &Reader) -> BTreeMap<String, String> {
    let all = service.scheduler.failing().into_iter().map(|(repository, error)| (repository.to_string(), error));
    all.filter(|(repository, _)| service.gate.may_see(reader, repository)).collect()
}

/// All repositories that are published, and those that could not be.
#[utoipa::path(get, path = "/-/repositories", tag = "repositories", responses(
    (status = 200, description = "In the order of their names.", body = Repositories),
    StoreProblems,
))]
async fn repositories(service: &Service, reader: &Reader) -> Result<Answer, Problem> {
    let repositories = repository_states(service, reader).await?;
    Ok(json(StatusCode::OK, &Repositories { repositories }))
}

/// The states of all repositories that this one may read, in the order of their names.
///
/// # Errors
///
/// When the store fails.
pub async fn repository_states(service: &Service, reader: &Reader) -> Result<Vec<Repository>, Problem> {
    let mut errors = failing(service, reader);
    let comparing = comparing(service, reader);
    let mut repositories = Vec::new();
    for ReadableRepository { published, format } in service.gate.readable_repositories(reader).await? {
        let name = published.repository.to_string();
        let last_error = errors.remove(&name);
        repositories.push(Repository {
            state: match format {
                None => RepositoryState::NotConfigured,
                Some(_) if last_error.is_some() => RepositoryState::Failing,
                Some(_) if comparing.contains_key(&name) => RepositoryState::Comparing,
                Some(_) => RepositoryState::Published,
            },
            format,
            repository: name,
            generation: Some(published.generation.to_string()),
            published_at: time(published.published_at),
            packages: published.packages,
            last_error,
        });
    }
    // those that have no generation yet
    repositories.extend(errors.into_iter().map(|(repository, error)| Repository {
        repository,
        format: None,
        state: RepositoryState::Failing,
        generation: None,
        published_at: None,
        packages: None,
        last_error: Some(error),
    }));
    repositories.sort_by(|left, right| left.repository.cmp(&right.repository));
    Ok(repositories)
}

/// What happened to an upload. It is known for seven days.
#[utoipa::path(get, path = "/-/status/{upload}", tag = "uploads",
    params(("upload" = String, Path, description = "The last part of `RWS-Status` in the answer to the upload.")),
    responses(
        (status = 200, description = "What happened to it.", body = Upload),
        (status = 404, description = "RWS does not know this upload, or no longer knows it.", body = Problem),
        StoreProblems,
    ))]
async fn upload(service: &Service, reader: &Reader, id: &str) -> Answered {
    let Some(id) = UploadId::parse(id) else { return Ok(None) };
    if !service.gate.may_see_upload(reader, &id).await? {
        return Ok(None);
    }
    let mut answer = Upload { upload: id.to_string(), state: UploadState::Pending, repositories: None, reason: None };
    match service.scheduler.progress(&id).await? {
        None => return Ok(None),
        Some(Progress::Pending) => {}
        Some(Progress::Published(generations)) => {
            answer.state = UploadState::Published;
            let known = generations.iter().filter(|(repository, _)| service.gate.may_follow(reader, repository));
            let generations = known.map(|(repository, id)| {
                let published_at = id.as_ref().and_then(|id| time(id.seconds()));
                (repository.to_string(), Generation { generation: id.as_ref().map(ToString::to_string), published_at })
            });
            answer.repositories = Some(generations.collect());
        }
        Some(Progress::Failed(reason)) => {
            answer.state = UploadState::Failed;
            // it may name what is in any of the repositories
            let is_open = service.gate.may_see_all(reader, &id).await?;
            let closed = "RWS could not publish it. Who may read all its repositories sees why.";
            answer.reason = Some(if is_open { reason } else { closed.to_owned() });
        }
    }
    Ok(Some(json(StatusCode::OK, &answer)))
}

/// A time as RFC 3339 writes it.
pub fn time(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

/// A public key that signs repositories, in ASCII armour.
#[utoipa::path(get, path = "/-/keys/{name}", tag = "clients",
    params(("name" = String, Path, description = "The name of a key in the configuration and `.asc`; `main.asc` are the keys of all series but `modules`, `modules.asc` those of the series `modules`.")),
    responses(
        (status = 200, description = "The key, or the keys, each in a block of its own.", body = String, content_type = "application/pgp-keys"),
        (status = 404, description = "RWS has no such key.", body = Problem),
    ))]
fn key(service: &Service, name: &str) -> Option<Answer> {
    let key = service.keys.named(name)?;
    Some(text(StatusCode::OK, PGP, key.to_owned()))
}

/// A ready-made file for a client: `.sources` and `.list` for apt, with the architectures that the repository has now; `.repo` for dnf, `.zypper.repo`, `.yum.repo`; `.asc`, all keys that clients of the repository should know.
#[utoipa::path(get, path = "/-/setup/{kind}/{series}/{distribution}/{file}", tag = "clients",
    params(
        ("kind" = String, Path, description = "The same as in the path of an upload."),
        ("series" = String, Path, description = "The same as in the path of an upload."),
        ("distribution" = String, Path, description = "The same as in the path of an upload."),
        ("file" = String, Path, description = "The version of the distribution, and which file: `focal.sources`, `9.repo`."),
        ("at" = Option<String>, Query, description = "The state that clients are to read: a generation, a time like `20260301T120000Z`, or a pin."),
    ),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "text/plain"),
        (status = 400, description = "`at` is no state.", body = Problem),
        (status = 404, description = "The configuration does not allow this repository, or RWS does not generate this file for it.", body = Problem),
        (status = 410, description = "No repository of the target has this state any more.", body = Problem),
        StoreProblems,
    ))]
async fn client_file(
    service: &Service,
    reader: &Reader,
    base: &Base<'_>,
    (path, query): (&str, Option<&str>),
) -> Answered {
    let Some((path, end)) = service.gate.formats().setup_file(path) else { return Ok(None) };
    let Some(readable) = service.gate.readable_target(reader, path)? else { return Ok(None) };
    let Some(base) = base() else { return Ok(None) };
    let format = &readable.configured().format;
    let names_architectures = format.setup_names_architectures(end);
    let mut setup = TargetSetup::read(&readable, &service.keys, base, names_architectures).await?;
    if let Some(at) = path::query(query, "at") {
        readable.has_state(&service.gate.past_state(reader, &at).await?).await??;
        setup = setup.of_state(at);
    }
    let file = format.setup_file(end, &setup.setup());
    let media_type = if end.ends_with("asc") { PGP } else { PLAIN };
    Ok(file.map(|file| of_address(text(StatusCode::OK, media_type, file))))
}

/// An answer that names the address by which this client reached the service: nobody may keep it for another one.
fn of_address(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(VARY, HeaderValue::from_static("Host, X-Forwarded-Host, X-Forwarded-Proto"));
    answer
}

/// The address of the current generation, for `mirrorlist=` of dnf: all files there are of one state.
#[utoipa::path(get, path = "/-/mirrorlist/{kind}/{series}/{distribution}/{version}/{architecture}", tag = "clients",
    params(
        TargetPath,
        ("architecture" = String, Path, description = "The directory: `x86_64`, `SRPMS`."),
    ),
    responses(
        (status = 200, description = "One URL in each line.", body = String, content_type = "text/plain"),
        (status = 404, description = "The repository does not exist, or does not exist yet.", body = Problem),
        StoreProblems,
    ))]
async fn mirrorlist(service: &Service, reader: &Reader, base: &Base<'_>, path: &str) -> Answered {
    let Some((target, architecture)) = path.rsplit_once('/') else { return Ok(None) };
    let Some(readable) = service.gate.readable_target(reader, target)? else { return Ok(None) };
    let Some(base) = base() else { return Ok(None) };
    let target = readable.configured();
    let repositories = target.repositories();
    let Some(repository) = repositories.iter().find(|repository| repository.split_last().1 == architecture) else {
        return Ok(None);
    };
    let generation = readable.generation(repository).await?;
    Ok(generation.map(|generation| {
        let tree = target.format.layout(repository).tree;
        of_address(text(StatusCode::OK, PLAIN, format!("{base}/@{generation}/{tree}/\n")))
    }))
}
