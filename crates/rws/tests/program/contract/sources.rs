//! Source packages: a `.dsc` and the files that it names.

use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, Fixtures, deb_form, expect_code, expect_created, expect_file_refused, expect_no_traces,
    expect_status, get, put, traces,
};
use crate::support::form::Form;
use crate::support::server::Server;

const POOL: &str = "/release/2.8/ubuntu/pool/focal/main/p/product";

fn waiting() -> String {
    format!("{DEB_TARGET}?wait=30")
}

#[test]
fn incomplete_and_differing_sources() {
    let server = Server::start();
    let before = traces(&server);
    let Fixtures { dsc, debian, orig, signature, deb, .. } = &*FIXTURES;
    let mut rows = Rows::default();
    let refused = |form: Form, file: &str, names: &[&str]| {
        let answer = put(&server, DEB_TARGET, form);
        expect_file_refused(&answer, file);
        for name in names {
            assert!(answer.text().contains(name), "{name} is not named: {}", answer.text());
        }
        expect_no_traces(&server, &before);
    };
    rows.row("the .dsc alone: all missing files are named", || {
        refused(deb_form([dsc]), &dsc.name, &[&debian.name, &orig.name, &signature.name]);
    });
    rows.row("without the orig tarball", || refused(deb_form([dsc, debian, signature]), &dsc.name, &[&orig.name]));
    rows.row("without the signature", || refused(deb_form([dsc, debian, orig]), &dsc.name, &[&signature.name]));
    rows.row("a tarball of another size", || {
        refused(deb_form([dsc, debian, &orig.with(b"x"), signature]), &orig.name, &[]);
    });
    rows.row("a tarball of the same size with other bytes", || {
        refused(deb_form([dsc, debian, &orig.flipped(orig.bytes.len() / 2), signature]), &orig.name, &[]);
    });
    rows.row(".asc alone", || refused(deb_form([signature]), &signature.name, &[]));
    rows.row(".asc beside a package without a .dsc", || refused(deb_form([deb, signature]), &signature.name, &[]));
    rows.row(".asc that the .dsc does not name", || {
        let other = signature.named("other_1.0.orig.tar.gz.asc");
        refused(deb_form([dsc, debian, orig, signature, &other]), &other.name, &[]);
    });
    rows.row("a truncated .dsc", || {
        expect_status(
            &put(&server, DEB_TARGET, deb_form([&dsc.cut(dsc.bytes.len() / 2), debian, orig, signature])),
            400,
        );
        expect_no_traces(&server, &before);
    });
    rows.end();
}

#[track_caller]
fn expect_source(server: &Server) {
    let sources = get(server, "/release/2.8/ubuntu/dists/focal/main/source/Sources.gz");
    expect_status(&sources, 200);
    for file in FIXTURES.source() {
        assert!(sources.text().contains(&format!(" {}\n", file.name)), "{} is not in Sources", file.name);
        let found = get(server, &format!("{POOL}/{}", file.name));
        expect_status(&found, 200);
        assert!(found.body == file.bytes, "{} has other bytes", file.name);
    }
}

#[test]
fn complete_sources() {
    let Fixtures { dsc, debian, orig, signature, .. } = &*FIXTURES;
    let mut rows = Rows::default();
    rows.row("all files in one upload, with .asc", || {
        let server = Server::start();
        expect_created(&put(&server, &waiting(), deb_form(FIXTURES.source())));
        expect_source(&server);
    });
    rows.row("in any order", || {
        let server = Server::start();
        expect_created(&put(&server, &waiting(), deb_form([signature, orig, debian, dsc])));
        expect_source(&server);
    });
    rows.row("only tarballs, then the rest", || {
        let server = Server::start();
        expect_created(&put(&server, &waiting(), deb_form([orig])));
        expect_created(&put(&server, &waiting(), deb_form([dsc, debian, signature])));
        expect_source(&server);
    });
    rows.row("tarballs that are not published yet count too", || {
        let server = Server::start();
        expect_created(&put(&server, DEB_TARGET, deb_form([orig])));
        expect_created(&put(&server, &waiting(), deb_form([dsc, debian, signature])));
        expect_source(&server);
    });
    rows.row("again, when all is in the pool: the .dsc alone, and .asc alone", || {
        let server = Server::start();
        expect_created(&put(&server, &waiting(), deb_form(FIXTURES.source())));
        expect_created(&put(&server, &waiting(), deb_form([dsc])));
        expect_created(&put(&server, &waiting(), deb_form([signature])));
        expect_source(&server);
    });
    rows.row("a tarball that a .dsc names is never replaced: 409 with both digests", || {
        let server = Server::start();
        for path in [DEB_TARGET.to_owned(), waiting()] {
            expect_created(&put(&server, &path, deb_form(FIXTURES.source())));
            let other = orig.with(b"x");
            let answer = put(&server, &path, deb_form([&other]));
            expect_code(&answer, 409, "conflict");
            for bytes in [&orig.bytes, &other.bytes] {
                assert!(answer.text().contains(&super::index::sha256(bytes)), "{}", answer.text());
            }
            expect_created(&put(&server, &waiting(), deb_form([orig])));
        }
        expect_source(&server);
    });
    rows.row("a .dsc whose tarball in the pool differs", || {
        let server = Server::start();
        expect_created(&put(&server, &waiting(), deb_form([&orig.with(b"x")])));
        let answer = put(&server, DEB_TARGET, deb_form([dsc, debian, signature]));
        expect_status(&answer, 400);
        assert!(answer.text().contains(&orig.name), "{}", answer.text());
    });
    rows.end();
}
