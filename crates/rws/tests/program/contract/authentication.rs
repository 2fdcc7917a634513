//! Who may write: 401 before anything else, 403 for a user who is not allowed there.

use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, deb_form, expect_created, expect_message, expect_no_traces, expect_status, put,
    traces,
};
use crate::support::curl::{self, Answer};
use crate::support::form::{self, Form};
use crate::support::raw::{Connection, Request, base64};
use crate::support::server::{Credentials, Options, Server};
use crate::support::{temporary_directory, write_file};

#[track_caller]
fn expect_unauthorized(answer: &Answer) {
    expect_status(answer, 401);
    assert_eq!(answer.text(), "Unauthorized Access");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"Authentication Required\""));
    assert_eq!(answer.header("content-length"), Some("19"));
}

#[test]
fn who_may_write() {
    let server = Server::start();
    let before = traces(&server);
    let Credentials { user, password } = server.credentials().clone();
    let basic = |text: &str| format!("Basic {}", base64(text.as_bytes()));
    let good = format!("{user}:{password}");
    let mut rows = Rows::default();
    for (name, header) in [
        ("no header", None),
        ("wrong password", Some(basic(&format!("{user}:wrong")))),
        ("empty password", Some(basic(&format!("{user}:")))),
        ("unknown user", Some(basic(&format!("nobody:{password}")))),
        ("empty user", Some(basic(&format!(":{password}")))),
        ("user in another case", Some(basic(&format!("{}:{password}", user.to_uppercase())))),
        ("no colon", Some(basic(&user))),
        ("bad base64", Some("Basic !!!!".to_owned())),
        ("nothing after the scheme", Some("Basic".to_owned())),
        ("Bearer", Some(format!("Bearer {}", base64(good.as_bytes())))),
        ("not encoded", Some(format!("Basic {good}"))),
        ("password with more at its end", Some(basic(&format!("{good}x")))),
    ] {
        for (method, path) in [("PUT", RPM_TARGET), ("POST", RPM_TARGET), ("DELETE", RPM_TARGET), ("PUT", "/bad/path")]
        {
            rows.row(&format!("{name}: {method} {path}"), || {
                let mut request = Request::new(method, path);
                if let Some(header) = &header {
                    request = request.header("Authorization", header);
                }
                expect_unauthorized(&request.form(Form::of([&FIXTURES.rpm])).send(&server));
            });
        }
    }
    rows.row("nothing of all that is kept", || expect_no_traces(&server, &before));
    for scheme in ["basic", "BASIC", "Basic"] {
        rows.row(&format!("the scheme as {scheme}"), || {
            let header = format!("{scheme} {}", base64(good.as_bytes()));
            let request = Request::new("PUT", RPM_TARGET).header("Authorization", &header);
            expect_created(&request.form(Form::of([&FIXTURES.rpm])).send(&server));
        });
    }
    rows.row("GET and HEAD need no user", || {
        for method in ["GET", "HEAD"] {
            expect_status(&Request::new(method, "/").send(&server), 200);
        }
    });
    rows.end();
}

#[test]
fn the_body_is_not_waited_for() {
    let server = Server::start();
    let mut rows = Rows::default();
    let wrong = Credentials { user: "rws".to_owned(), password: "wrong".to_owned() };
    let huge = |request: Request| {
        let request = request.header("Content-Type", &form::content_type());
        request.header("Content-Length", "1000000000")
    };
    let unread = |request: Request| {
        let mut connection = Connection::open(&server);
        connection.write(&request.head(&server));
        let answer = connection.answer(&request);
        (answer, connection.interim)
    };
    rows.row("401 before the body", || {
        expect_unauthorized(&unread(huge(Request::new("PUT", RPM_TARGET).user(&wrong))).0);
    });
    rows.row("401 instead of 100 Continue", || {
        let request = huge(Request::new("PUT", RPM_TARGET).user(&wrong)).header("Expect", "100-continue");
        let (answer, interim) = unread(request);
        expect_unauthorized(&answer);
        assert_eq!(interim, [0_u16; 0]);
    });
    rows.row("curl shows the 401 of a large upload that it sends at once", || {
        let directory = temporary_directory();
        let file = directory.path().join("large-1.0-1.x86_64.rpm");
        write_file(&file, vec![0; 64 << 20]);
        let form = format!("x=@{}", file.display());
        let arguments = ["--header", "Expect:", "--form", &form, "--request", "PUT"].map(str::to_owned);
        expect_unauthorized(&curl::request(&server.url(RPM_TARGET), Some(&wrong), &arguments));
    });
    rows.end();
}

