//! A push parser for `multipart/form-data` bodies (RFC 7578; RFC 2046, section 5.1), without input or output.
//!
//! Chunks of the body go in as they arrive, events come out: slices of those chunks, not copies. What is kept between
//! chunks is the headers of one part and the length of what may be the beginning of a boundary, never data. However the body is
//! cut into chunks, the events (adjacent data joined) and the error are the same.
//!
//! Strict where leniency has bitten others: lines end in CRLF, the final boundary must be there, and anything that two
//! readers could understand in two ways is an error.

mod boundary;
mod disposition;
mod error;
mod part;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use self::boundary::{Boundary, BoundaryMatch};
use self::part::PartHeader;

pub use self::boundary::is_form;
pub use self::error::MultipartError;

/// The most blanks between a boundary and its line end (RFC 2046's transport padding).
const PADDING_BYTES: usize = 128;

/// How much of a body is taken. Data is not limited here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of parts.
    pub parts: usize,
    /// The header lines of one part with the empty line that ends them, in bytes.
    pub header_bytes: usize,
    /// What stands before the first boundary, and again what stands after the last, in bytes. Both are ignored.
    pub outside_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { parts: 1000, header_bytes: 16 * 1024, outside_bytes: 64 * 1024 }
    }
}

/// What is in the body, in order: for each part `PartBegin`, any number of `Data`, `PartEnd`; at last `End`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The headers of a part are complete.
    PartBegin {
        /// The field's name.
        name: Option<String>,
        /// The file's name as the client stated it, unchecked: it may hold slashes or be empty. Absent: no file.
        file_name: Option<String>,
    },
    /// The next bytes of the part: never empty.
    Data(Bytes),
    /// The part is complete.
    PartEnd,
    /// The final boundary was seen. What follows it is ignored.
    End,
}

/// The parser of one body.
#[derive(Debug)]
pub struct MultipartParser {
    limits: Limits,
    boundary: Boundary,
    state: State,
    /// Parts begun so far.
    parts: usize,
    events: VecDeque<Event>,
    /// The first error; nothing is parsed after it.
    failure: Option<MultipartError>,
}

#[derive(Debug)]
enum State {
    /// Before the first boundary; `skipped` bytes were ignored.
    Preamble { skipped: usize },
    /// Between a boundary and the end of its line.
    BoundaryLine(BoundaryLine),
    /// In the headers of a part.
    Header(PartHeader),
    /// In the data of a part.
    Data,
    /// After the final boundary; `skipped` bytes were ignored.
    Epilogue { skipped: usize },
}

#[derive(Clone, Copy, Debug)]
enum BoundaryLine {
    /// The boundary ended just here.
    Start,
    /// After one hyphen.
    Hyphen,
    /// After so many blanks.
    Padding(usize),
    /// After CR.
    CarriageReturn,
}

impl MultipartParser {
    /// A parser for a body with this `Content-Type`.
    ///
    /// # Errors
    ///
    /// When it is not `multipart/form-data`, or its boundary is missing or not of the form that RFC 2046 asks for.
    pub fn new(content_type_header: &str, limits: Limits) -> Result<Self, MultipartError> {
        let mut boundary = Boundary::from_content_type(content_type_header)?;
        // the first boundary needs no line end before it
        boundary.assume_line_end();
        let state = State::Preamble { skipped: 0 };
        Ok(Self { limits, boundary, state, parts: 0, events: VecDeque::new(), failure: None })
    }

