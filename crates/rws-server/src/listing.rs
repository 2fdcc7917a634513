//! Directories: as pages that people read and that existing crawlers parse (rows of four bare cells), and as JSON.
//!
//! A page has the whole directory, however large: it is sent while the store is asked for its parts.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::http::header::{ACCEPT, CACHE_CONTROL, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use bytes::Bytes;
use futures::stream::{BoxStream, once, try_unfold};
use futures::{Stream, StreamExt, TryStreamExt};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rws_repository::RepositoryError;
use rws_store::{Depth, DirectoryEntry, MAX_PAGE_ENTRIES, Page, Stat};
use serde::Serialize;

use crate::answer::{Answer, Problem, json, json_text, text};
use crate::gate::Readable;
use crate::path::{encoded, query};
use crate::service::Service;

/// The most entries of one answer in JSON.
const LONGEST_PART: usize = 1000;

/// How old a listing may be that somebody keeps.
const CACHING: &str = "public, max-age=5";

/// What pages may do: show pictures and a style sheet of this server.
const PAGE_HEADERS: [(HeaderName, &str); 3] = [
    (
        axum::http::header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (axum::http::header::REFERRER_POLICY, "no-referrer"),
    (axum::http::header::X_FRAME_OPTIONS, "DENY"),
];

#[derive(Template)]
#[template(path = "listing/head.html")]
struct Head {
    path: String,
    parent: String,
}

#[derive(Template)]
#[template(path = "listing/rows.html")]
struct Rows {
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "listing/tail.html")]
struct Tail;

struct Row {
    icon: &'static str,
    alternative: &'static str,
    link: String,
    name: String,
    modified: String,
    size: String,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    title: &'a str,
    text: &'a str,
}

/// Whether an answer in JSON is wanted rather than a page.
pub fn wants_json(headers: &HeaderMap, of_url: Option<&str>) -> bool {
    match query(of_url, "format").as_deref() {
        Some("json") => true,
        Some(_) => false,
        None => {
            let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
            let names =
                |kind| accepted.split(',').any(|one| one.split(';').next().is_some_and(|one| one.trim() == kind));
            names("application/json") && !names("text/html")
        }
    }
}

/// One part of a directory in JSON.
#[derive(Serialize)]
struct Part<'a> {
    path: &'a str,
    entries: Vec<Entry<'a>>,
    /// The address of the next part; none: this was the last.
    next: Option<String>,
}

/// One entry in JSON.
#[derive(Serialize)]
struct Entry<'a> {
    /// Relative to the directory.
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    /// In bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
}

impl<'a> Entry<'a> {
    fn of(entry: &'a DirectoryEntry) -> Self {
        match entry {
            DirectoryEntry::Directory(name) => Self { name, kind: "directory", size: None, modified: None },
            DirectoryEntry::File(name, stat) => Self {
                name,
                kind: "file",
                size: Some(stat.size_bytes),
                modified: modified(stat).map(|time| time.to_string()),
            },
        }
    }
}

/// Answers with the directory at a path without slashes at its ends; `None` where there is none.
///
/// # Errors
///
/// When the store fails before the first byte is sent.
pub async fn directory(
    service: &Arc<Service>,
    readable: &Readable,
    method: &Method,
    headers: &HeaderMap,
    of_url: Option<&str>,
) -> Result<Option<Answer>, RepositoryError> {
    let is_recursive = query(of_url, "recursive").is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    let depth = if is_recursive { Depth::All } else { Depth::Directory };
    let from = query(of_url, "from").filter(|from| !from.is_empty());
    let limit = query(of_url, "limit").and_then(|limit| limit.parse().ok());
    let is_json = wants_json(headers, of_url);
    let (from, most) = match depth {
        Depth::Directory if is_json => (from, limit.unwrap_or(LONGEST_PART).clamp(1, LONGEST_PART)),
        _ => (None, MAX_PAGE_ENTRIES),
    };
    // of all files the first level is enough to see whether there are any
    let first = match depth {
        Depth::Directory if is_json => readable.named_page(from.as_deref(), most).await?,
        _ => readable.page(Depth::Directory, None, most).await?,
    };
    let Some(first) = first else { return Ok(None) };
    let mut answer = match depth {
        Depth::All => lines(files(service, readable, first)),
        Depth::Directory if is_json => one_part(readable, &first, most),
        Depth::Directory => whole(service, readable, first),
    };
    if method == Method::HEAD {
        *answer.body_mut() = Body::empty();
    }
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(CACHING));
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    Ok(Some(answer))
}

