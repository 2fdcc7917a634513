//! `POST /-/retain`: removes what the rules of targets keep no longer, now.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::request::Parts;
use rws_model::Verb;
use rws_repository::retention;
use rws_repository::selection::ChangePlan;

use crate::access::Login;
use crate::answer::{Answer, Problem, json, message};
use crate::body::Incoming;
use crate::exchange::actor;
use crate::json_request;
use crate::schema::{ChangeProblems, Message, Plan, RetainRequest, Wait};
use crate::service::Service;
use crate::upload::{answer, permit};
use crate::wait;

/// Applies the rules of targets, as RWS does once in an hour.
#[utoipa::path(post, path = "/-/retain", tag = "repositories",
    security(("password" = [])),
    params(Wait),
    request_body = RetainRequest,
    responses(
        (status = 200, description = "The plan of a dry run, or an empty one where there is nothing to remove.", body = Plan),
        (status = 201, description = "Accepted.", body = Message),
        (status = 202, description = "Accepted, and not published within the time of `wait`.", body = Message),
        ChangeProblems,
    ))]
pub async fn post(service: &Arc<Service>, user: &Login, parts: &Parts, body: &mut Incoming) -> Result<Answer, Problem> {
    let _permit = permit(service, user).await?;
    let request: RetainRequest = json_request::read(body).await?;
    let writable = service.gate.writable_matching(user, Verb::Retain, &request.targets)?.whole()?;
    if request.dry_run {
        writable.visible()?;
    }
    let targets = writable.targets().to_vec();
    if targets.iter().all(|target| target.retention.is_none()) {
        let message = "None of these targets has a rule of retention.";
        return Err(Problem::new(StatusCode::NOT_FOUND, "no-rule", message)
            .with_hint("retain of repositories in the configuration is the rule"));
    }
    let (working, actor) = (Arc::clone(service), actor(user, parts, "retain"));
    // also when the client goes away meanwhile
    let work = tokio::spawn(async move {
        let store = &**working.gate.store();
        let (mut plans, mut plan) = (Vec::new(), ChangePlan::new());
        for target in &targets {
            if let Some(planned) = retention::plan(store, target).await? {
                plan.extend(planned.plan.clone());
                plans.push(planned);
            }
        }
        if request.dry_run {
            return Ok((plan, None));
        }
        let accepted = retention::carry_out(store, plans, &actor).await.map_err(Problem::of_intake)?;
        if let Some(accepted) = &accepted {
            tracing::info!(upload = %accepted.id, targets = request.targets.join(" "), "retention");
            working.scheduler.take(accepted);
        }
        Ok::<_, Problem>((plan, accepted))
    });
    match work.await?? {
        (_, Some(accepted)) => Ok(answer(service, &accepted, StatusCode::CREATED, wait::left(parts)).await),
        (plan, None) => Ok(match writable.visible() {
            Ok(visible) => json(StatusCode::OK, &Plan::of(&visible, plan)),
            Err(_) => message(StatusCode::OK, "OK"),
        }),
    }
}
