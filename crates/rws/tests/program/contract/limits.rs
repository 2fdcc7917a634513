//! What is too much, too slow or too often: each with its status and a sentence, and nothing stays behind.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::rows::Rows;
use super::stage::{
    FIXTURES, RPM_TARGET, configured, deb_form, expect_code, expect_created, expect_no_traces, expect_status, get, put,
    traces,
};
use crate::support::form::{self, File, Form};
use crate::support::raw::{Connection, Request};
use crate::support::server::{Credentials, Server};
use crate::support::{curl, temporary_directory, wait, write_file};

/// A server with these limits.
#[track_caller]
fn limited(limits: serde_json::Value) -> Server {
    let directory = temporary_directory();
    configured(directory.path(), |file| file["server"] = json!({ "limits": limits }))
}

#[test]
fn what_is_too_large() {
    let small = FIXTURES.rpm.bytes.len();
    let server = limited(json!({
        "parts": 3, "part_header_bytes": 300, "field_bytes": 20, "file_bytes": small, "upload_bytes": 3 * small,
    }));
    let before = traces(&server);
    let large = File::new("large-1.0-1.x86_64.rpm", [&FIXTURES.rpm.bytes[..], &[0; 10]].concat());
    let mut rows = Rows::default();
    let mut refused = |name: &str, path: &str, form: Form, status: u16, code: &str, sentence: &str| {
        rows.row(name, || {
            let answer = put(&server, path, form);
            expect_code(&answer, status, code);
            assert!(answer.json()["message"].as_str().unwrap().contains(sentence), "{}", answer.text());
            expect_no_traces(&server, &before);
        });
    };
    refused("a file", RPM_TARGET, Form::of([&large]), 413, "too-large", "large-1.0-1.x86_64.rpm has more than");
    let many = (0..4).fold(Form::of([]), |form, number| form.field(&format!("f{number}"), "x"));
    refused("parts", RPM_TARGET, many, 413, "too-large", "more than 3 parts");
    let long = Form::of([&FIXTURES.rpm.named(&format!("{}.rpm", "x".repeat(400)))]);
    refused("the headers of a part", RPM_TARGET, long, 413, "too-large", "longer than 300 bytes");
    let field = Form::of([]).field("product", &"p".repeat(21));
    refused("a field", super::stage::DEB_TARGET, field, 400, "product", "longer than 20 bytes");
    let together = Form::of([&FIXTURES.rpm]).field("filler", &"x".repeat(3 * small));
    refused("a request", RPM_TARGET, together, 413, "too-large", "more than");
    rows.row("a request whose length is known, before its body", || {
        let request = Request::new("PUT", RPM_TARGET).user(server.credentials());
        let request = request.header("Content-Type", &form::content_type());
        let request = request.header("Content-Length", &(3 * small + 1).to_string()).header("Expect", "100-continue");
        let mut connection = Connection::open(&server);
        connection.write(&request.head(&server));
        expect_code(&connection.answer(&request), 413, "too-large");
        assert_eq!(connection.interim, [0_u16; 0]);
    });
    rows.row("what is just small enough is taken", || {
        expect_created(&put(&server, RPM_TARGET, Form::of([&FIXTURES.rpm])));
    });
    rows.end();
}

#[test]
fn a_body_that_makes_no_progress() {
    let server = limited(json!({ "stalled_seconds": 1 }));
    let before = traces(&server);
    let whole = Form::of([&FIXTURES.rpm]).finish();
    let mut rows = Rows::default();
    for (name, sent) in [("nothing is sent", 0), ("it stops in the middle", whole.len() / 2)] {
        rows.row(name, || {
            let request = Request::new("PUT", RPM_TARGET).user(server.credentials());
            let request = request.header("Content-Type", &form::content_type());
            let request = request.header("Content-Length", &whole.len().to_string());
            let mut connection = Connection::open(&server);
            connection.write(&request.head(&server));
            connection.write(&whole[..sent]);
            let answer = connection.answer(&request);
            expect_code(&answer, 408, "stalled");
            assert_eq!(answer.header("connection"), Some("close"));
            expect_no_traces(&server, &before);
        });
    }
    rows.row("one that is slow but goes on is taken", || {
        let request = Request::new("PUT", RPM_TARGET).user(server.credentials());
        let request = request.header("Content-Type", &form::content_type());
        let request = request.header("Content-Length", &whole.len().to_string());
        let mut connection = Connection::open(&server);
        connection.write(&request.head(&server));
        for piece in whole.chunks(whole.len() / 4) {
            std::thread::sleep(Duration::from_millis(400));
            connection.write(piece);
        }
        expect_created(&connection.answer(&request));
    });
    rows.end();
}