/// A listing part by part, from its first one on.
fn parts(
    service: &Arc<Service>,
    readable: &Readable,
    depth: Depth,
    first: Page,
) -> impl Stream<Item = Result<Page, RepositoryError>> + Send + use<> {
    let (service, readable) = (Arc::clone(service), readable.clone());
    let next = first.next.clone();
    let rest = try_unfold(next, move |next| {
        let (service, readable) = (Arc::clone(&service), readable.clone());
        async move {
            let Some(from) = next else { return Ok(None) };
            // never closed
            let _turn = service.budgets.listing_parts.acquire().await.ok();
            let page = readable.page(depth, Some(&from), MAX_PAGE_ENTRIES).await?.unwrap_or_default();
            let next = page.next.clone();
            Ok(Some((page, next)))
        }
    });
    once(async { Ok(first) }).chain(rest)
}

/// All files below a directory, part by part: directory by directory on the first level, so that nothing is asked of the store
/// for private ones, and on each further level with directories of which the reader may not know.
fn files(
    service: &Arc<Service>,
    readable: &Readable,
    first: Page,
) -> BoxStream<'static, Result<Page, RepositoryError>> {
    let (of_entries, above) = (Arc::clone(service), readable.clone());
    let pages = parts(service, readable, Depth::Directory, first);
    let entries = pages.map_ok(|page| futures::stream::iter(page.entries.into_iter().map(Ok))).try_flatten();
    let of_entry = entries.and_then(move |entry| below(Arc::clone(&of_entries), above.clone(), entry));
    of_entry.try_flatten().boxed()
}

/// All files of an entry of a directory, with its name before theirs.
async fn below(
    service: Arc<Service>,
    above: Readable,
    entry: DirectoryEntry,
) -> Result<impl Stream<Item = Result<Page, RepositoryError>> + Send + 'static, RepositoryError> {
    let (prefix, pages) = match entry {
        DirectoryEntry::File(..) => {
            let one = Page { entries: vec![entry], next: None };
            (String::new(), once(async { Ok(one) }).boxed())
        }
        DirectoryEntry::Directory(name) => {
            let below = above.below(&name);
            let depth = if below.hides_some() { Depth::Directory } else { Depth::All };
            let first = below.page(depth, None, MAX_PAGE_ENTRIES).await?.unwrap_or_default();
            let pages = match depth {
                Depth::Directory => files(&service, &below, first),
                Depth::All => parts(&service, &below, Depth::All, first).boxed(),
            };
            (format!("{name}/"), pages)
        }
    };
    Ok(pages.map_ok(move |mut page| {
        for entry in &mut page.entries {
            if let DirectoryEntry::File(file, _) = entry {
                file.insert_str(0, &prefix);
            }
        }
        page
    }))
}

/// All files below a directory, a line of JSON each.
fn lines(parts: impl Stream<Item = Result<Page, RepositoryError>> + Send + 'static) -> Answer {
    let of_page = |page: Page| page.entries.iter().map(|entry| json_text(&Entry::of(entry))).collect::<String>();
    text(StatusCode::OK, "application/x-ndjson", Body::from_stream(parts.map_ok(of_page)))
}

/// One part of a directory, with the address of the next.
fn one_part(readable: &Readable, page: &Page, most: usize) -> Answer {
    let (path, prefix) = (readable.path(), readable.reader().prefix());
    let next = page.next.as_ref().map(|next| {
        let from = utf8_percent_encode(next, NON_ALPHANUMERIC);
        format!("{}?format=json&limit={most}&from={from}", encoded(&format!("{prefix}/{path}")))
    });
    json(StatusCode::OK, &Part { path, entries: page.entries.iter().map(Entry::of).collect(), next })
}

