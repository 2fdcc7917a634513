//! `/-/metadata/<target>/<part>/<name>`: comps, updateinfo, modules and appstream of an architecture of rpm repositories, DEP-11
//! and translated descriptions of a component of apt repositories.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::request::Parts;
use rws_model::{MetadataOffer, MetadataOrigin, RepositoryId, Verb};
use rws_repository::actor::Actor;
use rws_repository::catalogue::ConfiguredTarget;
use rws_repository::intake::{self, Accepted};
use rws_store::low_priority;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::access::Login;
use crate::answer::{Answer, Problem, busy};
use crate::body::Incoming;
use crate::exchange::actor;
use crate::schema::{ChangeProblems, Message, MetadataPath, TargetPath, Wait};
use crate::service::Service;
use crate::upload::{answer, expected_bytes};
use crate::wait;

/// The largest file that is taken, as it is sent.
const MOST_BYTES: usize = 16 << 20;

/// A file that is larger, unpacked, is checked only while nothing else is done that takes much memory.
const LARGE_BYTES: u64 = 8 << 20;

/// How long a file waits for its turn, and how long it may take: others wait behind it.
const LONGEST_QUEUE: Duration = Duration::from_secs(60);
const LONGEST_BODY: Duration = Duration::from_secs(300);

/// What the path of a request stands for.
struct MetadataTarget {
    repositories: Vec<(Arc<ConfiguredTarget>, RepositoryId)>,
    kind: String,
}

/// Adds or replaces a file of metadata that no package has; `path` is what follows `/-/metadata/`.
#[utoipa::path(put, path = "/-/metadata/{kind}/{series}/{distribution}/{version}/{part}/{name}", tag = "repositories",
    security(("password" = [])),
    params(
        TargetPath,
        MetadataPath,
        Wait,
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file, compressed or not."),
    responses(
        (status = 201, description = "Accepted.", body = Message),
        (status = 202, description = "Accepted, and not published within the time of `wait`.", body = Message),
        ChangeProblems,
    ))]
pub async fn put(
    service: &Arc<Service>,
    user: &Login,
    path: &str,
    parts: &Parts,
    body: &mut Incoming,
) -> Result<Answer, Problem> {
    let place = place(service, user, Verb::Upload, path)?;
    let bytes = expected_bytes(&parts.headers).unwrap_or(u64::MAX).min(MOST_BYTES as u64);
    let accepted = describe(service, user, place, (bytes, body), actor(user, parts, "metadata")).await?;
    service.scheduler.take(&accepted);
    Ok(answer(service, &accepted, StatusCode::CREATED, wait::left(parts)).await)
}

/// Removes a file of metadata that no package has; `path` is what follows `/-/metadata/`.
#[utoipa::path(delete, path = "/-/metadata/{kind}/{series}/{distribution}/{version}/{part}/{name}", tag = "repositories",
    security(("password" = [])),
    params(
        TargetPath,
        MetadataPath,
        Wait,
    ),
    responses(
        (status = 200, description = "Accepted.", body = Message),
        (status = 202, description = "Accepted, and not published within the time of `wait`.", body = Message),
        ChangeProblems,
    ))]
pub async fn remove(service: &Arc<Service>, user: &Login, path: &str, parts: &Parts) -> Result<Answer, Problem> {
    let place = place(service, user, Verb::Delete, path)?;
    let accepted = undescribe(service, place, &actor(user, parts, "metadata")).await?;
    service.scheduler.take(&accepted);
    Ok(answer(service, &accepted, StatusCode::OK, wait::left(parts)).await)
}

