//! A single package as the body of a PUT, with the real curl: the same intake, limits, rights and answers as a form.

use serde_json::json;

use super::index::packages;
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, configured, deb_form, expect_code, expect_created, expect_no_traces, get, put,
    traces, user, with_users,
};
use crate::support::bucket::PASSWORD_HASH;
use crate::support::curl::{self, Answer};
use crate::support::form::{File, Form};
use crate::support::raw::{Connection, Request};
use crate::support::server::{Credentials, Server};
use crate::support::{files_in, temporary_directory, wait, write_file};

/// `curl -T FILE URL`, with further arguments.
#[track_caller]
fn transfer(server: &Server, file: &File, path: &str, credentials: &Credentials, arguments: &[&str]) -> Answer {
    let directory = temporary_directory();
    let local = directory.path().join(&file.name);
    write_file(&local, &file.bytes);
    let local = ["--upload-file".to_owned(), local.display().to_string()];
    let arguments = arguments.iter().map(|argument| (*argument).to_owned());
    curl::request(&server.url(path), Some(credentials), &local.into_iter().chain(arguments).collect::<Vec<_>>())
}

#[track_caller]
fn send(server: &Server, file: &File, path: &str) -> Answer {
    transfer(server, file, path, server.credentials(), &[])
}

#[test]
fn one_package_without_a_form() {
    let server = Server::start();
    let mut rows = Rows::default();
    let (deb, rpm) = (&FIXTURES.deb, &FIXTURES.rpm);
    rows.row("an rpm", || {
        let answer = send(&server, rpm, &format!("{RPM_TARGET}/{}?wait=30", rpm.name));
        expect_created(&answer);
        assert!(answer.header("rws-status").unwrap().starts_with("/-/status/"));
        assert_eq!(get(&server, &format!("{RPM_TARGET}/x86_64/Packages/{}", rpm.name)).body, rpm.bytes);
    });
    rows.row("a deb, with the product in the query", || {
        expect_created(&send(&server, deb, &format!("{DEB_TARGET}/{}?product=product&wait=30", deb.name)));
        let path = format!("/release/2.8/ubuntu/pool/focal/main/p/product/{}", deb.name);
        assert_eq!(get(&server, &path).body, deb.bytes);
    });
    rows.row("the same by a form is the same upload again", || {
        expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([deb])));
        assert_eq!(packages(&server, "/release/2.8/ubuntu", "focal", "amd64").len(), 1);
    });
    rows.row("curl adds the name to a path that ends in a slash", || {
        expect_created(&send(&server, &FIXTURES.noarch_rpm, &format!("{RPM_TARGET}/")));
    });
    rows.row("chunked, as curl sends what it does not know the length of", || {
        expect_created(&transfer(
            &server,
            &FIXTURES.arm_deb,
            &format!("{DEB_TARGET}/{}?product=product", FIXTURES.arm_deb.name),
            server.credentials(),
            &["--header", "Transfer-Encoding: chunked"],
        ));
    });
    rows.row("a product with plus signs, written as it is and escaped", || {
        for product in ["libstdc++", "libstdc%2B%2B"] {
            let path = format!("{DEB_TARGET}/{}?product={product}", FIXTURES.epoch_deb.name);
            expect_created(&send(&server, &FIXTURES.epoch_deb, &path));
        }
    });
    rows.row("any plain name that ends so, with the warning of a form", || {
        let answer = send(&server, rpm, "/live/1.10/el/8/agent.rpm?wait=30");
        expect_created(&answer);
        assert!(answer.header("rws-warning").unwrap().starts_with("agent.rpm: "), "{:?}", answer.headers);
        assert_eq!(get(&server, "/live/1.10/el/8/x86_64/Packages/agent.rpm").body, rpm.bytes);
    });
    rows.row("a debug package is taken and not kept, as in a form", || {
        let ddeb = File::new("rws-one-dbgsym_1.0-1_amd64.ddeb", *b"anything");
        let answer = send(&server, &ddeb, &format!("{DEB_TARGET}/{}", ddeb.name));
        expect_created(&answer);
        assert!(answer.header("rws-warning").unwrap().contains("it is not kept"));
    });
    rows.end();
}

#[test]
fn through_an_anchor() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |file| {
        file["anchors"]["both"] = json!(["live/1.10/", "release/2.8/"]);
    });
    expect_created(&send(&server, &FIXTURES.rpm, &format!("/both/el/7/{}?wait=30", FIXTURES.rpm.name)));
    for target in ["live/1.10", "release/2.8"] {
        let path = format!("/{target}/el/7/x86_64/Packages/{}", FIXTURES.rpm.name);
        assert_eq!(get(&server, &path).body, FIXTURES.rpm.bytes, "{path}");
    }
}

