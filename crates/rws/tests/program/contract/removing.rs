//! DELETE: one package file out of its repositories.

use serde_json::json;

use super::index::{packages, primary};
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, OK, RPM_TARGET, call, configured, deb_form, expect_code, expect_created, expect_file_refused,
    expect_message, expect_no_traces, expect_status, get, put, traces,
};
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::{temporary_directory, wait};

const ARCHIVE: &str = "/release/2.8/ubuntu";

fn names(server: &Server, target: &str, architecture: &str) -> Vec<String> {
    primary(server, &format!("{target}/{architecture}")).into_iter().map(|(path, _)| path).collect()
}

#[test]
fn what_is_there_goes() {
    let server = Server::start();
    let mut rows = Rows::default();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm, &FIXTURES.noarch_rpm])));
    let everything = FIXTURES.source().into_iter().chain([&FIXTURES.deb]);
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form(everything)));
    let rpm = &FIXTURES.rpm.name;
    rows.row("an rpm, waiting: gone from the index, and its file still there for readers of the old root", || {
        let answer = call(&server, "DELETE", &format!("{RPM_TARGET}/{rpm}?wait=30"));
        assert_eq!((answer.status, answer.text().as_str()), (200, OK));
        assert!(answer.header("rws-status").is_some_and(|status| status.starts_with("/-/status/")));
        assert_eq!(names(&server, RPM_TARGET, "x86_64").len(), 1);
        expect_status(&get(&server, &format!("{RPM_TARGET}/x86_64/Packages/{rpm}")), 200);
    });
    rows.row("a noarch rpm goes from all architectures", || {
        let path = format!("{RPM_TARGET}/{}?wait=30", FIXTURES.noarch_rpm.name);
        expect_status(&call(&server, "DELETE", &path), 200);
        for architecture in ["x86_64", "aarch64"] {
            assert_eq!(names(&server, RPM_TARGET, architecture), Vec::<String>::new());
        }
    });
    rows.row("a deb", || {
        expect_status(&call(&server, "DELETE", &format!("{DEB_TARGET}/{}?wait=30", FIXTURES.deb.name)), 200);
        assert_eq!(packages(&server, ARCHIVE, "focal", "amd64"), []);
    });
    rows.row("a tarball belongs to its source", || {
        let answer = call(&server, "DELETE", &format!("{DEB_TARGET}/{}", FIXTURES.orig.name));
        expect_code(&answer, 409, "part-of-source");
        assert!(answer.text().contains(&FIXTURES.dsc.name), "{}", answer.text());
    });
    rows.row("a source goes with all its files", || {
        expect_status(&call(&server, "DELETE", &format!("{DEB_TARGET}/{}?wait=30", FIXTURES.dsc.name)), 200);
        let root = get(&server, &format!("{ARCHIVE}/dists/focal/InRelease")).text();
        assert!(root.lines().any(|line| line.ends_with(" 0 main/source/Sources")), "{root}");
        expect_status(&call(&server, "DELETE", &format!("{DEB_TARGET}/{}", FIXTURES.orig.name)), 404);
    });
    rows.row("again: it is not there", || {
        let answer = call(&server, "DELETE", &format!("{RPM_TARGET}/{rpm}"));
        expect_message(&answer, 404, &format!("There is no package file {rpm} at {}.", &RPM_TARGET[1..]));
    });
    rows.row("and comes back when it is uploaded again", || {
        expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
        assert_eq!(names(&server, RPM_TARGET, "x86_64").len(), 1);
    });
    rows.row("right behind its upload, which is not published yet", || {
        let rpm = &FIXTURES.arm_rpm;
        expect_created(&put(&server, RPM_TARGET, Form::of([rpm])));
        expect_status(&call(&server, "DELETE", &format!("{RPM_TARGET}/{}?wait=30", rpm.name)), 200);
        assert_eq!(names(&server, RPM_TARGET, "aarch64"), Vec::<String>::new());
    });
    rows.row("through an anchor", || {
        expect_created(&put(&server, "/live/enabled/fedora/30?wait=60", Form::of([&FIXTURES.rpm])));
        expect_status(&call(&server, "DELETE", &format!("/live/enabled/fedora/30/{rpm}?wait=60")), 200);
        for series in ["modules", "1.10", "2.9"] {
            assert_eq!(names(&server, &format!("/live/{series}/fedora/30"), "x86_64"), Vec::<String>::new());
        }
    });
    rows.row("time is up: 202 with the status, which becomes published", || {
        let answer = call(&server, "DELETE", &format!("{RPM_TARGET}/{rpm}?wait=0"));
        expect_status(&answer, 202);
        let url = answer.json()["status"].as_str().unwrap().to_owned();
        wait::until("the status `published`", wait::BOUND, || {
            (get(&server, &url).json()["state"] == "published").then_some(())
        });
    });
    rows.end();
}

