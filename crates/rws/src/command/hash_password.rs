//! `rws hash-password`: what stands in `RWS_CREDENTIALS`.

use std::io::{BufRead, IsTerminal, Stdin, stdin};

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use rws_passwords::{Method, PasswordHash};

use super::output::{complain, say};

/// What Ctrl-C is on a terminal that sends no signals (ASCII's end of text).
const CTRL_C: u8 = 3;

/// The form of a new hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// argon2id, the default and the strongest
    Argon2id,
    /// scrypt in the format of werkzeug, which the original service accepts too
    Scrypt,
    /// PBKDF2 with SHA-256 in the format of werkzeug, which the original service accepts too
    Pbkdf2,
}

/// Reads a password, from the terminal or as one line of standard input, and prints its hash.
///
/// # Errors
///
/// When there is no password, two that were typed differ, or the system has no random numbers.
pub fn run(form: Form) -> anyhow::Result<()> {
    let input = stdin();
    let password = if input.is_terminal() { typed(&input)? } else { line(&input)? };
    if password.is_empty() {
        bail!("standard input has no password: write it there as one line");
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| anyhow::anyhow!("the system cannot provide random numbers: {error}"))?;
    let method = match form {
        Form::Argon2id => Method::Argon2id,
        Form::Scrypt => Method::Scrypt,
        Form::Pbkdf2 => Method::Pbkdf2,
    };
    say(PasswordHash::create(method, password.as_bytes(), &salt)?)
}

/// A password that is typed twice and not shown.
fn typed(terminal: &Stdin) -> anyhow::Result<String> {
    let _quiet = Quiet::new(terminal)?;
    let ask = |prompt: &str| {
        eprint!("{prompt}: ");
        let answer = typed_line(terminal);
        complain("");
        answer
    };
    let password = ask("Password")?;
    if password != ask("Repeat the password")? {
        bail!("the two passwords differ; RWS made no hash");
    }
    Ok(password)
}

/// One line of a [`Quiet`] terminal.
fn typed_line(terminal: &Stdin) -> anyhow::Result<String> {
    let mut input = terminal.lock();
    // a terminal gives one line at a time
    let line = input.fill_buf().context(UNREADABLE)?.to_vec();
    input.consume(line.len());
    if line.contains(&CTRL_C) {
        bail!("interrupted; RWS made no hash");
    }
    text(line)
}

fn line(input: &Stdin) -> anyhow::Result<String> {
    let mut line = Vec::new();
    input.lock().read_until(b'\n', &mut line).context(UNREADABLE)?;
    text(line)
}

fn text(line: Vec<u8>) -> anyhow::Result<String> {
    let line = String::from_utf8(line).ok().context("the password is not UTF-8")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

const UNREADABLE: &str = "standard input cannot be read";

/// A terminal that shows nothing of what is typed, for as long as the value lives. Ctrl-C ends the line meanwhile and sends
/// no signal, so that nothing ends the program before the terminal is as it was.
struct Quiet<'a> {
    terminal: &'a Stdin,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn new(terminal: &'a Stdin) -> anyhow::Result<Self> {
        let failed = "the terminal cannot hide the password; write it to standard input as one line";
        let before = tcgetattr(terminal).context(failed)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        hidden.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
        tcsetattr(terminal, OptionalActions::Flush, &hidden).context(failed)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // a terminal that is gone needs nothing
        _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}
