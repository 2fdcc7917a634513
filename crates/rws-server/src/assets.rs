//! The few files of the pages, at the paths of the original service.

use std::time::{Duration, SystemTime};

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, EXPIRES};
use axum::http::request::Parts;
use rws_store::Store;

use crate::answer::Answer;
use crate::download::File;

/// When these files changed last, in seconds since 1970.
const MODIFIED_SECONDS: i64 = 1_795_305_600;

/// As long as `Cache-Control` says.
const FRESH: Duration = Duration::from_secs(3600);

/// A file below `/static/`.
pub async fn file(store: &dyn Store, path: &str, parts: &Parts) -> Option<Answer> {
    let (content_type, bytes): (_, &'static [u8]) = match path {
        "common/css/fileindex.css" => ("text/css; charset=utf-8", include_bytes!("../assets/fileindex.css")),
        "icons/back.png" => ("image/png", include_bytes!("../assets/back.png")),
        "icons/blank.png" => ("image/png", include_bytes!("../assets/blank.png")),
        "icons/directory.png" => ("image/png", include_bytes!("../assets/directory.png")),
        "icons/file.png" => ("image/png", include_bytes!("../assets/file.png")),
        _ => return None,
    };
    let file = File::of_program(bytes, content_type, MODIFIED_SECONDS);
    let mut answer = file.answer(store, &parts.method, &parts.headers).await.ok()?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let expires = httpdate::fmt_http_date(SystemTime::now() + FRESH);
    for (header, value) in [(CONTENT_DISPOSITION, format!("inline; filename={name}")), (EXPIRES, expires)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(header, value);
        }
    }
    Some(answer)
}
