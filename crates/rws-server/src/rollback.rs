//! `POST /-/rollback`: the packages of an earlier generation again.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::request::Parts;
use rws_model::{RepositoryId, Verb};
use rws_repository::history::NoState;
use rws_repository::rollback::{self, RollbackError};
use rws_repository::selection::PlannedPackage;

use crate::access::Login;
use crate::answer::{Answer, Problem, json};
use crate::body::Incoming;
use crate::exchange::actor;
use crate::json_request;
use crate::promote::{Outcome, generations, moved, not_now};
use crate::schema::{ChangeProblems, Message, Plan, PlanProblem, RollbackRequest, Wait};
use crate::service::Service;
use crate::upload::permit;

/// Publishes the packages of an earlier generation again. The generations since stay in the history.
#[utoipa::path(post, path = "/-/rollback", tag = "repositories",
    security(("password" = [])),
    params(Wait),
    request_body = RollbackRequest,
    responses(
        (status = 200, description = "The plan of a dry run.", body = Plan),
        (status = 201, description = "Accepted.", body = Message),
        (status = 202, description = "Accepted, and not published within the time of `wait`.", body = Message),
        (status = 409, description = "A repository has changed, or a file is missing. Nothing is changed.", body = PlanProblem),
        (status = 410, description = "The generation is not kept any more.", body = Problem),
        ChangeProblems,
    ))]
pub async fn post(service: &Arc<Service>, user: &Login, parts: &Parts, body: &mut Incoming) -> Result<Answer, Problem> {
    let _permit = permit(service, user).await?;
    let request: RollbackRequest = json_request::read(body).await?;
    let paths = [request.target.clone()];
    service.gate.writable_all(user, Verb::Upload, &paths)?.whole()?;
    let writable = service.gate.writable_all(user, Verb::Delete, &paths)?.whole()?.visible()?;
    let [target] = writable.targets() else {
        let message = format!("target: {:?} stands for several targets.", request.target);
        return Err(Problem::bad_request("path", message));
    };
    let target = Arc::clone(target);
    let state = service.gate.past_state(&user.reader(), &request.to).await?;
    let repository = request.repository.as_ref().map(|name| {
        let known = RepositoryId::parse(name.trim_matches('/')).filter(|id| target.repositories().contains(id));
        let message = format!("repository: {name:?} is no repository of {}.", target.target);
        known.ok_or_else(|| Problem::bad_request("repository", message))
    });
    let repository = repository.transpose()?;
    let expected = generations(&request.if_generation)?;
    service.settle(&target.repositories()).await;
    // also when the client goes away meanwhile
    let (working, actor) = (Arc::clone(service), actor(user, parts, "rollback"));
    let work = tokio::spawn(async move {
        let _turn = working.turn("rollbacks").await?;
        let store = working.gate.store();
        let planned = rollback::plan(&**store, &target, repository.as_ref(), &state).await?;
        let restored = planned.plan.values().flat_map(|plan| plan.added.iter().chain(&plan.replaced));
        let is_purged = |package: &&PlannedPackage| working.scheduler.purged().has_content(&package.sha256);
        if let Some(package) = restored.into_iter().find(is_purged) {
            let message =
                format!("That state has {}, which an administrator has purged. RWS changed nothing.", package.file);
            return Err(Problem::new(StatusCode::CONFLICT, "purged", message));
        }
        let plan = Plan::of(&writable, planned.plan.clone());
        if let Some(problem) = moved(&planned.generations, &expected) {
            return not_now(&writable, problem, |_| plan);
        }
        if request.dry_run {
            return Ok(Outcome::Answered(json(StatusCode::OK, &plan)));
        }
        let accepted = planned.carry_out(store, &actor).await?;
        tracing::info!(upload = %accepted.id, target = %target.target, to = request.to, "rolled back");
        working.scheduler.take(&accepted);
        Ok::<_, Problem>(Outcome::Accepted(accepted))
    });
    Ok(work.await??.answer(service, parts).await)
}

impl From<NoState> for Problem {
    fn from(error: NoState) -> Self {
        let message = error.to_string();
        match error {
            NoState::NotKept { .. } => Self::new(StatusCode::GONE, "not-kept", message)
                .with_hint("GET /-/repositories/REPOSITORY/generations lists those that there are"),
            NoState::NotYet { .. } => Self::new(StatusCode::GONE, "not-kept", message)
                .with_hint("a target is rolled back repository by repository where one came later: \"repository\""),
            NoState::NotPinned { .. } => {
                Self::new(StatusCode::NOT_FOUND, "not-pinned", message).with_hint("GET /-/pins lists what each pin has")
            }
            NoState::Future { .. } => Self::bad_request("future", message),
        }
    }
}

impl From<RollbackError> for Problem {
    fn from(error: RollbackError) -> Self {
        let message = error.to_string();
        match error {
            RollbackError::NoState(error) => error.into(),
            RollbackError::Unpublished(_) => Self::new(StatusCode::NOT_FOUND, "no-repository", message),
            RollbackError::Unreadable { .. } => Self::new(StatusCode::CONFLICT, "unreadable", message),
            RollbackError::Intake(error) => Self::of_intake(error),
        }
    }
}
