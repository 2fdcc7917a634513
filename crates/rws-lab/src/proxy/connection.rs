//! The connections of clients.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_blocking;

use super::Fault;
use super::body::Body;
use super::exchange::{Exchange, Next};
use super::head::Head;
use super::record::{Entry, Shared};
use super::wire::Wire;

/// Serves every connection in a task of its own.
pub(super) async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).expect("a listener of tokio");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        tokio::spawn(serve(stream, Arc::clone(&shared)));
    }
}

/// One request after the other.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // small pieces are to leave as they are
    let _ = stream.set_nodelay(true);
    let mut client = Wire::new(stream);
    loop {
        match one_request(&mut client, &shared).await {
            Ok(Next::Another) => {}
            Ok(Next::Close) => break,
            Ok(Next::Reset) => {
                let _ = client.stream.set_zero_linger();
                return;
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::InvalidData {
                    eprintln!("the proxy of rws-lab closes a connection: {error}");
                }
                break;
            }
        }
    }
    let _ = client.stream.shutdown().await;
}

async fn one_request(client: &mut Wire<TcpStream>, shared: &Shared) -> io::Result<Next> {
    let Some(raw) = client.head().await? else { return Ok(Next::Close) };
    let request = Head::of_request(raw)?;
    let body = Body::of_request(&request)?;
    let entry = shared.record(&request);
    let Ok(fault) = ask_rule(shared, &entry).await else { return Ok(Next::Close) };
    Exchange::new(client, shared, request, body, entry).run(fault).await
}

/// The rule may block, and has a thread for that. An error when it panicked, which shows on the standard error.
async fn ask_rule(shared: &Shared, entry: &Entry) -> Result<Option<Fault>, tokio::task::JoinError> {
    let Some(rule) = shared.rule() else { return Ok(None) };
    let seen = entry.snapshot();
    spawn_blocking(move || rule(&seen)).await
}