#[test]
fn users_that_are_allowed_some_places_only() {
    // "password" by argon2-cffi
    let hash = "$argon2id$v=19$m=1024,t=2,p=2$vtqGXIDF2g1rUNE8+oXwlg$xiDqCn9C3u6jpS4ZDAP9DAU/b3ye0jnYkeuv7aAPTa0";
    let users = serde_json::json!({
        "everywhere": hash,
        "live": {"hash": hash, "allow": ["live/*"]},
        "el": {"hash": hash, "allow": ["*/*/el/7", "release/2.8/ubuntu"]},
        "nowhere": {"hash": hash, "allow": []},
    });
    let as_user = |user: &str| Credentials { user: user.to_owned(), password: "password".to_owned() };
    let server = Server::start_with(Options {
        environment: vec![("RWS_CREDENTIALS".to_owned(), users.to_string())],
        credentials: Some(as_user("everywhere")),
        ..Options::default()
    });
    let before = traces(&server);
    let forms = || [Form::of([&FIXTURES.noarch_rpm]), deb_form([&FIXTURES.deb])];
    let mut rows = Rows::default();
    let table = [
        ("live", RPM_TARGET, 201),
        ("live", DEB_TARGET, 403),
        ("live", "/tarantool-modules/el/7", 403),
        ("live", "/live/enabled/el/7", 201),
        ("el", RPM_TARGET, 201),
        ("el", "/live/1.10/el/8", 403),
        ("el", DEB_TARGET, 201),
        ("el", "/release/2.8/debian/buster", 403),
        ("nowhere", RPM_TARGET, 403),
        ("everywhere", DEB_TARGET, 201),
    ];
    let is_deb = |path: &str| path.contains("ubuntu") || path.contains("debian");
    let send = |user: &str, method: &str, path: &str| {
        let [rpm, deb] = forms();
        let form = if is_deb(path) { deb } else { rpm };
        Request::new(method, path).user(&as_user(user)).form(form).send(&server)
    };
    for (user, path, _) in table.iter().filter(|(_, _, status)| *status == 403) {
        for method in ["PUT", "POST"] {
            rows.row(&format!("{user} may not {method} {path}"), || {
                let answer = send(user, method, path);
                expect_status(&answer, 403);
                assert_eq!(answer.json()["code"], "forbidden", "{}", answer.text());
                expect_no_traces(&server, &before);
            });
        }
    }
    rows.row("403 before the body", || {
        let request = Request::new("PUT", DEB_TARGET).user(&as_user("live"));
        let request = request.header("Content-Type", &form::content_type()).header("Content-Length", "1000000000");
        let mut connection = Connection::open(&server);
        connection.write(&request.head(&server));
        expect_status(&connection.answer(&request), 403);
    });
    for (user, path, _) in table.iter().filter(|(_, _, status)| *status == 201) {
        rows.row(&format!("{user} may PUT {path}"), || expect_created(&send(user, "PUT", path)));
    }
    rows.row("a path that does not exist is 400 for any user", || {
        let answer = send("nowhere", "PUT", "/live/9.9/el/7");
        expect_message(&answer, 400, "Tarantool series \"9.9\" is not supported.");
    });
    rows.row("everywhere may still write", || {
        expect_created(&put(&server, RPM_TARGET, Form::of([&FIXTURES.rpm])));
    });
    rows.end();
}
