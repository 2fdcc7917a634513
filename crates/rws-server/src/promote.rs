//! `POST /-/promote`: packages of one target into others.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::request::Parts;
use rws_model::{RepositoryId, Verb};
use rws_repository::GenerationId;
use rws_repository::actor::Actor;
use rws_repository::catalogue::ConfiguredTarget;
use rws_repository::intake::Accepted;
use rws_repository::promotion::{self, Choice, PlannedPromotion, Promotion, PromotionError};

use crate::access::Login;
use crate::answer::{Answer, Problem, json};
use crate::body::Incoming;
use crate::exchange::actor;
use crate::gate::{Visible, Writable};
use crate::json_request;
use crate::schema::{ChangeProblems, Message, Packages, Plan, PlanProblem, PromoteRequest, Wait};
use crate::service::Service;
use crate::upload::{answer, check_component, permit};
use crate::wait;

/// Copies packages of one target to others. All of them, or none.
#[utoipa::path(post, path = "/-/promote", tag = "repositories",
    security(("password" = [])),
    params(Wait),
    request_body = PromoteRequest,
    responses(
        (status = 200, description = "The plan of a dry run.", body = Plan),
        (status = 201, description = "Accepted.", body = Message),
        (status = 202, description = "Accepted, and not published within the time of `wait`.", body = Message),
        (status = 409, description = "Some packages cannot be promoted, or a repository has changed. Nothing is changed.", body = PlanProblem),
        ChangeProblems,
    ))]
pub async fn post(service: &Arc<Service>, user: &Login, parts: &Parts, body: &mut Incoming) -> Result<Answer, Problem> {
    let _permit = permit(service, user).await?;
    let request: PromoteRequest = json_request::read(body).await?;
    let gate = &service.gate;
    let Some(from) = gate.readable_target(&user.reader(), request.from.trim_matches('/'))? else {
        let message = format!("from: {:?} is not the path of one target.", request.from);
        return Err(Problem::bad_request("path", message));
    };
    let from = Arc::clone(from.shared());
    let to = gate.writable_all(user, Verb::Promote, &request.to)?;
    if request.dry_run {
        to.visible()?;
    }
    if let Some(component) = &request.component {
        check_component(component, to.targets())?;
    }
    if request.component.is_none() && to.targets().iter().any(|target| target.target == from.target) {
        let message = format!("Packages of {} cannot be promoted to the same target.", from.target);
        return Err(Problem::bad_request("onto-itself", message));
    }
    if let Some(other) = to.targets().iter().find(|target| target.format.name() != from.format.name()) {
        let (of_from, of_other) = (from.format.name(), other.format.name());
        let message = format!("{} has {of_from} packages, {} has {of_other} packages.", from.target, other.target);
        return Err(Problem::bad_request("other-format", message));
    }
    let discloses = |target: &&Arc<ConfiguredTarget>| user.rules().disclose(&from.target, &target.target);
    if let Some(open) = to.targets().iter().find(discloses).filter(|_| !request.disclose) {
        let message = format!("Some may read {} who may not read {}.", open.target, from.target);
        let problem = Problem::new(StatusCode::CONFLICT, "discloses", message);
        return Err(problem.with_hint("send \"disclose\": true if they are to read these packages"));
    }
    let to = if request.metadata.is_empty() { to } else { to.whole()? };
    let packages = choice(&request.packages)?;
    let expected = generations(&request.if_generation)?;
    let source = from.repositories();
    service.settle(&source).await;
    // also when the client goes away meanwhile
    let actor = Actor { subject: Some(from.target.to_string()), ..actor(user, parts, "promote") };
    let promoting = Arc::clone(service);
    let work = tokio::spawn(async move {
        let _turn = promoting.turn("promotions").await?;
        let promotion = Promotion {
            from: &from,
            to: to.targets(),
            packages: &packages,
            sources: request.sources,
            replace: request.replace,
            component: request.component.as_deref(),
            metadata: &request.metadata,
            spool: &promoting.spool,
            max_entries_bytes: promoting.settings.limits.entries_bytes,
        };
        let store = promoting.gate.store();
        let problem = |error| problem(&to, error);
        let planned = promotion::plan(store, promotion).await.map_err(problem)?;
        let by = to.requester(&actor);
        planned.check_rights(by.limits).map_err(problem)?;
        let plan = |to: &Visible| Plan::of_promotion(to, &planned, request.dependencies.is_some());
        if let Some(problem) = stands_in_the_way(&planned, &expected) {
            return not_now(&to, problem, plan);
        }
        if request.dry_run {
            return Ok(Outcome::Answered(json(StatusCode::OK, &plan(&to.visible()?))));
        }
        let accepted = planned.carry_out(store, by).await.map_err(problem)?;
        tracing::info!(upload = %accepted.id, from = %from.target, to = request.to.join(" "), "promoted");
        promoting.scheduler.take(&accepted);
        Ok::<_, Problem>(Outcome::Accepted(accepted))
    });
    Ok(work.await??.answer(service, parts).await)
}

