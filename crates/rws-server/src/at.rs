//! `/-/at/<state>/<path>`: files of repositories as they were.

use std::sync::Arc;

use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use rws_repository::history::PastState;

use crate::access::Reader;
use crate::answer::{Answer, Problem, purged};
use crate::budgets::FILE_BYTES;
use crate::connection::Client;
use crate::download;
use crate::path;
use crate::read;
use crate::service::Service;

/// Answers a request; `rest` is what follows `/-/at/`. `None` where there is nothing.
///
/// # Errors
///
/// 404 for what is no state, 410 for one that is not kept any more.
pub async fn get(
    service: &Arc<Service>,
    (reader, client): (&Reader, &Client),
    rest: &str,
    parts: &Parts,
) -> Result<Option<Answer>, Problem> {
    let Some((state, path)) = rest.split_once('/') else { return Ok(None) };
    let Some(path) = path::normalized(path) else { return Ok(None) };
    let path = service.gate.canonical(path.into_owned());
    let wanted = download::wanted(&parts.method, &parts.headers);
    let (state, found) = service.gate.readable_at(reader, (state, &path), wanted).await?;
    let Some(file) = found else {
        if service.scheduler.purged().has_path(&path) {
            return Err(purged());
        }
        let message = format!("{path} was not there then.");
        return Err(Problem::new(StatusCode::NOT_FOUND, "no-file", message));
    };
    let mut answer = download::answer_with(service, file, &path, parts).await?;
    if matches!(state, PastState::Pinned(..)) {
        // the name may be given to another state
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    Ok(Some(read::hold(service, client, answer, FILE_BYTES).await))
}
