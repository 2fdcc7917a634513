//! What becomes of an upload.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::address::encoded;
use crate::error::ClientError;
use crate::remote::Remote;

/// The first pause between two questions for a status; each further one is half as long again.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest one.
const MAX_PAUSE: Duration = Duration::from_secs(3);

/// Waits until an upload is published: in these repositories, each with the name of its generation.
///
/// # Errors
///
/// When it is not published at the end of the time, or cannot be.
pub async fn published(
    remote: &Remote,
    upload: &str,
    (until, time): (Instant, Duration),
) -> Result<BTreeMap<String, Option<String>>, ClientError> {
    let path = format!("/-/status/{}", encoded(upload));
    let mut pause = FIRST_PAUSE;
    loop {
        let late = |what: &str| {
            let message = format!(
                "{}: the upload {upload} is accepted, and {what} after {} seconds; {}{path} says what becomes of it",
                remote.service(),
                time.as_secs(),
                remote.service(),
            );
            ClientError::Unpublished(message)
        };
        let status = match tokio::time::timeout_at(until, remote.ask(Method::GET, &path, None)).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => {
                return Err(ClientError::Unpublished(format!("the upload {upload} is accepted, but {error}")));
            }
            Err(_) => return Err(late("the service does not say whether it is published")),
        };
        match status["state"].as_str() {
            Some("published") => {
                let repositories = status["repositories"].as_object().into_iter().flatten();
                let generation = |value: &Value| value["generation"].as_str().map(str::to_owned);
                return Ok(repositories.map(|(name, value)| (name.clone(), generation(value))).collect());
            }
            Some("failed") => {
                let reason = status["reason"].as_str().unwrap_or("it could not be published");
                return Err(ClientError::Conflict(format!("{}: {reason}", remote.service())));
            }
            _ if Instant::now() + pause > until => return Err(late("is not published")),
            _ => tokio::time::sleep(pause).await,
        }
        pause = pause.mul_f32(1.5).min(MAX_PAUSE);
    }
}
