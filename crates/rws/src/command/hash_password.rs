//! `rws hash-password`: what stands in `RWS_CREDENTIALS`.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};
use rws_server::passwords::PasswordHash;

/// Reads a password, one line of standard input, and prints its hash.
///
/// # Errors
///
/// When there is no password, or the system has no random numbers.
pub fn run() -> anyhow::Result<()> {
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("Password (it is shown while you type):");
    }
    let mut password = String::new();
    input.lock().read_line(&mut password).context("standard input cannot be read")?;
    let password = password.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("there is no password: write it to standard input, as one line");
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| anyhow::anyhow!("the system has no random numbers: {error}"))?;
    println!("{}", PasswordHash::create_argon2id(password.as_bytes(), &salt)?);
    Ok(())
}
