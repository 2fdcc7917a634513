//! `wait`, the status of an upload, and what else lives below `/-/`.

use super::index::primary;
use super::rows::Rows;
use super::stage::{DEB_TARGET, FIXTURES, RPM_TARGET, deb_form, expect_created, expect_status, get, put};
use crate::support::curl::Answer;
use crate::support::form::{File, Form};
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::wait;

#[track_caller]
fn status_url(answer: &Answer) -> String {
    let url = answer.header("rws-status").unwrap_or_else(|| panic!("no RWS-Status: {}", answer.text())).to_owned();
    assert!(url.strip_prefix("/-/status/").is_some_and(|id| !id.is_empty()), "{url}");
    url
}

#[track_caller]
fn expect_published_status(server: &Server, url: &str) {
    let answer = get(server, url);
    expect_status(&answer, 200);
    assert_eq!(answer.json()["state"], "published", "{}", answer.text());
}

#[test]
fn wait_and_status() {
    let server = Server::start();
    let mut rows = Rows::default();
    let repository = format!("{RPM_TARGET}/x86_64");
    let digests = || primary(&server, &repository).into_iter().map(|(_, digest)| digest).collect::<Vec<_>>();
    let sha256 = |file: &File| super::index::sha256(&file.bytes);
    rows.row("without wait: 201 at once, and the status becomes published", || {
        let answer = put(&server, RPM_TARGET, Form::of([&FIXTURES.rpm]));
        expect_created(&answer);
        let url = status_url(&answer);
        wait::until("the status `published`", wait::BOUND, || {
            let status = get(&server, &url);
            expect_status(&status, 200);
            let state = status.json()["state"].as_str().unwrap_or_default().to_owned();
            assert!(["pending", "published"].contains(&state.as_str()), "{}", status.text());
            (state == "published").then_some(())
        });
        assert_eq!(digests(), [sha256(&FIXTURES.rpm)]);
    });
    rows.row("?wait=30: 201 when it is published", || {
        let answer = put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.other_rpm]));
        expect_created(&answer);
        assert_eq!(digests(), [sha256(&FIXTURES.other_rpm)]);
        expect_published_status(&server, &status_url(&answer));
    });
    for (name, value) in [("Prefer", "wait=30"), ("prefer", "respond-async, wait=30"), ("Prefer", "wait=3000")] {
        rows.row(&format!("{name}: {value}"), || {
            // one after the other, each with other bytes than the last
            let file = if digests() == [sha256(&FIXTURES.rpm)] { &FIXTURES.other_rpm } else { &FIXTURES.rpm };
            let request = Request::new("PUT", RPM_TARGET).user(server.credentials()).header(name, value);
            expect_created(&request.form(Form::of([file])).send(&server));
            assert_eq!(digests(), [sha256(file)]);
        });
    }
    rows.row("time is up: 202 with the status", || {
        let answer = put(&server, &format!("{DEB_TARGET}?wait=0"), deb_form([&FIXTURES.deb]));
        let url = status_url(&answer);
        expect_status(&answer, 202);
        assert_eq!(answer.text(), format!("{{\"message\":\"OK\",\"status\":\"{url}\"}}\n"));
        wait::until("the status `published`", wait::BOUND, || {
            (get(&server, &url).json()["state"] == "published").then_some(())
        });
    });
    rows.row("the same bytes again, with wait", || {
        let answer = put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.deb]));
        expect_created(&answer);
        expect_published_status(&server, &status_url(&answer));
    });
    rows.row("an anchor with wait: published everywhere", || {
        let answer = put(&server, "/live/enabled/fedora/30?wait=60", Form::of([&FIXTURES.rpm]));
        expect_created(&answer);
        for series in ["modules", "1.10", "2.9"] {
            assert_eq!(primary(&server, &format!("/live/{series}/fedora/30/x86_64")).len(), 1);
        }
    });
    rows.row("a status that does not exist", || {
        for id in ["x", "20200101T000000Z-00000000", "../keys/main.asc", "%2e%2e%2fkeys", ""] {
            expect_status(&get(&server, &format!("/-/status/{id}")), 404);
        }
    });
    rows.end();
}

#[test]
fn own_addresses() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.deb])));
    let mut rows = Rows::default();
    for (path, content) in [
        ("/-/health", "ok"),
        ("/-/ready", "ready"),
        ("/-/version", env!("CARGO_PKG_VERSION")),
        ("/-/keys/main.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----"),
        ("/-/keys/modules.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----"),
        ("/-/setup/release/2.8/ubuntu/focal.sources", "URIs: http"),
        ("/-/setup/release/2.8/ubuntu/focal.list", "signed-by="),
        ("/-/setup/live/1.10/el/7.repo", "mirrorlist="),
        ("/-/setup/live/1.10/el/7.yum.repo", "\nbaseurl="),
        ("/-/setup/live/1.10/opensuse-leap/15.2.zypper.repo", "\ntype=rpm-md\n"),
        ("/-/setup/live/1.10/opensuse-leap/15.2.repo", "mirrorlist="),
        ("/-/mirrorlist/live/1.10/el/7/x86_64", "/@"),
    ] {
        rows.row(path, || {
            let answer = get(&server, path);
            expect_status(&answer, 200);
            assert!(answer.text().contains(content), "{}", answer.text());
            let head = Request::new("HEAD", path).send(&server);
            expect_status(&head, 200);
            assert_eq!(head.header("content-length"), answer.header("content-length"));
        });
    }
    for path in [
        "/-/",
        "/-",
        "/-/nothing",
        "/-/keys/other.asc",
        "/-/keys/../../.rws/secrets/signing-key.asc",
        "/-/setup/release/2.8/ubuntu/focal.repo",
        "/-/setup/live/1.10/el/7.sources",
        "/-/setup/live/9.9/el/7.repo",
        "/-/mirrorlist/live/9.9/el/7/x86_64",
        "/-/mirrorlist/live/1.10/el/7/sparc",
    ] {
        rows.row(&format!("{path} is not there"), || expect_status(&get(&server, path), 404));
    }
    rows.row("the address of a generation: `/@<id>/<repository>/…`", || {
        let mirrors = get(&server, "/-/mirrorlist/live/1.10/el/7/x86_64").text();
        let base = mirrors.trim().strip_prefix(server.base_url()).unwrap().to_owned();
        let id = base.split('/').nth(1).and_then(|id| id.strip_prefix('@')).unwrap().to_owned();
        let (time, nonce) = id.split_once('-').unwrap();
        let digits = |text: &str, at: std::ops::Range<usize>| text[at].bytes().all(|byte| byte.is_ascii_digit());
        assert!(time.len() == 16 && digits(time, 0..8) && digits(time, 9..15), "{id}");
        assert!((&time[8..9], &time[15..]) == ("T", "Z") && nonce.len() == 8, "{id}");
        let repomd = get(&server, "/live/1.10/el/7/x86_64/repodata/repomd.xml").body;
        let expect_same = || {
            let kept = get(&server, &format!("{base}repodata/repomd.xml"));
            expect_status(&kept, 200);
            assert!(kept.body == repomd, "another repomd.xml");
        };
        expect_same();
        expect_status(&get(&server, &format!("{base}Packages/{}", FIXTURES.rpm.name)), 200);
        expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.noarch_rpm])));
        expect_same();
        for other in ["el/8", "fedora/30"] {
            expect_status(&get(&server, &format!("/@{id}/live/1.10/{other}/x86_64/repodata/repomd.xml")), 404);
        }
        expect_status(&get(&server, &format!("/@{id}/.rws/secrets/signing-key.asc")), 404);
    });
    rows.end();
}
