//! `POST /-/purge`.

use serde_json::{Value, json};

use super::index::{packages, sha256};
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, deb_form, expect_code, expect_created, expect_no_traces, expect_status, get,
    post_json, put, traces,
};
use crate::support::curl::Answer;
use crate::support::form::Form;
use crate::support::packages::deb::Deb;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::{files_below, read_file, temporary_directory};

const POOL: &str = "/release/2.8/ubuntu/pool/focal/main/p/product";

fn purge(server: &Server, body: &Value) -> Answer {
    post_json(server, "/-/purge", body)
}

/// The files of the data directory that have these bytes.
fn holders(server: &Server, bytes: &[u8]) -> Vec<String> {
    let has = |path: &std::path::PathBuf| std::fs::read(path).is_ok_and(|content| content == bytes);
    files_below(&server.data_dir()).into_iter().filter(has).map(|path| path.display().to_string()).collect()
}

fn paths(answer: &Answer) -> Vec<String> {
    let files = answer.json()["files"].clone();
    files.as_array().into_iter().flatten().map(|one| one["path"].as_str().unwrap_or("?").to_owned()).collect()
}

#[test]
fn bytes_leave_every_state() {
    let server = Server::start();
    let mut rows = Rows::default();
    let wait = format!("{DEB_TARGET}?wait=30");
    expect_created(&put(&server, &wait, deb_form([&FIXTURES.deb, &FIXTURES.arm_deb])));
    let body = json!({ "name": "march", "targets": [DEB_TARGET] }).to_string();
    expect_status(&Request::new("POST", "/-/pins").user(server.credentials()).body(body).send(&server), 201);
    // replaced: its bytes are in an earlier state alone
    expect_created(&put(&server, &wait, deb_form([&FIXTURES.other_deb])));
    let body = json!({ "from": DEB_TARGET, "to": ["release/2.8/ubuntu/jammy"], "packages": "all" }).to_string();
    let promote = Request::new("POST", "/-/promote?wait=30").user(server.credentials()).body(body).send(&server);
    expect_created(&promote);
    let (old, new) = (&FIXTURES.deb, &FIXTURES.other_deb);
    rows.row("a dry run says what would go, and changes nothing", || {
        let before = traces(&server);
        let answer = purge(&server, &json!({ "sha256": [sha256(&new.bytes)], "dry_run": true }));
        expect_status(&answer, 200);
        assert_eq!(paths(&answer).len(), 2, "{}", answer.text());
        assert_eq!(answer.json()["files"].as_array().map(Vec::len), Some(2));
        expect_no_traces(&server, &before);
    });
    rows.row("of an earlier, pinned state", || {
        assert!(!holders(&server, &old.bytes).is_empty());
        let answer = purge(&server, &json!({ "sha256": [sha256(&old.bytes)] }));
        expect_status(&answer, 201);
        assert_eq!(answer.json()["files"][0]["current"], json!([]));
        assert_eq!(holders(&server, &old.bytes), Vec::<String>::new());
        expect_code(&get(&server, &format!("/-/at/march{POOL}/{}", old.name)), 410, "purged");
    });
    rows.row("of current states, by package", || {
        let request = json!({ "selectors": ["*=*"], "targets": ["release/2.8/ubuntu/focal"], "dry_run": true });
        assert_eq!(purge(&server, &request).json()["files"].as_array().map(Vec::len), Some(5));
        let answer = purge(&server, &json!({ "sha256": [sha256(&new.bytes).to_uppercase()] }));
        expect_status(&answer, 201);
        assert_eq!(holders(&server, &new.bytes), Vec::<String>::new());
        for codename in ["focal", "jammy"] {
            assert_eq!(packages(&server, "/release/2.8/ubuntu", codename, "amd64"), []);
            assert_eq!(packages(&server, "/release/2.8/ubuntu", codename, "arm64").len(), 1);
        }
        for path in paths(&answer) {
            expect_code(&get(&server, &format!("/{path}")), 410, "purged");
        }
    });
    rows.row("these bytes are refused from then on; others are not", || {
        for file in [old, new] {
            expect_code(&put(&server, &wait, deb_form([file])), 403, "purged");
        }
        expect_created(&put(&server, &wait, deb_form([&FIXTURES.epoch_deb])));
    });
    rows.row("also after a restart", || {
        let mut server = Server::start();
        expect_created(&put(&server, &wait, deb_form([old])));
        expect_status(&purge(&server, &json!({ "sha256": [sha256(&old.bytes)] })), 201);
        server.restart();
        let refused = crate::support::wait::until_or(crate::support::wait::BOUND, || {
            let answer = put(&server, &wait, deb_form([old]));
            (answer.status == 403).then_some(())
        });
        assert!(refused.is_some());
        expect_code(&get(&server, &format!("{POOL}/{}", old.name)), 410, "purged");
    });
    rows.row("a source with its files; one that waits for its list", || {
        let source = FIXTURES.source();
        let incoming = |name: &str| format!("/-/incoming{DEB_TARGET}/product/{name}");
        expect_created(&put(&server, &wait, deb_form(source)));
        let staged = &FIXTURES.other_deb.with(b"");
        let answer = purge(
            &server,
            &json!({ "selectors": ["rws-*"], "targets": ["release/2.8/ubuntu/focal"], "dry_run": true }),
        );
        let files = paths(&answer);
        for file in source {
            assert!(files.iter().any(|path| path.ends_with(&file.name)), "{} in {files:?}", file.name);
        }
        let kept = Request::new("PUT", &incoming(&staged.name)).user(server.credentials()).body(staged.bytes.clone());
        expect_code(&kept.send(&server), 403, "purged");
        let directory = temporary_directory();
        let fresh = read_file(&Deb::new("rws-fresh", "1.0", "amd64").build(directory.path()));
        let kept =
            Request::new("PUT", &incoming("rws-fresh_1.0_amd64.deb")).user(server.credentials()).body(fresh.clone());
        expect_status(&kept.send(&server), 201);
        assert_eq!(holders(&server, &fresh).len(), 1);
        expect_status(&purge(&server, &json!({ "sha256": [sha256(&fresh)] })), 201);
        assert_eq!(holders(&server, &fresh), Vec::<String>::new());
    });
    rows.row("a state with purged bytes does not come back", || {
        let body = json!({ "target": DEB_TARGET, "to": "march", "dry_run": true }).to_string();
        let answer = Request::new("POST", "/-/rollback").user(server.credentials()).body(body).send(&server);
        expect_code(&answer, 409, "purged");
    });
    rows.row("it is in the audit", || {
        let audit = Request::get("/-/audit?verb=purge").user(server.credentials()).send(&server).text();
        assert!(audit.contains(&sha256(&new.bytes)) && audit.contains("\"action\":\"remove\""), "{audit}");
    });
    rows.end();
}

