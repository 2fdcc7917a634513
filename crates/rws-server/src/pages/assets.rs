//! The files of the pages themselves.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use super::Visit;
use crate::answer::Answer;
use crate::download::File;

/// When these files changed last, in seconds since 1970.
const MODIFIED_SECONDS: i64 = 1_795_824_000;

/// A picture runs nothing, also where somebody opens it alone; pictures have their styles in them.
const PICTURE: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// A file below `/-/browse/assets/`.
pub async fn get(visit: &Visit<'_>, name: &str) -> Option<Answer> {
    let (content_type, bytes): (_, &'static [u8]) = match name {
        "style.css" => ("text/css; charset=utf-8", include_bytes!("../../assets/pages/style.css")),
        "page.js" => ("text/javascript; charset=utf-8", include_bytes!("../../assets/pages/page.js")),
        "icon.svg" => ("image/svg+xml", include_bytes!("../../assets/pages/icon.svg")),
        _ => return None,
    };
    let file = File::of_program(bytes, content_type, MODIFIED_SECONDS);
    let (method, headers) = (&visit.parts.method, &visit.parts.headers);
    file.answer(&**visit.service.gate.store(), method, headers).await.ok()
}

/// The operator's picture.
pub async fn logo(visit: &Visit<'_>) -> Option<Answer> {
    let logo = visit.service.settings.pages.logo.as_ref()?;
    let mut answer = Answer::new(Body::from(logo.bytes.clone()));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(logo.content_type));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PICTURE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Some(answer)
}
