//! `packages` of a user's rights: patterns of the names and of the sources of packages.

use serde_json::{Value, json};

use super::index::packages;
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, deb_file, deb_form, expect_code, expect_created, expect_no_traces, expect_status,
    put, rpm_file, traces, user, with_users,
};
use crate::support::bucket::PASSWORD_HASH;
use crate::support::curl::Answer;
use crate::support::form::{File, Form};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::temporary_directory;

fn server() -> (Server, tempfile::TempDir) {
    let directory = temporary_directory();
    let all = ["upload", "delete", "promote", "retain"];
    let credentials = json!({
        "team": { "hash": PASSWORD_HASH, "allow": [
            { "match": "release/*", "verbs": all, "packages": ["rws-team*", "team-src"] },
            { "match": "live/*/el/*", "packages": ["rws-team*"] },
            { "match": "live/2.8/el/8", "verbs": all },
        ] },
        "root": { "hash": PASSWORD_HASH, "admin": true },
    });
    let server = with_users(directory.path(), &credentials, |file| {
        file["repositories"] = json!([{ "match": "release/*", "retain": { "newest": 1 } }]);
    });
    (server, directory)
}

fn send(server: &Server, method: &str, path: &str) -> Answer {
    Request::new(method, path).user(&user("team")).body("").send(server)
}

fn upload(server: &Server, target: &str, form: Form) -> Answer {
    Request::new("PUT", &format!("{target}?wait=30")).user(&user("team")).form(form).send(server)
}

fn deb(name: &str, source: Option<&str>) -> File {
    let package = Deb::new(name, "1.0-1", "amd64");
    deb_file(&match source {
        Some(source) => package.field("Source", source),
        None => package,
    })
}

fn rpm(name: &str) -> File {
    rpm_file(&Rpm::new(name, "1.0", "1"))
}

#[test]
fn what_is_uploaded() {
    let (server, _directory) = server();
    let mut rows = Rows::default();
    let before = traces(&server);
    for (what, form) in [
        ("another name", deb_form([&deb("rws-other", None)])),
        ("its own source", deb_form([&deb("rws-team", Some("kernel"))])),
        ("its source with a version", deb_form([&deb("rws-team", Some("kernel (1.0)"))])),
        ("a name that only its source has", deb_form([&deb("rws-other", Some("team-src"))])),
        ("one of two", deb_form([&deb("rws-team", None), &deb("rws-other", None)])),
        ("another source package", deb_form(FIXTURES.source())),
        ("a lone file of a source", deb_form([&FIXTURES.source()[1].clone()])),
        ("another file name", deb_form([&deb("rws-other", None).named("rws-team_1.0-1_amd64.deb")])),
    ] {
        rows.row(what, || {
            let answer = upload(&server, DEB_TARGET, form);
            assert!([400, 403].contains(&answer.status), "{}: {}", answer.status, answer.text());
        });
    }
    rows.row("rpm", || expect_code(&upload(&server, RPM_TARGET, Form::of([&rpm("rws-other")])), 403, "forbidden"));
    rows.row("nothing is there that was not", || expect_no_traces(&server, &before));
    rows.row("what fits", || {
        expect_created(&upload(
            &server,
            DEB_TARGET,
            deb_form([&deb("rws-team", None), &deb("rws-team-bin", Some("team-src (2)"))]),
        ));
        expect_created(&upload(&server, RPM_TARGET, Form::of([&rpm("rws-team-x")])));
    });
    rows.row("other rights for other targets", || {
        expect_created(&upload(&server, "/live/2.8/el/8", Form::of([&rpm("rws-other")])));
        // two targets, of which one takes all
        expect_code(&upload(&server, "/live/enabled/el/8", Form::of([&rpm("rws-other")])), 403, "forbidden");
    });
    rows.end();
}

