//! The network: accepts connections, as many as may be, and ends them.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Version};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use metrics::counter;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

use crate::activity::ConnectionState;
use crate::budgets::{FILE_BYTES, Network as Client, UNREAD_BYTES};
use crate::connection::Connection;
use crate::metered::Metered;
use crate::open_connections::ListedConnection;
use crate::routes::handle;
use crate::service::Service;
use crate::shares::{BudgetShare, Refusal};
use crate::tls::Certificate;

/// How long a client may take for its first request, once it is connected and TLS is agreed on, which may take as long, and for
/// each further one, from the end of the answer before it. What is late is found out within [`LOOK`].
const HEADERS: Duration = Duration::from_secs(60);

/// How often it is looked whether a connection is of use still.
const LOOK: Duration = Duration::from_secs(5);

/// The most header bytes of a request. As much is read ahead of a connection.
const HEADER_BYTES: u32 = 16 << 10;

/// How many requests of one connection are worked on at the same time (HTTP/2): each may hold a file and a piece of it.
const STREAMS: u32 = 32;

/// How much a client may send of all requests of a connection before anybody reads it (HTTP/2).
const CONNECTION_WINDOW_BYTES: u32 = 2 * UNREAD_BYTES;

/// How much of an answer waits for a slow client besides the piece that is being sent (HTTP/2).
const SEND_BYTES: usize = FILE_BYTES as usize;

/// How much of an answer the kernel keeps besides what is under way.
const NOT_SENT_BYTES: u32 = 64 << 10;

/// How long a client that was accepted last waits for the connection that gives way to it.
const GIVES_WAY: Duration = Duration::from_secs(1);

/// How many wait so: the next one is accepted once there is room here.
const NEWCOMERS: usize = 128;

/// How often the other end of a quiet HTTP/2 connection is asked whether it is there.
const PING: Duration = Duration::from_secs(30);

/// How often it is looked whether all requests have ended, when the service stops.
const ENDED: Duration = Duration::from_millis(20);

/// How often a connection looks for a reason to end, when the service stops.
const LOOK_AT_END: Duration = Duration::from_millis(50);

/// How long after it was opened a connection waits for its first request, when the service stops: the client has sent it, or is about
/// to, and knows of no other server.
const FIRST_REQUEST: Duration = Duration::from_secs(5);

/// How long after its last answer a connection waits for a further request, when the service stops: that answer says that the
/// connection ends. A client that is quiet for longer learns it from the end itself, before it asks again.
const FURTHER_REQUEST: Duration = Duration::from_secs(1);

/// The pause when the system gives no more connections.
const PAUSE: Duration = Duration::from_millis(200);

/// Where the service is reached.
pub struct Network {
    /// The socket.
    pub listener: TcpListener,
    /// What makes connections secure; none: they are plain.
    pub certificate: Option<Arc<Certificate>>,
}

impl Network {
    /// Answers until `stop` is true, then lets running requests end.
    pub async fn serve(self, service: Arc<Service>, stop: watch::Receiver<bool>) {
        let places = Arc::clone(&service.budgets.connections);
        let mut stopped = stop.clone();
        let newcomers = Arc::new(Semaphore::new(NEWCOMERS));
        let accepting = async {
            // it is never closed
            while let Ok(newcomer) = Arc::clone(&newcomers).acquire_owned().await {
                let (stream, peer) = self.accept().await;
                let acceptor = self.certificate.as_ref().map(|certificate| certificate.acceptor());
                let connection = Connection::new(peer, acceptor.is_some());
                let (service, stop) = (Arc::clone(&service), stop.clone());
                tokio::spawn(async move {
                    let Some(place) = take_place(&service, peer).await else { return };
                    drop(newcomer);
                    let listed = service.budgets.open.add(Client::of(peer.ip()));
                    let open = Open { service, connection, stop, listed, _place: place };
                    let stalled = open.service.settings.limits.stalled;
                    let mut stream = TimeoutStream::new(stream);
                    stream.set_write_timeout(Some(stalled));
                    let stream = Box::pin(stream);
                    match acceptor {
                        None => open.answer(stream).await,
                        Some(acceptor) => match tokio::time::timeout(HEADERS, acceptor.accept(stream)).await {
                            Ok(Ok(stream)) => open.answer(stream).await,
                            Ok(Err(error)) => tracing::debug!(%peer, %error, "the TLS handshake failed"),
                            Err(_) => tracing::debug!(%peer, "the client did not complete the TLS handshake in time"),
                        },
                    }
                });
            }
        };
        tokio::select! {
            () = accepting => {}
            // an error means that whoever stops is gone, which is a reason to stop as well
            _ = stopped.wait_for(|stop| *stop) => {}
        }
        // a socket of the service manager stays open there: who connects now waits for the next process
        drop(self.listener);
        // who was accepted last may have no place yet
        while places.in_use() > 0 || newcomers.available_permits() < NEWCOMERS {
            tokio::time::sleep(ENDED).await;
        }
    }

