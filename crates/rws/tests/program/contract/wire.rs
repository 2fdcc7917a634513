//! Corners of HTTP, byte by byte.

use serde_json::json;

use super::rows::Rows;
use super::stage::{
    FIXTURES, RPM_TARGET, configured, expect_created, expect_no_traces, expect_status, get, put, traces,
};
use crate::support::curl;
use crate::support::form::{self, Form};
use crate::support::raw::{Connection, Request};
use crate::support::server::Server;
use crate::support::temporary_directory;

/// Sends bytes and gives the statuses of all answers that come until the server closes the connection.
fn statuses(server: &Server, bytes: &[u8]) -> Vec<u16> {
    let mut connection = Connection::open(server);
    connection.write(bytes);
    connection.end_sending();
    let request = Request::get("/");
    std::iter::from_fn(|| Some(connection.answer(&request).status).filter(|status| *status != 0)).collect()
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let package = format!("{RPM_TARGET}/x86_64/Packages/{}", FIXTURES.rpm.name);
    let requests: Vec<Request> = [
        (package.as_str(), ""),
        ("/-/version", ""),
        (&package, "bytes=0-9"),
        ("/nothing/there", ""),
        ("/live/1.10/el/7/x86_64/repodata/repomd.xml", ""),
        (&package, "bytes=-5"),
        ("/", ""),
        (&package, ""),
        ("/-/health", ""),
        (&package, "bytes=3-3"),
    ]
    .into_iter()
    .map(|(path, range)| if range.is_empty() { Request::get(path) } else { Request::get(path).header("Range", range) })
    .collect();
    let mut connection = Connection::open(&server);
    let all: Vec<u8> = requests.iter().flat_map(|request| request.head(&server)).collect();
    connection.write(&all);
    for request in &requests {
        let (piped, alone) = (connection.answer(request), request.send(&server));
        assert_eq!(piped.status, alone.status, "{}", piped.transcript);
        assert!(piped.body == alone.body, "{}: other bytes", piped.transcript);
    }
}

