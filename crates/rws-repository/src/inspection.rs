//! One file read once: digests and inspection in the same pass.

use std::sync::Arc;

use rws_model::{FileName, Format, Inspected, Inspector, Md5Pieces, Memory, Reading, Refusal, ShaDigester};
use rws_store::LocalFile;

use crate::vague_names::says_too_little;

/// A file that streams past.
pub struct Inspection {
    md5: Md5Pieces,
    rest: InspectionButMd5,
}

/// The half of an [`Inspection`] without MD5: both take the same bytes, each in its own thread, in about the same time.
pub struct InspectionButMd5 {
    digester: ShaDigester,
    inspector: Box<dyn Inspector>,
}

impl Inspection {
    /// Starts with a file of this name.
    pub fn new(format: &dyn Format, name: &FileName, reading: Reading) -> Self {
        let rest = InspectionButMd5 { digester: ShaDigester::default(), inspector: format.inspector(name, reading) };
        Self { md5: Md5Pieces::new(LocalFile::PIECE_BYTES), rest }
    }

    /// Asks here before it takes much memory.
    #[must_use]
    pub fn asking(mut self, memory: Arc<dyn Memory>) -> Self {
        self.rest.inspector.ask(memory);
        self
    }

    /// Both halves of one that has seen nothing.
    pub fn halves(self) -> (Md5Pieces, InspectionButMd5) {
        (self.md5, self.rest)
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// As soon as the file is seen to be bad.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.md5.update(bytes);
        self.rest.push(bytes)
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// When the file is bad.
    pub fn finish(self) -> Result<Inspected, Refusal> {
        self.rest.finish(self.md5.finish())
    }
}

impl InspectionButMd5 {
    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// As soon as the file is seen to be bad.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.digester.update(bytes);
        self.inspector.push(bytes)
    }

    /// Ends the file, with what the other half has found.
    ///
    /// # Errors
    ///
    /// When the file is bad.
    pub fn finish(self, md5: [u8; 16]) -> Result<Inspected, Refusal> {
        let (size_bytes, digests) = self.digester.finish(md5);
        let mut inspected = self.inspector.finish(size_bytes, &digests)?;
        inspected.warnings.extend(says_too_little(&inspected));
        Ok(inspected)
    }
}
