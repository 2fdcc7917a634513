//! A service whose socket stays open in the service manager: one process after the other answers on it, and no request is lost.
#![expect(clippy::unwrap_used, reason = "test code")]

pub mod load;

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::contract::rows::Rows;
use crate::support::raw::{Connection, Request};
use crate::support::server::{Options, Server};
use crate::support::{temporary_directory, wait, write_file};
use load::Load;

/// As systemd opens it: the kernel cuts this to what the system allows.
const BACKLOG: i32 = i32::MAX;

fn socket() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.listen(BACKLOG).unwrap();
    socket.into()
}

/// The end of a service manager that hears of a service.
struct Ear {
    socket: UnixDatagram,
    directory: TempDir,
}

impl Ear {
    fn new() -> Self {
        let directory = temporary_directory();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(wait::BOUND)).unwrap();
        Self { socket, directory }
    }

    fn variable(&self) -> (String, String) {
        ("NOTIFY_SOCKET".to_owned(), self.directory.path().join("notify").display().to_string())
    }

    /// The next message with this line.
    #[track_caller]
    fn expect(&self, line: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self.socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no {line:?} comes: {error}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|said| said == line) {
                return message;
            }
        }
    }
}

#[test]
fn systemd_hears_of_the_start_of_every_turn_and_of_the_end() {
    let ear = Ear::new();
    let watchdog = ("WATCHDOG_USEC".to_owned(), "40000".to_owned());
    let socket = socket();
    let address = socket.local_addr().unwrap();
    let environment = vec![ear.variable(), watchdog, ("RWS_LISTEN".to_owned(), "127.0.0.1:1".to_owned())];
    let mut server = Server::start_with(Options { socket: Some(socket), environment, ..Options::default() });
    assert_eq!(server.base_url(), format!("http://{address}"), "it listens elsewhere");
    server.wait_for_log("systemd chose the address (rws.socket); --listen, RWS_LISTEN and PORT are not used");
    let said = ear.expect("READY=1");
    assert!(said.contains(&format!("STATUS=listening on {address}\n")), "{said}");
    for _ in 0..3 {
        ear.expect("WATCHDOG=1");
    }
    assert_eq!(server.terminate().code(), Some(0));
    ear.expect("STOPPING=1");
}

/// The program on descriptors from 3 on, which are its standard input; what it says.
fn start_on(descriptors: usize, socket: Stdio, directory: &Path) -> String {
    let opened: String = (0..descriptors).map(|number| format!("{}<&0 ", number + 3)).collect();
    let script = format!("exec {opened}; LISTEN_FDS={descriptors} LISTEN_PID=$$ exec \"$@\" </dev/null");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_rws"), "serve", "--data-dir"]).arg(directory.join("data"));
    command.current_dir(directory).env_remove("RWS_CFG").stdin(socket);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn sockets_that_do_not_fit_are_refused() {
    let directory = temporary_directory();
    let mut rows = Rows::default();
    rows.row("two", || {
        let said = start_on(2, Stdio::from(std::os::fd::OwnedFd::from(socket())), directory.path());
        assert!(
            said.starts_with("error: systemd passed 2 sockets, and RWS listens on one; give rws.socket "),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    });
    rows.row("one that is none", || {
        let path = directory.path().join("file");
        write_file(&path, "text");
        let said = start_on(1, Stdio::from(std::fs::File::open(path).unwrap()), directory.path());
        assert!(said.contains("RWS cannot listen on the socket that systemd passed"), "{said}");
        assert!(said.contains("fd 3 is not a socket"), "{said}");
    });
    rows.end();
}

/// hyper would close such a connection as idle.
#[test]
fn a_connection_whose_request_is_on_its_way_when_the_process_stops_is_answered() {
    let mut server = Server::start();
    let request = Request::get("/-/health");
    let mut connection = Connection::open(&server);
    // accepted connections are counted; the one that asks is the other one
    server.wait_for_body("/-/metrics", |text| text.contains("rws_http_connections 2\n"));
    server.signal("TERM");
    server.wait_for_log("stopping: waiting for running requests");
    connection.write(&request.head(&server));
    let answer = connection.answer(&request);
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{}", answer.transcript);
    assert_eq!(server.terminate().code(), Some(0));
}

/// A stream that is under way ends, and the connection with it.
#[test]
fn a_download_over_http_2_outlives_the_stop() {
    let (mut server, directory) = (Server::start(), temporary_directory());
    // more than is kept between both ends
    let noise: Vec<u8> = (0..16_u32 << 20).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let path = server.data_dir().join("live/1.10/el/9/x86_64/Packages/large.rpm");
    write_file(&path, &noise);
    let url = server.url("/live/1.10/el/9/x86_64/Packages/large.rpm");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--no-buffer", "--http2-prior-knowledge", &url]).env("no_proxy", "*");
    let mut curl = curl.current_dir(directory.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut taken = vec![0; 1 << 10];
    let mut body = curl.stdout.take().unwrap();
    body.read_exact(&mut taken).unwrap();
    server.signal("TERM");
    server.wait_for_log("stopping: waiting for running requests");
    body.read_to_end(&mut taken).unwrap();
    assert!(taken == noise, "{} bytes of {}", taken.len(), noise.len());
    assert!(curl.wait().unwrap().success());
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn no_request_fails_while_one_process_follows_the_other() {
    Load { clients: 120, replacements: 2 }.run();
}

#[test]
fn a_thousand_requests_in_flight_outlive_five_replacements() {
    Load { clients: 1000, replacements: 5 }.run();
}