#[test]
fn an_answer_that_nobody_takes() {
    let server = limited(json!({ "stalled_seconds": 1, "connections": 16 }));
    let large = server.data_dir().join("large.bin");
    write_file(&large, vec![b'x'; 64 << 20]);
    // one client that asks and never reads holds all the connections that it may have, until these are dropped
    let idle: Vec<Connection> = (0..2)
        .map(|_| {
            let mut connection = Connection::open(&server);
            connection.write(&Request::get("/large.bin").head(&server));
            connection
        })
        .collect();
    let health = || (curl::request(&server.url("/-/health"), None, &[]).status == 200).then_some(());
    wait::until("a connection ends", wait::BOUND, health);
    drop(idle);
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[test]
fn an_answer_of_http_2_that_nobody_takes() {
    let server = limited(json!({ "stalled_seconds": 1 }));
    write_file(&server.data_dir().join("large.bin"), vec![b'x'; 1 << 20]);
    let mut stream = TcpStream::connect(server.base_url().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(wait::BOUND)).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    // SETTINGS: a window of nothing
    stream.write_all(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])).unwrap();
    // HEADERS: GET, http, the path and the authority as literals (RFC 7541)
    let path = b"/large.bin";
    let block = [&[0x82, 0x86, 0x04, path.len() as u8][..], path, &[0x01, 1, b'x']].concat();
    stream.write_all(&frame(1, 0x5, 1, &block)).unwrap();
    let mut kinds = Vec::new();
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).is_err() {
            break;
        }
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        if stream.read_exact(&mut payload).is_err() {
            break;
        }
        kinds.push(head[3]);
        // whoever answers each PING is there, and takes nothing nevertheless
        if head[3] == 6 && head[4] & 1 == 0 {
            stream.write_all(&frame(6, 1, 0, &payload)).unwrap();
        }
    }
    assert!(kinds.contains(&1), "no headers of an answer came: {kinds:?}");
    assert_ne!(
        stream.read(&mut [0]).map_err(|error| error.kind()).err(),
        Some(ErrorKind::WouldBlock),
        "it is open still"
    );
    expect_status(&get(&server, "/-/health"), 200);
}

#[test]
fn more_connections_than_may_be() {
    let server = limited(json!({ "connections": 16 }));
    let mut rows = Rows::default();
    rows.row("connections that wait for nothing are not kept from others for ever", || {
        for _ in 0..40 {
            let request = Request::get("/-/health");
            let mut connection = Connection::open(&server);
            connection.write(&request.head(&server));
            expect_status(&connection.answer(&request), 200);
            std::mem::drop(connection);
        }
    });
    rows.row("the last free connection is not kept for a further request", || {
        // none is left of those before
        let server = limited(json!({ "connections": 16 }));
        let request = Request::get("/-/health");
        let mut open: Vec<Connection> = Vec::new();
        let mut closing = false;
        for client in 1..=16 {
            let mut connection = Connection::open_from(&server, &format!("127.0.0.{client}"));
            connection.write(&request.head(&server));
            closing |= connection.answer(&request).header("connection") == Some("close");
            open.push(connection);
        }
        assert!(closing, "all connections are kept");
        expect_status(&get(&server, "/-/health"), 200);
    });
    rows.end();
}

