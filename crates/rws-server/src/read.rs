//! GET and HEAD of everything that is not below `/-/`: files, directories, and what pages need.

use std::sync::Arc;

use axum::http::header::VARY;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use rws_repository::RepositoryError;
use rws_repository::tree::OfReader;

use crate::answer::{Answer, Problem};
use crate::connection::Client;
use crate::listing::{message, missing, wants_json};
use crate::service::Service;
use crate::{assets, download, listing, path};

/// Answers with what a path names.
pub async fn get(service: &Arc<Service>, client: &Client, parts: &Parts) -> Answer {
    let raw = parts.uri.path();
    if let Some(name) = raw.strip_prefix("/static/") {
        let file = Box::pin(assets::file(&**service.tree.store(), name, parts)).await;
        return file.unwrap_or_else(|| missing(false));
    }
    let is_json = || wants_json(&parts.headers, parts.uri.query());
    let Some(path) = path::decoded(raw) else { return missing(is_json()) };
    let Some(path) = path::normalized(&path) else { return missing(is_json()) };
    let path = if path == "index" { "" } else { &path };
    match answer(service, client, path, parts).await {
        Ok(Some(answer)) => answer,
        Ok(None) => missing(is_json()),
        Err(error) => failed(&Problem::from(error), is_json()),
    }
}

/// JSON for programs, a page for people, with the same status.
fn failed(problem: &Problem, is_json: bool) -> Answer {
    let mut answer = problem.answer();
    if !is_json {
        let text = "The store does not answer as it should. Try again in a moment.";
        let (parts, body) = message(answer.status(), "Not available", text).into_parts();
        *answer.body_mut() = body;
        answer.headers_mut().extend(parts.headers);
    }
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    answer
}

async fn answer(
    service: &Arc<Service>,
    client: &Client,
    path: &str,
    parts: &Parts,
) -> Result<Option<Answer>, RepositoryError> {
    let (method, headers, query) = (&parts.method, &parts.headers, parts.uri.query());
    let kind = path::query(query, "type").filter(|kind| !kind.is_empty());
    let (file, directory) = match kind.as_deref() {
        None => (true, true),
        Some("file") => (true, false),
        Some("directory") => (false, true),
        Some(_) => return Ok(None),
    };
    let of_client = || client.reader(headers);
    // a look is no beginning
    let reader: Option<&OfReader<'_>> = if method == Method::GET { Some(&of_client) } else { None };
    if file
        && !path.is_empty()
        && let Some(answer) = download::file(service, path, method, headers, reader).await?
    {
        return Ok(Some(answer));
    }
    if directory {
        return Box::pin(listing::directory(service, path, method, headers, query)).await;
    }
    Ok(None)
}