fn place(service: &Service, user: &Login, verb: Verb, path: &str) -> Result<MetadataTarget, Problem> {
    let mut parts = path.rsplitn(3, '/');
    let (Some(name), Some(part), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Problem::bad_request("path", "Invalid URL."));
    };
    let mut repositories = Vec::new();
    let mut kind = None;
    for target in service.gate.writable(user, verb, path, "Can't change the metadata")?.whole()?.targets() {
        let format = &target.format;
        let is_meant = |one: &RepositoryId| format.has_metadata_part(one, part, &target.settings);
        let found = target.repositories().into_iter().find(is_meant);
        let Some(repository) = found.filter(|_| format.takes_metadata()) else {
            let message = format!(
                "{} has no {part} that takes metadata: the address names a component of an apt repository, or an architecture of an rpm one.",
                target.target
            );
            return Err(Problem::new(StatusCode::NOT_FOUND, "no-repository", message));
        };
        kind.get_or_insert_with(|| format.metadata_name(part, name));
        repositories.push((Arc::clone(target), repository));
    }
    Ok(MetadataTarget { repositories, kind: kind.unwrap_or_else(|| name.to_owned()) })
}

async fn describe(
    service: &Arc<Service>,
    user: &Login,
    place: MetadataTarget,
    (bytes, body): (u64, &mut Incoming),
    actor: Actor,
) -> Result<Accepted, Problem> {
    // such a file is in memory as a whole
    let memory = &service.budgets.metadata;
    let Some(_memory) = memory.take(&user.name, bytes, LONGEST_QUEUE).await else { return Err(busy("metadata")) };
    let content = timeout(LONGEST_BODY, read(body)).await.map_err(|_| {
        let message = format!("The client did not send the whole file within {} seconds.", LONGEST_BODY.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "stalled", message)
    })??;
    let Some((target, _)) = place.repositories.first() else {
        return Err(Problem::bad_request("path", "Invalid URL."));
    };
    for (target, _) in &place.repositories {
        let checked = target.format.check_metadata(&place.kind, &target.settings);
        checked.map_err(|reason| Problem::bad_request("metadata", format!("{}: {reason}.", place.kind)))?;
    }
    let store = Arc::clone(service.gate.store());
    let (format, kind) = (Arc::clone(&target.format), place.kind);
    let checking = &service.budgets.checking;
    let Some(turn) = checking.take(&user.name, 1, LONGEST_QUEUE).await else { return Err(busy("metadata")) };
    let content = Arc::new(content);
    let (size_of, sized) = (Arc::clone(&format), Arc::clone(&content));
    let bytes = spawn_blocking(move || size_of.metadata_bytes(&sized)).await?;
    let publisher = service.scheduler.publisher();
    let is_large = bytes > LARGE_BYTES;
    let _turn = match is_large {
        true => Some(timeout(LONGEST_QUEUE, publisher.turn()).await.map_err(|_| busy("metadata"))?),
        false => None,
    };
    let check = move || {
        let origin = MetadataOrigin::Sent;
        format.metadata(&MetadataOffer { kind: &kind, name: &kind, content: &content, origin })
    };
    let metadata = low_priority::run_if(is_large, check).await??;
    let accepted = intake::describe(&*store, metadata, &place.repositories, &actor).await;
    let accepted = accepted.map_err(Problem::of_intake)?;
    // as long as the file is in memory
    drop(turn);
    Ok(accepted)
}

async fn undescribe(service: &Arc<Service>, place: MetadataTarget, actor: &Actor) -> Result<Accepted, Problem> {
    let format = place.repositories.first().map(|(target, _)| &target.format);
    let kind = format.map_or_else(|| place.kind.clone(), |format| format.metadata_kind(&place.kind));
    let removed = intake::undescribe(&**service.gate.store(), &place.repositories, &kind, actor).await;
    match removed.map_err(Problem::of_intake)? {
        Some(accepted) => Ok(accepted),
        None => {
            let message = format!("The repository has no {} file.", place.kind);
            Err(Problem::new(StatusCode::NOT_FOUND, "no-file", message))
        }
    }
}

async fn read(body: &mut Incoming) -> Result<Vec<u8>, Problem> {
    let mut content = Vec::new();
    while let Some(piece) = body.next().await? {
        if content.len() + piece.len() > MOST_BYTES {
            let message = format!("The file has more than {MOST_BYTES} bytes.");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message));
        }
        content.extend_from_slice(&piece);
    }
    Ok(content)
}
