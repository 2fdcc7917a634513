//! `/-/pins`: names for states that are kept.

use serde_json::{Value, json};

use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, deb_form, expect_code, expect_created, expect_no_traces, expect_status, get,
    post_json, put, traces, user, with_users,
};
use crate::support::bucket::PASSWORD_HASH;
use crate::support::curl::Answer;
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::temporary_directory;

fn pin(server: &Server, body: &Value) -> Answer {
    post_json(server, "/-/pins", body)
}

fn unpin(server: &Server, name: &str) -> Answer {
    Request::new("DELETE", &format!("/-/pins/{name}")).user(server.credentials()).body("").send(server)
}

#[test]
fn a_pin_names_states_of_many_repositories() {
    let server = Server::start();
    let mut rows = Rows::default();
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.deb])));
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm, &FIXTURES.arm_rpm])));
    let repositories =
        [&DEB_TARGET[1..], &format!("{}/aarch64", &RPM_TARGET[1..]), &format!("{}/x86_64", &RPM_TARGET[1..])];
    let before = traces(&server);
    let bytes = |file: &crate::support::form::File| file.bytes.len();
    rows.row("made", || {
        let answer = pin(&server, &json!({ "name": "march", "targets": ["*/*/ubuntu/focal", RPM_TARGET] }));
        expect_status(&answer, 201);
        let made = answer.json();
        assert_eq!(made["bytes"], bytes(&FIXTURES.deb) + bytes(&FIXTURES.rpm) + bytes(&FIXTURES.arm_rpm));
        let names: Vec<_> =
            made["repositories"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        let mut expected = repositories.map(str::to_owned);
        expected.sort();
        assert_eq!(names, expected);
        assert_eq!(get(&server, "/-/pins").json(), json!({ "pins": [made] }));
    });
    rows.row("generations say which pins they have, and a later one has none", || {
        expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.other_deb])));
        let all = get(&server, &format!("/-/repositories/{}/generations", &DEB_TARGET[1..])).json();
        assert_eq!((&all["generations"][0]["pins"], &all["generations"][1]["pins"]), (&json!([]), &json!(["march"])));
        let path = format!("/-/repositories/{}/diff?from=march", &DEB_TARGET[1..]);
        assert_eq!(
            get(&server, &path).json()["repositories"][&DEB_TARGET[1..]]["replaced"][0]["file"],
            FIXTURES.deb.name
        );
    });
    rows.row("a pin of a pin is its own", || {
        expect_status(&pin(&server, &json!({ "name": "april", "targets": [DEB_TARGET], "at": "march" })), 201);
        let pins = get(&server, "/-/pins").json()["pins"].clone();
        let repository = &DEB_TARGET[1..];
        assert_eq!((&pins[0]["name"], &pins[1]["name"]), (&json!("april"), &json!("march")));
        assert_eq!(pins[0]["repositories"][repository], pins[1]["repositories"][repository]);
        expect_status(&unpin(&server, "april"), 200);
    });
    rows.row("caches ask again: the name may be given to another state", || {
        let repomd = get(&server, &format!("/-/at/march{RPM_TARGET}/x86_64/repodata/repomd.xml"));
        assert_eq!(repomd.header("cache-control"), Some("no-cache"));
        let release = get(&server, &format!("/-/at/march{}/dists/focal/Release", "/release/2.8/ubuntu")).text();
        let digest = release.split("SHA256:\n ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let path = format!("/-/at/march/release/2.8/ubuntu/dists/focal/main/binary-all/by-hash/SHA256/{digest}");
        let answer = get(&server, &path);
        assert!(answer.status == 404 || answer.header("cache-control") == Some("no-cache"));
    });
    rows.row("what a pin does not have is not there", || {
        expect_status(&get(&server, &format!("/-/at/march{RPM_TARGET}/x86_64/repodata/repomd.xml")), 200);
        expect_status(&get(&server, "/-/at/march/live/2.8/el/8/x86_64/repodata/repomd.xml"), 404);
        expect_created(&put(&server, "/live/2.8/el/8?wait=30", Form::of([&FIXTURES.rpm])));
        expect_status(&get(&server, "/-/at/march/live/2.8/el/8/x86_64/repodata/repomd.xml"), 404);
        expect_status(&get(&server, "/-/at/april/live/2.8/el/8/x86_64/repodata/repomd.xml"), 404);
    });
    rows.row("removed", || {
        expect_status(&unpin(&server, "march"), 200);
        expect_code(&unpin(&server, "march"), 404, "no-pin");
        assert_eq!(get(&server, "/-/pins").json(), json!({ "pins": [] }));
        let trace = traces(&server).into_iter().filter(|trace| trace.contains(".rws/pins")).collect::<Vec<_>>();
        assert_eq!(trace, before.iter().filter(|trace| trace.contains(".rws/pins")).cloned().collect::<Vec<_>>());
    });
    rows.end();
}

