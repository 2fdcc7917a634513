//! What the tests of the program share: the running server, fixtures, and the real clients in private roots.
//!
//! Everything here panics with a message that says what to do; a missing client is a failure, never a skip.
#![expect(clippy::expect_used, reason = "test code")]

pub mod apt;
pub mod browser;
pub mod bucket;
pub mod curl;
pub mod debian_system;
pub mod dnf;
pub mod documents;
pub mod dput;
pub mod file_server;
pub mod form;
pub mod gpgv;
pub mod machine;
pub mod mkrepo;
pub mod original;
pub mod original_service;
pub mod packages;
pub mod private_root;
pub mod program;
pub mod raw;
pub mod server;
pub mod storage;
pub mod wait;
pub mod zypper;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The checkout.
pub fn project_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).expect("the crate lies in crates/rws of the checkout").to_owned()
}

/// Where `tests/setup` puts what it fetches: `$RWS_TEST_CACHE`, by default `target/test-cache` of the checkout.
pub fn test_cache() -> PathBuf {
    rws_lab::cache()
}

/// The shipped configuration with changes, as a file in a directory.
#[track_caller]
pub fn configuration_file(directory: &Path, change: impl FnOnce(&mut serde_json::Value)) -> String {
    let shipped = read_file(&project_root().join("config.default"));
    let mut value = serde_json::from_slice(&shipped).expect("the shipped configuration is JSON");
    change(&mut value);
    let file = directory.join("rws.json");
    write_file(&file, value.to_string());
    file.display().to_string()
}

/// A directory that goes away with the value; its owner's only, as gpg wants its home to be.
pub fn temporary_directory() -> tempfile::TempDir {
    let private = Permissions::from_mode(0o700);
    tempfile::Builder::new().prefix("rws-test-").permissions(private).tempdir().expect("a temporary directory")
}

/// Writes a file and the directories above it.
#[track_caller]
pub fn write_file(path: &Path, content: impl AsRef<[u8]>) {
    let parent = path.parent().expect("a path below a directory");
    std::fs::create_dir_all(parent).unwrap_or_else(|error| panic!("cannot create {}: {error}", parent.display()));
    std::fs::write(path, content).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

/// The bytes of a file.
#[track_caller]
pub fn read_file(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// The last part of a path, as text.
#[track_caller]
pub fn file_name(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_else(|| panic!("{path:?} has no name")).to_owned()
}

/// The regular files directly in a directory, sorted; none when there is no directory.
pub fn files_in(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Copies the regular files directly in a directory; the copies.
#[track_caller]
pub fn copy_files(from: &Path, to: &Path) -> Vec<PathBuf> {
    let copy = |file: &PathBuf| {
        let copy = to.join(file_name(file));
        write_file(&copy, read_file(file));
        copy
    };
    files_in(from).iter().map(copy).collect()
}

/// The regular files below a directory, sorted.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = files_in(directory);
    let Ok(entries) = std::fs::read_dir(directory) else { return files };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files.extend(files_below(&entry.path()));
        }
    }
    files.sort();
    files
}

/// Whether two sets of files hold the same bytes. Names may differ: apt writes an epoch into them, uploaders do not.
#[track_caller]
pub fn expect_same_files(downloaded: &[PathBuf], uploaded: &[PathBuf]) {
    let names = |paths: &[PathBuf]| paths.iter().map(|path| file_name(path)).collect::<Vec<_>>();
    let sorted = |paths: &[PathBuf]| {
        let mut contents: Vec<Vec<u8>> = paths.iter().map(|path| read_file(path)).collect();
        contents.sort();
        contents
    };
    let same = sorted(downloaded) == sorted(uploaded);
    assert!(same, "downloaded {:?} are not the uploaded {:?}", names(downloaded), names(uploaded));
}
