//! No client makes the service worse for others: shares, quotas, and what answers say to caches and browsers.

use serde_json::json;

use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, configuration, configured, deb_form, expect_code, expect_created,
    expect_no_traces, expect_status, get, put, traces,
};
use crate::support::form::{self, Form};
use crate::support::packages::deb::Deb;
use crate::support::raw::{Connection, Request};
use crate::support::server::{Credentials, Options, Server};
use crate::support::{curl, file_name, read_file, temporary_directory};

/// A server with two users and these limits.
#[track_caller]
fn shared(limits: serde_json::Value) -> (Server, Credentials, Credentials) {
    let directory = temporary_directory();
    let mut environment = configuration(directory.path(), |file| file["server"] = json!({ "limits": limits }));
    let user = |name: &str| Credentials { user: name.to_owned(), password: format!("password of {name}") };
    let (first, second) = (user("first"), user("second"));
    let hash = |user: &Credentials| {
        // PBKDF2 of one round, made by the program itself, would be slow in a build for tests
        let program = crate::support::program::Program::new("python3", directory.path());
        let code = "import sys, hashlib; print('pbkdf2:sha256:1$salt$' + \
                    hashlib.pbkdf2_hmac('sha256', sys.argv[1].encode(), b'salt', 1).hex())";
        program.args(["-c", code, &user.password]).succeed().output().trim().to_owned()
    };
    let users = json!({ "first": hash(&first), "second": hash(&second) });
    environment.push(("RWS_CREDENTIALS".to_owned(), users.to_string()));
    let options = Options { environment, credentials: Some(first.clone()), ..Options::default() };
    (Server::start_with(options), first, second)
}

/// An upload that stops after its first bytes.
fn stalled(server: &Server, user: &Credentials, path: &str) -> Connection {
    let whole = Form::of([&FIXTURES.rpm]).finish();
    let request = Request::new("PUT", path).user(user).header("Content-Type", &form::content_type());
    let request = request.header("Content-Length", &whole.len().to_string());
    let mut connection = Connection::open(server);
    connection.write(&request.head(server));
    connection.write(&whole[..200]);
    connection
}

#[test]
fn stalled_uploads_of_one_user_leave_room_for_others() {
    let (server, first, second) = shared(json!({ "uploads": 4, "stalled_seconds": 60 }));
    let mut held: Vec<Connection> = (0..8).map(|_| stalled(&server, &first, RPM_TARGET)).collect();
    held.extend((0..4).map(|_| stalled(&server, &first, "/-/metadata/live/1.10/el/7/x86_64/comps")));
    let comps = Request::new("PUT", "/-/metadata/live/1.10/el/7/x86_64/comps").user(&second).body("<comps/>");
    expect_created(&Request::new("PUT", RPM_TARGET).user(&second).form(Form::of([&FIXTURES.rpm])).send(&server));
    expect_status(&comps.send(&server), 201);
    drop(held);
    expect_created(&Request::new("PUT", RPM_TARGET).user(&first).form(Form::of([&FIXTURES.rpm])).send(&server));
}

#[test]
fn a_body_that_drips() {
    let (server, first, _) = shared(json!({ "stalled_seconds": 1, "slowest_bytes_per_second": 1000 }));
    let before = traces(&server);
    let whole = Form::of([&FIXTURES.rpm]).finish();
    let request = Request::new("PUT", RPM_TARGET).user(&first).header("Content-Type", &form::content_type());
    let request = request.header("Content-Length", &whole.len().to_string());
    let mut connection = Connection::open(&server);
    connection.write(&request.head(&server));
    for byte in whole.chunks(10).take(12) {
        std::thread::sleep(std::time::Duration::from_millis(200));
        connection.write(byte);
    }
    expect_code(&connection.answer(&request), 408, "too-slow");
    expect_no_traces(&server, &before);
}

/// Pings of HTTP/2 (RFC 9113, section 6.7), by a client that takes all answers.
#[test]
fn frames_without_requests() {
    let (server, ..) = shared(json!({}));
    let mut connection = Connection::open(&server);
    connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    // its own settings, and that it has ours
    assert!(connection.takes(9).is_some_and(|head| connection.takes(usize::from(head[2]) + 9).is_some()));
    let pings = b"\0\0\x08\x06\0\0\0\0\0a ping..".repeat(64);
    let answered = (0..1000).take_while(|_| {
        connection.write(&pings);
        connection.takes(pings.len()).is_some()
    });
    let answered_bytes = answered.count() * pings.len();
    assert!((32 << 10..128 << 10).contains(&answered_bytes), "{answered_bytes} bytes of pings were answered");
    let refused = "rws_http_refused_total{limit=\"frames\"} 1\n";
    let metrics = get(&server, "/-/metrics").text();
    assert!(metrics.contains(refused), "{metrics}");
}

