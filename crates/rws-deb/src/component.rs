//! Components: the parts of a codename that a client chooses (Debian wiki, "DebianRepository/Format", "Components").
//!
//! Packages of debug symbols have a component of their own below that of the others: `main/debug`. Clients that want them name it.

use rws_model::{Index, Partition, RepositorySettings};

/// The component of repositories that configure none.
pub(crate) const MAIN: &str = "main";

/// What the component of debug symbols adds to that of the other packages.
const DEBUG: &str = "/debug";

/// The part of a component that the installer of Debian reads: its packages are no others'.
pub(crate) const INSTALLER: &str = "debian-installer";

/// Words that stand beside components in a repository, or below one.
const OTHER_WORDS: [&str; 9] =
    ["debug", "source", "by-hash", "i18n", "dep11", "binary-", "Contents-", INSTALLER, "installer-"];

/// What can be a component: a plain name, which stands in paths and in lists with blanks.
pub(crate) const RULE: &str =
    "is a name of letters, digits and + . _ -, that starts with a letter or a digit and has no meaning of its own";

/// Whether a text can be a component.
pub(crate) fn is_component(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+._-".contains(&byte);
    let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_other = |word: &str| if word.ends_with('-') { text.starts_with(word) } else { text == word };
    starts && text.len() <= 60 && text.bytes().all(plain) && !OTHER_WORDS.iter().any(|word| is_other(word))
}

/// The component of packages that name none.
pub(crate) fn usual(settings: &RepositorySettings) -> &str {
    settings.components.first().map_or(MAIN, String::as_str)
}

/// The components that packages can be sent to.
pub(crate) fn configured(settings: &RepositorySettings) -> Vec<&str> {
    let named: Vec<&str> = settings.components.iter().map(String::as_str).collect();
    if named.is_empty() { vec![MAIN] } else { named }
}

/// The component that packages go to, of which one is named or none.
///
/// # Errors
///
/// What is wrong with it, as the end of a sentence.
pub(crate) fn chosen<'a>(named: Option<&'a str>, settings: &'a RepositorySettings) -> Result<&'a str, String> {
    let Some(named) = named else { return Ok(usual(settings)) };
    let known = configured(settings);
    if known.contains(&named) {
        return Ok(named);
    }
    Err(format!("the repository has the component{} {}", if known.len() == 1 { "" } else { "s" }, known.join(", ")))
}

/// The component of the debug symbols of a component.
pub(crate) fn of_debug(component: &str) -> String {
    format!("{component}{DEBUG}")
}

/// The partition of a component: `binary-amd64` of `main`, `contrib/binary-amd64` of others.
pub(crate) fn partition(component: &str, name: &str) -> Partition {
    if component == MAIN { name.to_owned() } else { format!("{component}/{name}") }
}

/// The component of a partition, and the rest of its name.
pub(crate) fn split(partition: &str) -> (&str, &str) {
    partition.rsplit_once('/').unwrap_or((MAIN, partition))
}

/// The component of an index, and the rest of its name: `main/debug` and `binary-amd64/Packages`.
pub(crate) fn of_index(index: &Index) -> (&str, &str) {
    let is_rest = |part: &str| {
        ["source", "i18n", INSTALLER].contains(&part)
            || ["binary-", "Contents-"].iter().any(|start| part.starts_with(start))
    };
    let mut end = 0;
    for part in index.name.split('/') {
        if end > 0 && is_rest(part) {
            return (&index.name[..end - 1], &index.name[end..]);
        }
        end += part.len() + 1;
    }
    ("", &index.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_plain_names() {
        for good in ["main", "contrib", "non-free-firmware", "2.11", "a+b", "debugging", "binary"] {
            assert!(is_component(good), "{good}");
        }
        for bad in ["", "a/b", "..", ".a", "a b", "debug", "source", "binary-amd64", "Contents-x", "ä", "-a"] {
            assert!(!is_component(bad), "{bad}");
        }
    }

    #[test]
    fn indexes_have_components() {
        for (name, component, rest) in [
            ("main/binary-amd64/Packages", "main", "binary-amd64/Packages"),
            ("main/debug/binary-all/Packages", "main/debug", "binary-all/Packages"),
            ("contrib/debian-installer/binary-amd64/Packages", "contrib", "debian-installer/binary-amd64/Packages"),
            ("main/source/Sources", "main", "source/Sources"),
            ("main/Contents-amd64", "main", "Contents-amd64"),
            ("Contents-amd64", "", "Contents-amd64"),
        ] {
            let index = Index { name: name.to_owned(), takes: vec![], codecs: vec![], digests: vec![] };
            assert_eq!(of_index(&index), (component, rest));
        }
    }
}
