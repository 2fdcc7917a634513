//! The ar archive around a package (deb(5)), read while it streams past.

use crate::fault::Fault;

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER_BYTES: usize = 60;

/// What is told of the members of an archive, in their order.
pub(crate) trait Members {
    /// A member starts. The name is without its padding and without the slash that GNU ar puts behind it.
    fn begin(&mut self, name: &[u8], size_bytes: u64) -> Result<(), Fault>;

    /// The next bytes of the member.
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Fault>;

    /// The member is complete.
    fn end(&mut self) -> Result<(), Fault>;
}

/// A reader that is pushed: it keeps at most one header.
#[derive(Debug)]
pub(crate) struct Reader {
    state: State,
    /// Bytes of a magic line or of a header that is not complete yet.
    pending: Vec<u8>,
    /// How many bytes were taken.
    offset: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Magic,
    Header,
    Body { left_bytes: u64, padded: bool },
    Padding,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self { state: State::Magic, pending: Vec::with_capacity(HEADER_BYTES), offset: 0 }
    }

    /// Takes the next bytes of the archive and tells `members` of what is in them.
    pub(crate) fn push(&mut self, mut bytes: &[u8], members: &mut impl Members) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let taken = match self.state {
                State::Magic => self.gather(bytes, MAGIC.len()),
                State::Header => self.gather(bytes, HEADER_BYTES),
                State::Body { left_bytes, .. } => usize::try_from(left_bytes).unwrap_or(usize::MAX).min(bytes.len()),
                State::Padding => 1,
            };
            let (now, later) = bytes.split_at(taken);
            bytes = later;
            self.offset += taken as u64;
            self.take(now, members)?;
        }
        Ok(())
    }

    /// Ends the archive, which is good between two members only.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        match self.state {
            State::Header if self.pending.is_empty() => Ok(()),
            State::Magic if MAGIC.starts_with(&self.pending) => Err(Fault::Cut("the first line".to_owned())),
            State::Magic => Err(Fault::NotAnArchive),
            State::Header => Err(Fault::Cut("a member header".to_owned())),
            State::Body { left_bytes, .. } => Err(Fault::Cut(format!("a member that lacks {left_bytes} bytes"))),
            State::Padding => Err(Fault::Cut("the padding of its last member".to_owned())),
        }
    }

    /// How many of `bytes` are still needed to have `wanted` pending ones.
    fn gather(&self, bytes: &[u8], wanted: usize) -> usize {
        wanted.saturating_sub(self.pending.len()).min(bytes.len())
    }

    fn take(&mut self, bytes: &[u8], members: &mut impl Members) -> Result<(), Fault> {
        match self.state {
            State::Magic => {
                self.pending.extend_from_slice(bytes);
                if !MAGIC.starts_with(&self.pending) {
                    return Err(Fault::NotAnArchive);
                }
                if self.pending.len() == MAGIC.len() {
                    self.pending.clear();
                    self.state = State::Header;
                }
                Ok(())
            }
            State::Header => {
                self.pending.extend_from_slice(bytes);
                if self.pending.len() < HEADER_BYTES {
                    return Ok(());
                }
                let (name, size_bytes) = header(&self.pending)
                    .map_err(|what| Fault::ArHeader { offset: self.offset - HEADER_BYTES as u64, what })?;
                members.begin(name, size_bytes)?;
                self.pending.clear();
                self.state = State::Body { left_bytes: size_bytes, padded: size_bytes % 2 == 1 };
                self.end_of_body(members)
            }
            State::Body { left_bytes, padded } => {
                members.bytes(bytes)?;
                self.state = State::Body { left_bytes: left_bytes - bytes.len() as u64, padded };
                self.end_of_body(members)
            }
            State::Padding => {
                self.state = State::Header;
                Ok(())
            }
        }
    }

    fn end_of_body(&mut self, members: &mut impl Members) -> Result<(), Fault> {
        if let State::Body { left_bytes: 0, padded } = self.state {
            members.end()?;
            self.state = if padded { State::Padding } else { State::Header };
        }
        Ok(())
    }
}

/// The name and size in a header: name 16, time 12, owner 6, group 6, mode 8, size 10, and two bytes that end it.
fn header(header: &[u8]) -> Result<(&[u8], u64), &'static str> {
    if header.get(58..60) != Some(b"`\n") {
        return Err("its last two bytes are wrong");
    }
    let name = header.get(..16).unwrap_or_default().trim_ascii_end();
    let name = match name {
        [b'/', ..] | [] => return Err("it has no name"),
        [short @ .., b'/'] => short,
        name => name,
    };
    let size = number(header.get(48..58).unwrap_or_default()).ok_or("its size is not a decimal number")?;
    Ok((name, size))
}

/// Decimal digits between blanks: at most ten, so they fit.
fn number(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_digits_between_blanks() {
        assert_eq!(number(b"12        "), Some(12));
        assert_eq!(number(b"9999999999"), Some(9_999_999_999));
        for bad in [&b"          "[..], b"-1        ", b"+1        ", b"0x10      ", b"1 2       ", b"1\0        "] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn gnu_and_plain_names_are_the_same() {
        for name in ["debian-binary   ", "debian-binary/  "] {
            let text = format!("{name}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, 4);
            assert_eq!(header(text.as_bytes()), Ok((&b"debian-binary"[..], 4)));
        }
        let text = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "/12", 0, 0, 0, 0, 4);
        assert!(header(text.as_bytes()).is_err());
    }
}
