//! The few files of the pages, at the paths of the original service.

use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;

use crate::answer::{Answer, text};

/// A file below `/static/`.
pub fn file(path: &str) -> Option<Answer> {
    let (content_type, bytes): (_, &'static [u8]) = match path {
        "common/css/fileindex.css" => ("text/css; charset=utf-8", include_bytes!("../assets/fileindex.css")),
        "icons/back.png" => ("image/png", include_bytes!("../assets/back.png")),
        "icons/blank.png" => ("image/png", include_bytes!("../assets/blank.png")),
        "icons/directory.png" => ("image/png", include_bytes!("../assets/directory.png")),
        "icons/file.png" => ("image/png", include_bytes!("../assets/file.png")),
        _ => return None,
    };
    let mut answer = text(StatusCode::OK, content_type, bytes);
    answer.headers_mut().insert(CACHE_CONTROL, axum::http::HeaderValue::from_static("public, max-age=3600"));
    Some(answer)
}
