//! Paths of requests.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What is written encoded in links: everything that HTML, a URL or an S3 reader could take for something else.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'\'')
    .add(b'+')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The path of a URL with one slash at its beginning: a base URL that ends in a slash makes two of it.
pub fn absolute(path: &str) -> &str {
    let slashes = path.len() - path.trim_start_matches('/').len();
    path.get(slashes.saturating_sub(1)..).unwrap_or(path)
}

/// The path of a URL with its escapes undone; `None` when the result is no UTF-8 or has control characters.
pub fn decoded(path: &str) -> Option<Cow<'_, str>> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    (!path.chars().any(char::is_control)).then_some(path)
}

/// The four parts of a target, and what follows them; `None` where nothing does.
pub fn behind_target(path: &str) -> Option<(&str, &str)> {
    let (end, _) = path.match_indices('/').nth(3)?;
    Some((path.get(..end)?, path.get(end + 1..)?))
}

/// A path that is read: without empty and `.` parts, and without slashes at its ends. `None` for one with `..`.
pub fn normalized(path: &str) -> Option<Cow<'_, str>> {
    let bare = path.trim_matches('/');
    if bare.split('/').all(|part| !matches!(part, "" | "." | "..")) {
        return Some(bare.into());
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    (!parts.contains(&"..")).then(|| parts.join("/").into())
}

/// A path as it stands in a link.
pub fn encoded(path: &str) -> String {
    utf8_percent_encode(path, ENCODED).to_string()
}

/// The keys of a query.
pub fn query_keys(query: Option<&str>) -> impl Iterator<Item = String> {
    let parts = query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').map_or(part, |(key, _)| key)).map(str::to_owned)
}

/// The value of a key of a query.
pub fn query(query: Option<&str>, key: &str) -> Option<String> {
    let pairs = query?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.into_iter().find(|(name, _)| *name == key)?;
    Some(percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_never_leave_the_tree() {
        for path in ["/../x", "/a/../../x", "..", "/%2e%2e/x", "/a/..%2f..%2fx", "/a/%2e./x"] {
            assert_eq!(normalized(&decoded(path).unwrap()), None, "{path}");
        }
        for path in ["/%00", "/a%0d%0aX: y", "/%ff", "/%c0%ae"] {
            assert_eq!(decoded(path), None, "{path}");
        }
        assert_eq!(normalized("//live/./1.10//el/").as_deref(), Some("live/1.10/el"));
        assert_eq!(normalized("/a..b").as_deref(), Some("a..b"));
    }

    #[test]
    fn slashes_at_the_beginning_are_one() {
        for (path, absolute_path) in
            [("/a//b/", "/a//b/"), ("///a", "/a"), ("//", "/"), ("/", "/"), ("*", "*"), ("", "")]
        {
            assert_eq!(absolute(path), absolute_path, "{path}");
        }
        assert_eq!((absolute("//-/health"), absolute("/-")), ("/-/health", "/-"));
    }

    #[test]
    fn links_and_queries() {
        assert_eq!(encoded("pool/libstdc++6_1%3a2~x_\"&<.deb"), "pool/libstdc%2B%2B6_1%253a2~x_%22%26%3C.deb");
        assert_eq!(query(Some("type=file&wait=5"), "wait").as_deref(), Some("5"));
        assert_eq!(query(Some("x=a%20b+c"), "x").as_deref(), Some("a b c"));
        assert_eq!(query(None, "wait"), None);
    }
}