#[test]
fn more_uploads_than_may_be() {
    let server = limited(json!({ "uploads": 1, "stalled_seconds": 3 }));
    let whole = Form::of([&FIXTURES.rpm]).finish();
    let request = Request::new("PUT", RPM_TARGET).user(server.credentials());
    let request = request.header("Content-Type", &form::content_type());
    let request = request.header("Content-Length", &whole.len().to_string());
    let mut slow = Connection::open(&server);
    slow.write(&request.head(&server));
    slow.write(&whole[..100]);
    // the other one waits for its turn: it is not sent away
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| put(&server, "/live/1.10/el/8", Form::of([&FIXTURES.rpm])));
        // both are connected, and the one that asks
        let both = || get(&server, "/-/metrics").text().contains("\nrws_http_connections 3\n").then_some(());
        wait::until("the second upload is there", wait::BOUND, both);
        slow.write(&whole[100..]);
        expect_created(&slow.answer(&request));
        waiting.join().unwrap()
    });
    expect_created(&waiting);
}

#[test]
fn wrong_passwords() {
    let server = Server::start();
    let right = server.credentials().clone();
    let guess = |user: &str, number: usize| {
        let wrong = Credentials { user: user.to_owned(), password: format!("guess {number}") };
        Request::new("POST", RPM_TARGET).user(&wrong).body("").send(&server)
    };
    let mut rows = Rows::default();
    rows.row("many at once are sent away rather than looked at", || {
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let guesses: Vec<_> = (0..10).map(|number| scope.spawn(move || guess("rws", number).status)).collect();
            guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
        });
        let sent_away = statuses.iter().filter(|status| **status == 503).count();
        assert!(statuses.iter().all(|status| matches!(status, 401 | 503)), "{statuses:?}");
        assert!(sent_away > 0, "all guesses were looked at: {statuses:?}");
        let answer = guess("rws", 1000);
        assert!(answer.status == 401 || answer.header("retry-after").is_some(), "{}", answer.text());
    });
    rows.row("another user of the same address is not kept waiting", || {
        expect_status(&guess("somebody-else", 1), 401);
    });
    rows.row("the right password still works, at the latest after the pause", || {
        let answer = curl::request(
            &server.url(RPM_TARGET),
            Some(&right),
            &["--request", "PUT", "--retry", "8", "--form", "x=@/dev/null;filename=a.ddeb"].map(str::to_owned),
        );
        expect_status(&answer, 201);
    });
    rows.end();
}

#[test]
fn an_early_refusal_reaches_the_client() {
    let server = Server::start();
    let directory = temporary_directory();
    let file = directory.path().join("large-1.0-1.x86_64.rpm");
    write_file(&file, vec![0; 64 << 20]);
    let form = format!("x=@{}", file.display());
    let mut rows = Rows::default();
    for (path, method, status) in [
        ("/live/9.9/el/7", "PUT", 400),
        ("/", "PUT", 405),
        ("/-/health", "PUT", 405),
        ("/-/metadata/live/9.9/el/7/x86_64/comps", "PUT", 400),
        (RPM_TARGET, "PUT", 400),
    ] {
        rows.row(&format!("{method} {path}: curl shows the {status} of a large upload that it sends at once"), || {
            let arguments = ["--header", "Expect:", "--form", &form, "--request", method].map(str::to_owned);
            let answer = curl::request(&server.url(path), Some(server.credentials()), &arguments);
            expect_status(&answer, status);
            assert!(!answer.transcript.contains("Broken pipe"), "{}", answer.transcript);
        });
    }
    rows.row("a client that reads only when it has sent all gets its answer too", || {
        let request = Request::new("PUT", "/live/9.9/el/7").user(server.credentials());
        let request = request.header("Content-Type", &form::content_type()).body(vec![0; 32 << 20]);
        let mut connection = Connection::open(&server);
        connection.write(&request.head(&server));
        connection.write(request.content());
        expect_status(&connection.answer(&request), 400);
    });
    rows.row("the form of a good upload is not in the way", || {
        expect_created(&put(&server, super::stage::DEB_TARGET, deb_form([&FIXTURES.deb])));
    });
    rows.end();
}
