//! The token of a job of GitHub Actions (OpenID Connect), which GitHub gives when it is asked.

use std::time::{Duration, Instant};

use http::Method;
use rws_http::{Client, Request};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::address::quoted;
use crate::error::ClientError;
use crate::retry;

/// How long a token is used: GitHub's are good for five minutes, and a request may wait for its turn.
const USED: Duration = Duration::from_secs(120);

/// A job with the permission to have tokens.
pub struct GitHubJob {
    url: String,
    request_token: String,
    last: Mutex<Option<(String, Instant)>>,
}

impl GitHubJob {
    /// From the variables that GitHub sets, and for whom tokens are meant.
    pub fn new(url: &str, request_token: &str, audience: &str) -> Self {
        let separator = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{separator}audience={}", quoted(audience));
        Self { url, request_token: request_token.to_owned(), last: Mutex::default() }
    }

    /// A token that is good for some minutes.
    ///
    /// # Errors
    ///
    /// When GitHub gives none.
    pub async fn token(&self, client: &Client) -> Result<String, ClientError> {
        let mut last = self.last.lock().await;
        if let Some((token, _)) = last.as_ref().filter(|(_, since)| since.elapsed() < USED) {
            return Ok(token.clone());
        }
        let request = Request::new(Method::GET, &self.url)
            .header("authorization", format!("Bearer {}", self.request_token))
            .header("accept", "application/json");
        let mut repetition = 0;
        let sent = loop {
            let sent = client.send(&request).await;
            if repetition >= retry::RETRIES || !retry::may_pass(&sent) {
                break sent;
            }
            tokio::time::sleep(retry::pause(repetition, &sent)).await;
            repetition += 1;
        };
        let failed = |reason: String| {
            ClientError::NotAllowed(format!(
                "GitHub does not give a token of the job: {reason}; the job needs the permission id-token: write"
            ))
        };
        let answer = sent.map_err(|error| failed(error.to_string()))?;
        if !answer.status.is_success() {
            return Err(failed(format!("it answered {}", answer.status)));
        }
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let token = json["value"].as_str().ok_or_else(|| failed("it answered without one".to_owned()))?;
        *last = Some((token.to_owned(), Instant::now()));
        Ok(token.to_owned())
    }
}
