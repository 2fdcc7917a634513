//! `POST /-/phase`: how many machines out of a hundred get packages that are published.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::request::Parts;
use rws_model::Verb;
use rws_repository::phasing::{self, Phasing, PhasingError};

use crate::access::Login;
use crate::answer::{Answer, Problem, json};
use crate::body::Incoming;
use crate::exchange::actor;
use crate::json_request;
use crate::promote::{Outcome, generations, moved, not_now};
use crate::schema::{ChangeProblems, Message, PhaseRequest, Plan, PlanProblem, Wait};
use crate::service::Service;
use crate::upload::permit;

/// Changes to how many machines out of a hundred apt gives packages that are published already, without a new upload.
#[utoipa::path(post, path = "/-/phase", tag = "repositories",
    security(("password" = [])),
    params(Wait),
    request_body = PhaseRequest,
    responses(
        (status = 200, description = "The plan of a dry run.", body = Plan),
        (status = 201, description = "Accepted.", body = Message),
        (status = 202, description = "Accepted, and not published within the time of `wait`.", body = Message),
        (status = 409, description = "A repository has changed, or a file is missing. Nothing is changed.", body = PlanProblem),
        ChangeProblems,
    ))]
pub async fn post(service: &Arc<Service>, user: &Login, parts: &Parts, body: &mut Incoming) -> Result<Answer, Problem> {
    let _permit = permit(service, user).await?;
    let request: PhaseRequest = json_request::read(body).await?;
    if request.packages.is_empty() {
        return Err(Problem::bad_request("packages", "packages: the list is empty."));
    }
    if request.percentage > 100 {
        return Err(Problem::bad_request("percentage", "percentage: it is a whole number from 0 to 100."));
    }
    let packages = json_request::selectors("packages", &request.packages)?;
    let writable = service.gate.writable_all(user, Verb::Upload, std::slice::from_ref(&request.target))?;
    let writable = writable.whole()?.visible()?;
    let expected = generations(&request.if_generation)?;
    for target in writable.targets() {
        service.settle(&target.repositories()).await;
    }
    // also when the client goes away meanwhile
    let (working, actor) = (Arc::clone(service), actor(user, parts, "phase"));
    let work = tokio::spawn(async move {
        let _turn = working.turn("changes of phases").await?;
        let store = working.gate.store();
        let phasing = Phasing { targets: writable.targets(), packages: &packages, percentage: request.percentage };
        let planned = phasing::plan(store, phasing).await?;
        let plan = Plan::of(&writable, planned.plan.clone());
        if let Some(problem) = moved(&planned.generations, &expected) {
            return not_now(&writable, problem, |_| plan);
        }
        if request.dry_run {
            return Ok(Outcome::Answered(json(StatusCode::OK, &plan)));
        }
        let accepted = planned.carry_out(store, &actor).await?;
        tracing::info!(upload = %accepted.id, target = request.target, percentage = request.percentage, "phase changed");
        working.scheduler.take(&accepted);
        Ok::<_, Problem>(Outcome::Accepted(accepted))
    });
    Ok(work.await??.answer(service, parts).await)
}

impl From<PhasingError> for Problem {
    fn from(error: PhasingError) -> Self {
        let message = error.to_string();
        match error {
            PhasingError::NoPackage(_) => Self::new(StatusCode::NOT_FOUND, "no-package", message)
                .with_hint("a selector is NAME or NAME=VERSION, and may have * and ?; only apt updates in phases"),
            PhasingError::TooMany => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message).with_hint("name fewer packages at once")
            }
            PhasingError::Rollback(error) => error.into(),
        }
    }
}
