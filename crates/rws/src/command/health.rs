//! `rws health`: whether a server answers, for health checks where there is no other program (containers).

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::configuration::ListeningAddress;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);

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
        bail!("the server at {address} is not well: {line:?}");
    }
    println!("ok");
    Ok(())
}

fn ask(address: &str) -> std::io::Result<String> {
    let mut failed = std::io::Error::other("the name has no address");
    for socket in address.to_socket_addrs()? {
        match ask_socket(&socket, address) {
            Ok(answer) => return Ok(answer),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn ask_socket(socket: &std::net::SocketAddr, host: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(socket, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /-/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(LONGEST_HEAD_BYTES).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