    async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "RWS cannot set TCP_NODELAY on a connection, which is slower");
                    }
                    // what a client does not take waits here, where it is counted, and not in the kernel, where it is not
                    if let Err(error) = SockRef::from(&stream).set_tcp_notsent_lowat(NOT_SENT_BYTES) {
                        tracing::debug!(%error, "RWS cannot limit the send buffer of a connection");
                    }
                    return (stream, peer);
                }
                Err(error) if is_of_client(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "RWS cannot accept connections; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// A place for a connection, where need be that of another one that is of little use; `None` where there is none.
async fn take_place(service: &Service, peer: SocketAddr) -> Option<BudgetShare<Client>> {
    let (places, all) = (&service.budgets.connections, &service.budgets.open);
    let client = Client::of(peer.ip());
    // a trusted proxy speaks for many clients
    let is_trusted = service.settings.trusted_proxies.iter().any(|network| network.contains(&peer.ip().to_canonical()));
    let taken = if is_trusted { places.try_take_freely(&client, 1) } else { places.try_take(&client, 1) };
    let place = match taken {
        Ok(place) => Some(place),
        // one of its own gives way, so that it has no more than before; else one of others, to who has nothing; else one of
        // those who have far more
        Err(_) if all.end_one(Some(client)) => places.take_given_up(&client, 1, GIVES_WAY).await,
        Err(Refusal::Empty) if all.end_one(None) => places.take(&client, 1, GIVES_WAY).await,
        Err(_) if places.larger_than(&client, 1).into_iter().any(|one| all.end_one(Some(one))) => {
            places.take_given_up(&client, 1, GIVES_WAY).await
        }
        Err(_) => None,
    };
    if place.is_none() {
        counter!("rws_http_refused_total", "limit" => "connections").increment(1);
        tracing::debug!(%peer, "a connection was refused: server.limits.connections");
    }
    place
}

/// Whether a connection ended before it was accepted.
fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A connection that is open.
struct Open {
    service: Arc<Service>,
    connection: Connection,
    stop: watch::Receiver<bool>,
    listed: ListedConnection,
    _place: BudgetShare<Client>,
}

impl Open {
    /// Answers all requests of a connection.
    async fn answer(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let activity = Arc::clone(&self.listed.activity);
        let (service, connection) = (Arc::clone(&self.service), self.connection);
        let of_requests = Arc::clone(&activity);
        let is_http2 = Arc::new(AtomicBool::new(false));
        let (is_told_version, stop) = (Arc::clone(&is_http2), self.stop.clone());
        let requests = service_fn(move |request: Request<Incoming>| {
            is_told_version.store(request.version() == Version::HTTP_2, Ordering::Relaxed);
            // with HTTP/2 the client sends of a body before it is read
            let ahead_bytes = if request.body().is_end_stream() { 0 } else { UNREAD_BYTES };
            let begun = of_requests.begin(u64::from(HEADER_BYTES) + u64::from(ahead_bytes));
            let ends = *stop.borrow() || is_nearly_full(&service);
            let service = Arc::clone(&service);
            let request = request.map(|body| if body.is_end_stream() { Body::empty() } else { Body::new(body) });
            async move { handle(service, connection, request, begun, ends).await }
        });
        let mut builder = Builder::new(TokioExecutor::new());
        let header_bytes = HEADER_BYTES as usize;
        // slow headers are no request yet: the connection counts as idle, which is looked at below without a timer for each
        builder.http1().header_read_timeout(None).max_buf_size(header_bytes);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_BYTES)
            .keep_alive_interval(PING)
            .max_send_buf_size(SEND_BYTES)
            .initial_stream_window_size(UNREAD_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        let stream = Metered::new(stream, Arc::clone(&activity));
        let mut answering = pin!(builder.serve_connection(TokioIo::new(stream), requests));
        let stalled = self.service.settings.limits.stalled;
        let mut look = tokio::time::interval(LOOK.min(stalled));
        let (mut is_stopping, mut is_ending) = (false, false);
        loop {
            tokio::select! {
                biased;
                ended = answering.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error = %chain(&*error), "a connection ended early");
                    }
                    return;
                }
                _ = look.tick() => {
                    let state = activity.state();
                    match state {
                        ConnectionState::Sending { quiet } if quiet > stalled => return,
                        ConnectionState::Idle { quiet, .. } if quiet > 2 * HEADERS => return,
                        ConnectionState::Idle { has_asked: false, quiet } if quiet > HEADERS => return,
                        ConnectionState::Idle { has_asked: true, quiet } if quiet > HEADERS || is_nearly_full(&self.service) => {
                            answering.as_mut().graceful_shutdown();
                        }
                        _ => {}
                    }
                    if is_stopping && !is_ending && may_end(state, is_http2.load(Ordering::Relaxed)) {
                        is_ending = true;
                        answering.as_mut().graceful_shutdown();
                    }
                }
                () = self.listed.gives_way.notified() => return,
                _ = self.stop.wait_for(|stop| *stop), if !is_stopping => {
                    is_stopping = true;
                    look = tokio::time::interval(LOOK_AT_END);
                }
            }
        }
    }
}

