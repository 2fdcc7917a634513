//! `RWS-Warning`: what is taken although its sender should know something, and what it replaces.

use super::rows::Rows;
use super::stage::{DEB_TARGET, FIXTURES, RPM_TARGET, call, deb_form, expect_created, expect_status, get, put};
use crate::support::curl::Answer;
use crate::support::form::{File, Form};
use crate::support::packages::deb::Deb;
use crate::support::server::Server;
use crate::support::{read_file, temporary_directory};

const POOL: &str = "/release/2.8/ubuntu/pool/focal/main";

/// All warnings of an answer, a line each.
fn warnings(answer: &Answer) -> String {
    let named = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("rws-warning"));
    named.map(|(_, value)| format!("{value}\n")).collect()
}

fn upload(server: &Server, product: &str, file: &File) -> Answer {
    let answer = match file.name.ends_with(".rpm") {
        true => put(server, &format!("{RPM_TARGET}?wait=30"), Form::of([file]).field("product", product)),
        false => put(server, &format!("{DEB_TARGET}?wait=30"), Form::of([file]).field("product", product)),
    };
    expect_created(&answer);
    answer
}

#[test]
fn names_that_say_too_little() {
    let server = Server::start();
    let mut rows = Rows::default();
    for (file, name, missing) in [
        (&FIXTURES.rpm, "cat.rpm", "version and architecture"),
        (&FIXTURES.rpm, "rws-one.x86_64.rpm", "version"),
        (&FIXTURES.noarch_rpm, "rws-all-latest.rpm", "version and architecture"),
        (&FIXTURES.source_rpm, "rws-one.src.rpm", "version"),
        (&FIXTURES.deb, "agent.deb", "version and architecture"),
        (&FIXTURES.deb, "rws-one_current_amd64.deb", "version"),
    ] {
        rows.row(name, || {
            let said = warnings(&upload(&server, "product", &file.named(name)));
            let expected = format!("{name}: the file name does not contain the {missing} of the package");
            assert!(said.lines().any(|line| line.starts_with(&expected)), "{said:?}");
        });
    }
    for file in [
        &FIXTURES.rpm,
        &FIXTURES.noarch_rpm,
        &FIXTURES.source_rpm,
        &FIXTURES.arm_rpm,
        &FIXTURES.deb,
        &FIXTURES.arm_deb,
        &FIXTURES.epoch_deb,
    ] {
        rows.row(&format!("nothing is said of {}", file.name), || {
            let server = Server::start();
            assert_eq!(warnings(&upload(&server, "product", file)), "");
            assert_eq!(warnings(&upload(&server, "product", file)), "", "nor when it comes again");
        });
    }
    rows.row("nor of a source with its files", || {
        assert_eq!(warnings(&put(&server, DEB_TARGET, deb_form(FIXTURES.source()))), "");
    });
    rows.end();
}

#[test]
fn what_an_upload_replaces() {
    let mut rows = Rows::default();
    let deb = &FIXTURES.deb;
    rows.row("the same deb under another product", || {
        let server = Server::start();
        upload(&server, "product", deb);
        let answer = upload(&server, "other", deb);
        let old = format!("{POOL}/p/product/{}", deb.name);
        let said = warnings(&answer);
        assert!(said.starts_with(&format!("{} replaces {old}, which is the same package", deb.name)), "{said:?}");
        assert_eq!(said.lines().count(), 1, "{said:?}");
        // as it is said
        let index = get(&server, "/release/2.8/ubuntu/dists/focal/main/binary-amd64/Packages.gz").text();
        assert!(index.contains("/o/other/") && !index.contains("/p/product/"), "{index}");
    });
    rows.row("other bytes of it, under the same product, then under another one", || {
        let server = Server::start();
        upload(&server, "product", deb);
        assert_eq!(warnings(&upload(&server, "product", &FIXTURES.other_deb)), "");
        assert_eq!(warnings(&upload(&server, "product", deb)), "");
        assert!(warnings(&upload(&server, "other", deb)).contains("/p/product/"));
    });
    rows.row("under another file name", || {
        for (file, path) in
            [(deb, format!("{POOL}/p/product")), (&FIXTURES.rpm, format!("{RPM_TARGET}/x86_64/Packages"))]
        {
            let server = Server::start();
            upload(&server, "product", file);
            let extension = file.name.rsplit('.').next().unwrap();
            let answer = upload(&server, "product", &file.named(&format!("agent.{extension}")));
            let said = warnings(&answer);
            let expected = format!("agent.{extension} replaces {path}/{}, which", file.name);
            assert!(said.lines().any(|line| line.starts_with(&expected)), "{said:?}");
        }
    });
    rows.row("a source under another product", || {
        let server = Server::start();
        expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form(FIXTURES.source())));
        let answer = put(&server, DEB_TARGET, Form::of(FIXTURES.source()).field("product", "other"));
        expect_created(&answer);
        let said = warnings(&answer);
        assert!(said.contains(&format!(" replaces {POOL}/p/product/{}", FIXTURES.dsc.name)), "{said:?}");
    });
    rows.row("another version or architecture replaces nothing", || {
        let server = Server::start();
        upload(&server, "product", deb);
        let directory = temporary_directory();
        let newer = Deb::new("rws-one", "1.0-2", "amd64").build(directory.path());
        let newer = File { name: crate::support::file_name(&newer), bytes: read_file(&newer) };
        for file in [&FIXTURES.arm_deb, &newer] {
            assert_eq!(warnings(&upload(&server, "other", file)), "");
        }
    });
    rows.row("through an anchor: each of its files is named", || {
        let server = Server::start();
        for series in ["2.1", "2.2"] {
            let path = format!("/live/{series}/ubuntu/focal?wait=30");
            expect_created(&put(&server, &path, deb_form([deb])));
        }
        let answer = put(&server, "/live/enabled/ubuntu/focal", Form::of([deb]).field("product", "other"));
        expect_created(&answer);
        let said = warnings(&answer);
        for series in ["2.1", "2.2"] {
            assert!(said.contains(&format!("/live/{series}/ubuntu/pool/focal/main/p/product/")), "{said:?}");
        }
        assert_eq!(said.lines().count(), 2, "{said:?}");
    });
    rows.row("what was deleted is not replaced", || {
        let server = Server::start();
        upload(&server, "product", deb);
        expect_status(&call(&server, "DELETE", &format!("{DEB_TARGET}/{}?wait=30", deb.name)), 200);
        assert_eq!(warnings(&upload(&server, "other", deb)), "");
    });
    rows.end();
}
