//! What systemd gives a service and wants to hear of it (`sd_listen_fds(3)`, `sd_notify(3)`): a socket that stays open from one
//! process to the next, readiness, the watchdog. Without systemd nothing of this does anything.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, bail};
use listenfd::ListenFd;
use sd_notify::NotifyState;

/// What to do about a socket that cannot be used.
const ADVICE: &str = "give rws.socket one ListenStream= with a port, such as 127.0.0.1:5000";

/// The socket that the service manager has opened for this process; none where it has not. Called once, before there are threads: it
/// takes the variables away that name the socket, so that signers and other programs do not see them.
///
/// # Errors
///
/// When there are several, or it is no TCP socket.
pub fn inherited_listener() -> anyhow::Result<Option<TcpListener>> {
    let mut sockets = ListenFd::from_env();
    match sockets.len() {
        0 => return Ok(None),
        1 => {}
        count => bail!("systemd passed {count} sockets, and RWS listens on one; {ADVICE}"),
    }
    let listener = sockets.take_tcp_listener(0);
    let listener =
        listener.with_context(|| format!("RWS cannot listen on the socket that systemd passed; {ADVICE}"))?;
    Ok(listener)
}

/// Requests are answered from now on.
pub fn is_ready(address: std::net::SocketAddr) {
    tell(&[NotifyState::Ready, NotifyState::Status(&format!("listening on {address}"))]);
}

/// The process ends once running requests have ended.
pub fn is_stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("waiting for running requests")]);
}

/// Tells the watchdog, for ever, that tasks are run. Where they are not, systemd starts the service again.
pub async fn feed_watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else { return };
    // half of the limit, as sd_watchdog_enabled(3) advises
    let mut interval = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
    loop {
        interval.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "RWS cannot tell systemd how it is; systemd may take it for hung and start it again");
    }
}