/// Whether a connection may be told to end, when the service stops, without a request being lost. Before its first request hyper would
/// close it, even with that request on its way; once it is idle, too. HTTP/2 tells the client which requests are still answered.
fn may_end(state: ConnectionState, is_http2: bool) -> bool {
    match state {
        ConnectionState::Idle { has_asked: false, quiet } => quiet > FIRST_REQUEST,
        ConnectionState::Idle { has_asked: true, quiet } => is_http2 || quiet > FURTHER_REQUEST,
        ConnectionState::Working | ConnectionState::Sending { .. } | ConnectionState::Waiting { .. } => true,
    }
}

/// Whether nearly all connections are taken: the last ones are not kept for further requests.
fn is_nearly_full(service: &Service) -> bool {
    let places = &service.budgets.connections;
    places.total() - places.in_use() <= places.total() / 16
}

/// An error with all its reasons.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let reasons = std::iter::successors(Some(error), |error| error.source());
    reasons.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_may_have_a_request_on_its_way_stays() {
        let idle =
            |has_asked, milliseconds| ConnectionState::Idle { has_asked, quiet: Duration::from_millis(milliseconds) };
        let ends = [
            (idle(false, 4_000), false, false),
            (idle(false, 4_000), true, false),
            (idle(false, 6_000), false, true),
            (idle(true, 500), false, false),
            (idle(true, 500), true, true),
            (idle(true, 2_000), false, true),
            (ConnectionState::Working, false, true),
        ];
        for (state, is_http2, expected) in ends {
            assert_eq!(may_end(state, is_http2), expected, "{state:?} {is_http2}");
        }
    }
}
