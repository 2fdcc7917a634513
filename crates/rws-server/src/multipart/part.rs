//! The headers of one part (RFC 2046, section 5.1; RFC 5322, section 2.2).

use bytes::{Buf, Bytes};
use memchr::{memchr, memmem};

use super::MultipartError;
use super::disposition::Disposition;

const END: &[u8] = b"\r\n\r\n";

/// The headers of a part, as far as they have arrived.
#[derive(Debug, Default)]
pub(super) struct PartHeader {
    bytes: Vec<u8>,
}

impl PartHeader {
    /// Takes header bytes from the beginning of `chunk`, up to the empty line. Gives what the headers say once they are
    /// complete.
    pub(super) fn push(&mut self, chunk: &mut Bytes, limit: usize) -> Result<Option<Disposition>, MultipartError> {
        let before = self.bytes.len();
        let room = limit.saturating_sub(before);
        self.bytes.extend_from_slice(&chunk[..room.min(chunk.len())]);
        if self.bytes.starts_with(b"\r\n") {
            return Err(MultipartError::NoDisposition);
        }
        // the end may have begun in an earlier chunk
        let from = before.saturating_sub(END.len() - 1);
        let end = memmem::find(&self.bytes[from..], END).map(|at| from + at + END.len());
        self.bytes.truncate(end.unwrap_or(self.bytes.len()));
        self.check_line_ends(before)?;
        if end.is_none() && self.bytes.len() >= limit {
            return Err(MultipartError::HeaderTooLong { limit });
        }
        chunk.advance(self.bytes.len() - before);
        if end.is_some() { self.parse().map(Some) } else { Ok(None) }
    }

    /// How many bytes are kept.
    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Every LF from `from` on has a CR before it.
    fn check_line_ends(&self, from: usize) -> Result<(), MultipartError> {
        let mut start = from;
        while let Some(at) = memchr(b'\n', &self.bytes[start..]) {
            let line_feed = start + at;
            if line_feed == 0 || self.bytes[line_feed - 1] != b'\r' {
                return Err(MultipartError::BareLineFeed);
            }
            start = line_feed + 1;
        }
        Ok(())
    }

    fn parse(&self) -> Result<Disposition, MultipartError> {
        let mut disposition = None;
        for line in lines(&self.bytes)? {
            let colon = memchr(b':', &line).ok_or(MultipartError::BadHeader("a line has no colon"))?;
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_graphic()) {
                return Err(MultipartError::BadHeader("a name is empty or not visible ASCII"));
            }
            if name.eq_ignore_ascii_case(b"content-disposition") {
                if disposition.replace(Disposition::parse(value)?).is_some() {
                    return Err(MultipartError::BadHeader("Content-Disposition occurs twice"));
                }
            } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
                let identity = [&b"binary"[..], b"8bit", b"7bit"];
                if !identity.iter().any(|name| value.trim_ascii().eq_ignore_ascii_case(name)) {
                    return Err(MultipartError::TransferEncoding);
                }
            }
        }
        disposition.ok_or(MultipartError::NoDisposition)
    }
}

/// The logical lines of complete headers: a line that starts with a blank goes on from the one before.
fn lines(header: &[u8]) -> Result<Vec<Vec<u8>>, MultipartError> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    // every LF has a CR before it, and the last line is the empty one
    for line in header.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().any(|byte| matches!(byte, b'\r' | 0)) {
            return Err(MultipartError::BadHeader("a line contains CR or NUL"));
        }
        match lines.last_mut() {
            _ if line.is_empty() => {}
            Some(last) if line.starts_with(b" ") || line.starts_with(b"\t") => last.extend_from_slice(line),
            _ => lines.push(line.to_vec()),
        }
    }
    Ok(lines)
}
