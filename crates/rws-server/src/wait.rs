//! Clients that wait until their change is published: `?wait=SECONDS` or `Prefer: wait=SECONDS` (RFC 7240, section 4.3).

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::request::Parts;

use crate::answer::Problem;
use crate::exchange::Exchange;
use crate::path;

/// The longest time that a client may ask to wait.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// A store may take so long to take a change, also of a client that asks to wait for less.
const MIN_STORE_WAIT: Duration = Duration::from_secs(10);

/// So much later than it asked for a client has its answer at the latest.
const LATE: Duration = Duration::from_millis(300);

/// How long the client of a request asks to wait.
fn wanted(parts: &Parts) -> Option<Duration> {
    let preferred = parts.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferred = preferred.flat_map(|value| value.split(','));
    let preferred = preferred.find_map(|preference| preference.trim().strip_prefix("wait="));
    let seconds = path::query(parts.uri.query(), "wait").or_else(|| preferred.map(str::to_owned))?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_WAIT))
}

/// What is left of the time that a client asks to wait: it waits from the last byte that it sent.
pub fn left(parts: &Parts) -> Option<Duration> {
    let waits = parts.extensions.get::<Arc<Exchange>>().map(|exchange| exchange.waits());
    Some(wanted(parts)?.saturating_sub(waits.unwrap_or_default()))
}

/// Makes a change, for as long as its client waits.
///
/// # Errors
///
/// Where a client asks to wait, and the store has not even taken its change in that time.
pub async fn bounded<T>(exchange: &Exchange, parts: &Parts, change: impl Future<Output = T>) -> Result<T, Problem> {
    let Some(longest) = wanted(parts).map(|time| time.max(MIN_STORE_WAIT) + LATE) else { return Ok(change.await) };
    let mut change = pin!(change);
    loop {
        let left = longest.saturating_sub(exchange.waits());
        if left.is_zero() {
            return Err(not_taken());
        }
        // an upload that was complete is taken on
        if let Ok(done) = tokio::time::timeout(left, change.as_mut()).await {
            return Ok(done);
        }
    }
}

fn not_taken() -> Problem {
    let message =
        "The store takes longer than the time of `wait`. RWS does not know yet whether it has accepted this change.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "slow-store", message)
        .with_hint("Send it again: if RWS has accepted it already, the second request changes nothing")
}
