//! Files of `/-/incoming/…` whose `.changes` has not come: who sends them is told, and everybody can see what waits.

use super::rows::Rows;
use super::stage::{DEB_TARGET, FIXTURES, call, configured, expect_created, get};
use crate::support::curl::Answer;
use crate::support::form::File;
use crate::support::program::Program;
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::{files_below, temporary_directory};

fn send(server: &Server, place: &str, file: &File) -> Answer {
    let path = format!("/-/incoming{place}/product/{}", file.name);
    Request::new("PUT", &path).user(server.credentials()).body(file.bytes.clone()).send(server)
}

fn waiting(server: &Server) -> Vec<serde_json::Value> {
    get(server, "/-/status").json()["waiting"].as_array().unwrap().clone()
}

#[test]
fn who_sends_a_package_alone_is_told() {
    let server = Server::start();
    let mut rows = Rows::default();
    for file in [&FIXTURES.deb, &FIXTURES.arm_deb, &FIXTURES.dsc, &FIXTURES.orig] {
        rows.row(&file.name, || {
            let answer = send(&server, DEB_TARGET, file);
            expect_created(&answer);
            let warning = answer.header("rws-warning").unwrap_or_default();
            for part in [file.name.as_str(), ".changes", "24 hours", DEB_TARGET, "--form product=product"] {
                assert!(warning.contains(part), "{part:?} is not in {warning:?}");
            }
        });
    }
    rows.row("a .ddeb: it is not kept", || {
        let answer = send(&server, DEB_TARGET, &FIXTURES.deb.named("x-dbgsym_1_amd64.ddeb"));
        expect_created(&answer);
        let warning = answer.header("rws-warning").unwrap_or_default();
        assert!(warning.contains("x-dbgsym_1_amd64.ddeb: it is not kept"), "{warning:?}");
    });
    rows.end();
}

#[test]
fn the_status_lists_what_waits() {
    let directory = temporary_directory();
    let mut server = configured(directory.path(), |file| {
        file["anchors"] = serde_json::json!({ "both": ["live/2.8", "release/2.8"] });
    });
    let mut rows = Rows::default();
    rows.row("nothing", || assert!(waiting(&server).is_empty()));
    let (deb, awkward) = (&FIXTURES.deb, FIXTURES.arm_deb.named("x_1%3a2+b~c_arm64.deb"));
    expect_created(&send(&server, DEB_TARGET, deb));
    expect_created(&send(&server, "//both/./ubuntu//focal/", &awkward));
    let of = |server: &Server, path: &str| waiting(server).into_iter().find(|one| one["path"] == path).unwrap();
    rows.row("each file: where it goes, since when, for how long", || {
        let one = of(&server, "release/2.8/ubuntu/focal");
        assert_eq!((&one["product"], &one["file"]), (&"product".into(), &deb.name.as_str().into()));
        assert_eq!(one["size_bytes"], deb.bytes.len());
        let time = |key: &str| one[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert_eq!(time("until").duration_since(time("since")).as_hours(), 24);
        assert_eq!(of(&server, "both/ubuntu/focal")["file"], "x_1:2+b~c_arm64.deb");
    });
    rows.row("no user is named", || {
        let keys: Vec<String> = waiting(&server)[0].as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["file", "path", "product", "since", "size_bytes", "until"]);
    });
    rows.row("after a restart, and since when it really waits", || {
        let file = files_below(&server.data_dir().join(".rws/aside"));
        let file = file.iter().find(|path| path.ends_with(&deb.name)).unwrap();
        let home = temporary_directory();
        Program::new("touch", home.path()).args(["--date", "2 hours ago"]).arg(file).succeed();
        server.restart();
        assert_eq!(waiting(&server).len(), 2);
        assert_eq!(waiting(&server)[0]["path"], "release/2.8/ubuntu/focal", "what came first is first");
    });
    rows.row("readers get nothing of it", || {
        for path in ["/", "/.rws/", "/.rws/aside/"] {
            assert!(!get(&server, path).text().contains(&deb.name));
        }
        assert_eq!(call(&server, "GET", "/release/2.8/ubuntu/").status, 404);
    });
    rows.end();
}