#[test]
fn what_a_request_becomes() {
    let directory = temporary_directory();
    let deb = |name: &str, filler: usize| {
        let deb = Deb::new(name, "1.0", "all").field("X-Filler", &"x".repeat(filler));
        let path = deb.build(directory.path());
        form::File { name: file_name(&path), bytes: read_file(&path) }
    };
    let (small, large) = (deb("rws-small", 10), deb("rws-large", 200_000));
    let (server, ..) = shared(json!({ "entries_bytes": 300_000, "pending_bytes": 20_000, "aside_bytes": 20_000 }));
    let before = traces(&server);
    let mut rows = Rows::default();
    rows.row("entries of one request", || {
        let again = deb("rws-more", 200_000);
        expect_code(&put(&server, DEB_TARGET, deb_form([&large, &again])), 413, "too-large");
        expect_no_traces(&server, &before);
    });
    rows.row("large entries are published as they are", || {
        expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&large])));
        let index = get(&server, "/release/2.8/ubuntu/dists/focal/main/binary-amd64/Packages.gz").text();
        assert!(index.contains(&format!("X-Filler: {}", "x".repeat(200_000))));
    });
    let noise: Vec<u8> = (0..30_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let path = Deb::new("rws-noise", "1.0", "all").file("usr/share/noise", &noise).build(directory.path());
    let noise = form::File { name: file_name(&path), bytes: read_file(&path) };
    let before = traces(&server);
    rows.row("an upload that is larger than all that may wait", || {
        let answer = put(&server, DEB_TARGET, deb_form([&noise]));
        expect_code(&answer, 413, "quota");
        assert!(answer.text().contains("server.limits.pending_bytes"), "{}", answer.text());
        expect_no_traces(&server, &before);
    });
    rows.row("a file that waits for its list likewise", || {
        let path = format!("/-/incoming{DEB_TARGET}/product/{}", noise.name);
        let answer = Request::new("PUT", &path).user(server.credentials()).body(noise.bytes.clone()).send(&server);
        expect_code(&answer, 413, "quota");
        assert!(answer.text().contains("server.limits.aside_bytes"), "{}", answer.text());
        expect_no_traces(&server, &before);
    });
    rows.row("small ones go on", || {
        expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&small])));
    });
    rows.end();
}

#[test]
fn one_host_and_no_more() {
    let server = Server::start();
    let status = |head: &str| {
        let mut connection = Connection::open(&server);
        connection.write(format!("{head}\r\n\r\n").as_bytes());
        connection.answer(&Request::get("/-/health")).status
    };
    let mut rows = Rows::default();
    for (head, expected) in [
        ("GET /-/health HTTP/1.1\r\nHost: a", 200),
        ("GET /-/health HTTP/1.1", 400),
        ("GET /-/health HTTP/1.1\r\nHost: a\r\nHost: a", 400),
        ("GET /-/health HTTP/1.1\r\nHost: a\r\nHost: b", 400),
        ("PUT /live/1.10/el/7 HTTP/1.1\r\nContent-Length: 0", 400),
        ("GET /-/health HTTP/1.0", 200),
        ("GET /-/health HTTP/1.0\r\nHost: a\r\nHost: b", 400),
    ] {
        rows.row(head, || assert_eq!(status(head), expected));
    }
    rows.end();
}

#[test]
fn what_browsers_and_caches_are_told() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let comps = b"<comps><group><id>a</id><name>a</name></group></comps>";
    let answer = Request::new("PUT", "/-/metadata/live/1.10/el/7/x86_64/comps?wait=30")
        .user(server.credentials())
        .body(comps)
        .send(&server);
    expect_status(&answer, 201);
    let mut rows = Rows::default();
    let root = get(&server, &format!("{RPM_TARGET}/x86_64/repodata/repomd.xml")).text();
    let group =
        root.split("href=\"").find_map(|part| part.split('"').next().filter(|name| name.ends_with("comps.xml")));
    for path in ["repodata/repomd.xml", group.unwrap()] {
        rows.row(&format!("nothing of {path} is run"), || {
            let answer = get(&server, &format!("{RPM_TARGET}/x86_64/{path}"));
            expect_status(&answer, 200);
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert!(answer.header("content-security-policy").unwrap().starts_with("sandbox"));
        });
    }
    for path in
        ["mirrorlist/live/1.10/el/7/x86_64", "setup/live/1.10/el/7.repo", "setup/release/2.8/ubuntu/focal.sources"]
    {
        rows.row(&format!("{path} is for who asked, whatever a stranger says of the address"), || {
            let lied = Request::get(&format!("/-/{path}")).header("X-Forwarded-Host", "evil.example");
            let answer = lied.header("X-Forwarded-Proto", "https").send(&server);
            expect_status(&answer, 200);
            assert!(!answer.text().contains("evil.example"), "{}", answer.text());
            assert!(answer.header("cache-control").unwrap().contains("private"));
            assert!(answer.header("vary").unwrap().contains("Host"));
        });
    }
    rows.row("with a configured address Host changes nothing", || {
        let directory = temporary_directory();
        let server =
            configured(directory.path(), |file| file["server"] = json!({ "public_url": "https://rws.example.org" }));
        let asked = |host: &str| {
            let arguments = ["--header", &format!("Host: {host}")].map(str::to_owned);
            curl::request(&server.url("/-/setup/live/1.10/el/7.repo"), None, &arguments).text()
        };
        assert_eq!(asked("evil.example"), asked("rws.example.org"));
        assert!(asked("evil.example").contains("https://rws.example.org/"));
    });
    rows.end();
}
