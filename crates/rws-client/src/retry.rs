//! Requests that are sent again: when, and after how long.

use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use rws_http::{Answer, HttpError};

/// The pause before the first repetition; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause, unless the service asks for more.
const MAX_PAUSE: Duration = Duration::from_secs(20);

/// The longest pause that a service may ask for.
const MAX_ASKED_PAUSE: Duration = Duration::from_secs(120);

/// How often a request is repeated unless somebody says otherwise: over half a minute.
pub const RETRIES: u32 = 6;

/// Whether the same request may have another answer in a moment.
pub fn may_pass(sent: &Result<Answer, HttpError>) -> bool {
    match sent {
        Ok(answer) => matches!(
            answer.status,
            StatusCode::REQUEST_TIMEOUT
                | StatusCode::TOO_MANY_REQUESTS
                | StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        ),
        Err(error) => error.may_pass(),
    }
}

/// How long to wait before a request is repeated for the nth time, from 0 on: what the service asks for (RFC 9110, section 10.2.3),
/// and no less than what grows by itself.
pub fn pause(repetition: u32, sent: &Result<Answer, HttpError>) -> Duration {
    let own = FIRST_PAUSE.saturating_mul(1 << repetition.min(16)).min(MAX_PAUSE);
    let asked = sent.as_ref().ok().and_then(|answer| answer.headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok());
    own.max(Duration::from_secs(asked.unwrap_or_default()).min(MAX_ASKED_PAUSE))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    fn answer(status: u16, after: Option<&'static str>) -> Result<Answer, HttpError> {
        let mut headers = HeaderMap::new();
        headers.extend(after.map(|after| (RETRY_AFTER, http::HeaderValue::from_static(after))));
        Ok(Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::new() })
    }

    #[test]
    fn what_passes_and_when() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(may_pass(&answer(status, None)), "{status}");
        }
        for status in [200, 201, 202, 301, 400, 401, 403, 409, 413, 501, 507] {
            assert!(!may_pass(&answer(status, None)), "{status}");
        }
        assert!(may_pass(&Err(HttpError::TimedOut(Duration::ZERO))) && !may_pass(&Err(HttpError::TooLong(1))));
        let seconds = |repetition, after| pause(repetition, &answer(503, after)).as_secs_f32();
        assert_eq!([0, 1, 2, 50].map(|repetition| seconds(repetition, None)), [0.5, 1.0, 2.0, 20.0]);
        assert_eq!((seconds(0, Some("7")), seconds(0, Some("9999")), seconds(0, Some("soon"))), (7.0, 120.0, 0.5));
        assert_eq!(seconds(4, Some("0")), 8.0);
    }
}
