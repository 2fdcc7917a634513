//! Who may do what, and who may read.

mod bucket;
mod changes;
mod clients;
mod closed;
mod explained;
pub mod jobs;
mod reloading;
mod replicas;
mod secrecy;
mod tokens;