/// The page: subdirectories first, then files, each in the order of the store.
fn whole(service: &Arc<Service>, readable: &Readable, first: Page) -> Answer {
    let (path, prefix) = (readable.path(), readable.reader().prefix());
    let shown = if path.is_empty() { String::from("/") } else { format!("/{path}/") };
    let base = format!("{prefix}{shown}");
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let head = Head { path: shown, parent: encoded(&format!("{prefix}/{parent}")) };
    let (head, tail) = match (head.render(), Tail.render()) {
        (Ok(head), Ok(tail)) => (head, tail),
        (Err(error), _) | (_, Err(error)) => return broken(&error),
    };
    if first.next.is_none() {
        let rows = rows(&base, &first, Kind::Directories) + &rows(&base, &first, Kind::Files);
        return html(StatusCode::OK, head + &rows + &tail);
    }
    // all parts twice: nothing is held of a directory with a million files
    let again = first.clone();
    let of_files = base.clone();
    let directories = parts(service, readable, Depth::Directory, first);
    let directories = directories.map_ok(move |page| rows(&base, &page, Kind::Directories));
    let files = parts(service, readable, Depth::Directory, again);
    let files = files.map_ok(move |page| rows(&of_files, &page, Kind::Files));
    let pieces = once(async { Ok(head) }).chain(directories).chain(files).chain(once(async { Ok(tail) }));
    html(StatusCode::OK, Body::from_stream(pieces.map_ok(Bytes::from)))
}

/// What stands together on a page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directories,
    Files,
}

fn rows(base: &str, page: &Page, kind: Kind) -> String {
    let rows = page.entries.iter().filter_map(|entry| match entry {
        DirectoryEntry::Directory(name) => (kind == Kind::Directories).then(|| row(base, name, None)),
        DirectoryEntry::File(name, stat) => (kind == Kind::Files).then(|| row(base, name, Some(stat))),
    });
    // writing into memory does not fail
    Rows { rows: rows.collect() }.render().unwrap_or_default()
}

fn row(base: &str, name: &str, stat: Option<&Stat>) -> Row {
    Row {
        icon: if stat.is_some() { "file" } else { "directory" },
        alternative: if stat.is_some() { "[FILE]" } else { "[DIR]" },
        link: encoded(&format!("{base}{name}")),
        name: name.to_owned(),
        modified: stat
            .and_then(modified)
            .map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string())
            .unwrap_or_default(),
        size: stat.map(|stat| size(stat.size_bytes)).unwrap_or_default(),
    }
}

fn modified(stat: &Stat) -> Option<Timestamp> {
    Timestamp::from_second(stat.modified_milliseconds.div_euclid(1000)).ok()
}

/// `820.0 B`, `6.7 KiB`.
pub fn size(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if size < 1024.0 {
            return format!("{size:.1} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.1} PiB")
}

/// 404: a page, or JSON for who wants that.
pub fn missing(is_json: bool) -> Answer {
    let text = "This file or directory does not exist.";
    let problem = Problem::new(StatusCode::NOT_FOUND, "not-found", text);
    let mut answer = match is_json {
        true => problem.answer(),
        false => message(StatusCode::NOT_FOUND, "Not found", text),
    };
    answer.extensions_mut().insert(problem);
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    answer
}

/// A page that says why there is nothing.
pub fn message(status: StatusCode, title: &str, text: &str) -> Answer {
    match (Message { title, text }).render() {
        Ok(page) => html(status, page),
        Err(error) => broken(&error),
    }
}

fn html(status: StatusCode, body: impl Into<Body>) -> Answer {
    let mut answer = text(status, "text/html; charset=utf-8", body);
    for (name, value) in PAGE_HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn broken(error: &askama::Error) -> Answer {
    text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_the_original_wrote_them() {
        for (bytes, text) in [(0, "0.0 B"), (820, "820.0 B"), (6_861, "6.7 KiB"), (5 << 30, "5.0 GiB")] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn json_is_for_those_who_ask_for_it() {
        let accepting = |accept: &str| [(ACCEPT, accept.parse().unwrap())].into_iter().collect::<HeaderMap>();
        assert!(wants_json(&accepting("application/json"), None));
        assert!(wants_json(&accepting("text/plain, application/json;q=0.9"), None));
        assert!(!wants_json(&accepting("text/html, application/json"), None));
        assert!(!wants_json(&accepting("*/*"), None));
        assert!(wants_json(&accepting("text/html"), Some("format=json")));
        assert!(!wants_json(&accepting("application/json"), Some("format=html")));
    }
}
