//! `POST /<path>`: compare the store with the index, and publish what is other. A form with files is an upload, as it is with
//! PUT: that is what whoever sends one wants.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::request::Parts;
use rws_model::Verb;
use rws_repository::publish::{Trigger, Triggers};
use rws_repository::scheduler::Priority;
use serde::de::IgnoredAny;

use crate::access::Login;
use crate::answer::{Answer, Problem, json, message};
use crate::body::Incoming;
use crate::form::{self, content_type};
use crate::multipart::{MultipartError, is_form};
use crate::service::Service;
use crate::upload::{permit, take_files};
use crate::wait;

/// Takes the files of a form; without any, schedules a synchronisation of all repositories of a path that exist.
pub async fn post(
    service: &Arc<Service>,
    user: &Login,
    path: &str,
    parts: &Parts,
    body: &mut Incoming,
) -> Result<Answer, Problem> {
    if body.is_open() {
        if is_form(content_type(&parts.headers)) {
            if let Some(answer) = take_files(service, user, path, parts, body).await? {
                return Ok(answer);
            }
        } else if !is_words(body, service.settings.limits.field_bytes).await? {
            return Err(form::broken(MultipartError::NotMultipart));
        }
    }
    schedule(service, user, path, parts).await
}

/// Whether a body says something and is no file: nothing, one line of text, or JSON, of so many bytes at most.
async fn is_words(body: &mut Incoming, most_bytes: usize) -> Result<bool, Problem> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await? {
        if bytes.len() + piece.len() > most_bytes {
            return Ok(false);
        }
        bytes.extend_from_slice(&piece);
    }
    let is_line = |text: &str| !text.trim_end().contains(char::is_control);
    Ok(std::str::from_utf8(&bytes).is_ok_and(is_line) || serde_json::from_slice::<IgnoredAny>(&bytes).is_ok())
}

async fn schedule(service: &Arc<Service>, user: &Login, path: &str, parts: &Parts) -> Result<Answer, Problem> {
    let _permit = permit(service, user).await?;
    let writable = service.gate.writable(user, Verb::Upload, path, "Can't update repository")?.whole()?;
    let (mut existing, mut missing) = (Vec::new(), Vec::new());
    for target in writable.targets() {
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
        let triggers = Triggers::of(&[Trigger::Synchronise]);
        service.scheduler.wake(repository, triggers, Priority::Interactive);
    }
    let Some(time) = wait::left(parts) else { return Ok(scheduled(&missing)) };
    if !service.scheduler.settle(&existing, time).await {
        return Ok(message(StatusCode::ACCEPTED, "OK"));
    }
    let failed = existing.iter().find_map(|repository| service.scheduler.last_error(repository));
    match failed {
        Some(error) => {
            let message =
                if writable.is_visible() { error } else { "The repository could not be synchronised.".to_owned() };
            Err(Problem::new(StatusCode::CONFLICT, "not-synchronised", message))
        }
        None => Ok(scheduled(&missing)),
    }
}

fn scheduled(missing: &[String]) -> Answer {
    if missing.is_empty() {
        return message(StatusCode::OK, "OK");
    }
    json(StatusCode::OK, &serde_json::json!({ "message": "OK", "missing": missing }))
}
