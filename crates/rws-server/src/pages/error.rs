//! Errors, for people: the same status, and a page that says what to do.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};

use super::Visit;
use super::answer::{dress_headers, render};
use super::frame::Frame;
use crate::access::Reader;
use crate::answer::{Answer, Problem};
use crate::service::Service;

#[derive(Template)]
#[template(path = "pages/error.html")]
struct ErrorPage {
    frame: Frame,
    status: u16,
    message: String,
    hint: Option<String>,
    steps: Vec<&'static str>,
}

/// The answer with an error as a page; all other answers as they are. `None` is one who could not log in.
pub fn dress(service: &Arc<Service>, reader: Option<&Reader>, parts: &Parts, answer: Answer) -> Answer {
    let Some(problem) = answer.extensions().get::<Problem>().cloned() else { return answer };
    let nobody = || Reader::new(service.logins.access(), None);
    let reader = reader.cloned().unwrap_or_else(nobody);
    let visit = &Visit { service, reader: &reader, base: &|| None, parts };
    let status = answer.status();
    let (title, steps) = told(status);
    let frame = Frame { is_unlisted: true, ..Frame::new(visit, title, None) };
    let message =
        if status == StatusCode::UNAUTHORIZED { UNAUTHORIZED.to_owned() } else { problem.message().to_owned() };
    let hint = problem.hint().map(sentence);
    let template = ErrorPage { frame, status: status.as_u16(), message, hint, steps };
    let Ok(body) = render(&template) else { return answer };
    let (mut parts, _) = answer.into_parts();
    dress_headers(&mut parts.headers);
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(VARY, HeaderValue::from_static("Accept"));
    Answer::from_parts(parts, Body::from(body))
}

const UNAUTHORIZED: &str = "Not everybody may see what is at this address, if there is anything.";

/// A hint as a sentence.
fn sentence(hint: &str) -> String {
    let mut characters = hint.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let rest = characters.as_str();
    let end = if hint.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{rest}{end}")
}

/// The title of an error, and what somebody can do.
fn told(status: StatusCode) -> (&'static str, Vec<&'static str>) {
    match status {
        StatusCode::UNAUTHORIZED => (
            "Log in to see this",
            vec![
                "Log in with a user name and password, or with a token as the password.",
                "Ask an operator for access.",
            ],
        ),
        StatusCode::FORBIDDEN => ("Not allowed", vec!["Log in as somebody who may do this, or ask an operator."]),
        StatusCode::NOT_FOUND => (
            "Nothing is here",
            vec![
                "Check the address: upper and lower case differ.",
                "A package may have been replaced by a newer version.",
                "If you expect a private repository here, log in.",
            ],
        ),
        StatusCode::GONE => ("Gone for good", vec!["Use what is current: this was removed, or is not kept any more."]),
        StatusCode::BAD_REQUEST => {
            ("This request cannot be answered", vec!["Correct what the message names, and ask again."])
        }
        status if status.is_server_error() => (
            "Not available now",
            vec![
                "Try again in a moment.",
                "If it stays so, tell an operator what the message says; the status page may say more.",
            ],
        ),
        _ => ("This did not work", vec!["Try again, or tell an operator what the message says."]),
    }
}
