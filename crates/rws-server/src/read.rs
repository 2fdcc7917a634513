//! GET and HEAD of everything that is not below `/-/`: files, directories, and what pages need.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::header::{CONTENT_LENGTH, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use rws_repository::tree::OfReader;

use crate::access::Reader;
use crate::answer::{Answer, Problem, busy, purged};
use crate::budgets::{FILE_BYTES, Network, PAGE_BYTES, REQUEST_BYTES};
use crate::connection::Client;
use crate::exchange::Held;
use crate::gate::{Closed, Readable};
use crate::listing::{message, missing, wants_json};
use crate::pages::Visit;
use crate::service::Service;
use crate::shares::BudgetShare;
use crate::{assets, download, listing, pages, path};

/// How long an answer waits for memory that others hold.
const LONGEST_QUEUE: Duration = Duration::from_secs(20);

/// Answers with what a path names.
pub async fn get(service: &Arc<Service>, reader: &Reader, client: &Client, parts: &Parts) -> Answer {
    let raw = path::absolute(parts.uri.path());
    if let Some(name) = raw.strip_prefix("/static/") {
        let file = Box::pin(assets::file(&**service.gate.store(), name, parts)).await;
        return file.unwrap_or_else(|| missing(false));
    }
    let is_json = || wants_json(&parts.headers, parts.uri.query());
    let Some(path) = named(service, raw) else { return missing(is_json()) };
    let readable = match service.gate.readable(reader, &path) {
        Ok(readable) => readable,
        Err(Closed::LogIn) => return Problem::unauthorized().answer(),
        Err(Closed::Hidden) => return missing(is_json()),
    };
    match answer(service, client, &readable, parts).await {
        Ok(Some(answer)) => answer,
        Ok(None) if service.scheduler.purged().has_path(&path) => purged().answer(),
        Ok(None) => missing(is_json()),
        Err(problem) => failed(&problem, is_json()),
    }
}

/// The path without slashes at its ends that a URL names; `None` for what can be none.
fn named(service: &Service, raw: &str) -> Option<String> {
    let decoded = path::decoded(raw)?;
    let path = path::normalized(&decoded)?;
    Some(if path == "index" { String::new() } else { service.gate.canonical(path.into_owned()) })
}

/// Whether it matters who reads this.
pub fn depends_on_reader(service: &Service, reader: &Reader, parts: &Parts) -> bool {
    let raw = path::absolute(parts.uri.path());
    !raw.starts_with("/static/")
        && named(service, raw).is_some_and(|path| service.gate.depends_on_reader(reader, &path))
}

/// JSON for programs, a page for people, with the same status.
fn failed(problem: &Problem, is_json: bool) -> Answer {
    let mut answer = problem.answer();
    if !is_json {
        let text = "The store did not answer correctly. Try again in a moment.";
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
    readable: &Readable,
    parts: &Parts,
) -> Result<Option<Answer>, Problem> {
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
        && !readable.path().is_empty()
        && let Some(answer) = download::file(service, readable, method, headers, reader).await?
    {
        return Ok(Some(hold(service, client, answer, FILE_BYTES).await));
    }
    if directory && pages::replaces_listing(service, parts) {
        let reader = readable.reader();
        let base = || Some(client.base(&service.settings, &parts.uri, headers)? + reader.prefix());
        let visit = Visit { service, reader, base: &base, parts };
        return Box::pin(pages::of_directory(&visit, readable)).await;
    }
    if directory && let Some(answer) = Box::pin(listing::directory(service, readable, method, headers, query)).await? {
        let is_large = is_streamed(&answer);
        let answer = hold(service, client, answer, PAGE_BYTES).await;
        return Ok(Some(if is_large { place(service, client, answer).await } else { answer }));
    }
    Ok(None)
}

/// Whether an answer is made while it is sent.
fn is_streamed(answer: &Answer) -> bool {
    answer.body().size_hint().exact().is_none()
}

/// The answer with the memory that it takes while it is sent; it waits for that a while.
pub async fn hold(service: &Service, client: &Client, answer: Answer, bytes: u64) -> Answer {
    let length = answer.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if !is_streamed(&answer) || length.is_some_and(|length: u64| length <= REQUEST_BYTES) {
        return answer;
    }
    let share = service.budgets.answers.take(&client.network(), bytes, LONGEST_QUEUE).await;
    with(share, "answers", answer)
}

/// The answer with a large directory, with its place among them.
async fn place(service: &Service, client: &Client, answer: Answer) -> Answer {
    let share = service.budgets.listings.take(&client.network(), 1, LONGEST_QUEUE).await;
    with(share, "listings", answer)
}

fn with(share: Option<BudgetShare<Network>>, limit: &'static str, answer: Answer) -> Answer {
    match share {
        Some(share) => answer.map(|body| Body::new(Held::new(body, share))),
        None => busy(limit).answer(),
    }
}
