//! Everything below `/-/`: what is not a repository path.

use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use rws_repository::UploadId;
use rws_repository::scheduler::Progress;
use rws_store::Writing;
use serde_json::json;

use crate::answer::{Answer, Problem, json as json_answer, text};
use crate::service::Service;
use crate::setup::{self, Setup};

const PLAIN: &str = "text/plain; charset=utf-8";

/// Answers a GET below `/-/`; `path` is what follows.
pub async fn get(service: &Service, path: &str, headers: &HeaderMap) -> Answer {
    match answer(service, path, headers).await {
        Ok(Some(answer)) => answer,
        Ok(None) => Problem::new(StatusCode::NOT_FOUND, "not-found", "There is nothing at this address.").answer(),
        Err(problem) => problem.answer(),
    }
}

async fn answer(service: &Service, path: &str, headers: &HeaderMap) -> Result<Option<Answer>, Problem> {
    let (word, rest) = path.split_once('/').unwrap_or((path, ""));
    Ok(match (word, rest) {
        ("health", "") => Some(text(StatusCode::OK, PLAIN, "ok\n")),
        ("ready", "") => Some(ready(service).await),
        ("status", "") if path == "status" => Some(overview(service)),
        ("version", "") => Some(json_answer(StatusCode::OK, &json!({ "name": "rws", "version": service.version }))),
        ("keys", "main.asc") => service.keys.main.clone().map(|key| text(StatusCode::OK, PGP, key)),
        ("keys", "modules.asc") => service.keys.modules.clone().map(|key| text(StatusCode::OK, PGP, key)),
        ("setup", rest) => client_file(service, rest, headers),
        ("mirrorlist", rest) => mirrorlist(service, rest, headers).await?,
        ("status", id) => status(service, id).await?,
        _ => None,
    })
}

const PGP: &str = "application/pgp-keys";

/// Whether requests can be answered. A replica that waits for the lease reads, and is ready: otherwise no rolling restart
/// would come to an end.
async fn ready(service: &Service) -> Answer {
    let writing = service.writing.borrow().clone();
    if let Writing::Unknown { .. } = writing {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", writing.sentence()).answer();
    }
    match service.tree.directory("").await {
        Ok(_) if writing == Writing::Many => text(StatusCode::OK, PLAIN, "ready\n"),
        Ok(_) => text(StatusCode::OK, PLAIN, format!("ready\n{}\n", writing.sentence())),
        Err(error) => Problem::from(error).answer(),
    }
}

/// How the service is.
fn overview(service: &Service) -> Answer {
    let writing = service.writing.borrow().clone();
    let state = match &writing {
        Writing::Unknown { .. } => "unknown",
        Writing::Never => "never",
        Writing::Many => "many",
        Writing::Alone => "single",
        Writing::Waiting { .. } => "waiting",
    };
    let failing = service.scheduler.failing();
    let failing: serde_json::Map<_, _> =
        failing.into_iter().map(|(repository, error)| (repository.as_str().to_owned(), error.into())).collect();
    let comparisons = service.scheduler.publisher().comparisons().into_iter();
    let comparing: serde_json::Map<_, _> = comparisons
        .map(|one| (one.repository.as_str().to_owned(), json!({ "read": one.read, "files": one.files })))
        .collect();
    let body = json!({
        "version": service.version,
        "read_only": service.read_only,
        "writers": { "state": state, "message": writing.sentence() },
        "failing": failing,
        "comparing": comparing,
    });
    json_answer(StatusCode::OK, &body)
}

/// A ready-made file for a client.
fn client_file(service: &Service, path: &str, headers: &HeaderMap) -> Option<Answer> {
    let (target, extension) = setup::parts(path)?;
    let targets = service.catalogue.resolve(target).ok()?;
    let [target] = targets.as_slice() else { return None };
    let key = target.signer.as_ref().map(|signer| {
        let is_modules = service.keys.modules.as_deref() == Some(signer.public_key_armored());
        let name = if is_modules && service.keys.main != service.keys.modules { "modules.asc" } else { "main.asc" };
        (signer.public_key_armored(), name)
    });
    let base = base(headers)?;
    let file = Setup { base: &base, target, key }.file(extension)?;
    Some(text(StatusCode::OK, PLAIN, file))
}

/// The address of the current generation, for `mirrorlist=` of dnf.
async fn mirrorlist(service: &Service, path: &str, headers: &HeaderMap) -> Result<Option<Answer>, Problem> {
    let Some((target, architecture)) = path.rsplit_once('/') else { return Ok(None) };
    let Ok(targets) = service.catalogue.resolve(target) else { return Ok(None) };
    let (Some(base), [target]) = (base(headers), targets.as_slice()) else { return Ok(None) };
    let repositories = target.repositories();
    let Some(repository) = repositories.iter().find(|repository| repository.split_last().1 == architecture) else {
        return Ok(None);
    };
    let generation = service.tree.generation(repository).await?;
    Ok(generation.map(|generation| {
        let tree = target.format.layout(repository).tree;
        text(StatusCode::OK, PLAIN, format!("{base}/@{generation}/{tree}/\n"))
    }))
}

async fn status(service: &Service, id: &str) -> Result<Option<Answer>, Problem> {
    let Some(id) = UploadId::parse(id) else { return Ok(None) };
    let progress = service.scheduler.progress(&id).await?;
    let body = match progress {
        None => return Ok(None),
        Some(Progress::Pending) => json!({ "upload": id, "state": "pending" }),
        Some(Progress::Published(generations)) => {
            let generations = generations.iter().map(|(repository, id)| {
                let published_at = id.as_ref().and_then(|id| Timestamp::from_second(id.seconds()).ok());
                let published_at = published_at.map(|time| time.to_string());
                (repository.to_string(), json!({ "generation": id, "published_at": published_at }))
            });
            let generations: serde_json::Map<_, _> = generations.collect();
            json!({ "upload": id, "state": "published", "repositories": generations })
        }
        Some(Progress::Failed(reason)) => json!({ "upload": id, "state": "failed", "reason": reason }),
    };
    Ok(Some(json_answer(StatusCode::OK, &body)))
}

/// The URL at which this client reaches the service.
fn base(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte));
    // said by a proxy in front; a client that says so itself gets what it asked for
    let scheme = match headers.get("x-forwarded-proto").map(|value| value.as_bytes()) {
        Some(b"https") => "https",
        _ => "http",
    };
    plain.then(|| format!("{scheme}://{host}"))
}
