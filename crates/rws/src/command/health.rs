//! `rws health`: whether a server answers, for health checks where there is no other program (containers).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, bail};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::output::say;
use crate::configuration::ListeningAddress;

mod unverified;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first byte of what a server says that wants TLS.
const TLS_ALERT: u8 = 21;

/// No status line is longer.
const LONGEST_HEAD_BYTES: u64 = 4096;

/// Asks for `/-/health`.
///
/// # Errors
///
/// When nobody listens there, or the answer is not 200.
pub fn run(listen: &ListeningAddress) -> anyhow::Result<()> {
    let address = listen.to_connect();
    let answer = ask(&address).with_context(|| format!("the server at {address} does not answer"))?;
    let line = answer.lines().next().unwrap_or_default();
    if line.split(' ').nth(1) != Some("200") {
        bail!("the server at {address} answered {line:?} instead of 200");
    }
    say("ok")
}

fn ask(address: &str) -> std::io::Result<String> {
    let mut failed = std::io::Error::other("the host name has no address");
    for socket in address.to_socket_addrs()? {
        match ask_socket(&socket, address) {
            Ok(answer) => return Ok(answer),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Asks plainly first: a server that speaks TLS says so with an alert (RFC 8446, section 6).
fn ask_socket(socket: &SocketAddr, host: &str) -> std::io::Result<String> {
    let answer = exchange(connect(socket)?, host)?;
    if answer.first() == Some(&TLS_ALERT) {
        let name = ServerName::IpAddress(socket.ip().into());
        let connection = ClientConnection::new(unverified::configuration(), name).map_err(std::io::Error::other)?;
        let answer = exchange(StreamOwned::new(connection, connect(socket)?), host)?;
        return Ok(String::from_utf8_lossy(&answer).into_owned());
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn connect(socket: &SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(socket, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn exchange(mut stream: impl Read + Write, host: &str) -> std::io::Result<Vec<u8>> {
    let request = format!("GET /-/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    // in one piece: a server that wants TLS ends the connection after the first
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    match stream.take(LONGEST_HEAD_BYTES).read_to_end(&mut answer) {
        // whoever closes without a farewell has said all that is asked
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(answer),
    }
}
