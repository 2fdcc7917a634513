//! `rws sync` and `rws verify`, beside a running server.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::path::Path;
use std::process::{Command, Output};

use crate::support::curl::Upload;
use crate::support::packages::deb::Deb;
use crate::support::server::Server;
use crate::support::temporary_directory;

const TARGET: &str = "live/1.10/debian/bookworm";
const POOL: &str = "live/1.10/debian/pool/bookworm/main/h/hello";

fn rws(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rws"))
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .current_dir(data.parent().unwrap())
        .output()
        .unwrap()
}

/// The exit code and all that was said.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[track_caller]
fn expect(data: &Path, arguments: &[&str], code: i32, parts: &[&str]) {
    let (status, text) = said(&rws(data, arguments));
    assert_eq!(status, Some(code), "{arguments:?}: {text}");
    for part in parts {
        assert!(text.contains(part), "{arguments:?} does not say {part:?}: {text}");
    }
}

#[test]
fn repositories_are_kept_up_beside_a_running_server() {
    let server = Server::start();
    let data = server.data_dir();
    let files = temporary_directory();
    let build = |version: &str| Deb::new("hello", version, "amd64").build(files.path());
    let upload = |version: &str| {
        let upload = Upload::to(&format!("/{TARGET}?wait=30")).field("product", "hello");
        upload.file(&build(version)).send(&server).expect_created();
    };
    upload("1.0-1");
    expect(
        &data,
        &["verify", "--all"],
        0,
        &["6 index files, 1 package files: consistent", "1 repositories are consistent"],
    );
    expect(&data, &["sync", TARGET], 0, &["live/1.10/debian/bookworm: unchanged"]);

    // somebody puts a package there, and takes one away
    std::fs::copy(build("1.0-2"), data.join(POOL).join("hello_1.0-2_amd64.deb")).unwrap();
    expect(&data, &["sync", "--all"], 0, &["live/1.10/debian/bookworm: published 2"]);
    let index = "/live/1.10/debian/dists/bookworm/main/binary-amd64/Packages.gz";
    server.wait_for_body(index, |text| text.contains("Version: 1.0-1") && text.contains("Version: 1.0-2"));
    std::fs::remove_file(data.join(POOL).join("hello_1.0-1_amd64.deb")).unwrap();
    let missing = "hello_1.0-1_amd64.deb: the index lists it, and it does not exist";
    expect(&data, &["verify", TARGET], 1, &[missing, "1 of 1 repositories are not consistent"]);
    expect(&data, &["verify", "--repair", TARGET], 0, &[missing, "1 package files: consistent"]);
    server.wait_for_body(index, |text| !text.contains("Version: 1.0-1"));

    // an index is cut off, as by a full disk
    let dists = data.join("live/1.10/debian/dists/bookworm");
    let by_hash = dists.join("main/binary-amd64/by-hash/SHA256");
    for entry in std::fs::read_dir(by_hash).unwrap() {
        let file = std::fs::OpenOptions::new().write(true).open(entry.unwrap().path()).unwrap();
        file.set_len(1).unwrap();
    }
    expect(&data, &["verify", "--deep", TARGET], 1, &["its content does not match the root file"]);
    expect(&data, &["verify", "--deep", "--repair", "--all"], 0, &["1 repositories are consistent"]);
    // and the server goes on
    upload("1.0-3");
    expect(&data, &["verify", "--deep", TARGET], 0, &["2 package files: consistent"]);
}

#[test]
fn what_is_wrong_with_the_command_line_is_said() {
    let directory = temporary_directory();
    let data = directory.path().join("data");
    expect(&data, &["verify"], 2, &["PATH"]);
    expect(&data, &["sync", "live/1.10/debian/nothing"], 2, &["\"live/1.10/debian/nothing\" names no repository"]);
    expect(&data, &["sync", TARGET], 1, &["there is no repository at live/1.10/debian/bookworm"]);
    expect(&data, &["verify", TARGET, "--all"], 2, &["--all"]);
    expect(&data, &["verify", "--all"], 1, &["there is no repository in this store"]);
}
