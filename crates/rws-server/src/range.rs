//! Conditional and partial requests (RFC 9110, sections 13 and 14).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};
use axum::http::{HeaderMap, HeaderName};
use rws_store::Span;

/// What validates a file: a strong tag, with its quotes, where it has one, and a time in whole seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validators {
    /// The tag.
    pub tag: Option<String>,
    /// The time.
    pub modified_seconds: i64,
}

/// Which part of a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it.
    Whole,
    /// `length` bytes from `start`.
    Part {
        /// The first byte.
        start: u64,
        /// How many, at least one.
        length: u64,
    },
    /// Nothing that the file has.
    Unsatisfiable,
}

/// The last second that HTTP can write.
const LAST_SECOND: i64 = 253_402_300_799;

/// A time as HTTP writes it.
pub fn date(seconds: i64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.clamp(0, LAST_SECOND).unsigned_abs()))
}

fn seconds(text: &str) -> Option<i64> {
    let time: SystemTime = httpdate::parse_http_date(text).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

/// Whether the client has the file already: a tag decides where one was sent, else the time.
pub fn is_unchanged(headers: &HeaderMap, validators: &Validators) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        return tags(headers, &IF_NONE_MATCH)
            .map(|tag| tag.trim_start_matches("W/"))
            .any(|tag| tag == "*" || Some(tag) == validators.tag.as_deref());
    }
    let since = headers.get(IF_MODIFIED_SINCE).and_then(|since| seconds(since.to_str().ok()?));
    since.is_some_and(|since| validators.modified_seconds <= since)
}

/// Whether the client wants another state of the file only: 412 then.
pub fn is_other(headers: &HeaderMap, validators: &Validators) -> bool {
    if headers.contains_key(IF_MATCH) {
        return !tags(headers, &IF_MATCH).any(|tag| tag == "*" || Some(tag) == validators.tag.as_deref());
    }
    let since = headers.get(IF_UNMODIFIED_SINCE).and_then(|since| seconds(since.to_str().ok()?));
    since.is_some_and(|since| validators.modified_seconds > since)
}

/// The tags of all lines of a header.
fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// What to ask the store for, before the size of the file is known.
pub fn span(headers: &HeaderMap) -> Span {
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok()).and_then(|range| range.strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else { return Span::Whole };
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(start), Ok(last)) if start <= last => Span::Part { start, length: (last - start).saturating_add(1) },
        (Ok(start), Err(_)) if last.is_empty() => Span::Part { start, length: u64::MAX },
        (Err(_), Ok(length)) if first.is_empty() => Span::Last { length },
        _ => Span::Whole,
    }
}

/// Whether the answer may be that nothing changed.
pub fn is_conditional(headers: &HeaderMap) -> bool {
    [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_MATCH, IF_UNMODIFIED_SINCE].iter().any(|name| headers.contains_key(name))
}

/// The part that is asked for. Several ranges, other units and malformed ones are ignored, as the RFC allows.
pub fn selection(headers: &HeaderMap, validators: &Validators, size_bytes: u64) -> Selection {
    let Some(range) = headers.get(RANGE).and_then(|range| range.to_str().ok()) else { return Selection::Whole };
    if let Some(condition) = headers.get(IF_RANGE) {
        let condition = condition.to_str().unwrap_or_default();
        let holds =
            Some(condition) == validators.tag.as_deref() || seconds(condition) == Some(validators.modified_seconds);
        if !holds {
            return Selection::Whole;
        }
    }
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Selection::Whole;
    };
    let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(start), Ok(last)) if start <= last => (start, last.saturating_add(1).min(size_bytes)),
        (Ok(start), Err(_)) if last.is_empty() => (start, size_bytes),
        (Err(_), Ok(length)) if first.is_empty() => (size_bytes.saturating_sub(length), size_bytes),
        _ => return Selection::Whole,
    };
    if start < end { Selection::Part { start, length: end - start } } else { Selection::Unsatisfiable }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(axum::http::HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.clone(), value.parse().unwrap());
        }
        headers
    }

    fn validators() -> Validators {
        Validators { tag: Some("\"t\"".to_owned()), modified_seconds: 784_111_777 }
    }

    #[test]
    fn parts_of_ten_bytes() {
        let part = |start, length| Selection::Part { start, length };
        for (range, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=3-", part(3, 7)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-30", part(0, 10)),
            ("bytes=5-100", part(5, 5)),
            ("bytes=10-", Selection::Unsatisfiable),
            ("bytes=-0", Selection::Unsatisfiable),
            ("bytes=5-4", Selection::Whole),
            ("bytes=0-1,3-4", Selection::Whole),
            ("lines=0-1", Selection::Whole),
            ("bytes=x-", Selection::Whole),
        ] {
            assert_eq!(selection(&headers(&[(RANGE, range)]), &validators(), 10), expected, "{range}");
        }
    }

    #[test]
    fn a_range_counts_only_while_the_file_is_the_same() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(super::date(784_111_777), date);
        for (condition, whole) in
            [("\"t\"", false), (date, false), ("\"u\"", true), ("Sun, 06 Nov 1994 08:49:38 GMT", true)]
        {
            let headers = headers(&[(RANGE, "bytes=1-2"), (IF_RANGE, condition)]);
            assert_eq!(selection(&headers, &validators(), 10) == Selection::Whole, whole, "{condition}");
        }
    }

    #[test]
    fn unchanged_by_tag_or_time() {
        let unchanged = |name, value| is_unchanged(&headers(&[(name, value)]), &validators());
        assert!(unchanged(IF_NONE_MATCH, "\"a\", W/\"t\""));
        assert!(unchanged(IF_NONE_MATCH, "*"));
        assert!(!unchanged(IF_NONE_MATCH, "\"a\""));
        assert!(unchanged(IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT"));
        assert!(!unchanged(IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT"));
        assert!(!unchanged(IF_MODIFIED_SINCE, "yesterday"));
        let two_lines = headers(&[(IF_NONE_MATCH, "\"a\""), (IF_NONE_MATCH, "\"t\"")]);
        assert!(is_unchanged(&two_lines, &validators()));
    }

    #[test]
    fn another_state_than_the_wanted_one() {
        let other = |name, value| is_other(&headers(&[(name, value)]), &validators());
        assert!(!other(IF_MATCH, "\"a\", \"t\""));
        assert!(!other(IF_MATCH, "*"));
        assert!(other(IF_MATCH, "W/\"t\""));
        assert!(other(IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT"));
        assert!(!other(IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT"));
        assert!(!other(IF_UNMODIFIED_SINCE, "yesterday"));
    }
}
