//! The path of an upload: its checks, their messages, and that they come before the body.

use super::rows::Rows;
use super::stage::{
    FIXTURES, OK, RPM_TARGET, call, configured, deb_form, expect_created, expect_message, expect_no_traces, put, traces,
};
use crate::support::form::{self, Form};
use crate::support::raw::{Connection, Request};
use crate::support::server::Server;
use crate::support::temporary_directory;

pub const BAD_PATHS: [(&str, &str, &str); 23] = [
    ("kind", "/nightly/1.10/el/7", "Repo kind \"nightly\" is not supported."),
    ("kind in another case", "/Live/1.10/el/7", "Repo kind \"Live\" is not supported."),
    ("series", "/live/9.9/el/7", "Tarantool series \"9.9\" is not supported."),
    ("distribution", "/live/1.10/arch/7", "Distribution \"arch\" is not supported."),
    ("version", "/live/1.10/el/5", "Distribution version \"5\" is not supported."),
    ("version of another distribution", "/live/1.10/el/focal", "Distribution version \"focal\" is not supported."),
    ("kind before series", "/nightly/9.9/arch/5", "Repo kind \"nightly\" is not supported."),
    ("series before distribution", "/live/9.9/arch/5", "Tarantool series \"9.9\" is not supported."),
    ("distribution before version", "/live/1.10/arch/5", "Distribution \"arch\" is not supported."),
    ("one piece", "/live", "Invalid URL."),
    ("three pieces", "/live/1.10/el", "Invalid URL."),
    ("five pieces", "/live/1.10/el/7/x86_64", "Invalid URL."),
    ("trailing slash", "/live/1.10/el/7/", "Invalid URL."),
    ("double slash", "/live//1.10/el/7", "Invalid URL."),
    ("`..` makes five pieces", "/live/../1.10/el/7", "Invalid URL."),
    ("`..` is a piece", "/live/1.10/el/..", "Distribution version \"..\" is not supported."),
    ("`.` is a piece", "/live/1.10/./el", "Distribution \".\" is not supported."),
    ("encoded slash too many", "/live/1.10/el/7%2Fx86_64", "Invalid URL."),
    ("double encoding", "/live%252F1.10/el/7", "Invalid URL."),
    ("escaped letters stay escaped in JSON", "/live/1.10/%C3%A4/7", "Distribution \"ä\" is not supported."),
    ("the private prefix", "/.rws/heads/el/7", "Repo kind \".rws\" is not supported."),
    ("below /static/", "/static/1.10/el/7", "Repo kind \"static\" is not supported."),
    ("bytes that are no UTF-8", "/live/1.10/el/%ff", "Invalid URL."),
];

#[test]
fn bad_paths() {
    let server = Server::start();
    let before = traces(&server);
    let mut rows = Rows::default();
    for (name, path, message) in BAD_PATHS {
        rows.row(&format!("PUT, {name}: {path}"), || {
            expect_message(&put(&server, path, Form::of([&FIXTURES.rpm])), 400, message);
        });
        rows.row(&format!("POST, {name}: {path}"), || expect_message(&call(&server, "POST", path), 400, message));
    }
    rows.row("the path comes before the file names", || {
        let form = Form::new().file(&FIXTURES.rpm.named("x.zip"));
        expect_message(&put(&server, "/nightly/1.10/el/7", form), 400, "Repo kind \"nightly\" is not supported.");
    });
    rows.row("nothing is kept", || expect_no_traces(&server, &before));
    rows.end();
}

#[test]
fn bad_paths_are_answered_before_the_body() {
    let server = Server::start();
    let mut rows = Rows::default();
    let request = || {
        let request = Request::new("PUT", "/live/9.9/el/7").user(server.credentials());
        request.header("Content-Type", &form::content_type()).header("Content-Length", "1000000000")
    };
    let message = "Tarantool series \"9.9\" is not supported.";
    rows.row("no byte of the body is sent", || {
        let mut connection = Connection::open(&server);
        connection.write(&request().head(&server));
        expect_message(&connection.answer(&request()), 400, message);
    });
    rows.row("no 100 Continue asks for it", || {
        let request = request().header("Expect", "100-continue");
        let mut connection = Connection::open(&server);
        connection.write(&request.head(&server));
        let answer = connection.answer(&request);
        assert_eq!(connection.interim, [0_u16; 0]);
        expect_message(&answer, 400, message);
    });
    rows.row("a wrong content type is not waited for either", || {
        let request = Request::new("PUT", RPM_TARGET).user(server.credentials()).header("Content-Length", "1000000000");
        let mut connection = Connection::open(&server);
        connection.write(&request.head(&server));
        assert_eq!(connection.answer(&request).status, 400);
    });
    rows.end();
}

