//! The package with the keys and the source of a target, installed by the real dpkg and read by the real apt.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod journeys;
mod keys;

use std::fs;

use rws_model::BuiltPackage;

use crate::support::{inspect_with_contents, run};
use client::package;

#[test]
fn equal_input_gives_equal_bytes_and_is_accepted() {
    let file = package("1~rc1+x", &["amd64"], &[b"key"]);
    assert_eq!(file, package("1~rc1+x", &["amd64"], &[b"key"]));
    assert_eq!(file.file.as_str(), "rws-live-archive-keyring_1~rc1+x_all.deb");
    let inspected = inspect_with_contents(file.file.as_str(), &file.bytes, 1000).unwrap();
    assert_eq!((inspected.architecture.as_str(), inspected.misnamed, inspected.warnings), ("all", None, vec![]));
}

#[test]
fn dpkg_deb_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let BuiltPackage { file: name, bytes } = package("1.0", &["amd64"], &[b"key"]);
    fs::write(directory.path().join(name.as_str()), bytes).unwrap();
    let dpkg_deb =
        |arguments: &[&str]| String::from_utf8(run("dpkg-deb", "dpkg", arguments, directory.path())).unwrap();
    let fields = dpkg_deb(&["--field", name.as_str()]);
    for field in ["Multi-Arch: foreign", "Architecture: all", "Version: 1.0"] {
        assert!(fields.lines().any(|line| line == field), "{field}: {fields}");
    }
    assert!(!fields.contains("Depends"), "{fields}");
    let contents = dpkg_deb(&["--contents", name.as_str()]);
    for line in contents.lines() {
        let mode = if line.ends_with('/') { "drwxr-xr-x root/root" } else { "-rw-r--r-- root/root" };
        assert!(line.starts_with(mode) && line.contains(" 2023-11-14 "), "{line}");
    }
    dpkg_deb(&["--raw-extract", name.as_str(), "out"]);
    let control = directory.path().join("out/DEBIAN");
    let mut names: Vec<_> = fs::read_dir(&control).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["control", "postinst", "prerm"]);
    for script in ["postinst", "prerm"] {
        run("dash", "dash", &["-n", script], &control);
    }
}
