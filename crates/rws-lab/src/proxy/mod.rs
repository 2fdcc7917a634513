//! A proxy between a client and an S3 server that shows every request and breaks those that a test names.

mod body;
mod connection;
mod exchange;
mod fault;
mod forged;
mod head;
mod record;
mod wire;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

pub use fault::{Fault, FaultRule};
pub use forged::Forged;
pub use record::Seen;

use record::Shared;

/// A forwarding HTTP/1.1 proxy on a free port of 127.0.0.1.
///
/// Requests reach the server unchanged, `Host` included, since signatures cover it: what a client signs for the address
/// of the proxy, the server takes for its own. Each request gets a connection of its own to the server; the client may
/// keep its one. `Expect: 100-continue` is answered here. Bodies are passed on in pieces, whatever their length.
///
/// It runs in threads of its own, so tests with and without a runtime can use it. When it is dropped it is gone: its
/// connections are cut and its port is closed.
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

/// How long a drop waits for a rule that blocks.
const PATIENCE: Duration = Duration::from_secs(10);

impl Proxy {
    /// Starts a proxy in front of a server, `http://HOST:PORT`.
    #[track_caller]
    pub fn start(upstream: &str) -> Self {
        let address = upstream.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let address = address.filter(|address| address.contains(':') && !address.contains('/'));
        let address = address.unwrap_or_else(|| panic!("{upstream} is not of the form http://HOST:PORT"));
        let shared = Arc::new(Shared::new(address));

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("rws-lab-proxy")
            .enable_all()
            .build()
            .expect("threads of the proxy");
        runtime.spawn(connection::accept(listener, Arc::clone(&shared)));
        Self { url, shared, runtime: Some(runtime) }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All requests since the start, or since [`Proxy::forget`], in the order in which their heads arrived. When a
    /// client has its answer, what is here about it is complete.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen()
    }

    /// Clears the record; the next request is number 1.
    pub fn forget(&self) {
        self.shared.forget();
    }

    /// Keeps from now on the first answer to each listing, for [`Fault::Earlier`].
    pub fn keep_answers(&self) {
        self.shared.keep_answers();
    }

    /// Sets or lifts the rule that names what is to be broken. It is asked once for each request, when its head has
    /// arrived (number, method, path, query and headers are known), and may block: other requests go on meanwhile.
    pub fn set_fault(&self, rule: Option<FaultRule>) {
        self.shared.set_rule(rule);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.set_rule(None);
        let Some(runtime) = self.runtime.take() else { return };
        // a runtime must not be waited for in a thread of another one
        let _ = thread::spawn(move || runtime.shutdown_timeout(PATIENCE)).join();
    }
}
