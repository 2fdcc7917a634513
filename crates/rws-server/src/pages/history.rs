//! What a repository was.

use askama::Template;

use super::Visit;
use super::answer::{page, render};
use super::frame::{Frame, Part, Step};
use super::view::{Moment, count};
use crate::answer::{Answer, Problem};
use crate::contents::target_page;
use crate::own;
use crate::past;
use crate::path::encoded;
use crate::schema::PastGeneration;

#[derive(Template)]
#[template(path = "pages/history.html")]
struct History {
    frame: Frame,
    repository: String,
    generations: Vec<Row>,
    next: Option<String>,
}

struct Row {
    generation: String,
    moment: Option<Moment>,
    is_current: bool,
    changes: String,
    packages: String,
    asked: String,
    pins: Vec<String>,
}

/// The page; `None` where there is no such repository.
///
/// # Errors
///
/// When this one may not know of it, and when the store fails.
pub async fn get(visit: &Visit<'_>, repository: &str) -> Result<Option<Answer>, Problem> {
    let (service, reader) = (visit.service, visit.reader);
    let Some(past) = service.gate.readable_past(reader, repository).await? else { return Ok(None) };
    let is_admin = reader.user().is_some_and(|user| user.is_admin);
    let found = past::found(service, &past, visit.parts.uri.query(), is_admin).await?;
    let address = format!("{}/-/browse/history/{}", visit.prefix(), encoded(repository));
    let target = service.gate.target_of_path(reader, repository).map(|target| target.target.clone());
    let target = target.map(|target| Step::to(target.to_string(), target_page(visit.prefix(), &target)));
    let steps = target.into_iter().chain([Step::at("History")]).collect();
    let first = past.head().first_published_at.and_then(own::time);
    let template = History {
        frame: Frame::new(visit, format!("History of {repository}"), Some(Part::Repositories)).with_trail(steps),
        repository: repository.to_owned(),
        generations: found.generations.into_iter().map(|one| row(one, first.as_deref())).collect(),
        next: found.next.map(|before| format!("{address}?before={before}")),
    };
    Ok(Some(page(&visit.parts.headers, render(&template)?)))
}

/// A row of the table; `first` is the time of the first state of all.
fn row(one: PastGeneration, first: Option<&str>) -> Row {
    let PastGeneration {
        generation, published_at, replaced_at, packages, added, replaced, removed, uploads, pins, ..
    } = one;
    let changed = [(added, "added"), (replaced, "replaced"), (removed, "removed")];
    let changed: Vec<String> = changed
        .iter()
        .filter_map(|(count, word)| count.filter(|count| *count > 0).map(|count| format!("{count} {word}")))
        .collect();
    let is_first = published_at.is_some() && published_at.as_deref() == first;
    let changes = match (added, changed.is_empty()) {
        (None, _) if is_first => "the first state".to_owned(),
        (None, _) => "not known: the state before is not kept".to_owned(),
        (_, true) => "no package".to_owned(),
        (_, false) => changed.join(", "),
    };
    let mut asked: Vec<String> = Vec::new();
    for upload in uploads {
        let verb = upload.verb.unwrap_or_else(|| "upload".to_owned());
        let text = upload.user.map_or_else(|| verb.clone(), |user| format!("{verb} by {user}"));
        if !asked.contains(&text) {
            asked.push(text);
        }
    }
    Row {
        moment: published_at.as_deref().and_then(Moment::parse),
        is_current: replaced_at.is_none(),
        packages: count(packages as u64),
        asked: asked.join(", "),
        generation,
        changes,
        pins,
    }
}
