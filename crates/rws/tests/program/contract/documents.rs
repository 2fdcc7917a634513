//! `.changes` and `.buildinfo`: checked against the files, not published.

use super::index::digest;
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, deb_form, expect_created, expect_no_traces, expect_status, public_files, put, traces,
};
use crate::support::form::File;
use crate::support::server::Server;

/// A `.changes` of these files.
#[track_caller]
fn changes(files: &[&File]) -> File {
    let mut lists = [String::new(), String::new(), String::new()];
    for File { name, bytes } in files {
        let length = bytes.len();
        lists[0].push_str(&format!("\n {} {length} {name}", digest("sha1sum", bytes)));
        lists[1].push_str(&format!("\n {} {length} {name}", digest("sha256sum", bytes)));
        lists[2].push_str(&format!("\n {} {length} misc optional {name}", digest("md5sum", bytes)));
    }
    let [sha1, sha256, md5] = lists;
    let text = format!(
        "Format: 1.8\nDate: Sun, 13 Sep 2020 12:26:40 +0000\nSource: rws-one\nBinary: rws-one\nArchitecture: amd64\n\
         Version: 1.0-1\nDistribution: unstable\nUrgency: low\nMaintainer: Nobody <nobody@example.invalid>\n\
         Description:\n rws-one - fixture\nChanges:\n rws-one (1.0-1) unstable; urgency=low\n .\n   * Fixture.\n\
         Checksums-Sha1:{sha1}\nChecksums-Sha256:{sha256}\nFiles:{md5}\n"
    );
    File::new("rws-one_1.0-1_amd64.changes", text)
}

#[test]
fn changes_and_buildinfo() {
    let buildinfo = File::new("rws-one_1.0-1_amd64.buildinfo", *b"Format: 1.0\nSource: rws-one\n");
    let (deb, arm) = (&FIXTURES.deb, &FIXTURES.arm_deb);
    let with = |listed: &[&File], sent: &[&File]| {
        let changes = changes(listed);
        deb_form(sent.iter().copied().chain([&changes]))
    };
    let server = Server::start();
    let before = traces(&server);
    let mut rows = Rows::default();
    for (name, form, file) in [
        ("a listed file is missing", with(&[deb, arm], &[deb]), &arm.name),
        ("a listed file has other bytes", with(&[deb], &[&FIXTURES.other_deb]), &deb.name),
        ("a sent file is not listed", with(&[deb], &[deb, arm]), &arm.name),
        ("the .changes alone", with(&[deb], &[]), &deb.name),
    ] {
        rows.row(name, || {
            let answer = put(&server, DEB_TARGET, form);
            expect_status(&answer, 400);
            assert!(answer.text().contains(file), "{file} is not named: {}", answer.text());
            expect_no_traces(&server, &before);
        });
    }
    for (name, form) in [
        ("a .changes with all its files", with(&[deb, &buildinfo], &[deb, &buildinfo])),
        ("a .buildinfo without a .changes", deb_form([deb, &buildinfo])),
    ] {
        rows.row(name, || {
            let server = Server::start();
            expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), form));
            let files = public_files(&server);
            assert!(files.iter().any(|file| file.ends_with(&deb.name)), "{files:?}");
            let unwanted = |file: &String| file.contains(".changes") || file.contains(".buildinfo");
            assert!(!files.iter().any(unwanted), "published: {files:?}");
        });
    }
    rows.end();
}
