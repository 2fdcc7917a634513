//! What the names of published files say of them to those who serve them.

use rws_model::Sha256;

const TEXT: &str = "text/plain; charset=utf-8";

/// A compressed index is an archive, never an encoding of a text.
pub(crate) const CONTENT_TYPES: &[(&str, &str)] = &[
    (".deb", "application/vnd.debian.binary-package"),
    (".udeb", "application/vnd.debian.binary-package"),
    (".ddeb", "application/vnd.debian.binary-package"),
    (".dsc", TEXT),
    (".changes", TEXT),
    (".gz", "application/gzip"),
    (".xz", "application/x-xz"),
    (".zst", "application/zstd"),
    (".bz2", "application/x-bzip2"),
    (".asc", "application/pgp-signature"),
    (".gpg", "application/pgp-signature"),
    (".list", TEXT),
    (".sources", TEXT),
    ("InRelease", TEXT),
    ("Release", TEXT),
    ("Packages", TEXT),
    ("Sources", TEXT),
];

/// What the files of packages end in.
const PACKAGE_ENDS: &[&str] = &[".deb", ".udeb", ".ddeb", ".dsc", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst", ".asc"];

/// What else lies in the tree is somebody else's.
pub(crate) fn is_package(path: &str) -> bool {
    PACKAGE_ENDS.iter().any(|end| path.ends_with(end))
}

/// Whether a name holds the digest of what it names, whichever one.
pub(crate) fn is_immutable(path: &str) -> bool {
    path.contains("/by-hash/")
}

/// The digest in `…/by-hash/SHA256/DIGEST`.
pub(crate) fn digest(path: &str) -> Option<Sha256> {
    let (directory, name) = path.rsplit_once('/')?;
    directory.ends_with("/by-hash/SHA256").then(|| Sha256::leading(name))?
}

/// The same path with the colon of an epoch written the other way: some clients undo the escape `%3a` before they ask, some
/// do not.
pub(crate) fn other_writing(path: &str) -> Option<String> {
    let (directory, name) = path.rsplit_once('/')?;
    let other = match name.contains(':') {
        true => name.replace(':', "%3a"),
        false => name.replace("%3a", ":").replace("%3A", ":"),
    };
    (other != name).then(|| format!("{directory}/{other}"))
}

#[cfg(test)]
mod tests {
    use rws_model::sha256;

    use super::digest;

    #[test]
    fn digests_are_found_in_names_of_metadata() {
        let named = sha256(b"x");
        assert_eq!(digest(&format!("a/by-hash/SHA256/{named}")), Some(named));
        let longer = format!("a/by-hash/SHA256/{named}{named}");
        for path in [format!("a/pool/{named}.deb"), format!("a/by-hash/SHA512/{named}"), longer, "a/b".to_owned()] {
            assert_eq!(digest(&path), None, "{path}");
        }
    }
}
