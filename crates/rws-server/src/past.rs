//! `/-/repositories/<repository>/generations` and `/-/repositories/<repository>/diff`: what a repository was.

use axum::http::StatusCode;
use axum::http::request::Parts;
use rws_repository::actor::Actor;
use rws_repository::history::{self, State};
use rws_repository::pin;
use rws_repository::{GenerationId, UploadId};

use crate::access::Reader;
use crate::answer::{Answer, Problem, json};
use crate::gate::ReadablePast;
use crate::own::time;
use crate::path;
use crate::schema::{
    DiffQuery, GenerationsQuery, PastGeneration, PastGenerations, PastUpload, Plan, RepositoryPath, RepositoryPlan,
    StoreProblems,
};
use crate::service::Service;

/// So many generations are on one page.
const MAX_ON_A_PAGE: usize = 50;

/// The generations that a repository keeps, newest first.
#[utoipa::path(get, path = "/-/repositories/{repository}/generations", tag = "repositories",
    params(RepositoryPath, GenerationsQuery),
    responses(
        (status = 200, description = "The generations.", body = PastGenerations),
        (status = 400, description = "The query is wrong.", body = Problem),
        (status = 404, description = "There is no such repository.", body = Problem),
        StoreProblems,
    ))]
async fn generations(
    service: &Service,
    past: &ReadablePast,
    query: Option<&str>,
    is_admin: bool,
) -> Result<Answer, Problem> {
    Ok(json(StatusCode::OK, &found(service, past, query, is_admin).await?))
}

/// The generations that a query asks for.
///
/// # Errors
///
/// What is wrong with the query; when the store fails.
pub async fn found(
    service: &Service,
    past: &ReadablePast,
    query: Option<&str>,
    is_admin: bool,
) -> Result<PastGenerations, Problem> {
    let limit = match path::query(query, "limit").map(|text| text.parse()) {
        None => MAX_ON_A_PAGE,
        Some(Ok(limit @ 1..)) => limit,
        Some(_) => return Err(Problem::bad_request("query", "limit is not a whole number from 1.")),
    };
    let before = path::query(query, "before");
    if before.as_ref().is_some_and(|before| GenerationId::parse(before).is_none()) {
        return Err(Problem::bad_request("query", "before is not a generation.")
            .with_hint("next of another page is one: 20261128T120000Z-1a2b3c4d"));
    }
    let states = history::states(past.head());
    let wanted =
        states.iter().filter(|state| before.as_ref().is_none_or(|before| state.generation.to_string() < *before));
    let mut wanted: Vec<&State> = wanted.take(limit.min(MAX_ON_A_PAGE) + 1).collect();
    let has_more = wanted.len() > limit.min(MAX_ON_A_PAGE);
    wanted.truncate(limit.min(MAX_ON_A_PAGE));
    let next = wanted.last().filter(|_| has_more).map(|state| state.generation.to_string());
    let pinned = &past.head().pinned;
    // whoever sees the repository may know of its pins
    let pins = if pinned.is_empty() { Vec::new() } else { pin::all(&**service.gate.store()).await? };
    let pins_of = |state: &State| {
        let marks = pinned.get(&state.generation);
        let named = pins.iter().filter(|pin| marks.is_some_and(|marks| marks.contains(&pin.mark)));
        named.map(|pin| pin.name.clone()).collect()
    };
    let mut generations = Vec::new();
    for state in wanted {
        // one after the other, whoever asks: each takes the memory of two manifests
        let _turn = service.budgets.listing_parts.acquire().await.ok();
        let position = states.iter().position(|other| other == state).unwrap_or_default();
        let before = states.get(position + 1).map(|state| &state.generation);
        let commit = service.gate.commit(past, (before, &state.generation)).await?;
        let changes = commit.changes;
        generations.push(PastGeneration {
            generation: state.generation.to_string(),
            published_at: time(state.published_at),
            replaced_at: state.replaced_at.and_then(time),
            kept: true,
            packages: commit.packages,
            added: changes.map(|changes| changes.added),
            replaced: changes.map(|changes| changes.replaced),
            removed: changes.map(|changes| changes.removed),
            uploads: commit.uploads.iter().map(|upload| past_upload(upload, is_admin)).collect(),
            pins: pins_of(state),
        });
    }
    Ok(PastGenerations { generations, next })
}

fn past_upload((upload, actor): &(UploadId, Option<Actor>), is_admin: bool) -> PastUpload {
    let shown = actor.as_ref().filter(|_| is_admin);
    PastUpload {
        upload: upload.to_string(),
        verb: actor.as_ref().map(|actor| actor.verb.to_string()),
        user: shown.and_then(|actor| actor.user.clone()),
        address: shown.and_then(|actor| actor.address).map(|address| address.to_string()),
    }
}

/// What tells two generations of a repository apart.
#[utoipa::path(get, path = "/-/repositories/{repository}/diff", tag = "repositories",
    params(RepositoryPath, DiffQuery),
    responses(
        (status = 200, description = "What the second one has and the first one has not, and the other way round.", body = Plan),
        (status = 400, description = "The query is wrong.", body = Problem),
        (status = 404, description = "There is no such repository.", body = Problem),
        (status = 410, description = "A generation is not kept any more.", body = Problem),
        StoreProblems,
    ))]
async fn diff(service: &Service, reader: &Reader, past: &ReadablePast, query: Option<&str>) -> Result<Answer, Problem> {
    let now = service.gate.store().clock_milliseconds().await.map_err(rws_repository::RepositoryError::from)? / 1000;
    let resolved = async |text: String| {
        let state = service.gate.past_state(reader, &text).await?;
        Ok::<_, Problem>(history::resolve(past.head(), &state, now)?)
    };
    let Some(from) = path::query(query, "from") else {
        return Err(Problem::bad_request("query", "The query has no from."));
    };
    let from = resolved(from).await?;
    let to = match path::query(query, "to") {
        Some(to) => resolved(to).await?,
        None => past.head().generation.clone(),
    };
    let plan = past.difference((&from, &to)).await?;
    let plan = RepositoryPlan::from(plan);
    let repositories = [(past.head().repository.to_string(), plan)].into();
    Ok(json(StatusCode::OK, &Plan { repositories, refused: Vec::new(), missing: None }))
}

/// Answers a request; `rest` is what follows `/-/repositories/`. `None` where there is nothing.
///
/// # Errors
///
/// What is wrong with the query; when the store fails.
pub async fn get(service: &Service, reader: &Reader, rest: &str, parts: &Parts) -> Result<Option<Answer>, Problem> {
    let query = parts.uri.query();
    let Some((repository, what)) = rest.rsplit_once('/') else { return Ok(None) };
    if !["generations", "diff"].contains(&what) {
        return Ok(None);
    }
    let Some(past) = service.gate.readable_past(reader, repository).await? else {
        let message = format!("There is no repository {repository}, or it was never published.");
        return Err(Problem::new(StatusCode::NOT_FOUND, "no-repository", message));
    };
    match what {
        "generations" => {
            let is_admin = reader.user().is_some_and(|user| user.is_admin);
            generations(service, &past, query, is_admin).await.map(Some)
        }
        _ => diff(service, reader, &past, query).await.map(Some),
    }
}
