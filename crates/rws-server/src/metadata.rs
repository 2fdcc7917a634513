//! `/-/metadata/<target>/<architecture>/<name>`: comps, updateinfo, modules and appstream of rpm repositories.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures::StreamExt;
use rws_model::{MetadataOffer, MetadataOrigin, RepositoryId};
use rws_repository::catalogue::ConfiguredTarget;
use rws_repository::intake::{self, Accepted};

use crate::access::User;
use crate::answer::{Answer, Problem};
use crate::service::Service;
use crate::upload::{answer, resolve, wait};

/// The largest file that is taken, as it is sent.
const MOST_BYTES: usize = 16 << 20;

/// What the path of a request stands for.
struct Place {
    repositories: Vec<(Arc<ConfiguredTarget>, RepositoryId)>,
    kind: String,
}

/// Adds, replaces or removes a file of metadata; `path` is what follows `/-/metadata/`.
pub async fn change(
    service: &Arc<Service>,
    user: &User,
    path: &str,
    request: Request<Body>,
) -> Result<Answer, Problem> {
    let (parts, body) = request.into_parts();
    let place = place(service, user, path)?;
    let (done, accepted) = match parts.method {
        Method::PUT => (StatusCode::CREATED, put(service, place, body).await?),
        _ => (StatusCode::OK, remove(service, place).await?),
    };
    service.scheduler.take(&accepted);
    Ok(answer(service, &accepted, done, wait(&parts.headers, parts.uri.query())).await)
}

fn place(service: &Service, user: &User, path: &str) -> Result<Place, Problem> {
    let mut parts = path.rsplitn(3, '/');
    let (Some(kind), Some(architecture), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Problem::bad_request("path", "Invalid URL."));
    };
    let mut repositories = Vec::new();
    for target in resolve(service, user, path, "Can't change the metadata")? {
        let found = target.repositories().into_iter().find(|one| one.split_last().1 == architecture);
        let Some(repository) = found.filter(|_| target.format.name() == "rpm") else {
            let message = format!("There is no rpm repository {}/{architecture}.", target.target);
            return Err(Problem::new(StatusCode::NOT_FOUND, "no-repository", message));
        };
        repositories.push((target, repository));
    }
    Ok(Place { repositories, kind: kind.to_owned() })
}

async fn put(service: &Arc<Service>, place: Place, body: Body) -> Result<Accepted, Problem> {
    // one at a time: such a file is in memory as a whole
    let _alone = service.metadata.acquire().await;
    let content = read(body).await?;
    let Some((target, _)) = place.repositories.first() else {
        return Err(Problem::bad_request("path", "Invalid URL."));
    };
    let store = Arc::clone(service.tree.store());
    let (format, kind) = (Arc::clone(&target.format), place.kind);
    let checked = tokio::task::spawn_blocking(move || {
        let origin = MetadataOrigin::Sent;
        format.metadata(&MetadataOffer { kind: &kind, name: &kind, content: &content, origin })
    });
    let metadata = checked.await??;
    let repositories: Vec<RepositoryId> = place.repositories.into_iter().map(|(_, repository)| repository).collect();
    Ok(intake::describe(&*store, metadata, &repositories).await?)
}

async fn remove(service: &Arc<Service>, place: Place) -> Result<Accepted, Problem> {
    // clients say comps where the root says group
    let kind = if place.kind == "comps" { "group" } else { &place.kind };
    match intake::undescribe(&**service.tree.store(), &place.repositories, kind).await? {
        Some(accepted) => Ok(accepted),
        None => {
            let message = format!("There is no {} there.", place.kind);
            Err(Problem::new(StatusCode::NOT_FOUND, "no-file", message))
        }
    }
}

async fn read(body: Body) -> Result<Vec<u8>, Problem> {
    let (mut content, mut stream) = (Vec::new(), body.into_data_stream());
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| {
            Problem::bad_request("cut-body", format!("The request was cut off: {error}. Nothing of it was kept."))
        })?;
        if content.len() + piece.len() > MOST_BYTES {
            let message = format!("The file has more than {MOST_BYTES} bytes.");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message));
        }
        content.extend_from_slice(&piece);
    }
    Ok(content)
}
