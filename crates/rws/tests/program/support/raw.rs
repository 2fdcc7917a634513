//! HTTP/1.1 by hand: what no client would send, and every byte of what comes back.

use super::curl::Answer;
use super::form::{self, Form};
use super::server::{Credentials, Server};
use super::wait;
use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use socket2::{Domain, Socket, Type};

/// A request, to be sent as it is.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn user(self, credentials: &Credentials) -> Self {
        let pair = format!("{}:{}", credentials.user, credentials.password);
        self.header("Authorization", &format!("Basic {}", base64(pair.as_bytes())))
    }

    /// A body of a known length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("Content-Length", &length)
    }

    #[must_use]
    pub fn form(self, form: Form) -> Self {
        self.header("Content-Type", &form::content_type()).body(form.finish())
    }

    /// The body.
    pub fn content(&self) -> &[u8] {
        &self.body
    }

    /// Sends it on a connection of its own. An answer that does not come has the status 0.
    pub fn send(&self, server: &Server) -> Answer {
        let mut connection = Connection::open(server);
        connection.write(&self.head(server));
        connection.write(&self.body);
        connection.answer(self)
    }

    /// Sends it to another server, `HOST:PORT`.
    pub fn send_to(&self, host: &str) -> Answer {
        let stream = TcpStream::connect(host).expect("the other server accepts connections");
        let mut connection = Connection::of(stream);
        connection.write(&self.head_for(host));
        connection.write(&self.body);
        connection.answer(self)
    }

    /// The request line and the headers.
    pub fn head(&self, server: &Server) -> Vec<u8> {
        self.head_for(host(server))
    }

    /// The same for a server `HOST:PORT`.
    pub fn head_for(&self, host: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// Asks for `HOST:PORT/PATH`, as a client of its own: one that asked a moment ago goes on with the root that it got. An answer that
/// does not come has the status 0.
pub fn fetch(method: &str, address: &str) -> Answer {
    let (host, path) =
        address.split_once('/').map_or((address, String::from("/")), |(host, path)| (host, format!("/{path}")));
    static CLIENTS: AtomicUsize = AtomicUsize::new(0);
    let client = format!("rws-test/{}", CLIENTS.fetch_add(1, Ordering::Relaxed));
    let request = Request::new(method, &path).header("User-Agent", &client).header("Accept", "*/*");
    let request = request.header("Connection", "close");
    let stream = match TcpStream::connect(host) {
        Ok(stream) => stream,
        Err(error) => {
            let transcript = format!("{method} {address}\nno connection: {error}");
            return Answer { status: 0, headers: Vec::new(), body: Vec::new(), transcript };
        }
    };
    let mut connection = Connection::of(stream);
    connection.write(&request.head_for(host));
    connection.answer(&request)
}

/// One connection to the server.
pub struct Connection {
    stream: BufReader<TcpStream>,
    /// the statuses of the interim answers (1xx) so far
    pub interim: Vec<u16>,
}

impl Connection {
    #[track_caller]
    pub fn open(server: &Server) -> Self {
        Self::open_from(server, "127.0.0.1")
    }

    /// A connection of another client: all of 127.0.0.0/8 is this machine.
    #[track_caller]
    pub fn open_from(server: &Server, address: &str) -> Self {
        Self::try_open_from(host(server), address).expect("the server accepts connections")
    }

    /// The same to a server `HOST:PORT`, which need not take it.
    pub fn try_open_from(host: &str, address: &str) -> Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there are sockets");
        let from: SocketAddr = format!("{address}:0").parse().expect("an address");
        socket.bind(&from.into()).expect("the address is one of this machine");
        let to: SocketAddr = host.parse().expect("an address");
        socket.connect(&to.into())?;
        Ok(Self::of(TcpStream::from(socket)))
    }

    fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(wait::BOUND)).expect("a time-out can be set");
        stream.set_write_timeout(Some(wait::BOUND)).expect("a time-out can be set");
        Self { stream: BufReader::new(stream), interim: Vec::new() }
    }

    /// Sends bytes. A server that has answered already may not take them, which is not a failure here.
    pub fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// So many bytes, whatever they are; `None` when the connection ends before.
    pub fn takes(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let mut taken = vec![0; bytes];
        self.stream.read_exact(&mut taken).ok().map(|()| taken)
    }

    /// Waits for the first bytes of an answer, and leaves them to be read.
    pub fn begins(&mut self) -> Result<()> {
        match self.stream.fill_buf()? {
            [] => Err(Error::other("the server closed the connection")),
            _ => Ok(()),
        }
    }

    /// Whether the server has ended it already: clients look before they send a further request.
    pub fn is_ended(&self) -> bool {
        let stream = self.stream.get_ref();
        let seen = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
        stream.set_nonblocking(false).expect("a connection can wait again");
        !seen.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Reads the interim answer that asks for the body.
    #[track_caller]
    pub fn expect_continue(&mut self) {
        let (status, _) = self.read_head().expect("an interim answer comes");
        assert_eq!(status, 100, "the body is not asked for");
        self.interim.push(status);
    }

    /// Nothing more will be sent; answers may still come.
    pub fn end_sending(&mut self) {
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
    }

    /// Ends the connection, whatever is under way.
    pub fn cut(self) {
        // A connection that the server has closed needs no end.
        let _ = self.stream.get_ref().shutdown(Shutdown::Both);
    }

    /// The final answer to a request; status 0, and why, when there is none.
    pub fn answer(&mut self, request: &Request) -> Answer {
        let transcript = format!("{} {}", request.method, request.path);
        match self.read_answer(&request.method) {
            Ok(answer) => Answer { transcript, ..answer },
            Err(error) => {
                let transcript = format!("{transcript}\nno answer: {error}");
                Answer { status: 0, headers: Vec::new(), body: Vec::new(), transcript }
            }
        }
    }

    fn read_answer(&mut self, method: &str) -> Result<Answer> {
        let (status, headers) = loop {
            let (status, headers) = self.read_head()?;
            if status >= 200 {
                break (status, headers);
            }
            self.interim.push(status);
        };
        let value = |name: &str| {
            let found = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        let mut body = Vec::new();
        if method == "HEAD" || matches!(status, 204 | 304) {
        } else if let Some(length) = value("content-length") {
            let length = length.parse().map_err(Error::other)?;
            let read = (&mut self.stream).take(length).read_to_end(&mut body)?;
            if read as u64 != length {
                return Err(Error::other(format!("{read} bytes of a body of {length}")));
            }
        } else if value("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            body = self.read_chunks()?;
        } else {
            self.stream.read_to_end(&mut body)?;
        }
        Ok(Answer { status, headers, body, transcript: String::new() })
    }

    fn read_head(&mut self) -> Result<(u16, Vec<(String, String)>)> {
        let line = self.read_line()?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::other(format!("{line:?} is no status line")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.read_line()?;
            match line.split_once(':') {
                Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
                None if line.is_empty() => return Ok((status, headers)),
                None => return Err(Error::other(format!("{line:?} is no header"))),
            }
        }
    }

    fn read_chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_line()?;
            let length = u64::from_str_radix(line.trim(), 16).map_err(Error::other)?;
            (&mut self.stream).take(length).read_to_end(&mut body)?;
            self.read_line()?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    fn read_line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(Error::other("the server closed the connection"));
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// Base64 (RFC 4648, section 4).
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = (0..3).fold(0, |number, at| number << 8 | usize::from(group.get(at).copied().unwrap_or(0)));
        for digit in 0..4 {
            let index = number >> (18 - 6 * digit) & 63;
            text.push(if digit <= group.len() { char::from(DIGITS[index]) } else { '=' });
        }
    }
    text
}

fn host(server: &Server) -> &str {
    server.base_url().trim_start_matches("http://")
}