#[test]
fn what_is_refused_is_refused_before_the_body() {
    let server = Server::start();
    let before = traces(&server);
    let mut rows = Rows::default();
    let (deb, rpm) = (FIXTURES.deb.name.as_str(), FIXTURES.rpm.name.as_str());
    let dsc = format!("{DEB_TARGET}/{}?product=p", FIXTURES.dsc.name);
    let part = format!("{DEB_TARGET}/{}?product=p", FIXTURES.orig.name);
    for (name, path, code, part) in [
        ("no product", format!("{DEB_TARGET}/{deb}"), "product", "?product=NAME"),
        ("an empty product", format!("{DEB_TARGET}/{deb}?product="), "product", "?product=NAME"),
        ("a bad product", format!("{DEB_TARGET}/{deb}?product=..%2Fx"), "product", "not a valid product name"),
        ("a dsc alone", dsc, "not-alone", "names other files"),
        ("a part of a source", part, "not-alone", "one that another file names"),
        ("a list", format!("{DEB_TARGET}/x_1_amd64.changes?product=p"), "not-alone", "rws push"),
        ("an rpm for apt", format!("{DEB_TARGET}/{rpm}?product=p"), "file-type", "does not match the type of files"),
        ("a deb for dnf", format!("{RPM_TARGET}/{deb}"), "file-type", "does not match the type of files"),
        ("no package", format!("{RPM_TARGET}/notes.txt"), "file-name", "Allowed file extensions"),
        ("a bad name", format!("{RPM_TARGET}/a%20b.rpm"), "file-name", "a blank"),
        ("a directory in between", format!("{RPM_TARGET}/x/{rpm}"), "path", "Invalid URL."),
        ("no such target", format!("/live/9.9/el/7/{rpm}"), "path", "Invalid URL."),
        ("where it is downloaded", format!("{RPM_TARGET}/x86_64/Packages/{rpm}"), "path", "Invalid URL."),
        ("no name", RPM_TARGET.to_owned(), "multipart", "curl -T FILE"),
    ] {
        rows.row(name, || {
            // a client that waits for a word to go on never gets it
            let request = Request::new("PUT", &path).user(server.credentials());
            let request = request.header("Content-Length", "100").header("Expect", "100-continue");
            let mut connection = Connection::open(&server);
            connection.write(&request.head(&server));
            let answer = connection.answer(&request);
            expect_code(&answer, 400, code);
            assert!(answer.text().contains(part), "{}", answer.text());
            assert_eq!(connection.interim, [0_u16; 0]);
        });
    }
    rows.row("a form to such an address is none", || {
        let form = Form::of([&FIXTURES.rpm]);
        expect_code(&put(&server, &format!("{RPM_TARGET}/{rpm}"), form), 400, "path");
    });
    rows.row("nothing of them is kept", || expect_no_traces(&server, &before));
    rows.end();
}

#[test]
fn a_body_that_is_no_package_leaves_nothing() {
    let server = Server::start();
    let before = traces(&server);
    let spool = server.data_dir().join(".rws/spool");
    let mut rows = Rows::default();
    let rpm = &FIXTURES.rpm;
    let cut = rpm.cut(rpm.bytes.len() / 2);
    for (name, file) in [("cut", &cut), ("empty", &rpm.cut(0)), ("random", &File::new(&rpm.name, [7; 5000]))] {
        rows.row(name, || {
            let answer = send(&server, file, &format!("{RPM_TARGET}/{}", rpm.name));
            super::stage::expect_file_refused(&answer, &rpm.name);
        });
    }
    rows.row("a connection that is cut", || {
        let request = Request::new("PUT", &format!("{RPM_TARGET}/{}", rpm.name)).user(server.credentials());
        let request = request.header("Content-Length", &rpm.bytes.len().to_string());
        let mut connection = Connection::open(&server);
        connection.write(&request.head(&server));
        connection.write(&cut.bytes);
        wait::until("a file in the spool", wait::BOUND, || (!files_in(&spool).is_empty()).then_some(()));
        connection.cut();
    });
    rows.row("nothing of them is kept", || expect_no_traces(&server, &before));
    rows.end();
}

#[test]
fn limits_and_rights_are_those_of_a_form() {
    let directory = temporary_directory();
    let size = FIXTURES.rpm.bytes.len().max(FIXTURES.other_rpm.bytes.len());
    let credentials = json!({
        "team": { "hash": PASSWORD_HASH, "allow": [{ "match": "live/1.10/*", "packages": ["rws-one"] }] },
        "root": { "hash": PASSWORD_HASH, "admin": true },
    });
    let server = with_users(directory.path(), &credentials, |file| {
        file["server"] = json!({ "limits": { "file_bytes": size } });
        file["repositories"] = json!([{ "match": "live/1.10/el/8", "on_conflict": "refuse", "file_names": "strict" }]);
    });
    let mut rows = Rows::default();
    let to = |target: &str, file: &File| format!("{target}/{}", file.name);
    let by = |name: &str, file: &File, path: &str| transfer(&server, file, path, &user(name), &[]);
    let large = FIXTURES.rpm.with(&vec![0; size]);
    rows.row("too large", || expect_code(&by("root", &large, &to(RPM_TARGET, &large)), 413, "too-large"));
    rows.row("another target", || {
        expect_code(&by("team", &FIXTURES.rpm, &to("/live/2.8/el/7", &FIXTURES.rpm)), 403, "forbidden");
    });
    rows.row("another package", || {
        let noarch = &FIXTURES.noarch_rpm;
        assert_eq!(by("team", noarch, &to(RPM_TARGET, noarch)).status, 403);
    });
    rows.row("its own", || expect_created(&by("team", &FIXTURES.rpm, &to(RPM_TARGET, &FIXTURES.rpm))));
    rows.row("a wrong password", || {
        let wrong = Credentials { password: "wrong".to_owned(), ..user("team") };
        let answer = transfer(&server, &FIXTURES.rpm, &to(RPM_TARGET, &FIXTURES.rpm), &wrong, &[]);
        assert_eq!((answer.status, answer.text().as_str()), (401, "Unauthorized Access"));
    });
    rows.row("other bytes for a package that is there", || {
        let path = to("/live/1.10/el/8", &FIXTURES.rpm);
        expect_created(&by("root", &FIXTURES.rpm, &path));
        assert_eq!(by("root", &FIXTURES.other_rpm, &path).status, 409);
    });
    rows.row("a name that contradicts its package, where names are strict", || {
        let path = "/live/1.10/el/8/rws-two-1.0-1.x86_64.rpm";
        assert_eq!(by("root", &FIXTURES.rpm, path).status, 400);
    });
    rows.end();
}
