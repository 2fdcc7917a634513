//! One file read once: digests and inspection in the same pass.

use rws_model::{Digester, FileName, Format, Inspected, Inspector, Refusal};

/// A file that streams past.
pub struct Inspection {
    digester: Digester,
    inspector: Box<dyn Inspector>,
}

impl Inspection {
    /// Starts with a file of this name.
    pub fn new(format: &dyn Format, name: &FileName) -> Self {
        Self { digester: Digester::new(), inspector: format.inspector(name) }
    }

    /// Also tells the MD5 of each whole piece of so many bytes, a multiple of 64.
    #[must_use]
    pub fn with_pieces(self, piece_bytes: u64) -> Self {
        Self { digester: Digester::with_pieces(piece_bytes), ..self }
    }

    /// The MD5 of the pieces that have come wholly since this was asked last.
    pub fn take_pieces(&mut self) -> Vec<[u8; 16]> {
        self.digester.take_pieces()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// As soon as the file is seen to be bad.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.digester.update(bytes);
        self.inspector.push(bytes)
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// When the file is bad.
    pub fn finish(self) -> Result<Inspected, Refusal> {
        let (size_bytes, digests) = self.digester.finish();
        self.inspector.finish(size_bytes, &digests)
    }
}