#[test]
fn what_is_wrong_changes_nothing() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let before = traces(&server);
    let mut rows = Rows::default();
    let digest = sha256(&FIXTURES.rpm.bytes);
    for (request, status, code) in [
        (json!({}), 400, "json"),
        (json!({ "sha256": [] }), 400, "json"),
        (json!({ "sha256": ["abc"] }), 400, "sha256"),
        (json!({ "sha256": [digest], "selectors": ["a"], "targets": [RPM_TARGET] }), 400, "json"),
        (json!({ "selectors": ["a"] }), 400, "path"),
        (json!({ "selectors": ["=1"], "targets": [RPM_TARGET] }), 400, "selectors"),
        (json!({ "selectors": ["nothing"], "targets": [RPM_TARGET] }), 404, "no-package"),
        (json!({ "selectors": ["*"], "targets": ["live/9.9/el/7"] }), 400, "path"),
        (json!({ "sha256": [digest], "force": true }), 400, "json"),
    ] {
        rows.row(&request.to_string(), || expect_code(&purge(&server, &request), status, code));
    }
    rows.row("without a user", || expect_status(&Request::new("POST", "/-/purge").body("{}").send(&server), 401));
    rows.row("nothing is there that was not", || expect_no_traces(&server, &before));
    rows.end();
}
