//! `/-/metadata/…`: comps, updateinfo, modules and appstream beside the packages of an rpm repository.

use super::index::{primary, sha256};
use super::rows::Rows;
use super::stage::{DEB_TARGET, FIXTURES, RPM_TARGET, call, expect_created, expect_status, get, put};
use crate::support::curl::Answer;
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::Server;

const COMPS: &str = "<?xml version=\"1.0\"?>\n<comps><group><id>rws-group</id><name>RWS group</name><packagelist>\
                     <packagereq type=\"mandatory\">rws-one</packagereq></packagelist></group></comps>\n";
const UPDATES: &str = "<?xml version=\"1.0\"?>\n<updates><update from=\"rws\" status=\"final\" type=\"security\" version=\"1\">\
                       <id>RWS-2026:1</id><title>one</title><issued date=\"2026-11-25 00:00:00\"/></update></updates>\n";

fn path(name: &str, wait: &str) -> String {
    format!("/-/metadata{RPM_TARGET}/x86_64/{name}{wait}")
}

fn send(server: &Server, name: &str, content: &str) -> Answer {
    Request::new("PUT", &path(name, "?wait=30")).user(server.credentials()).body(content).send(server)
}

/// The kinds that the root lists, each with the file, whose digest is checked: there, and at the address of the generation.
#[track_caller]
fn listed(server: &Server) -> Vec<(String, Vec<u8>)> {
    let root = get(server, &format!("{RPM_TARGET}/x86_64/repodata/repomd.xml")).text();
    let mirrors = get(server, &format!("/-/mirrorlist{RPM_TARGET}/x86_64")).text();
    let generation = mirrors.trim().strip_prefix(server.base_url()).unwrap();
    let mut found = Vec::new();
    for data in root.split("<data type=\"").skip(1) {
        let kind = data.split('"').next().unwrap().to_owned();
        let href = data.split("<location href=\"").nth(1).unwrap().split('"').next().unwrap();
        let digest = data.split("<checksum type=\"sha256\">").nth(1).unwrap().split('<').next().unwrap();
        let file = get(server, &format!("{RPM_TARGET}/x86_64/{href}"));
        for file in [&file, &get(server, &format!("{generation}{href}"))] {
            expect_status(file, 200);
            assert_eq!(sha256(&file.body), digest, "{kind}");
        }
        found.push((kind, file.body));
    }
    found
}

fn kinds(server: &Server) -> Vec<String> {
    listed(server).into_iter().map(|(kind, _)| kind).collect()
}

#[test]
fn metadata_is_added_carried_replaced_and_removed() {
    let server = Server::start();
    let mut rows = Rows::default();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    rows.row("added", || {
        expect_created(&send(&server, "comps", COMPS));
        expect_created(&send(&server, "updateinfo", UPDATES));
        assert_eq!(kinds(&server), ["primary", "filelists", "other", "group", "updateinfo"]);
        assert_eq!(listed(&server)[3].1, COMPS.as_bytes());
    });
    rows.row("carried when packages come and go, and when the store is compared", || {
        expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.noarch_rpm])));
        expect_status(&call(&server, "POST", &format!("{RPM_TARGET}?wait=30")), 200);
        expect_status(&call(&server, "DELETE", &format!("{RPM_TARGET}/{}?wait=30", FIXTURES.noarch_rpm.name)), 200);
        assert_eq!(kinds(&server), ["primary", "filelists", "other", "group", "updateinfo"]);
        assert_eq!(primary(&server, &format!("{RPM_TARGET}/x86_64")).len(), 1);
    });
    rows.row("replaced", || {
        let other = COMPS.replace("RWS group", "other group");
        expect_created(&send(&server, "group", &other));
        assert_eq!(listed(&server)[3].1, other.as_bytes());
    });
    rows.row("nothing changed, nothing published", || {
        let before = get(&server, &format!("{RPM_TARGET}/x86_64/repodata/repomd.xml")).text();
        expect_created(&send(&server, "updateinfo", UPDATES));
        let now = get(&server, &format!("{RPM_TARGET}/x86_64/repodata/repomd.xml")).text();
        let without_times =
            |text: &str| text.lines().filter(|line| !line.contains("time")).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(without_times(&before)[3..], without_times(&now)[3..]);
    });
    rows.row("removed", || {
        expect_status(&call(&server, "DELETE", &path("comps", "?wait=30")), 200);
        assert_eq!(kinds(&server), ["primary", "filelists", "other", "updateinfo"]);
        expect_status(&call(&server, "DELETE", &path("comps", "?wait=30")), 404);
    });
    rows.row("other architectures have their own", || {
        expect_status(&call(&server, "DELETE", &format!("/-/metadata{RPM_TARGET}/aarch64/updateinfo")), 404);
    });
    rows.end();
}

#[test]
fn what_is_broken_is_refused() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let mut rows = Rows::default();
    for (name, content, status) in [
        ("comps", "<comps><group></comps>", 400),
        ("comps", UPDATES, 400),
        ("updateinfo", "<updates><update/></updates>", 400),
        ("modules", "- a\n", 400),
        ("appstream", "", 400),
        ("primary", COMPS, 400),
        ("prestodelta", "<prestodelta/>", 400),
        ("..%2f..%2fcomps", COMPS, 400),
    ] {
        rows.row(&format!("{name}: {content}"), || {
            let answer = send(&server, name, content);
            expect_status(&answer, status);
            assert!(answer.json()["message"].as_str().is_some_and(|message| message.len() > 10), "{}", answer.text());
        });
    }
    for (method, address, status) in [
        ("PUT", format!("/-/metadata{RPM_TARGET}/sparc/comps"), 404),
        ("PUT", format!("/-/metadata{DEB_TARGET}/amd64/comps"), 404),
        ("PUT", "/-/metadata/live/9.9/el/7/x86_64/comps".to_owned(), 400),
        ("PUT", "/-/metadata/comps".to_owned(), 400),
        ("DELETE", path("nothing", ""), 404),
        ("GET", path("comps", ""), 405),
        ("POST", path("comps", ""), 405),
    ] {
        rows.row(&format!("{method} {address}"), || {
            let request = Request::new(method, &address).user(server.credentials());
            let request = if method == "PUT" { request.body(COMPS) } else { request };
            expect_status(&request.send(&server), status);
        });
    }
    rows.row("without a user", || {
        expect_status(&Request::new("PUT", &path("comps", "")).body(COMPS).send(&server), 401);
        expect_status(&Request::new("DELETE", &path("comps", "")).send(&server), 401);
    });
    rows.row("too large", || {
        let answer = send(&server, "comps", &" ".repeat((16 << 20) + 1));
        assert!([413, 0].contains(&answer.status), "{}", answer.text());
    });
    assert_eq!(kinds(&server), ["primary", "filelists", "other"]);
    rows.end();
}
