//! POST with a body: a form with files is an upload, words are none, and nothing is taken and dropped.

use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, OK, RPM_TARGET, deb_form, expect_code, expect_created, expect_file_refused, expect_no_traces,
    expect_status, get, public_files, put, traces,
};
use crate::support::curl::{self, Answer};
use crate::support::form::{self, File, Form};
use crate::support::raw::Request;
use crate::support::server::Server;
use crate::support::{temporary_directory, write_file};

fn post(server: &Server, path: &str, form: Form) -> Answer {
    Request::new("POST", path).user(server.credentials()).form(form).send(server)
}

fn post_body(server: &Server, content_type: &str, body: &[u8]) -> Answer {
    let request = Request::new("POST", RPM_TARGET).user(server.credentials()).header("Content-Type", content_type);
    request.body(body).send(server)
}

#[track_caller]
fn expect_ok(answer: &Answer) {
    expect_status(answer, 200);
    assert_eq!(answer.text(), OK);
}

#[test]
fn a_form_with_files_is_an_upload() {
    let mut rows = Rows::default();
    for (path, form, name) in [
        (RPM_TARGET, Form::of([&FIXTURES.rpm]), &FIXTURES.rpm.name),
        (DEB_TARGET, deb_form([&FIXTURES.deb]), &FIXTURES.deb.name),
        ("/tarantool-modules/el/7", Form::of([&FIXTURES.rpm]), &FIXTURES.rpm.name),
    ] {
        rows.row(path, || {
            let server = Server::start();
            let answer = post(&server, &format!("{path}?wait=60"), form);
            expect_created(&answer);
            assert_eq!(get(&server, answer.header("rws-status").unwrap()).json()["state"], "published");
            let files = public_files(&server);
            assert!(files.iter().any(|file| file.ends_with(name.as_str())), "{files:?}");
        });
    }
    rows.row("as curl sends it when no method is said", || {
        let (server, directory) = (Server::start(), temporary_directory());
        let package = directory.path().join(&FIXTURES.deb.name);
        write_file(&package, &FIXTURES.deb.bytes);
        let forms = ["product=product".to_owned(), format!("file=@{}", package.display())];
        let arguments: Vec<String> = forms.into_iter().flat_map(|form| ["--form".to_owned(), form]).collect();
        let url = server.url(&format!("{DEB_TARGET}?wait=60"));
        curl::request(&url, Some(server.credentials()), &arguments).expect_created();
    });
    rows.end();
}

#[test]
fn what_is_wrong_with_files_is_said() {
    let server = Server::start();
    let before = traces(&server);
    let mut rows = Rows::default();
    let (rpm, deb) = (&FIXTURES.rpm, &FIXTURES.deb);
    rows.row("a truncated package", || {
        expect_file_refused(&post(&server, RPM_TARGET, Form::of([&rpm.cut(500)])), &rpm.name);
    });
    rows.row("no product", || expect_code(&post(&server, DEB_TARGET, Form::of([deb])), 400, "product"));
    rows.row("a file of another kind", || expect_code(&post(&server, RPM_TARGET, Form::of([deb])), 400, "file-type"));
    rows.row("a bad path", || expect_code(&post(&server, "/live/9.9/el/7", Form::of([rpm])), 400, "path"));
    rows.row("a form that is cut off", || {
        expect_code(&post_body(&server, &form::content_type(), &Form::of([rpm]).unfinished()), 400, "multipart");
    });
    for (name, content_type) in [
        ("a file alone, as curl --data-binary sends it", "application/x-www-form-urlencoded"),
        ("a file alone, with its type", "application/x-rpm"),
        ("a form of another kind", "multipart/mixed; boundary=x"),
    ] {
        for file in [rpm, deb, &FIXTURES.dsc, &File::new("x", vec![b'x'; 1 << 20])] {
            rows.row(&format!("{name}: {}", file.name), || {
                let answer = post_body(&server, content_type, &file.bytes);
                expect_code(&answer, 400, "multipart");
                assert!(
                    answer.json()["hint"].as_str().is_some_and(|hint| hint.contains("--form")),
                    "{}",
                    answer.text()
                );
            });
        }
    }
    rows.row("nothing of it is kept", || expect_no_traces(&server, &before));
    rows.end();
}

#[test]
fn without_a_file_it_synchronises() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let mut rows = Rows::default();
    rows.row("a form with fields only", || expect_ok(&post(&server, RPM_TARGET, Form::new().field("product", "p"))));
    rows.row("a form without parts", || expect_ok(&post(&server, RPM_TARGET, Form::new())));
    rows.row("a form without a body", || expect_ok(&post_body(&server, &form::content_type(), b"")));
    for (content_type, body) in [
        ("application/x-www-form-urlencoded", "product=p&x=%0A"),
        ("application/x-www-form-urlencoded", ""),
        ("application/json", "{}"),
        ("application/json", "{\n  \"ref\": \"main\"\n}\n"),
        ("text/plain", "sync\n"),
    ] {
        rows.row(&format!("{content_type}: {body:?}"), || {
            expect_ok(&post_body(&server, content_type, body.as_bytes()));
        });
    }
    rows.row("only a .ddeb: it is taken as PUT takes it", || {
        let ddeb = File::new("x-dbgsym_1_amd64.ddeb", *b"x");
        let answer = post(&server, RPM_TARGET, Form::of([&ddeb]));
        expect_created(&answer);
        assert!(answer.header("rws-warning").is_some_and(|warning| warning.contains(&ddeb.name)));
    });
    rows.end();
}
