//! HTTP: the upload contract, browsing and downloads, and everything below `/-/`.
//!
//! A [`Network`] answers the requests to a [`Service`]. What is below knows no status codes: they all are chosen here.

mod access;
mod activity;
mod answer;
mod assets;
mod body;
mod budgets;
mod checks;
mod connection;
mod counts;
mod download;
mod exchange;
mod failures;
mod form;
mod gate;
mod incoming;
mod listing;
mod metadata;
mod metered;
mod metrics;
pub mod multipart;
mod open_connections;
mod openapi;
mod own;
pub mod passwords;
mod path;
mod quotas;
mod range;
mod read;
mod remove;
mod routes;
mod schedule;
mod schema;
mod serve;
mod service;
pub mod settings;
mod shares;
mod spool;
mod table;
mod tls;
mod upload;
mod wait;
mod waiting;

pub use access::{User, Users};
pub use budgets::Budgets;
pub use gate::Gate;
pub use metrics::{Metrics, MetricsError};
pub use openapi::document;
pub use quotas::Quotas;
pub use serve::Network;
pub use service::{KeyState, KeyStates, Keys, Service};
pub use spool::SPOOL_PREFIX;
pub use tls::{Certificate, TlsError};
pub use waiting::WaitingFiles;
