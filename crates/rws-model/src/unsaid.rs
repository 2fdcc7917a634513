//! What the name of a package file says of the package: enough to tell it from others, or too little.

/// What the name of a package file leaves out of the package: `version`, `architecture` or both, in words. `package` is its
/// name; `architecture` is `None` where names need not say it.
pub fn unsaid(file_name: &str, package: &str, architecture: Option<&str>) -> Option<&'static str> {
    let (stem, _) = file_name.rsplit_once('.')?;
    let (rest, says_architecture) = match architecture.and_then(|architecture| stem.rsplit_once(architecture)) {
        Some((before, after)) => (format!("{before}{after}"), true),
        None => (stem.to_owned(), architecture.is_none()),
    };
    let rest = rest.strip_prefix(package).unwrap_or(&rest);
    match (rest.contains(|one: char| one.is_ascii_digit()), says_architecture) {
        (true, true) => None,
        (false, true) => Some("version"),
        (true, false) => Some("architecture"),
        (false, false) => Some("version and architecture"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_version_and_architecture_or_are_named() {
        for (name, expected) in [
            ("cat2-1.0-1.x86_64.rpm", None),
            ("cat2.rpm", Some("version and architecture")),
            ("cat.rpm", Some("version and architecture")),
            ("cat2.x86_64.rpm", Some("version")),
            ("cat2_latest_x86_64.rpm", Some("version")),
            ("cat2-1.0.rpm", Some("architecture")),
            ("other-1.0.x86_64.rpm", None),
        ] {
            assert_eq!(unsaid(name, "cat2", Some("x86_64")), expected, "{name}");
        }
        for (name, expected) in [
            ("cat2_1.0-1_amd64.deb", None),
            ("cat2_current_amd64.deb", Some("version")),
            ("cat2.deb", Some("version and architecture")),
            ("agent.udeb", Some("version and architecture")),
        ] {
            assert_eq!(unsaid(name, "cat2", Some("amd64")), expected, "{name}");
        }
        assert_eq!(unsaid("cat2_1.0.dsc", "cat2", None), None);
        assert_eq!(unsaid("cat2.dsc", "cat2", None), Some("version"));
        assert_eq!(unsaid("cat2-1-1.src.rpm", "cat2", Some("src")), None);
    }
}