#[test]
fn encoded_paths() {
    let server = Server::start();
    let mut rows = Rows::default();
    for path in [
        "/live%2F1.10/el/7",
        "/live%2f1.10%2fel%2f7",
        "/live/1%2E10/el/7",
        "/%6cive/1.10/el/7",
        "/live/1.10/el/%37",
        "/live/1.10/el/7?type=file",
        // a base URL that ends in a slash
        "//live/1.10/el/7",
        "////live/1.10/el/7",
        "/%2Flive/1.10/el/7",
    ] {
        rows.row(&format!("PUT {path}"), || expect_created(&put(&server, path, Form::of([&FIXTURES.rpm]))));
    }
    rows.row("two slashes at the beginning, of any request", || {
        let answer = call(&server, "POST", "//live/1.10/el/7");
        assert_eq!((answer.status, answer.text().as_str()), (200, OK));
        for path in ["//-/health", "//-/status", "//live/1.10", "//static/icons/file.png", "//"] {
            assert_eq!(call(&server, "GET", path).status, 200, "{path}");
        }
        let deb = &FIXTURES.deb;
        let incoming = Request::new("PUT", &format!("//-/incoming/release/2.8/ubuntu/focal/p/{}", deb.name));
        expect_created(&incoming.user(server.credentials()).body(deb.bytes.clone()).send(&server));
        assert_eq!(call(&server, "DELETE", "//live/1.10/el/7/no-such.rpm").status, 404);
        for (method, path) in [("PUT", "//"), ("POST", "//-/health")] {
            assert_eq!(call(&server, method, path).status, 405, "{method} {path}");
        }
    });
    rows.row("all of them are one repository", || {
        let published = server.data_dir().join("live/1.10/el/7/x86_64/Packages");
        let answer = put(&server, "/live%2F1.10/el/7?wait=30", Form::of([&FIXTURES.rpm]));
        expect_created(&answer);
        assert!(published.join(&FIXTURES.rpm.name).is_file());
        let top: Vec<_> = std::fs::read_dir(server.data_dir()).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(top.len(), 2, "{top:?}");
    });
    rows.end();
}

#[test]
fn unknown_base_of_a_distribution() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |value| {
        value["model"]["supported_repos"]["distrs"]["alpine"] = serde_json::json!({"base": "apk", "versions": ["3"]});
    });
    let mut rows = Rows::default();
    let put_there = || put(&server, "/live/1.10/alpine/3", Form::of([&FIXTURES.rpm]));
    let prefixes = ["Can't upload the package to S3", "Can't update repository"];
    for (prefix, answer) in prefixes.into_iter().zip([put_there(), call(&server, "POST", "/live/1.10/alpine/3")]) {
        rows.row(prefix, || {
            // part 2 has 500, but part 1's list of statuses has none
            assert!(matches!(answer.status, 400 | 500), "{}", answer.status);
            assert_eq!(answer.json()["message"], format!("{prefix}: Unknown repository base: apk."));
        });
    }
    rows.row("other distributions work", || {
        expect_created(&put(&server, "/release/2.8/ubuntu/focal", deb_form([&FIXTURES.deb])));
    });
    rows.end();
}

/// Nothing is promised for a place where nothing is written.
#[test]
fn a_target_behind_a_link_out_of_the_data_directory() {
    let (server, outside) = (Server::start(), temporary_directory());
    std::fs::create_dir_all(server.data_dir().join("live/1.10/el")).unwrap();
    std::os::unix::fs::symlink(outside.path(), server.data_dir().join("live/1.10/el/7")).unwrap();
    std::fs::create_dir_all(server.data_dir().join("live/1.10/ubuntu")).unwrap();
    std::os::unix::fs::symlink(outside.path(), server.data_dir().join("live/1.10/ubuntu/pool")).unwrap();
    let before = traces(&server);
    let comps = Request::new("PUT", "/-/metadata/live/1.10/el/7/x86_64/comps").user(server.credentials());
    for answer in [
        put(&server, RPM_TARGET, Form::of([&FIXTURES.rpm])),
        put(&server, "/live/1.10/ubuntu/focal", deb_form([&FIXTURES.deb])),
        comps.body("<comps/>").send(&server),
    ] {
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.text().contains("store.allowed_links"), "{}", answer.text());
    }
    expect_no_traces(&server, &before);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}
