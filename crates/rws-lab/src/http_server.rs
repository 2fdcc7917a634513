//! A server that answers as a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET`
    pub method: String,
    /// `/path?query`
    pub target: String,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The value of a header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// `200`
    pub status: u16,
    /// More headers than `Content-Length` and `Connection`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the length is said. Without it the body ends with the connection.
    pub says_length: bool,
}

impl Reply {
    /// An answer without further headers.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), says_length: true }
    }
}

type Handler = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// An HTTP/1.1 server on a free port of 127.0.0.1. Each connection has a thread of its own and takes one request, so a
/// handler may block. When it is dropped, its port is closed.
pub struct HttpServer {
    url: String,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    handler: Mutex<Handler>,
    asked: Mutex<Vec<Asked>>,
    is_over: AtomicBool,
}

impl HttpServer {
    /// Starts a server with its first handler.
    #[track_caller]
    pub fn start(handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let handler: Handler = Arc::new(handler);
        let shared =
            Arc::new(Shared { handler: Mutex::new(handler), asked: Mutex::default(), is_over: AtomicBool::new(false) });
        let accepting = Arc::clone(&shared);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                thread::spawn(move || _ = shared.answer(&stream));
            }
        });
        Self { url, shared, accepting: Some(accepting) }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All requests so far, in the order in which they arrived.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers otherwise from now on.
    pub fn set(&self, handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        *self.shared.handler.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(handler);
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // the listener waits for a connection
        _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        if let Some(accepting) = self.accepting.take() {
            _ = accepting.join();
        }
    }
}

impl Shared {
    fn answer(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut stream = stream;
        let mut reader = BufReader::new(stream);
        let Some(asked) = read(&mut reader)? else { return Ok(()) };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
        let handler = Arc::clone(&self.handler.lock().unwrap_or_else(PoisonError::into_inner));
        let reply = handler(&asked);
        let mut head = format!("HTTP/1.1 {} Status\r\nConnection: close\r\n", reply.status);
        if reply.says_length {
            head += &format!("Content-Length: {}\r\n", reply.body.len());
        }
        for (name, value) in &reply.headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        if asked.method != "HEAD" {
            stream.write_all(&reply.body)?;
        }
        stream.flush()?;
        stream.shutdown(Shutdown::Write)?;
        // what is unread when a connection is closed would make the kernel drop the answer
        std::io::copy(&mut reader, &mut std::io::sink()).map(|_| ())
    }
}

/// One request; none where the connection ends before it.
fn read(reader: &mut impl BufRead) -> std::io::Result<Option<Asked>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let mut asked = Asked { method, target, headers, body: Vec::new() };
    let length = asked.header("content-length").parse().unwrap_or_default();
    reader.take(length).read_to_end(&mut asked.body)?;
    Ok(Some(asked))
}
