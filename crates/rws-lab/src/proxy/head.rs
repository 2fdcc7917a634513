//! The head of a request or an answer (RFC 9112, sections 3 to 5).

use std::io;

use bytes::Bytes;

/// A head as it came.
pub(super) struct Head {
    /// with the empty line
    raw: Bytes,
    first: String,
    /// with the end of each line
    lines: Vec<Bytes>,
}

impl Head {
    /// Takes apart what ends with an empty line.
    fn parse(raw: Bytes) -> Self {
        let mut lines = Vec::new();
        let mut start = 0;
        while let Some(length) = raw[start..].windows(2).position(|window| window == b"\r\n") {
            lines.push(raw.slice(start..start + length + 2));
            start += length + 2;
        }
        lines.pop();
        let first = if lines.is_empty() { Bytes::new() } else { lines.remove(0) };
        Self { first: String::from_utf8_lossy(first.trim_ascii_end()).into_owned(), lines, raw }
    }

    /// The head of a request, which must be of HTTP/1.1.
    pub(super) fn of_request(raw: Bytes) -> io::Result<Self> {
        let head = Self::parse(raw);
        if !head.first.ends_with(" HTTP/1.1") || head.first.split(' ').count() != 3 {
            return Err(invalid(format!("not a request of HTTP/1.1: {}", head.first)));
        }
        Ok(head)
    }

    /// The head of an answer.
    pub(super) fn of_answer(raw: Bytes) -> io::Result<Self> {
        let head = Self::parse(raw);
        if !head.first.starts_with("HTTP/1.") || head.status() == 0 {
            return Err(invalid(format!("not an answer of HTTP/1: {}", head.first)));
        }
        Ok(head)
    }

    /// As it came.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    pub(super) fn method_and_target(&self) -> (&str, &str) {
        let mut parts = self.first.split(' ');
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    }

    pub(super) fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let parsed = self.lines.iter().filter_map(|line| header(line));
        parsed.collect()
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let mut parsed = self.lines.iter().filter_map(|line| header(line));
        parsed.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether a header lists a word, as `Connection: close` does.
    pub(super) fn lists(&self, name: &str, word: &str) -> bool {
        self.header(name).is_some_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    }

    /// The head of an answer for the client's connection: all but what the server says about its own one.
    pub(super) fn for_client(&self, chunked_here: bool, last: bool) -> Vec<u8> {
        let (_, rest) = self.first.split_once(' ').unwrap_or_default();
        let mut head = format!("HTTP/1.1 {rest}\r\n").into_bytes();
        for line in &self.lines {
            let about_connection =
                header(line).is_some_and(|(name, _)| ABOUT_CONNECTION.iter().any(|own| name.eq_ignore_ascii_case(own)));
            if !about_connection {
                head.extend_from_slice(line);
            }
        }
        if chunked_here {
            head.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        if last {
            head.extend_from_slice(b"Connection: close\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

const ABOUT_CONNECTION: &[&str] = &["connection", "keep-alive", "proxy-connection"];

fn header(line: &[u8]) -> Option<(String, String)> {
    let line = String::from_utf8_lossy(line);
    line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
}

pub(super) fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