#[test]
fn what_is_wrong_changes_nothing() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let before = traces(&server);
    let rpm = &FIXTURES.rpm.name;
    let mut rows = Rows::default();
    for (path, status) in [
        (format!("{RPM_TARGET}/no-such.rpm"), 404),
        (format!("{DEB_TARGET}/{rpm}"), 404),
        (format!("{RPM_TARGET}/x86_64/Packages/no-such.rpm"), 404),
        (format!("{RPM_TARGET}/x86_64/{rpm}"), 404),
        (format!("{RPM_TARGET}/aarch64/Packages/{rpm}"), 404),
        (format!("{RPM_TARGET}/x86_64/repodata/repomd.xml"), 404),
        (format!("{RPM_TARGET}/i686/Packages/{rpm}"), 400),
        (format!("/live/9.9/el/7/x86_64/Packages/{rpm}"), 400),
        (format!("{RPM_TARGET}/x86_64/Packages/..%2f..%2f{rpm}"), 400),
        (format!("{ARCHIVE}/pool/no-such/main/p/product/x.deb"), 400),
        (format!("{ARCHIVE}/pool/focal/main/p/product/x.deb"), 404),
        (format!("/live/9.9/el/7/{rpm}"), 400),
        (RPM_TARGET.to_owned(), 400),
        ("/bad".to_owned(), 400),
        (format!("{RPM_TARGET}/..%2f{rpm}"), 400),
        (format!("{RPM_TARGET}/a%20b.rpm"), 400),
        ("/.rws/secrets/signing-key.asc".to_owned(), 400),
    ] {
        rows.row(&path, || expect_status(&call(&server, "DELETE", &path), status));
        rows.row(&format!("without a user: {path}"), || {
            let answer = Request::new("DELETE", &path).send(&server);
            expect_status(&answer, 401);
            assert_eq!(answer.text(), "Unauthorized Access");
        });
    }
    rows.row("nothing is gone", || expect_no_traces(&server, &before));
    rows.end();
}

#[test]
fn other_bytes_where_they_are_refused() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |file| {
        file["repositories"] = json!([
            { "match": "release/*/*/*", "on_conflict": "refuse" },
            { "match": "live/1.10/el/7", "on_conflict": "refuse" },
        ]);
    });
    let mut rows = Rows::default();
    for (file, other, target) in
        [(&FIXTURES.deb, &FIXTURES.other_deb, DEB_TARGET), (&FIXTURES.rpm, &FIXTURES.other_rpm, RPM_TARGET)]
    {
        let form = |one| if file.name.ends_with(".deb") { deb_form([one]) } else { Form::of([one]) };
        let digest = |file: &crate::support::form::File| super::index::sha256(&file.bytes);
        rows.row(&format!("{}: 409 with both digests, before and after it is published", file.name), || {
            expect_created(&put(&server, target, form(file)));
            for wait in ["", "?wait=30"] {
                expect_created(&put(&server, &format!("{target}{wait}"), form(file)));
                let before = traces(&server);
                let answer = put(&server, &format!("{target}{wait}"), form(other));
                expect_code(&answer, 409, "conflict");
                for digest in [digest(file), digest(other)] {
                    assert!(answer.text().contains(&digest), "{}", answer.text());
                }
                assert_eq!(answer.json()["file"], file.name.as_str());
                if wait == "?wait=30" {
                    expect_no_traces(&server, &before);
                }
            }
        });
        rows.row(&format!("{}: after a DELETE other bytes are taken", file.name), || {
            expect_status(&call(&server, "DELETE", &format!("{target}/{}", file.name)), 200);
            expect_created(&put(&server, &format!("{target}?wait=30"), form(other)));
            expect_code(&put(&server, target, form(file)), 409, "conflict");
        });
    }
    rows.row("elsewhere they replace", || {
        for file in [&FIXTURES.rpm, &FIXTURES.other_rpm] {
            expect_created(&put(&server, "/live/1.10/el/8?wait=30", Form::of([file])));
        }
    });
    rows.row("a bad file beside is said first", || {
        let bad = crate::support::form::File::new("rws-bad-1.0-1.x86_64.rpm", b"bad".to_vec());
        expect_file_refused(&put(&server, RPM_TARGET, Form::of([&FIXTURES.rpm, &bad])), &bad.name);
    });
    rows.end();
}
