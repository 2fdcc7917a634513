//! Which connection a request came by.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::ConnectInfo;
use axum::extract::connect_info::Connected;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, Request};
use axum::serve::{IncomingStream, Listener};
use rws_repository::pins::Reader;
use tokio::net::{TcpListener, TcpStream};

/// One connection of a client.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    number: u64,
    peer: SocketAddr,
}

/// Accepts connections whose answers are sent without delay.
#[derive(Debug)]
pub struct Connections(pub TcpListener);

impl Listener for Connections {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection is slower than it could be");
        }
        (stream, peer)
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Connections>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        Self { number: NUMBER.fetch_add(1, Ordering::Relaxed), peer: *stream.remote_addr() }
    }
}

/// Who sends a request. What a proxy says of the client counts as a part of its name: who lies about it harms himself only.
pub fn reader<B>(request: &Request<B>) -> Option<Reader> {
    let ConnectInfo(connection) = request.extensions().get::<ConnectInfo<Connection>>()?;
    let headers: &HeaderMap = request.headers();
    let text = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let (forwarded, agent) = (text("x-forwarded-for"), text(USER_AGENT.as_str()));
    // a proxy in front may send the requests of many clients by one connection
    let number = if forwarded.is_some() { None } else { Some(connection.number) };
    let ip = connection.peer.ip();
    let client = format!("{ip} {} {}", forwarded.unwrap_or_default(), agent.unwrap_or_default());
    Some(Reader { connection: number, client: client.chars().take(400).collect() })
}
