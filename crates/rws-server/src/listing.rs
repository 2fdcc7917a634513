//! Directories as pages that people read and that existing crawlers parse: rows of four bare cells.

use askama::Template;
use axum::http::StatusCode;
use jiff::Timestamp;
use rws_store::{DirectoryEntry, Stat};

use crate::answer::{Answer, text};
use crate::path::encoded;

#[derive(Template)]
#[template(path = "listing.html")]
struct Page {
    path: String,
    parent: String,
    rows: Vec<Row>,
}

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

/// The page of a directory: subdirectories first, then files, each in byte order.
pub fn directory(path: &str, entries: Vec<DirectoryEntry>) -> Answer {
    let base = if path.is_empty() { String::from("/") } else { format!("/{path}/") };
    let parent = path.rsplit_once('/').map_or_else(|| "/".to_owned(), |(parent, _)| encoded(&format!("/{parent}")));
    let (mut rows, mut files) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            DirectoryEntry::Directory(name) => rows.push(row(&base, name, None)),
            DirectoryEntry::File(name, stat) => files.push(row(&base, name, Some(&stat))),
        }
    }
    rows.append(&mut files);
    page(StatusCode::OK, &Page { path: base, parent, rows })
}

fn row(base: &str, name: String, stat: Option<&Stat>) -> Row {
    let modified = stat.and_then(|stat| Timestamp::from_millisecond(stat.modified_milliseconds).ok());
    Row {
        icon: if stat.is_some() { "file" } else { "directory" },
        alternative: if stat.is_some() { "[FILE]" } else { "[DIR]" },
        link: encoded(&format!("{base}{name}")),
        name,
        modified: modified.map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default(),
        size: stat.map(|stat| size(stat.size_bytes)).unwrap_or_default(),
    }
}

/// `820.0 B`, `6.7 KiB`.
fn size(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if size < 1024.0 {
            return format!("{size:.1} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.1} PiB")
}

/// A page that says why there is nothing.
pub fn message(status: StatusCode, title: &str, text: &str) -> Answer {
    page(status, &Message { title, text })
}

/// 404.
pub fn missing() -> Answer {
    message(StatusCode::NOT_FOUND, "Not found", "There is no such file or directory.")
}

fn page(status: StatusCode, page: &impl Template) -> Answer {
    match page.render() {
        Ok(html) => text(status, "text/html; charset=utf-8", html),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", error.to_string()),
    }
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
}
