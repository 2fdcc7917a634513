//! `rws serve`: takes its place until the server is there.

use crate::configuration::{Configuration, ListeningAddress};

/// Serves until it is told to stop.
///
/// # Errors
///
/// Always: there is no server yet.
pub async fn run(listen: ListeningAddress, configuration: Configuration) -> anyhow::Result<()> {
    anyhow::bail!("there is no server yet to listen on {listen} ({})", configuration.summary())
}
