//! Answers with pages.

use askama::Template;
use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use rws_model::sha256;

use crate::answer::{Answer, Problem};

/// What pages may do: show and run files of this server, and send forms to it.
const HEADERS: [(HeaderName, &str); 4] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
    ),
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
    (CONTENT_TYPE, "text/html; charset=utf-8"),
];

/// A rendered page.
///
/// # Errors
///
/// None that is known: rendering into memory does not fail.
pub fn render(template: &impl Template) -> Result<Bytes, Problem> {
    let broken = |error: askama::Error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string());
    template.render().map(Bytes::from).map_err(broken)
}

/// The answer with a page: browsers keep it, and ask each time whether it is still the same.
pub fn page(headers: &HeaderMap, body: Bytes) -> Answer {
    let tag = format!("\"{}\"", &sha256(&body).hex()[..32]);
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    let is_known = known.flat_map(|tags| tags.split(',')).any(|one| one.trim().trim_start_matches("W/") == tag);
    let mut answer = if is_known { Answer::new(Body::empty()) } else { Answer::new(Body::from(body)) };
    if is_known {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    }
    dress_headers(answer.headers_mut());
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer.headers_mut().extend(HeaderValue::try_from(tag).ok().map(|tag| (ETAG, tag)));
    answer
}

/// The same for a page that names the address by which this client reached the service: nobody may keep it for another one.
pub fn page_of_address(headers: &HeaderMap, body: Bytes) -> Answer {
    let mut answer = page(headers, body);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Host, X-Forwarded-Host, X-Forwarded-Proto"));
    answer
}

/// What all pages say to browsers.
pub fn dress_headers(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
