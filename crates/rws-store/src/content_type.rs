//! What files are, by their names.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What RWS itself writes beside repositories: lists for people.
const OWN: [(&str, &str); 1] = [(".txt", "text/plain; charset=utf-8")];

/// The `Content-Type` of public files, by their names. Nothing is known of a name but what is handed in.
#[derive(Clone, Debug)]
pub struct ContentTypes(Arc<BTreeMap<&'static str, &'static str>>);

impl ContentTypes {
    /// These types: of files whose names end so, with the dot before it, or are so. The first of several for one name counts.
    pub fn new(types: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let mut known = BTreeMap::new();
        for (name, content_type) in types.into_iter().chain(OWN) {
            known.entry(name).or_insert(content_type);
        }
        Self(Arc::new(known))
    }

    /// The type of the file at a path.
    pub fn of(&self, path: &str) -> &'static str {
        let name = path.rsplit('/').next().unwrap_or(path);
        let end = name.rfind('.').map_or(name, |dot| &name[dot..]);
        self.0.get(end).copied().unwrap_or("application/octet-stream")
    }
}

impl Default for ContentTypes {
    fn default() -> Self {
        Self::new([])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_by_their_ends_or_as_a_whole() {
        let types = ContentTypes::new([(".deb", "package"), (".deb", "other"), ("Release", "root")]);
        for (path, expected) in [
            ("a/b.deb", "package"),
            (".deb", "package"),
            ("deb", "application/octet-stream"),
            ("a.deb/b", "application/octet-stream"),
            ("a/Release", "root"),
            ("a/b.Release", "application/octet-stream"),
            ("a/malformed_list.txt", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(types.of(path), expected, "{path}");
        }
    }
}
