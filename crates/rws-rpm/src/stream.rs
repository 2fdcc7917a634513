//! The parts of a package file, taken apart while it streams past: lead, signature header, main header, payload.

use std::sync::Arc;

use rws_model::{Memory, Unlimited};

use crate::fault::{Fault, Section};
use crate::header::{self, Header};
use crate::integrity::Integrity;
use crate::lead;

/// Signature headers are padded to this.
const SIGNATURE_ALIGNMENT_BYTES: usize = 8;

/// Headers that take less memory are not asked for.
const LARGE_BYTES: u64 = 512 << 10;

/// The part of the file that comes next.
enum Part {
    Magic,
    Lead,
    SignatureIntroduction,
    Signature {
        length_bytes: usize,
    },
    MainIntroduction {
        signature: Header,
    },
    Main {
        signature: Header,
    },
    Payload(Box<Headers>, Integrity),
    /// After a fault.
    Nothing,
}

/// The headers of a package and where the main one lies in the file.
#[derive(Debug)]
pub struct Headers {
    /// The signature header.
    pub signature: Header,
    /// The main header.
    pub main: Header,
    /// Where the main header starts and where it ends, in bytes from the start of the file.
    pub main_range: std::ops::Range<u64>,
}

/// Takes a package apart in bounded memory: it keeps the headers as far as they have arrived, and nothing of the
/// payload.
pub struct Stream {
    part: Part,
    /// Bytes of the present part: never more than have arrived.
    pending: Vec<u8>,
    /// How many bytes the present part has.
    wanted: usize,
    /// Bytes of all parts before the present one.
    passed_bytes: u64,
    /// Where much memory is asked for.
    memory: Arc<dyn Memory>,
}

impl Stream {
    /// Waits for the first byte.
    pub fn new() -> Self {
        Self { part: Part::Magic, pending: Vec::new(), wanted: 4, passed_bytes: 0, memory: Arc::new(Unlimited) }
    }

    /// Asks for much memory here from now on.
    pub fn ask(&mut self, memory: Arc<dyn Memory>) {
        self.memory = memory;
    }

    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            if let Part::Payload(_, integrity) = &mut self.part {
                return integrity.update(bytes);
            }
            let missing = self.wanted.saturating_sub(self.pending.len());
            let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
            self.pending.extend_from_slice(taken);
            bytes = rest;
            while self.pending.len() >= self.wanted && self.step()? {}
        }
        Ok(())
    }

    /// The headers, once both have arrived and the main one is what the signature header states.
    pub fn headers(&self) -> Option<&Headers> {
        match &self.part {
            Part::Payload(headers, _) => Some(headers),
            _ => None,
        }
    }

    /// The headers, once both have arrived; of a file that ends before, what is missing.
    pub fn into_headers(self) -> Result<Headers, Fault> {
        match self.part {
            Part::Payload(headers, _) => Ok(*headers),
            _ => self.finish(),
        }
    }

    /// Ends the file.
    pub fn finish(self) -> Result<Headers, Fault> {
        let cut = match self.part {
            Part::Payload(headers, integrity) => {
                integrity.finish()?;
                return Ok(*headers);
            }
            // a delta or another file with less than a magic number
            Part::Magic | Part::Nothing => return Err(Fault::NotRpm),
            Part::Lead => "lead",
            Part::SignatureIntroduction | Part::Signature { .. } => "signature header",
            Part::MainIntroduction { .. } | Part::Main { .. } => "main header",
        };
        Err(Fault::Cut(cut))
    }

    /// Ends a part that is all there, and says whether another one that has to be collected follows.
    fn step(&mut self) -> Result<bool, Fault> {
        self.part = match std::mem::replace(&mut self.part, Part::Nothing) {
            Part::Magic => {
                lead::check_magic(self.pending.first_chunk().copied().unwrap_or_default())?;
                self.wanted = lead::LENGTH_BYTES;
                Part::Lead
            }
            Part::Lead => {
                let bytes = self.take();
                lead::check(bytes.first_chunk().ok_or(Fault::NotRpm)?)?;
                self.wanted = header::INTRODUCTION_BYTES;
                Part::SignatureIntroduction
            }
            Part::SignatureIntroduction => {
                let length_bytes = self.header_length(Section::Signature)?;
                self.wanted = length_bytes.next_multiple_of(SIGNATURE_ALIGNMENT_BYTES);
                Part::Signature { length_bytes }
            }
            Part::Signature { length_bytes } => {
                let mut bytes = self.take();
                bytes.truncate(length_bytes);
                self.wanted = header::INTRODUCTION_BYTES;
                Part::MainIntroduction { signature: Header::parse(Section::Signature, bytes)? }
            }
            Part::MainIntroduction { signature } => {
                self.wanted = self.header_length(Section::Main)?;
                Part::Main { signature }
            }
            Part::Main { signature } => {
                let start = self.passed_bytes;
                let main = Header::parse(Section::Main, self.take())?;
                let integrity = Integrity::start(&signature, &main)?;
                let main_range = start..self.passed_bytes;
                self.part = Part::Payload(Box::new(Headers { signature, main, main_range }), integrity);
                return Ok(false);
            }
            last @ (Part::Payload(..) | Part::Nothing) => {
                self.part = last;
                return Ok(false);
            }
        };
        Ok(true)
    }

    fn header_length(&self, section: Section) -> Result<usize, Fault> {
        let introduction = self.pending.first_chunk().copied().unwrap_or_default();
        let bytes = header::length(section, introduction)?;
        // it is kept as it is, and its values are read beside it
        let needed = 2 * bytes as u64;
        if needed >= LARGE_BYTES && !self.memory.take(needed) {
            return Err(Fault::Memory);
        }
        Ok(bytes)
    }

    fn take(&mut self) -> Vec<u8> {
        self.passed_bytes += self.pending.len() as u64;
        std::mem::take(&mut self.pending)
    }
}
