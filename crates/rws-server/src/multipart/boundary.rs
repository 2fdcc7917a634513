//! The boundary: its form in the Content-Type, and how it is found in the body.

use std::fmt;

use bytes::{Buf, Bytes};
use memchr::memmem::Finder;

use super::MultipartError;
use super::disposition::parameters;

/// The longest boundary (RFC 2046, section 5.1.1).
const LONGEST_BYTES: usize = 70;

/// The length of the line end before a boundary, which belongs to the boundary.
const LINE_END_BYTES: usize = 2;

/// Finds `CRLF "--" boundary` in bytes that come in chunks.
pub(super) struct Boundary {
    /// The whole sequence. It holds CR only as its first byte, so that no two occurrences overlap, and a beginning of it
    /// that turns out not to go on holds no other beginning.
    delimiter: Bytes,
    finder: Finder<'static>,
    /// How many bytes of the delimiter the bytes before the next chunk end with.
    matched: usize,
    /// How many of these were not in the data: see [`Self::assume_line_end`].
    assumed: usize,
}

/// What a chunk starts with. It has been advanced past it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BoundaryMatch {
    /// Data, not empty.
    Data(Bytes),
    /// The end of the boundary.
    Boundary,
    /// Less than a boundary, to be continued in the next chunk (or after an assumed line end, nothing).
    Nothing,
}

/// Whether the Content-Type of a request is that of a form with files.
pub fn is_form(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("multipart/form-data")
}

impl Boundary {
    /// The boundary that the Content-Type of a request states.
    pub(super) fn from_content_type(header: &str) -> Result<Self, MultipartError> {
        if !is_form(header) {
            return Err(MultipartError::NotMultipart);
        }
        let rest = &header[header.find(';').unwrap_or(header.len())..];
        let mut stated = None;
        for parameter in parameters(rest.as_bytes()) {
            let parameter = parameter.map_err(|_| MultipartError::BadBoundary)?;
            if parameter.is("boundary") && stated.replace(parameter.value).is_some() {
                return Err(MultipartError::BadBoundary);
            }
        }
        let boundary = stated.ok_or(MultipartError::NoBoundary)?;
        let visible = boundary.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
        if !visible || boundary.is_empty() || boundary.len() > LONGEST_BYTES || boundary.ends_with(b" ") {
            return Err(MultipartError::BadBoundary);
        }
        let delimiter = [b"\r\n--", boundary.as_slice()].concat();
        let finder = Finder::new(&delimiter).into_owned();
        Ok(Self { delimiter: delimiter.into(), finder, matched: 0, assumed: 0 })
    }

    /// Takes it that a line end, which is no data, has just been seen.
    pub(super) fn assume_line_end(&mut self) {
        self.matched = LINE_END_BYTES;
        self.assumed = LINE_END_BYTES;
    }

    /// Looks at the beginning of `chunk`, which is not empty, and advances it.
    pub(super) fn scan(&mut self, chunk: &mut Bytes) -> BoundaryMatch {
        if self.matched > 0 {
            return self.proceed(chunk);
        }
        let start = match self.finder.find(chunk) {
            Some(start) => start,
            // the delimiter's beginning at the end of the chunk
            None => match memchr::memrchr(b'\r', chunk) {
                Some(start) if self.delimiter.starts_with(&chunk[start..]) => start,
                _ => chunk.len(),
            },
        };
        if start > 0 {
            return BoundaryMatch::Data(chunk.split_to(start));
        }
        self.proceed(chunk)
    }

    /// Compares the beginning of `chunk` with what must follow the part of the delimiter that was matched before.
    fn proceed(&mut self, chunk: &mut Bytes) -> BoundaryMatch {
        let expected = &self.delimiter[self.matched..];
        let common = expected.iter().zip(chunk.iter()).take_while(|(left, right)| left == right).count();
        if common == expected.len() {
            chunk.advance(common);
            (self.matched, self.assumed) = (0, 0);
            return BoundaryMatch::Boundary;
        }
        if common == chunk.len() {
            chunk.advance(common);
            self.matched += common;
            return BoundaryMatch::Nothing;
        }
        // what was matched is data after all; `common` bytes are left in the chunk, to be looked at as data
        let data = self.delimiter.slice(self.assumed..self.matched);
        (self.matched, self.assumed) = (0, 0);
        if data.is_empty() { BoundaryMatch::Nothing } else { BoundaryMatch::Data(data) }
    }
}

impl fmt::Debug for Boundary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Boundary").field(&self.delimiter).finish()
    }
}
