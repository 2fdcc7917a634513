//! What a command says: results on standard output, complaints on standard error ([`rws_client::output`]).

use std::fmt::Display;

pub use rws_client::output::complain;

/// Writes a line to standard output.
///
/// # Errors
///
/// When it cannot be written although somebody reads it: a full disk.
pub fn say(line: impl Display) -> anyhow::Result<()> {
    Ok(rws_client::output::say(line)?)
}
