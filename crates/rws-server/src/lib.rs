//! HTTP: the upload contract, browsing and downloads, and everything below `/-/`.
//!
//! [`router`] makes one router of a [`Service`]. What is below knows no status codes: they all are chosen here.

mod access;
mod answer;
mod assets;
mod body;
mod connection;
mod download;
mod form;
mod incoming;
mod listing;
mod metadata;
pub mod multipart;
mod own;
pub mod passwords;
mod path;
mod range;
mod remove;
mod routes;
mod schedule;
mod service;
mod setup;
mod spool;
mod upload;

pub use access::{User, Users};
pub use connection::{Connection, Connections};
pub use routes::router;
pub use service::{Keys, Service};
pub use spool::SPOOL_PREFIX;
