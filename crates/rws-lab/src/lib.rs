//! A laboratory: S3 servers, and fixtures. For tests only, so everything here panics instead of returning an error.
//!
//! - [`S3Server`]: the servers that `tests/s3-servers` starts, with verbs to prepare and inspect buckets by a client
//!   that shares no connection code with the program (curl).
//! - [`StsGateway`]: a gateway of Ceph whose keys end.
//! - [`fixture`] and [`real_packages`]: packages that tests build once, and those of Debian.
//! - [`Chroot`]: the clients of another Debian.
//! - [`Gpg`]: keys and signatures of gpg.
//! - [`PrivateSystem`]: a system in which a test installs packages.
//! - [`BootedSystem`]: the same with systemd.
//! - [`rpm`]: rpm packages, written byte by byte.
//! - [`HttpServer`]: answers as a test says: an issuer of tokens, a service that hands out credentials.
//! - [`Proxy`]: stands between a client and a server, shows every request, and breaks the ones that a test names.
#![expect(clippy::expect_used, clippy::panic, reason = "test support: a panic names what is wrong")]

mod booted_system;
mod chroot;
mod curl;
mod fixture;
mod gpg;
mod http_server;
pub mod oidc;
mod private_system;
mod proxy;
pub mod rpm;
mod server;
mod sts_gateway;

pub use booted_system::BootedSystem;
pub use chroot::Chroot;
pub use fixture::{fixture, real_packages};
pub use gpg::Gpg;
pub use http_server::{Asked, HttpServer, Reply};
pub use private_system::PrivateSystem;
pub use proxy::{Fault, FaultRule, Forged, Proxy, Seen};
pub use server::{S3Server, cache};
pub use sts_gateway::{Session, StsGateway};
