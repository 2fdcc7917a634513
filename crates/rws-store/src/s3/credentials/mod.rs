//! What requests are signed with: fixed keys, or those that the usual sources of AWS hand out for a while.
//!
//! The sources are asked in the order of AWS's own programs: the environment, a web identity (a token in a file, exchanged
//! for keys by STS), a profile in a file, the agent of a container, the metadata service of a machine. The first that is
//! set up is used. If it fails nothing else is tried: another source would be another identity.

mod cache;
mod chain;
mod container;
mod document;
mod metadata;
mod profile;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod web_identity;

pub use cache::CredentialCache;
pub use session::SessionKeys;
pub use settings::{AccessKeys, AwsVariables, S3Credentials};