#[test]
fn what_is_wrong_changes_nothing() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    expect_status(&pin(&server, &json!({ "name": "march", "targets": [RPM_TARGET] })), 201);
    let before = traces(&server);
    let mut rows = Rows::default();
    let long = "a".repeat(65);
    for (request, status, code) in [
        (json!({ "name": "march", "targets": [RPM_TARGET] }), 409, "pin-exists"),
        (json!({ "name": "20260301T120000Z", "targets": [RPM_TARGET] }), 400, "name"),
        (json!({ "name": "20260301T120000Z-00000000", "targets": [RPM_TARGET] }), 400, "name"),
        (json!({ "name": "", "targets": [RPM_TARGET] }), 400, "name"),
        (json!({ "name": "..", "targets": [RPM_TARGET] }), 400, "name"),
        (json!({ "name": "a/b", "targets": [RPM_TARGET] }), 400, "name"),
        (json!({ "name": long, "targets": [RPM_TARGET] }), 400, "name"),
        (json!({ "name": "may", "targets": [] }), 400, "path"),
        (json!({ "name": "may", "targets": vec!["*/*/*/*"; 1000] }), 400, "path"),
        (json!({ "name": "may", "targets": ["*".repeat(1000)] }), 400, "path"),
        (json!({ "name": "may", "targets": ["live/9.9/el/7"] }), 400, "path"),
        (json!({ "name": "may", "targets": ["live/*/fedora/1"] }), 400, "path"),
        (json!({ "name": "may", "targets": ["live/2.8/el/8"] }), 404, "no-repository"),
        (json!({ "name": "may", "targets": [RPM_TARGET], "at": "20200101T000000Z" }), 410, "not-kept"),
        (json!({ "name": "may", "targets": [RPM_TARGET], "at": "21200101T000000Z" }), 400, "future"),
        (json!({ "name": "may", "targets": [RPM_TARGET], "at": "june" }), 404, "no-pin"),
        (json!({ "name": "may", "targets": [RPM_TARGET], "until": 1 }), 400, "json"),
        (json!({ "name": "may" }), 400, "json"),
    ] {
        rows.row(&request.to_string(), || expect_code(&pin(&server, &request), status, code));
    }
    for name in ["april", "..", "%2e%2e", "a%2fb", "march.json"] {
        rows.row(&format!("DELETE {name}"), || {
            let status = unpin(&server, name).status;
            assert!([400, 403, 404, 405].contains(&status), "{status}");
        });
    }
    rows.row("without a user", || expect_status(&Request::new("POST", "/-/pins").body("{}").send(&server), 401));
    rows.row("nothing is there that was not", || expect_no_traces(&server, &before));
    rows.end();
}

#[test]
fn administrators_change_pins() {
    let hash = PASSWORD_HASH;
    let directory = temporary_directory();
    let all = ["read", "upload", "delete", "promote", "retain"];
    let credentials = json!({
        "plain": hash,
        "all": { "hash": hash, "allow": [{ "match": "*", "verbs": all }] },
        "root": { "hash": hash, "admin": true },
    });
    let server = with_users(directory.path(), &credentials, |_| {});
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let body = json!({ "name": "march", "targets": [RPM_TARGET] }).to_string();
    for (name, post, delete) in [("plain", 403, 403), ("all", 403, 403), ("root", 201, 200)] {
        let request = Request::new("POST", "/-/pins").user(&user(name)).body(body.clone());
        expect_status(&request.send(&server), post);
        let request = Request::new("DELETE", "/-/pins/march").user(&user(name)).body("");
        expect_status(&request.send(&server), delete);
    }
}
