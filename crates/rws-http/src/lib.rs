//! Bounded requests to the few hosts that somebody configured: the issuers of tokens, the services that hand out
//! credentials, the service that `rws push` sends packages to.
//!
//! * [`Client`] sends a request and reads the whole answer, both within one time-out. An answer that is longer than the
//!   limit is an error and never cut.
//! * [`Client::send_streamed`] sends a body of any length in bounded memory, once the server wants it.
//! * [`Client::download`] hands on the body of an answer of any length in bounded memory.
//! * A redirect (RFC 9110, section 15.4) is an answer like any other: nothing is asked of a host that nobody configured.
//! * Variables of the environment name no proxy and no certificate authority.
//! * [`connector`] is what is below: TLS with the authorities of the system and of a file. The store uses it, too.

mod client;
mod error;
mod request;
mod resolver;
mod streamed;
mod tls;

pub use client::{Client, ClientSettings};
pub use error::HttpError;
pub use request::{Answer, Download, Request};
pub use resolver::Resolver;
pub use streamed::StreamedBody;
pub use tls::{Connector, connector};
