//! One message as the Standard Webhooks specification has it, and when it is sent again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};
use jiff::Timestamp;
use rws_http::Request;
use rws_repository::events::{StoredEvent, WaitingEvent};
use serde_json::{Value, json};
use uuid::Uuid;

use super::WebhookSettings;

/// The pause after a first failure of an event; doubled with each further one.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The request that tells of an event, signed now.
pub(super) fn request(settings: &WebhookSettings, waiting: &WaitingEvent, event: &StoredEvent) -> Request {
    let written = || Timestamp::from_millisecond(waiting.since_milliseconds).unwrap_or_default().to_string();
    let timestamp = event.timestamp.clone().unwrap_or_else(written);
    let body = json!({ "type": event.kind, "timestamp": timestamp, "data": event.data });
    signed(settings, waiting.id.to_string(), &body)
}

/// A request that tells of nothing.
pub(super) fn test(settings: &WebhookSettings) -> Request {
    let body = json!({ "type": "test", "timestamp": Timestamp::now().to_string(), "data": {} });
    signed(settings, format!("test-{}", Uuid::new_v4().simple()), &body)
}

fn signed(settings: &WebhookSettings, id: String, body: &Value) -> Request {
    let body = body.to_string();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let signature = settings.secret.sign(&id, seconds, body.as_bytes());
    Request::new(Method::POST, settings.url.clone())
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds.to_string())
        .header("webhook-signature", signature)
        .body(body.into_bytes())
}

/// Why an answer is none of success; `None` where it is one.
pub(super) fn refusal(status: StatusCode) -> Option<String> {
    match status {
        status if status.is_success() => None,
        status if status.is_redirection() => {
            Some(format!("it answers {status}, and RWS follows no redirect: configure its real URL"))
        }
        status => Some(format!("it answers {status}")),
    }
}

/// How long to wait after so many failures in a row.
pub(super) fn pause(failures: u32, longest: Duration) -> Duration {
    jittered(FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest))
}

/// Half of a time up to all of it, so that what failed at once is not tried again at once.
pub(super) fn jittered(time: Duration) -> Duration {
    let random = f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
    time.mul_f64(0.5 + random / 2.0)
}
