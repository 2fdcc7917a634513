//! The first page: what this service is, and which repositories it has.

use askama::Template;

use super::Visit;
use super::answer::{page, render};
use super::frame::{Frame, Part};
use super::keys::{KeyRow, rows};
use super::view::{Moment, state};
use crate::answer::{Answer, Problem};
use crate::contents::overview::{self, TargetOverview};
use crate::contents::target_page;

/// So many targets are on one page.
const MAX_ON_A_PAGE: usize = 500;

#[derive(Template)]
#[template(path = "pages/root.html")]
struct Root {
    frame: Frame,
    description: String,
    groups: Vec<Group>,
    rows: usize,
    next: Option<String>,
    keys: Vec<KeyRow>,
}

/// The targets of one kind.
struct Group {
    kind: String,
    rows: Vec<Row>,
}

struct Row {
    series: String,
    distribution: String,
    version: String,
    address: String,
    published: Option<Moment>,
    state: &'static str,
    is_private: bool,
}

/// The page.
///
/// # Errors
///
/// When the store fails.
pub async fn get(visit: &Visit<'_>) -> Result<Answer, Problem> {
    let prefix = visit.prefix();
    let number: usize = visit.query("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1);
    let targets = overview::targets(visit.service, visit.reader).await?;
    let published = targets.iter().map(|one| one.target.clone()).collect();
    let first = MAX_ON_A_PAGE.saturating_mul(number - 1);
    let has_more = targets.len() > first.saturating_add(MAX_ON_A_PAGE);
    let mut groups: Vec<Group> = Vec::new();
    for one in targets.into_iter().skip(first).take(MAX_ON_A_PAGE) {
        if groups.last().is_none_or(|group| group.kind != one.target.kind) {
            groups.push(Group { kind: one.target.kind.clone(), rows: Vec::new() });
        }
        if let Some(group) = groups.last_mut() {
            group.rows.push(row(prefix, one));
        }
    }
    let pages = &visit.service.settings.pages;
    let usual =
        "Packages for Linux, in signed repositories: choose yours, and copy the lines that add it to your system.";
    let template = Root {
        frame: Frame::new(visit, pages.name.clone(), Some(Part::Repositories)).without_search(),
        description: pages.description.clone().unwrap_or_else(|| usual.to_owned()),
        rows: groups.iter().map(|group| group.rows.len()).sum(),
        groups,
        next: has_more.then(|| format!("{prefix}/-/browse/?page={}", number + 1)),
        keys: rows(visit, &published),
    };
    Ok(page(&visit.parts.headers, render(&template)?))
}

fn row(prefix: &str, one: TargetOverview) -> Row {
    Row {
        address: target_page(prefix, &one.target),
        series: one.target.series,
        distribution: one.target.distribution,
        version: one.target.version,
        published: Moment::of(one.published_at),
        state: state(&one.state),
        is_private: one.is_private,
    }
}
