//! The status of this process, for operators.

use askama::Template;

use super::Visit;
use super::answer::{page, render};
use super::frame::{Frame, Part};
use super::view::{Moment, count, state};
use crate::answer::{Answer, Problem};
use crate::own;
use crate::path::encoded;
use crate::schema::{Overview, Repository, RepositoryState};

/// So many repositories are shown; programs get all.
const MAX_REPOSITORIES: usize = 1000;

#[derive(Template)]
#[template(path = "pages/status.html")]
struct Status {
    frame: Frame,
    status: Overview,
    /// What it is about, and what is wrong.
    problems: Vec<(String, String)>,
    repositories: Vec<Row>,
    more: usize,
}

struct Row {
    name: String,
    history: Option<String>,
    state: &'static str,
    packages: String,
    published: Option<Moment>,
}

/// The page.
///
/// # Errors
///
/// When the store fails.
pub async fn get(visit: &Visit<'_>) -> Result<Answer, Problem> {
    let (service, reader) = (visit.service, visit.reader);
    let status = own::status(service, reader).await;
    let repositories = own::repository_states(service, reader).await?;
    let template = Status {
        problems: problems(&status),
        frame: Frame::new(visit, "Status", Some(Part::Status)),
        status,
        more: repositories.len().saturating_sub(MAX_REPOSITORIES),
        repositories: repositories.into_iter().take(MAX_REPOSITORIES).map(|one| row(visit, one)).collect(),
    };
    Ok(page(&visit.parts.headers, render(&template)?))
}

fn row(visit: &Visit<'_>, one: Repository) -> Row {
    let has_history = one.generation.is_some() && !matches!(one.state, RepositoryState::NotConfigured);
    Row {
        history: has_history.then(|| format!("{}/-/browse/history/{}", visit.prefix(), encoded(&one.repository))),
        name: one.repository,
        state: state(&one.state),
        packages: one.packages.map(count).unwrap_or_default(),
        published: one.published_at.as_deref().and_then(Moment::parse),
    }
}

fn problems(status: &Overview) -> Vec<(String, String)> {
    let mut problems: Vec<(String, String)> =
        status.failing.iter().map(|(repository, error)| (repository.clone(), error.clone())).collect();
    for (name, key) in &status.keys {
        problems.extend(key.problem.iter().chain(&key.warnings).map(|text| (format!("key {name}"), text.clone())));
    }
    for (repository, stale) in &status.stale {
        let text =
            format!("{} packages have entries of an earlier version of RWS, which are made again", stale.packages);
        problems.push((repository.clone(), text));
        let unreadable = stale.unreadable.iter();
        problems.extend(unreadable.map(|(path, reason)| (path.clone(), reason.clone())));
    }
    for (repository, comparison) in &status.comparing {
        let text = format!("it is compared with the store: {} of {} files are read", comparison.read, comparison.files);
        problems.push((repository.clone(), text));
    }
    if status.overruled > 0 {
        let text = format!("{} have been published by a replica with other settings or keys", status.overruled);
        problems.push(("repositories".to_owned(), text));
    }
    problems
}
