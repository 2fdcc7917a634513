//! What a command says: results on standard output, complaints on standard error. A reader that has gone (`| head`) is no
//! reason to stop, nor to complain: what the command does for others goes on.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Standard output cannot be written although somebody reads it: a full disk.
#[derive(Debug, thiserror::Error)]
#[error("standard output cannot be written: {0}")]
pub struct OutputError(io::Error);

/// Writes a line to standard output.
///
/// # Errors
///
/// When it cannot be written although somebody reads it: a full disk.
pub fn say(line: impl Display) -> Result<(), OutputError> {
    write_line(io::stdout().lock(), line).map_err(OutputError)
}

/// Writes a line to standard error. Where that fails there is nobody left to tell.
pub fn complain(line: impl Display) {
    _ = write_line(io::stderr().lock(), line);
}

fn write_line(mut output: impl Write, line: impl Display) -> io::Result<()> {
    match writeln!(output, "{line}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that answers each write with this error.
    struct Gone(ErrorKind);

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_reader_that_has_gone_is_no_error() {
        assert!(write_line(Gone(ErrorKind::BrokenPipe), "x").is_ok());
        assert!(write_line(Gone(ErrorKind::StorageFull), "x").is_err());
    }
}
