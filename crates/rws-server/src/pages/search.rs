//! Search, for people.

use std::collections::BTreeSet;

use askama::Template;

use super::Visit;
use super::answer::{page, render};
use super::frame::{Frame, Part};
use crate::answer::{Answer, Problem};
use crate::contents::search::{self, Search};
use crate::schema::{FoundPackage, FoundPackages};

#[derive(Template)]
#[template(path = "pages/search.html")]
struct SearchPage {
    frame: Frame,
    text: String,
    /// Empty for all.
    kind: String,
    kinds: BTreeSet<String>,
    packages: Vec<FoundPackage>,
    next: Option<String>,
    not_searched: Vec<String>,
}

/// The page.
///
/// # Errors
///
/// What is wrong with the query; when the store fails.
pub async fn get(visit: &Visit<'_>) -> Result<Answer, Problem> {
    let search = Search::of(visit.parts.uri.query())?;
    let contents = visit.service.gate.readable_contents(visit.reader).await?;
    let kinds = contents.iter().map(|one| one.target().target.kind.clone()).collect();
    let FoundPackages { packages, next, not_searched } =
        search::find(visit.service, visit.reader, &search, "/-/browse/search").await?;
    let title = if search.text.is_empty() { "Search".to_owned() } else { format!("Search for {}", search.text) };
    let frame = Frame { is_unlisted: true, ..Frame::new(visit, title, Some(Part::Search)).without_search() };
    let template = SearchPage {
        frame,
        text: search.text,
        kind: search.kind.unwrap_or_default(),
        kinds,
        packages,
        next,
        not_searched,
    };
    Ok(page(&visit.parts.headers, render(&template)?))
}
