//! `POST /-/purge`: removes the bytes of a leaked secret from every state.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::request::Parts;
use rws_model::{Sha256, Verb};
use rws_repository::purge;

use crate::access::Login;
use crate::answer::{Answer, Problem, json};
use crate::body::Incoming;
use crate::exchange::actor;
use crate::json_request;
use crate::schema::{ChangeProblems, Purge, PurgeRequest};
use crate::service::Service;
use crate::upload::permit;

/// So many contents one request may name.
const MAX_DIGESTS: usize = 500;

/// How long a request waits until no index has the packages any more.
const LONGEST_PUBLISH: Duration = Duration::from_secs(30);

/// Removes files from the current and all earlier states, also pinned ones, and refuses their bytes from then on. Administrators may do this.
#[utoipa::path(post, path = "/-/purge", tag = "repositories",
    security(("password" = [])),
    request_body = PurgeRequest,
    responses(
        (status = 200, description = "What a dry run would delete.", body = Purge),
        (status = 201, description = "No byte is left.", body = Purge),
        (status = 202, description = "RWS goes on with it.", body = Purge),
        ChangeProblems,
    ))]
pub async fn post(service: &Arc<Service>, user: &Login, parts: &Parts, body: &mut Incoming) -> Result<Answer, Problem> {
    let _permit = permit(service, user).await?;
    let request: PurgeRequest = json_request::read(body).await?;
    let digest = |text: &String| {
        let message = || Problem::bad_request("sha256", format!("{text:?} is no SHA-256 of 64 hexadecimal digits."));
        Sha256::from_hex(&text.to_ascii_lowercase()).ok_or_else(message)
    };
    let digests = request.sha256.iter().map(digest).collect::<Result<BTreeSet<_>, _>>()?;
    let selectors = json_request::selectors("selectors", &request.selectors)?;
    if digests.is_empty() == selectors.is_empty() {
        return Err(Problem::bad_request("json", "The request has to have either sha256, or selectors with targets."));
    }
    let targets = match selectors.is_empty() {
        true => Vec::new(),
        false => service.gate.writable_matching(user, Verb::Delete, &request.targets)?.targets().to_vec(),
    };
    if digests.len() > MAX_DIGESTS {
        return Err(Problem::bad_request("sha256", format!("The request has more than {MAX_DIGESTS} digests.")));
    }
    let repositories: Vec<_> = targets.iter().flat_map(|target| target.repositories()).collect();
    service.settle(&repositories).await;
    let (working, actor) = (Arc::clone(service), actor(user, parts, "purge"));
    // also when the client goes away meanwhile
    let work = tokio::spawn(async move {
        let (scheduler, store) = (&working.scheduler, &**working.gate.store());
        let (catalogue, purged) = (scheduler.publisher().catalogue(), scheduler.purged());
        let turn = working.turn("purges").await?;
        let choice = match selectors.is_empty() {
            true => purge::Choice::Digests(digests),
            false => purge::Choice::Packages(&targets, selectors),
        };
        let (plan, digests) = purge::plan(store, catalogue, choice).await?;
        if request.dry_run {
            return Ok((StatusCode::OK, plan));
        }
        if digests.is_empty() {
            let message = "No package of these targets is one of those.";
            return Err(Problem::new(StatusCode::NOT_FOUND, "no-package", message));
        }
        purge::record(store, purged, &plan, &digests, &actor).await?;
        let accepted = purge::remove(store, catalogue, purged, &actor).await.map_err(Problem::of_intake)?;
        drop(turn);
        if let Some(accepted) = &accepted {
            scheduler.take(accepted);
            scheduler.wait(&accepted.id, LONGEST_PUBLISH).await;
        }
        let is_erased = purge::erase(store, catalogue, purged).await?;
        tracing::info!(files = plan.len(), is_erased, "purged");
        Ok::<_, Problem>((if is_erased { StatusCode::CREATED } else { StatusCode::ACCEPTED }, plan))
    });
    let (status, plan) = work.await??;
    Ok(json(status, &Purge::from(plan)))
}
