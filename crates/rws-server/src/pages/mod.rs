//! Pages for people, below `/-/browse/`; of the root and of directories for those who ask for HTML by its name.

mod answer;
mod api;
mod assets;
mod cache;
mod directory;
mod error;
mod feed;
mod frame;
mod history;
mod install;
mod keys;
mod package;
mod root;
mod search;
mod status;
mod target;
mod view;

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{ACCEPT, LOCATION, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};

use crate::access::Reader;
use crate::answer::{Answer, Problem};
use crate::path;
use crate::service::Service;

pub use self::cache::PageCache;
pub use self::error::dress;

/// The URL at which the client reaches the service, where that is known.
type Base<'a> = dyn Fn() -> Option<String> + Send + Sync + 'a;

/// Who asks, and for what.
pub struct Visit<'a> {
    /// The service.
    pub service: &'a Arc<Service>,
    /// Who reads.
    pub reader: &'a Reader,
    /// The URL at which the client reaches the service.
    pub base: &'a Base<'a>,
    /// The request.
    pub parts: &'a Parts,
}

impl Visit<'_> {
    /// The value of a key of the query, where it has one that is not empty.
    fn query(&self, key: &str) -> Option<String> {
        path::query(self.parts.uri.query(), key).filter(|value| !value.is_empty())
    }

    /// What stands before all addresses for this reader.
    fn prefix(&self) -> &str {
        self.reader.prefix()
    }
}

/// Whether HTML is asked for by its name: `*/*` is what crawlers and download programs send.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).into_iter().filter_map(|accept| accept.to_str().ok());
    accepted.flat_map(|accept| accept.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let is_html = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"));
        // RFC 9110, section 12.4.2: a weight of 0 means that it is not acceptable
        let is_refused =
            |part: &str| part.strip_prefix("q=").is_some_and(|weight| weight.trim_matches(['0', '.']).is_empty());
        is_html && !parts.any(is_refused)
    })
}

/// Answers with the page at an address; `rest` is what follows `/-/browse`. `None` where there is none.
///
/// # Errors
///
/// What is wrong with the request; when the store fails.
pub async fn get(visit: &Visit<'_>, rest: &str) -> Result<Option<Answer>, Problem> {
    if !visit.service.settings.pages.enabled {
        return Ok(None);
    }
    if rest.is_empty() {
        return Ok(Some(elsewhere(visit.prefix(), "/-/browse/")));
    }
    let Some(rest) = rest.strip_prefix('/') else { return Ok(None) };
    let page = rest.trim_end_matches('/');
    // a target may have any name; that of a page is none as a rule
    if let Some(answer) = Box::pin(of_repositories(visit, page)).await? {
        return Ok(Some(answer));
    }
    let found = match page.split_once('/') {
        None => match page {
            "" => Some(Box::pin(root::get(visit)).await?),
            "search" => Some(Box::pin(search::get(visit)).await?),
            "keys" => Some(keys::get(visit).await?),
            "status" => Some(Box::pin(status::get(visit)).await?),
            "api" => Some(api::get(visit)?),
            "login" => Some(log_in(visit)?),
            "logo" => assets::logo(visit).await,
            _ => None,
        },
        Some(("assets", name)) => assets::get(visit, name).await,
        Some(("history", repository)) => Box::pin(history::get(visit, repository)).await?,
        Some(("feed", target)) => Box::pin(feed::get(visit, target)).await?,
        _ => None,
    };
    Ok(found)
}

/// The page of a target, or of a package in one; `None` where the path does not begin with a target.
async fn of_repositories(visit: &Visit<'_>, page: &str) -> Result<Option<Answer>, Problem> {
    let mut slashes = page.match_indices('/').map(|(at, _)| at).skip(2);
    match (slashes.next(), slashes.next()) {
        (None, _) => Ok(None),
        (Some(_), None) => target::get(visit, page).await,
        (Some(_), Some(fourth)) => match page.split_at_checked(fourth) {
            Some((target, name)) => package::get(visit, target, name.trim_start_matches('/')).await,
            None => Ok(None),
        },
    }
}

/// Where to go instead.
fn elsewhere(prefix: &str, address: &str) -> Answer {
    let mut answer = Answer::new(Body::empty());
    *answer.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(location) = HeaderValue::try_from(format!("{prefix}{address}")) {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}

/// The page at `/-/`, where nothing is for programs: where the pages are.
pub fn of_nothing(service: &Service, reader: &Reader, parts: &Parts) -> Option<Answer> {
    is_for_people(service, parts).then(|| elsewhere(reader.prefix(), "/-/browse/"))
}

/// Whether a request is answered with pages.
pub fn is_for_people(service: &Service, parts: &Parts) -> bool {
    service.settings.pages.enabled && wants_page(&parts.headers)
}

/// Whether there is a page instead of the plain listing at the path of a directory.
pub fn replaces_listing(service: &Service, parts: &Parts) -> bool {
    let has = |key: &str| path::query_keys(parts.uri.query()).any(|known| known == key);
    is_for_people(service, parts) && !["listing", "format", "recursive", "type"].iter().any(|key| has(key))
}

/// The page of a directory, and of the root.
///
/// # Errors
///
/// When the store fails.
pub async fn of_directory(visit: &Visit<'_>, readable: &crate::gate::Readable) -> Result<Option<Answer>, Problem> {
    match readable.path() {
        "" => {
            let mut answer = root::get(visit).await?;
            answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
            Ok(Some(answer))
        }
        _ => directory::get(visit, readable).await,
    }
}

/// Asks for a login, then goes on to the pages: browsers send a login only where they were asked for it.
fn log_in(visit: &Visit<'_>) -> Result<Answer, Problem> {
    match visit.reader.user() {
        None => Err(Problem::unauthorized()),
        Some(_) => Ok(elsewhere(visit.prefix(), "/-/browse/")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_asked_for_by_its_name_only() {
        for (accept, wants) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("application/json, Text/HTML ; q=0.1", true),
            ("*/*", false),
            ("text/*", false),
            ("text/html;q=0", false),
            ("text/html;q=0.000, */*", false),
            ("application/xhtml+xml", false),
            ("text/htmlx", false),
            ("", false),
        ] {
            let headers = [(ACCEPT, accept.parse().unwrap())].into_iter().collect();
            assert_eq!(wants_page(&headers), wants, "{accept}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }
}
