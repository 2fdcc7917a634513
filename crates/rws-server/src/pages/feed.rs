//! What was published in a target, as a feed (RFC 4287).

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use rws_model::Target;
use rws_repository::publication::PackageChange;

use super::Visit;
use super::answer::{page_of_address, render};
use super::view::Moment;
use crate::answer::{Answer, Problem};
use crate::contents::{package_page, target_page};

/// So many entries a feed has, of so many states of each repository.
const MAX_ENTRIES: usize = 40;
const MAX_STATES: usize = 10;

#[derive(Template)]
#[template(path = "pages/feed.xml")]
struct Feed {
    title: String,
    site: String,
    id: String,
    this: String,
    page: String,
    updated: String,
    entries: Vec<FeedEntry>,
}

struct FeedEntry {
    published_at: i64,
    title: String,
    id: String,
    page: String,
    updated: String,
    lines: Vec<String>,
}

/// The feed; `None` where there is no such target.
///
/// # Errors
///
/// When this one may not know of it, and when the store fails.
pub async fn get(visit: &Visit<'_>, path: &str) -> Result<Option<Answer>, Problem> {
    let (service, reader) = (visit.service, visit.reader);
    let Some(readable) = service.gate.readable_target(reader, path)? else { return Ok(None) };
    let Some(base) = (visit.base)() else { return Ok(None) };
    let target = readable.target().clone();
    if target.to_string() != path {
        return Ok(None);
    }
    let mut entries = Vec::new();
    for one in service.gate.contents_of(reader, &readable).await? {
        let _turn = service.budgets.listing_parts.acquire().await.ok();
        let repository = one.published().repository.to_string();
        for (state, publication) in service.gate.publications(&one, MAX_STATES).await? {
            let changes = publication.changes;
            let lines = publication.packages.iter().map(|package| {
                let word = match package.change {
                    PackageChange::Added => "added",
                    PackageChange::Replaced => "replaced",
                    PackageChange::Removed => "removed",
                };
                let name = &package.package;
                format!("{word} {} {} {}", name.name, name.version, name.architecture)
            });
            let mut lines: Vec<String> = lines.collect();
            let more = (changes.added + changes.replaced + changes.removed).saturating_sub(lines.len());
            lines.extend((more > 0).then(|| format!("and {more} more")));
            let first = publication.packages.first().map(|package| &package.package);
            let title = match (first, lines.len() + more) {
                (None, _) => format!("{repository}: no package changed"),
                (Some(first), 1) => format!("{} {}", first.name, first.version),
                (Some(first), count) => format!("{} {} and {} more", first.name, first.version, count - 1),
            };
            let page = match first {
                Some(first) => package_page("", &target, &first.name),
                None => target_page("", &target),
            };
            entries.push(FeedEntry {
                published_at: state.published_at,
                title,
                id: format!("urn:rws:{repository}:{}", state.generation),
                page: format!("{base}{page}"),
                updated: machine(state.published_at),
                lines,
            });
        }
    }
    entries.sort_by(|left, right| right.published_at.cmp(&left.published_at).then_with(|| left.id.cmp(&right.id)));
    entries.truncate(MAX_ENTRIES);
    let template = Feed {
        title: format!("Packages of {target}"),
        site: service.settings.pages.name.clone(),
        id: id(&target),
        this: format!("{base}/-/browse/feed/{path}"),
        page: format!("{base}{}", target_page("", &target)),
        updated: machine(entries.first().map_or(0, |entry| entry.published_at)),
        entries,
    };
    let mut answer = page_of_address(&visit.parts.headers, render(&template)?);
    of_feed(answer.headers_mut());
    Ok(Some(answer))
}

fn of_feed(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/atom+xml; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
}

fn id(target: &Target) -> String {
    format!("urn:rws:{target}")
}

fn machine(seconds: i64) -> String {
    Moment::of(seconds).map(|moment| moment.machine).unwrap_or_default()
}
