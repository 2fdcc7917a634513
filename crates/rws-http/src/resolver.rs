//! Addresses of hosts.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{io, vec};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// Asks the system, but for names below `localhost`, which are this machine (RFC 6761, section 6.3) and which few systems
/// know: a bucket of a local service may be one.
#[derive(Clone, Debug)]
pub struct Resolver(GaiResolver);

impl Resolver {
    /// Asks nothing yet.
    pub(crate) fn new() -> Self {
        Self(GaiResolver::new())
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if name.as_str().to_ascii_lowercase().trim_end_matches('.').ends_with(".localhost") {
            let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            return Box::pin(std::future::ready(Ok(vec![here].into_iter())));
        }
        let addresses = self.0.call(name);
        Box::pin(async move { Ok(addresses.await?.collect::<Vec<_>>().into_iter()) })
    }
}
