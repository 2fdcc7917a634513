//! `POST /<path>`: compare the store with the index, and publish what is other.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use rws_repository::publish::Occasion;
use rws_repository::scheduler::Urgency;

use crate::access::User;
use crate::answer::{Answer, Problem, json, message};
use crate::service::Service;
use crate::upload::{permit, resolve, wait};

/// Schedules a synchronisation of all repositories of a path that exist.
pub async fn post(
    service: &Arc<Service>,
    user: &User,
    path: &str,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Answer, Problem> {
    let _permit = permit(service, user).await?;
    let targets = resolve(service, user, path, "Can't update repository")?;
    let (mut existing, mut missing) = (Vec::new(), Vec::new());
    for target in &targets {
        let found = service.scheduler.existing(&target.repositories()).await?;
        if found.is_empty() {
            missing.push(target.target.to_string());
        }
        existing.extend(found);
    }
    if existing.is_empty() {
        let message = format!("Can't update repository: Repository {} doesn't exist", missing.join(", "));
        return Err(Problem::new(StatusCode::NOT_FOUND, "no-repository", message));
    }
    for repository in &existing {
        let occasion = Occasion { synchronise: true, ..Occasion::default() };
        service.scheduler.wake(repository, occasion, Urgency::Prompt);
    }
    let Some(time) = wait(headers, query) else { return Ok(scheduled(&missing)) };
    if !service.scheduler.settle(&existing, time).await {
        return Ok(message(StatusCode::ACCEPTED, "OK"));
    }
    let failed = existing.iter().find_map(|repository| service.scheduler.last_error(repository));
    match failed {
        Some(error) => Err(Problem::new(StatusCode::CONFLICT, "not-synchronised", error)),
        None => Ok(scheduled(&missing)),
    }
}

fn scheduled(missing: &[String]) -> Answer {
    if missing.is_empty() {
        return message(StatusCode::OK, "OK");
    }
    json(StatusCode::OK, &serde_json::json!({ "message": "OK", "missing": missing }))
}