#[test]
fn what_is_removed_promoted_and_changed_as_a_whole() {
    let (server, _directory) = server();
    let mut rows = Rows::default();
    let files = [deb("rws-team", None), deb("rws-other", None), deb("rws-team-kernel", Some("kernel"))];
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form(&files)));
    let before = traces(&server);
    rows.row("by file", || {
        for file in &files[1..] {
            expect_code(&send(&server, "DELETE", &format!("{DEB_TARGET}/{}?wait=30", file.name)), 403, "forbidden");
        }
        let path = format!("/release/2.8/ubuntu/pool/focal/main/p/product/{}", files[1].name);
        expect_code(&send(&server, "DELETE", &path), 403, "forbidden");
    });
    rows.row("by pattern", || {
        for pattern in ["*", "rws-team*", "rws-other"] {
            expect_code(&send(&server, "DELETE", &format!("{DEB_TARGET}?name={pattern}&wait=30")), 403, "forbidden");
        }
    });
    rows.row("promoted", || {
        let promote = |packages: Value| {
            let body = json!({ "from": DEB_TARGET, "to": ["release/2.8/ubuntu/jammy"], "packages": packages });
            Request::new("POST", "/-/promote?wait=30").user(&user("team")).body(body.to_string()).send(&server)
        };
        for packages in [json!("all"), json!(["rws-other"]), json!(["rws-team", "rws-team-kernel"])] {
            expect_code(&promote(packages), 403, "forbidden");
        }
        expect_created(&promote(json!(["rws-team"])));
        assert_eq!(packages(&server, "/release/2.8/ubuntu", "jammy", "amd64").len(), 1);
    });
    rows.row("replaced: its source counts, not that of what is sent", || {
        let (old, new) = (deb("rws-team-y", Some("kernel")), deb("rws-team-y", Some("rws-team")));
        assert_ne!(old.bytes, new.bytes);
        expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&old])));
        expect_code(&upload(&server, DEB_TARGET, deb_form([&new])), 403, "forbidden");
        // and of what is accepted only a moment ago
        let (old, new) = (deb("rws-team-z", Some("kernel")), deb("rws-team-z", None));
        expect_created(&put(&server, DEB_TARGET, deb_form([&old])));
        expect_code(&upload(&server, DEB_TARGET, deb_form([&new])), 403, "forbidden");
        expect_created(&put(&server, DEB_TARGET, deb_form([&deb("rws-team-zz", Some("kernel"))])));
        expect_code(&send(&server, "DELETE", &format!("{DEB_TARGET}?name=rws-team-zz")), 403, "forbidden");
        server.wait_for_body("/release/2.8/ubuntu/dists/focal/main/binary-amd64/Packages.gz", |text| {
            text.contains("Package: rws-team-zz")
        });
        let path = format!("{DEB_TARGET}?name=rws-team-[yz]*&wait=30");
        let path = path.replace("[yz]", "");
        expect_code(&send(&server, "DELETE", &path), 403, "forbidden");
    });
    rows.row("a dry run of a promotion refuses, too", || {
        let body = json!({ "from": DEB_TARGET, "to": ["release/2.8/ubuntu/jammy"], "packages": ["rws-other"], "dry_run": true });
        let answer = Request::new("POST", "/-/promote").user(&user("team")).body(body.to_string()).send(&server);
        expect_code(&answer, 403, "forbidden");
    });
    rows.row("as a whole", || {
        let post = |path: &str, body: &Value| {
            Request::new("POST", path).user(&user("team")).body(body.to_string()).send(&server)
        };
        expect_code(&post("/-/retain", &json!({ "targets": [DEB_TARGET] })), 403, "forbidden");
        expect_code(&post("/-/rollback", &json!({ "target": DEB_TARGET, "to": "20260301T120000Z" })), 403, "forbidden");
        expect_code(&send(&server, "POST", DEB_TARGET), 403, "forbidden");
        let metadata = format!("/-/metadata{RPM_TARGET}/x86_64/comps.xml");
        expect_code(&send(&server, "PUT", &metadata), 403, "forbidden");
    });
    rows.row("all is there still", || {
        assert_eq!(packages(&server, "/release/2.8/ubuntu", "focal", "amd64").len(), 6);
        assert!(traces(&server).is_superset(&before));
    });
    rows.row("what fits", || {
        expect_status(&send(&server, "DELETE", &format!("{DEB_TARGET}?name=rws-team&wait=30")), 201);
        assert_eq!(packages(&server, "/release/2.8/ubuntu", "focal", "amd64").len(), 5);
    });
    rows.end();
}
