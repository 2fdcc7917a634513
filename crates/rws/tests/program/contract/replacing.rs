//! The same package again: the same bytes, and other ones.

use super::index::{expect_files_agree, packages, primary, sha256};
use super::rows::Rows;
use super::stage::{DEB_TARGET, FIXTURES, OK, RPM_TARGET, deb_form, expect_created, get, put};
use crate::support::form::{File, Form};
use crate::support::server::Server;

const ARCHIVE: &str = "/release/2.8/ubuntu";

#[track_caller]
fn upload(server: &Server, file: &File) {
    let (path, form) = match file.name.ends_with(".deb") {
        true => (DEB_TARGET, deb_form([file])),
        false => (RPM_TARGET, Form::of([file])),
    };
    expect_created(&put(server, &format!("{path}?wait=30"), form));
}

/// The one package that is listed has these bytes, and the file agrees.
#[track_caller]
fn expect_only(server: &Server, file: &File) {
    let (base, listed) = match file.name.ends_with(".deb") {
        true => (ARCHIVE.to_owned(), packages(server, ARCHIVE, "focal", "amd64")),
        false => (format!("{RPM_TARGET}/x86_64"), primary(server, &format!("{RPM_TARGET}/x86_64"))),
    };
    expect_files_agree(server, &base, &listed);
    let digests: Vec<&str> = listed.iter().map(|(_, digest)| digest.as_str()).collect();
    assert_eq!(digests, [sha256(&file.bytes)]);
}

#[test]
fn the_same_package_again() {
    let mut rows = Rows::default();
    for (file, other) in [(&FIXTURES.deb, &FIXTURES.other_deb), (&FIXTURES.rpm, &FIXTURES.other_rpm)] {
        assert!(file.name == other.name && file.bytes != other.bytes);
        rows.row(&format!("{}: the same bytes", file.name), || {
            let server = Server::start();
            upload(&server, file);
            let root = |server: &Server| {
                let path = if file.name.ends_with(".deb") {
                    "/release/2.8/ubuntu/dists/focal/Release"
                } else {
                    "/live/1.10/el/7/x86_64/repodata/repomd.xml"
                };
                get(server, path).text()
            };
            let before = root(&server);
            upload(&server, file);
            expect_only(&server, file);
            assert_eq!(root(&server), before, "nothing changed, but it is published anew");
        });
        rows.row(&format!("{}: other bytes, and back", file.name), || {
            let server = Server::start();
            for file in [file, other, file] {
                upload(&server, file);
                expect_only(&server, file);
            }
        });
        rows.row(&format!("{}: other bytes before the first are published", file.name), || {
            let server = Server::start();
            let (path, form) = match file.name.ends_with(".deb") {
                true => (DEB_TARGET, deb_form([file])),
                false => (RPM_TARGET, Form::of([file])),
            };
            let answer = put(&server, path, form);
            assert_eq!((answer.status, answer.text().as_str()), (201, OK));
            upload(&server, other);
            expect_only(&server, other);
        });
        rows.row(&format!("{}: the same package under another name", file.name), || {
            let server = Server::start();
            upload(&server, file);
            let end = if file.name.ends_with(".deb") { "renamed.deb" } else { "renamed.rpm" };
            upload(&server, &other.named(end));
            expect_only(&server, &other.named(end));
        });
    }
    rows.end();
}