    /// Takes the next bytes of the body. Take the events out before the next call: they keep the chunk alive.
    ///
    /// # Errors
    ///
    /// When the body is malformed or exceeds a limit. The parser is of no use afterwards: every further call gives the same
    /// error, and events that came before it are still there.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), MultipartError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = self.parse(chunk);
        self.failure = result.as_ref().err().cloned();
        result
    }

    /// The next event, if there is one yet.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Ends the body.
    ///
    /// # Errors
    ///
    /// When the final boundary was not seen, so that something is missing; or the error that [`Self::push`] gave.
    pub fn finish(&self) -> Result<(), MultipartError> {
        match (&self.failure, &self.state) {
            (Some(failure), _) => Err(failure.clone()),
            (None, State::Epilogue { .. }) => Ok(()),
            (None, State::Preamble { .. }) => Err(MultipartError::NoBoundaryFound),
            (None, _) => Err(MultipartError::CutOff),
        }
    }

    fn parse(&mut self, mut chunk: Bytes) -> Result<(), MultipartError> {
        while !chunk.is_empty() {
            match &mut self.state {
                State::Preamble { skipped } => match self.boundary.scan(&mut chunk) {
                    BoundaryMatch::Data(data) => skip(skipped, data.len(), self.limits.outside_bytes)?,
                    BoundaryMatch::Boundary => self.state = State::BoundaryLine(BoundaryLine::Start),
                    BoundaryMatch::Nothing => {}
                },
                State::BoundaryLine(line) => {
                    let line = *line;
                    let byte = chunk.get_u8();
                    self.state = self.boundary_line(line, byte)?;
                }
                State::Header(header) => {
                    if let Some(disposition) = header.push(&mut chunk, self.limits.header_bytes)? {
                        let (name, file_name) = (disposition.name, disposition.file_name);
                        self.events.push_back(Event::PartBegin { name, file_name });
                        // the line end before an empty part's boundary may be the one that ended the headers
                        self.boundary.assume_line_end();
                        self.state = State::Data;
                    }
                }
                State::Data => match self.boundary.scan(&mut chunk) {
                    BoundaryMatch::Data(data) => self.events.push_back(Event::Data(data)),
                    BoundaryMatch::Boundary => {
                        self.events.push_back(Event::PartEnd);
                        self.state = State::BoundaryLine(BoundaryLine::Start);
                    }
                    BoundaryMatch::Nothing => {}
                },
                State::Epilogue { skipped } => {
                    skip(skipped, chunk.len(), self.limits.outside_bytes)?;
                    chunk.clear();
                }
            }
        }
        Ok(())
    }

    /// The state after one more byte of a boundary's line: `--`, or blanks and CRLF.
    fn boundary_line(&mut self, line: BoundaryLine, byte: u8) -> Result<State, MultipartError> {
        let next = match (line, byte) {
            (BoundaryLine::Start, b'-') => BoundaryLine::Hyphen,
            (BoundaryLine::Hyphen, b'-') => {
                self.events.push_back(Event::End);
                return Ok(State::Epilogue { skipped: 0 });
            }
            (BoundaryLine::Start, b' ' | b'\t') => BoundaryLine::Padding(1),
            (BoundaryLine::Padding(blanks), b' ' | b'\t') if blanks < PADDING_BYTES => {
                BoundaryLine::Padding(blanks + 1)
            }
            (BoundaryLine::Start | BoundaryLine::Padding(_), b'\r') => BoundaryLine::CarriageReturn,
            (BoundaryLine::CarriageReturn, b'\n') => {
                self.parts += 1;
                if self.parts > self.limits.parts {
                    return Err(MultipartError::TooManyParts { limit: self.limits.parts });
                }
                return Ok(State::Header(PartHeader::default()));
            }
            (BoundaryLine::Start | BoundaryLine::Padding(_), b'\n') => return Err(MultipartError::BareLineFeed),
            _ => return Err(MultipartError::BoundaryContinues),
        };
        Ok(State::BoundaryLine(next))
    }
}

/// Counts ignored bytes.
fn skip(skipped: &mut usize, bytes: usize, limit: usize) -> Result<(), MultipartError> {
    *skipped = skipped.saturating_add(bytes);
    if *skipped > limit { Err(MultipartError::TooMuchOutside { limit }) } else { Ok(()) }
}
