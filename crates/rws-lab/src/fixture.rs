//! Files in the test cache: real packages, and what tests build once and keep.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::server::cache;

/// The directory of the real packages of a kind, `deb` or `source`, that `tests/setup` fetches.
///
/// # Panics
///
/// When it has not fetched them.
pub fn real_packages(kind: &str) -> PathBuf {
    let real = cache().join("real");
    assert!(real.join("complete").is_file(), "{} has no real packages: run tests/setup", cache().display());
    real.join(kind)
}

/// The directory with the files that `build` leaves in the directory it is given. `recipe` says all that they depend on, the
/// text of the builder included: what was built of the same recipe before, by any process, is taken from the cache. The
/// files are everybody's: who changes one copies it first.
///
/// # Panics
///
/// When the cache cannot be written, or nothing was built.
pub fn fixture(recipe: &str, build: impl FnOnce(&Path)) -> PathBuf {
    let fixtures = cache().join("fixtures");
    let digest: String = Sha256::digest(recipe).iter().map(|byte| format!("{byte:02x}")).collect();
    let kept = fixtures.join(digest);
    if !kept.is_dir() {
        std::fs::create_dir_all(&fixtures).expect("the test cache can be written");
        let work =
            tempfile::Builder::new().prefix("new-").tempdir_in(&fixtures).expect("the test cache can be written");
        build(work.path());
        assert!(std::fs::read_dir(work.path()).is_ok_and(|mut files| files.next().is_some()), "nothing was built");
        // another process may have been first: then both have built the same
        let renamed = std::fs::rename(work.path(), &kept);
        assert!(renamed.is_ok() || kept.is_dir(), "{} cannot be kept: {renamed:?}", kept.display());
    }
    kept
}
