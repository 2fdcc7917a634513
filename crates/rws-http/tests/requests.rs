//! Requests to real servers on this machine.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use futures::StreamExt;
use http::Method;
use rws_http::{Answer, Client, ClientSettings, HttpError, Request, StreamedBody};
use rws_lab::{HttpServer, Reply};

const MAX_BYTES: usize = 1000;

fn settings() -> ClientSettings {
    ClientSettings { ca_file: None, timeout: Duration::from_secs(20), max_answer_bytes: MAX_BYTES }
}

async fn send(request: &Request) -> Result<Answer, HttpError> {
    Client::new(&settings()).unwrap().send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_arrives_as_it_is_and_any_status_is_an_answer() {
    let server = HttpServer::start(|asked| match asked.method.as_str() {
        "POST" => Reply { headers: vec![("X-Test", "b".to_owned())], ..Reply::new(201, "made") },
        _ => Reply::new(404, "no"),
    });
    let post = Request::new(Method::POST, format!("{}/a?b=c", server.url())).header("x-test", "a").body("text");
    let answer = send(&post).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), &answer.body[..], &answer.headers["x-test"]),
        (201, &b"made"[..], &"b".parse().unwrap())
    );
    let asked = &server.asked()[0];
    assert_eq!((asked.target.as_str(), &asked.body[..], asked.header("x-test")), ("/a?b=c", &b"text"[..], "a"));
    assert_eq!(asked.header("host"), server.url().trim_start_matches("http://"));
    assert!(asked.header("user-agent").starts_with("rws/"));
    assert_eq!(send(&Request::get(server.url())).await.unwrap().status, 404);
    let put = send(&Request::new(Method::PUT, server.url()).body("x")).await.unwrap();
    assert_eq!((put.status.as_u16(), server.asked()[2].body.as_slice()), (404, &b"x"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_answer_and_nobody_else_is_asked() {
    let other = HttpServer::start(|_| Reply::new(200, "secret"));
    let location = other.url().to_owned();
    for status in [301, 302, 303, 307, 308] {
        let headers = vec![("Location", location.clone())];
        let server = HttpServer::start(move |_| Reply { headers: headers.clone(), ..Reply::new(status, "") });
        assert_eq!(send(&Request::get(server.url())).await.unwrap().status, status);
    }
    assert!(other.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_long_is_an_error_and_not_cut() {
    for says_length in [true, false] {
        for (length, fits) in [(MAX_BYTES, true), (MAX_BYTES + 1, false), (10 << 20, false)] {
            let server = HttpServer::start(move |_| Reply { says_length, ..Reply::new(200, vec![b'a'; length]) });
            match send(&Request::get(server.url())).await {
                Ok(answer) => assert!(fits && answer.body.len() == length),
                Err(error) => assert!(!fits && matches!(error, HttpError::TooLong(MAX_BYTES)), "{error}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_has_any_length_and_ends_with_an_error_where_it_is_cut() {
    let client = Client::new(&ClientSettings { timeout: Duration::from_millis(200), ..settings() }).unwrap();
    let server = HttpServer::start(|asked| match asked.target.as_str() {
        "/long" => Reply::new(200, vec![b'a'; 10 << 20]),
        _ => Reply { headers: vec![("Location", "/long".to_owned())], ..Reply::new(302, "") },
    });
    let mut answer = client.download(&Request::get(format!("{}/long", server.url()))).await.unwrap();
    let mut length = 0;
    while let Some(piece) = answer.pieces.next().await {
        length += piece.unwrap().len();
    }
    assert_eq!((answer.status.as_u16(), length), (200, 10 << 20));
    assert_eq!(client.download(&Request::get(server.url())).await.unwrap().status, 302);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let drips = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        _ = std::io::Read::read(&mut stream, &mut [0; 1]).unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").unwrap();
        // until the client is gone
        _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let answer = client.download(&Request::get(url)).await.unwrap();
    let pieces: Vec<_> = answer.pieces.collect().await;
    assert!(matches!(pieces.last(), Some(Err(HttpError::TimedOut(_)))), "{pieces:?}");
    drop(client);
    drips.join().unwrap();
}

fn streamed(pieces: Vec<std::io::Result<bytes::Bytes>>, size_bytes: u64) -> StreamedBody {
    StreamedBody { size_bytes, pieces: Box::pin(futures::stream::iter(pieces)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_body_is_sent_once_it_is_wanted_and_whole_or_not() {
    let client = Client::new(&settings()).unwrap();
    // one that knows no `Expect` gets it nevertheless
    let server = HttpServer::start(|_| Reply::new(201, ""));
    let put = Request::new(Method::PUT, format!("{}/a", server.url()));
    let pieces = ["ab", "cde"].map(|piece| Ok(piece.into())).into();
    let answer = client.send_streamed(&put, streamed(pieces, 5)).await.unwrap();
    assert_eq!((answer.status.as_u16(), &server.asked()[0].body[..]), (201, &b"abcde"[..]));
    assert_eq!(server.asked()[0].header("content-length"), "5");

    // one that refuses the head reads nothing, and nothing is read for it
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let refuses = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            std::io::Read::read_exact(&mut stream, &mut byte).unwrap();
            head.push(byte[0]);
        }
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n").unwrap();
        let mut rest = Vec::new();
        _ = std::io::Read::read_to_end(&mut stream, &mut rest);
        (String::from_utf8(head).unwrap(), rest.len())
    });
    let unread = StreamedBody { size_bytes: 5, pieces: Box::pin(futures::stream::poll_fn(|_| panic!("it is read"))) };
    let answer = client.send_streamed(&Request::new(Method::PUT, url), unread).await.unwrap();
    assert_eq!(answer.status, 401);
    let (head, rest) = refuses.join().unwrap();
    assert!(head.contains("expect: 100-continue\r\n") && rest == 0, "{head}");

    // a file that cannot be read any more
    let broken = vec![Ok("ab".into()), Err(std::io::Error::other("it is gone"))];
    let error = client.send_streamed(&put, streamed(broken, 5)).await.unwrap_err();
    assert!(error.to_string().contains("it is gone"), "{error}");
}

/// A server that keeps silent, in its head or in its body, until it is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_request_has_one_time_out() {
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = std::sync::Mutex::new(receiver);
    let server = HttpServer::start(move |_| {
        _ = receiver.lock().unwrap().recv();
        Reply::new(200, "")
    });
    let client = Client::new(&ClientSettings { timeout: Duration::from_millis(100), ..settings() }).unwrap();
    let error = client.send(&Request::get(server.url())).await.unwrap_err();
    assert!(matches!(error, HttpError::TimedOut(_)) && error.may_pass(), "{error}");
    drop(sender);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let drips = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        _ = std::io::Read::read(&mut stream, &mut [0; 1]).unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").unwrap();
        // until the client is gone
        _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let error = client.send(&Request::get(url)).await.unwrap_err();
    assert!(matches!(error, HttpError::TimedOut(_)), "{error}");
    drop(client);
    drips.join().unwrap();
}

#[tokio::test]
async fn what_cannot_be_sent_or_reached_is_said() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = send(&Request::get(format!("http://{closed}/secret"))).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable(_)) && error.may_pass(), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    for url in
        ["", "/path", "ftp://host/", "host:80", "http://user:secret@host/", "http://", "http:///path", "http://ho st/"]
    {
        let error = send(&Request::get(url)).await.unwrap_err();
        assert!(matches!(error, HttpError::Malformed(_)) && !error.may_pass(), "{url}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    for (name, value) in [("x-test", "a\nb"), ("host", "other")] {
        let error = send(&Request::get("http://127.0.0.1/").header(name, value)).await.unwrap_err();
        assert!(matches!(error, HttpError::Malformed(_)), "{name}: {error}");
    }
    let request = Request::get("http://host/secret").header("authorization", "secret").body("secret");
    assert!(!format!("{request:?}").contains("secret"));
}

/// `openssl s_server` with a certificate that nobody knows.
struct Encrypted {
    process: Child,
    directory: tempfile::TempDir,
    url: String,
}

impl Encrypted {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, secret) = (directory.path().join("certificate.pem"), directory.path().join("key.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .args([&secret, Path::new("-out"), &certificate])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("openssl")
            .args(["s_server", "-www", "-quiet", "-accept", &format!("127.0.0.1:{port}"), "-cert"])
            .args([&certificate, Path::new("-key"), &secret])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        Self { process, directory, url: format!("https://127.0.0.1:{port}") }
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_spoken_with_those_whose_authority_is_known() {
    let encrypted = Encrypted::start();
    let get = Request::get(&encrypted.url);
    let error = send(&get).await.unwrap_err();
    assert!(matches!(error, HttpError::Untrusted(_)) && !error.may_pass(), "{error}");
    let ca_file = Some(encrypted.directory.path().join("certificate.pem"));
    let known = ClientSettings { ca_file, max_answer_bytes: 1 << 20, ..settings() };
    assert_eq!(Client::new(&known).unwrap().send(&get).await.unwrap().status, 200);
    let broken = encrypted.directory.path().join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let error = Client::new(&ClientSettings { ca_file: Some(broken), ..settings() }).unwrap_err().to_string();
    assert!(error.contains("broken.pem"), "{error}");
}