/// How a planned change ended.
pub enum Outcome {
    /// Nothing was changed.
    Answered(Answer),
    /// It is a promise.
    Accepted(Accepted),
}

impl Outcome {
    /// The answer to the request for the change.
    pub async fn answer(self, service: &Service, parts: &Parts) -> Answer {
        match self {
            Self::Answered(answer) => answer,
            Self::Accepted(accepted) => answer(service, &accepted, StatusCode::CREATED, wait::left(parts)).await,
        }
    }
}

/// What stands in the way of a change, with the plan where that may be read.
pub fn not_now(to: &Writable, problem: Problem, plan: impl FnOnce(&Visible) -> Plan) -> Result<Outcome, Problem> {
    match to.visible() {
        Ok(visible) => {
            let plan = plan(&visible);
            Ok(Outcome::Answered(json(StatusCode::CONFLICT, &PlanProblem { problem, plan })))
        }
        Err(_) => Err(to.problem_of_contents(problem)),
    }
}

fn choice(packages: &Packages) -> Result<Choice, Problem> {
    let selectors = match packages {
        Packages::Word(word) if word == "all" => return Ok(Choice::All),
        Packages::Word(word) => {
            let message = format!("packages: {word:?} is neither \"all\" nor a list of NAME or NAME=VERSION.");
            return Err(Problem::bad_request("packages", message));
        }
        Packages::Selectors(selectors) => selectors,
    };
    if selectors.is_empty() {
        return Err(Problem::bad_request("packages", "packages: the list is empty."));
    }
    json_request::selectors("packages", selectors).map(Choice::These)
}

/// The generations that a request was planned on.
pub fn generations(named: &BTreeMap<String, String>) -> Result<BTreeMap<RepositoryId, String>, Problem> {
    let repository = |(name, generation): (&String, &String)| {
        let message = format!("if_generation: {name:?} is not a repository.");
        let id = RepositoryId::parse(name).ok_or_else(|| Problem::bad_request("if-generation", message))?;
        Ok((id, generation.clone()))
    };
    named.iter().map(repository).collect()
}

/// Where a repository is not in the generation that a request was planned on.
pub fn moved(
    generations: &BTreeMap<RepositoryId, Option<GenerationId>>,
    expected: &BTreeMap<RepositoryId, String>,
) -> Option<Problem> {
    for (repository, generation) in expected {
        let current = generations.get(repository).map(|id| id.as_ref().map(ToString::to_string));
        if current.as_ref().and_then(Option::as_deref) != Some(generation) {
            let message =
                format!("{repository} is not in generation {generation} any more, or not part of this request.");
            let hint = "look at the new plan, and name its generations";
            return Some(Problem::new(StatusCode::CONFLICT, "moved", message).with_hint(hint));
        }
    }
    None
}

/// Why nothing is promoted.
fn stands_in_the_way(planned: &PlannedPromotion<'_>, expected: &BTreeMap<RepositoryId, String>) -> Option<Problem> {
    if let Some(moved) = moved(&planned.generations, expected) {
        return Some(moved);
    }
    let first = planned.refused.first()?;
    let message = format!(
        "{} of the chosen packages cannot be promoted, so none is. The first: {} {} to {}: {}.",
        planned.refused.len(),
        first.package.name,
        first.package.version,
        first.repository,
        first.reason
    );
    let hint = "choose other packages, or send \"replace\": true where other content may take the place";
    Some(Problem::new(StatusCode::CONFLICT, "refused", message).with_hint(hint))
}

fn problem(to: &Writable, error: PromotionError) -> Problem {
    let message = error.to_string();
    match error {
        PromotionError::NoPackage { .. } => Problem::new(StatusCode::NOT_FOUND, "no-package", message)
            .with_hint("a selector is NAME or NAME=VERSION, and may have * and ?; a version is all of it"),
        PromotionError::Ambiguous { name, .. } => Problem::new(StatusCode::CONFLICT, "ambiguous", message)
            .with_hint(format!("say which one: {name}=VERSION, or {name}=* for all")),
        PromotionError::TooLarge { .. } => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
            .with_hint("promote fewer packages at once, or raise server.limits.entries_bytes"),
        PromotionError::NoMetadata { .. } => Problem::new(StatusCode::NOT_FOUND, "no-metadata", message),
        PromotionError::Moved { .. } => {
            Problem::new(StatusCode::CONFLICT, "moved", message).with_hint("send the request again")
        }
        PromotionError::Intake(error) => to.problem(error),
    }
}