#[test]
fn requests_that_two_servers_could_understand_in_two_ways() {
    let server = Server::start();
    let before = traces(&server);
    let form = Form::of([&FIXTURES.rpm]).finish();
    let user = Request::new("PUT", RPM_TARGET).user(server.credentials());
    let head = String::from_utf8(user.head(&server)).unwrap();
    let head = head.trim_end_matches("\r\n");
    let smuggled = "GET /-/version HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut rows = Rows::default();
    let mut refused = |name: &str, bytes: Vec<u8>| {
        rows.row(name, || {
            let statuses = statuses(&server, &bytes);
            // one refusal at the most, and nothing that follows is taken for a request
            assert!(statuses.len() <= 1 && statuses.iter().all(|status| (400..500).contains(status)), "{statuses:?}");
            expect_no_traces(&server, &before);
        });
    };
    let with = |headers: &str, body: &str| format!("{head}\r\n{headers}\r\n\r\n{body}{smuggled}").into_bytes();
    refused("two lengths", with("Content-Length: 4\r\nContent-Length: 5", "abcde"));
    refused("a length with a sign", with("Content-Length: +4", "abcd"));
    refused("a length that is a list", with("Content-Length: 4, 5", "abcd"));
    refused("a length in hexadecimal", with("Content-Length: 0x4", "abcd"));
    refused("a length beyond all numbers", with("Content-Length: 99999999999999999999999", "abcd"));
    refused("a coding that is not known", with("Transfer-Encoding: gzip", "abcd"));
    refused("chunked twice and something else last", with("Transfer-Encoding: chunked, identity", "0\r\n\r\n"));
    refused("a blank before a colon", with("Content-Length : 4", "abcd"));
    refused("a header that goes on in the next line", with("X-A: a\r\n b\r\nContent-Length: 0", ""));
    refused("a chunk whose size is no number", with("Transfer-Encoding: chunked", "zz\r\nabcd\r\n0\r\n\r\n"));
    refused("a chunk that is longer than it says", with("Transfer-Encoding: chunked", "2\r\nabcd\r\n0\r\n\r\n"));
    refused("a bare CR in a header", with("X-A: a\rb: c\r\nContent-Length: 0", ""));
    refused("a NUL in a header", with("X-A: a\0b\r\nContent-Length: 0", ""));
    refused("another protocol", b"PUT / HTTP/3.7\r\nHost: x\r\n\r\n".to_vec());
    refused("no protocol", b"GET /\r\n\r\n".to_vec());
    refused("a blank in the path", b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n".to_vec());
    rows.row("a length beside chunks is not believed", || {
        let chunked = format!("{:x}\r\n", form.len());
        let content_type = form::content_type();
        let start = format!(
            "{head}\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n{chunked}"
        );
        let bytes = [start.as_bytes(), &form, b"\r\n0\r\n\r\n", smuggled.as_bytes()].concat();
        let statuses = statuses(&server, &bytes);
        // refused, or taken as chunks: never cut after four bytes
        let good = statuses.first().is_some_and(|status| matches!(status, 201 | 400));
        assert!(good && statuses.len() <= 2, "{statuses:?}");
    });
    rows.end();
}

#[test]
fn nothing_of_a_request_gets_into_the_headers_of_an_answer() {
    let server = Server::start();
    let mut rows = Rows::default();
    for path in [
        "/a%0d%0aX-Injected:%20y",
        "/%0d%0a%0d%0a<html>",
        "/?type=file%0d%0aX-Injected:%20y",
        "/-/setup/live/1.10/el/7%0d%0aX-Injected:y.repo",
        "/static/icons/file.png%0d%0aX-Injected:%20y",
        "/-/status/%0aX-Injected:%20y",
    ] {
        rows.row(path, || {
            let answer = get(&server, path);
            assert!(matches!(answer.status, 200 | 400 | 404), "{}", answer.status);
            assert_eq!(answer.header("x-injected"), None);
        });
    }
    rows.row("a Host with quotes and line ends does not get into files for clients", || {
        for host in ["evil\" onload=x", "a b", "a/../b", "[::1", ""] {
            let request =
                format!("GET /-/setup/live/1.10/el/7.repo HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let mut connection = Connection::open(&server);
            connection.write(request.as_bytes());
            let answer = connection.answer(&Request::get("/"));
            assert!(answer.status != 200 || answer.text().contains(&format!("http://{host}/")), "{}", answer.text());
        }
    });
    rows.end();
}

#[test]
fn older_and_newer_versions_of_http() {
    let server = Server::start();
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.rpm])));
    let package = format!("{RPM_TARGET}/x86_64/Packages/{}", FIXTURES.rpm.name);
    let mut rows = Rows::default();
    rows.row("HTTP/1.0 without Host", || {
        let mut connection = Connection::open(&server);
        connection.write(format!("GET {package} HTTP/1.0\r\n\r\n").as_bytes());
        let answer = connection.answer(&Request::get(&package));
        expect_status(&answer, 200);
        assert!(answer.body == FIXTURES.rpm.bytes);
    });
    rows.row("a request with the whole URL", || {
        let mut connection = Connection::open(&server);
        connection.write(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", server.url(&package)).as_bytes());
        let answer = connection.answer(&Request::get(&package));
        expect_status(&answer, 200);
        assert!(answer.body == FIXTURES.rpm.bytes);
    });
    rows.row("HTTP/2 by prior knowledge: downloads, ranges, uploads", || {
        let two = |path: &str, more: &[&str]| {
            let arguments = [&["--http2-prior-knowledge"], more].concat();
            let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
            curl::request(&server.url(path), Some(server.credentials()), &arguments)
        };
        let answer = two(&package, &[]);
        expect_status(&answer, 200);
        assert!(answer.body == FIXTURES.rpm.bytes);
        let answer = two(&package, &["--range", "5-9"]);
        expect_status(&answer, 206);
        assert!(answer.body == FIXTURES.rpm.bytes[5..10]);
        expect_status(&two(RPM_TARGET, &["--request", "PUT", "--form", "x=@/dev/null;filename=a.ddeb"]), 201);
        expect_status(&two("/live/9.9/el/7", &["--request", "PUT", "--form", "x=@/dev/null;filename=a.rpm"]), 400);
        for path in ["/nothing", "/-/health", "/", package.as_str()] {
            let head = two(path, &["--head"]);
            assert!(matches!(head.status, 200 | 404), "HEAD {path}: {}", head.transcript);
        }
        let setup = two("/-/setup/live/1.10/el/7.repo", &[]);
        expect_status(&setup, 200);
        assert!(setup.text().contains(&format!("{}/", server.base_url())), "{}", setup.text());
    });
    rows.row("Connection: close is kept to", || {
        let request = Request::get("/-/health").header("Connection", "close");
        let mut connection = Connection::open(&server);
        connection.write(&request.head(&server));
        expect_status(&connection.answer(&request), 200);
        assert_eq!(connection.answer(&request).status, 0);
    });
    rows.row("a request with too many or too large headers is refused", || {
        let many = (0..300).fold(Request::get("/"), |request, number| request.header(&format!("X-{number}"), "y"));
        assert!(matches!(many.send(&server).status, 0 | 400 | 431));
        let large = Request::get("/").header("X-Large", &"y".repeat(2 << 20));
        assert!(matches!(large.send(&server).status, 0 | 400 | 431));
        expect_status(&get(&server, "/-/health"), 200);
    });
    rows.end();
}

#[test]
fn headers_of_every_answer() {
    let server = Server::start();
    let mut rows = Rows::default();
    let mut ids = std::collections::BTreeSet::new();
    for path in ["/", "/nothing", "/-/health", "/-/nothing", "/static/icons/file.png"] {
        let answer = get(&server, path);
        rows.row(path, || {
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert!(ids.insert(answer.header("x-request-id").unwrap().to_owned()), "an id twice");
            if answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
                let policy = answer.header("content-security-policy").unwrap();
                assert!(policy.starts_with("default-src 'none'"), "{policy}");
                assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
                assert_eq!(answer.header("x-frame-options"), Some("DENY"));
            }
        });
    }
    rows.row("a trusted proxy may name a request; what is no plain name is not taken over", || {
        let directory = temporary_directory();
        let trusting =
            configured(directory.path(), |file| file["server"] = json!({ "trusted_proxies": ["127.0.0.1"] }));
        let named_to = |server: &Server, id: &str| Request::get("/-/health").header("X-Request-Id", id).send(server);
        let named = |id: &str| named_to(&trusting, id);
        assert_ne!(named_to(&server, "edge-17").header("x-request-id"), Some("edge-17"));
        assert_eq!(named("edge-17").header("x-request-id"), Some("edge-17"));
        for bad in ["a b", "<x>", &"x".repeat(65)] {
            assert_ne!(named(bad).header("x-request-id"), Some(bad));
        }
    });
    rows.end();
}
