//! `/-/audit`: every accepted change.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use futures::TryStreamExt;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rws_repository::audit::AuditFilter;

use crate::answer::{Answer, Problem};
use crate::path;
use crate::schema::{AuditQuery, StoreProblems};
use crate::service::Service;

/// The keys of a query.
const KEYS: [&str; 5] = ["since", "until", "user", "target", "verb"];

/// Every accepted change, oldest first, a JSON object in each line: `time`, `upload`, `verb`, `user`, `address`, `request`, `targets`,
/// `packages` and `outcome`. Administrators may read it.
#[utoipa::path(get, path = "/-/audit", tag = "service",
    security(("password" = [])),
    params(AuditQuery),
    responses(
        (status = 200, description = "The changes.", body = String, content_type = "application/x-ndjson"),
        (status = 400, description = "The query is wrong.", body = Problem),
        (status = 401, description = "No user, or a wrong password.", body = String, content_type = "text/html"),
        (status = 403, description = "The user is no administrator.", body = Problem),
        StoreProblems,
    ))]
pub async fn get(service: &Arc<Service>, parts: &Parts) -> Result<Answer, Problem> {
    let filter = filter(parts.uri.query())?;
    let mut body = Body::empty();
    if parts.method != Method::HEAD {
        let records = service.gate.audit(filter).await?;
        let line = |record| {
            let mut line = serde_json::to_vec(&record).unwrap_or_default();
            line.push(b'\n');
            Bytes::from(line)
        };
        body = Body::from_stream(
            records.map_ok(line).inspect_err(|error| tracing::error!(%error, "the audit ends early")),
        );
    }
    let mut answer = Answer::new(body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

fn filter(query: Option<&str>) -> Result<AuditFilter, Problem> {
    if let Some(unknown) = path::query_keys(query).find(|key| !KEYS.contains(&key.as_str())) {
        let message = format!("The key {unknown:?} of the query is unknown; known are {}.", KEYS.join(", "));
        return Err(Problem::bad_request("query", message));
    }
    let value = |key: &str| path::query(query, key);
    let time = |key: &str| match value(key) {
        None => Ok(None),
        Some(text) => match seconds(&text.replace(' ', "+")) {
            Some(seconds) => Ok(Some(seconds)),
            None => {
                let message = format!("{key} is {text:?}, no time like 2026-03-01T12:00:00Z.");
                Err(Problem::bad_request("query", message))
            }
        },
    };
    let (since, until) = (time("since")?, time("until")?);
    Ok(AuditFilter { since, until, user: value("user"), target: value("target"), verb: value("verb") })
}

/// Seconds since 1970.
fn seconds(text: &str) -> Option<i64> {
    let plain = || DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?.to_zoned(TimeZone::UTC).ok();
    let time = plain().map(|time| time.timestamp()).or_else(|| text.parse::<Timestamp>().ok())?;
    Some(time.as_second())
}
