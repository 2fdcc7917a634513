//! What the names of published files say of them to those who serve them.

use rws_model::Sha256;

use crate::repomd::DIRECTORY;

const TEXT: &str = "text/plain; charset=utf-8";

/// A compressed index is an archive, never an encoding of a text.
pub const CONTENT_TYPES: &[(&str, &str)] = &[
    (".rpm", "application/x-rpm"),
    (".xml", "application/xml"),
    (".gz", "application/gzip"),
    (".xz", "application/x-xz"),
    (".zst", "application/zstd"),
    (".bz2", "application/x-bzip2"),
    (".asc", "application/pgp-signature"),
    (".key", "application/pgp-signature"),
    (".repo", TEXT),
];

/// The names of metadata begin with the digest of its bytes.
pub fn is_immutable(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.get(..64).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The digest in `…/repodata/DIGEST-primary.xml.gz`.
pub fn digest(path: &str) -> Option<Sha256> {
    let (directory, name) = path.rsplit_once('/')?;
    let is_metadata = directory.strip_suffix(DIRECTORY).is_some_and(|above| above.ends_with('/'));
    is_metadata.then(|| Sha256::leading(name))?
}

#[cfg(test)]
mod tests {
    use rws_model::sha256;

    use super::digest;

    #[test]
    fn digests_are_found_in_names_of_metadata() {
        let named = sha256(b"x");
        assert_eq!(digest(&format!("a/repodata/{named}-primary.xml.gz")), Some(named));
        let longer = format!("a/repodata/{named}{named}-primary.xml.gz");
        for path in [format!("a/pool/{named}.deb"), format!("a/repodata/x-{named}"), longer, "a/b".to_owned()] {
            assert_eq!(digest(&path), None, "{path}");
        }
    }
}
