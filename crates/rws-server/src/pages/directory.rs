//! A directory, for people.

use askama::Template;
use axum::http::HeaderValue;
use axum::http::header::VARY;
use rws_store::DirectoryEntry;

use super::Visit;
use super::answer::{page, render};
use super::frame::{Frame, Link, Step};
use super::view::{Moment, size};
use crate::answer::{Answer, Problem};
use crate::contents::{part, target_page};
use crate::gate::Readable;
use crate::path::encoded;

/// So many entries are on one page.
const MAX_ON_A_PAGE: usize = 500;

#[derive(Template)]
#[template(path = "pages/directory.html")]
struct DirectoryPage {
    frame: Frame,
    path: String,
    parent: Option<String>,
    target: Option<Link>,
    rows: Vec<Row>,
    is_continued: bool,
    next: Option<String>,
    plain: String,
}

struct Row {
    name: String,
    address: String,
    is_directory: bool,
    moment: Option<Moment>,
    size: String,
}

/// The page; `None` where there is no such directory.
///
/// # Errors
///
/// When the store fails.
pub async fn get(visit: &Visit<'_>, readable: &Readable) -> Result<Option<Answer>, Problem> {
    let from = visit.query("from");
    let found = readable.named_page(from.as_deref(), MAX_ON_A_PAGE).await?;
    let Some(found) = found else { return Ok(None) };
    let (path, prefix) = (readable.path(), visit.prefix());
    let address = encoded(&format!("{prefix}/{path}"));
    let mut rows: Vec<Row> = found.entries.iter().map(|entry| row(&address, entry)).collect();
    rows.sort_by_key(|row| !row.is_directory);
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let target = visit.service.gate.target_of_path(visit.reader, path).map(|target| target.target.clone());
    let target = target.map(|target| Link { address: target_page(prefix, &target), name: target.to_string() });
    let template = DirectoryPage {
        frame: Frame::new(visit, format!("Files in /{path}/"), None).with_trail(trail(prefix, path)),
        path: format!("/{path}/"),
        parent: Some(encoded(&format!("{prefix}/{parent}"))),
        target,
        rows,
        is_continued: from.is_some(),
        next: found.next.map(|next| format!("{address}?from={}", part(&next))),
        plain: format!("{address}?listing"),
    };
    let mut answer = page(&visit.parts.headers, render(&template)?);
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    Ok(Some(answer))
}

fn row(address: &str, entry: &DirectoryEntry) -> Row {
    let name = entry.name();
    let (is_directory, stat) = match entry {
        DirectoryEntry::Directory(_) => (true, None),
        DirectoryEntry::File(_, stat) => (false, Some(stat)),
    };
    Row {
        name: name.to_owned(),
        address: format!("{address}/{}", encoded(name)),
        is_directory,
        moment: stat.and_then(|stat| Moment::of(stat.modified_milliseconds.div_euclid(1000))),
        size: stat.map(|stat| size(stat.size_bytes)).unwrap_or_default(),
    }
}

/// The directories above, and this one.
fn trail(prefix: &str, path: &str) -> Vec<Step> {
    let parts: Vec<&str> = path.split('/').collect();
    let step = |(position, name): (usize, &&str)| {
        let above = parts.get(..=position).unwrap_or_default().join("/");
        match position + 1 == parts.len() {
            true => Step::at(*name),
            false => Step::to(*name, encoded(&format!("{prefix}/{above}"))),
        }
    };
    parts.iter().enumerate().map(step).collect()
}
