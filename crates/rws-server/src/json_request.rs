//! Bodies of requests that say in JSON what is to be done.

use axum::http::StatusCode;
use rws_repository::selection::Selector;
use serde::de::DeserializeOwned;

use crate::answer::Problem;
use crate::body::Incoming;

/// The largest one.
const MAX_BYTES: usize = 1 << 20;

/// Reads a body.
///
/// # Errors
///
/// What is wrong with it, with the key that is.
pub async fn read<T: DeserializeOwned>(body: &mut Incoming) -> Result<T, Problem> {
    let mut text = Vec::new();
    while let Some(piece) = body.next().await? {
        if text.len() + piece.len() > MAX_BYTES {
            let message = format!("The body has more than {MAX_BYTES} bytes.");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message));
        }
        text.extend_from_slice(&piece);
    }
    serde_json::from_slice(&text).map_err(|error| {
        Problem::bad_request("json", format!("The body is not the JSON that this address takes: {error}."))
            .with_hint("/-/openapi.json describes it")
    })
}

/// The packages that a list of `NAME` and `NAME=VERSION` means, under a key of a body.
///
/// # Errors
///
/// The first that is neither.
pub fn selectors(key: &'static str, texts: &[String]) -> Result<Vec<Selector>, Problem> {
    let parse = |text: &String| {
        let message = format!("{key}: {text:?} is neither NAME nor NAME=VERSION.");
        Selector::parse(text).ok_or_else(|| Problem::bad_request(key, message))
    };
    texts.iter().map(parse).collect()
}
