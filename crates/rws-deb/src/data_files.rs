//! The files in `data.tar` of a package, given to somebody while the package streams past.

use std::sync::Arc;

use rws_archive::FileSink;
use rws_model::Memory;

use crate::ar;
use crate::fault::Fault;
use crate::file_names::DataMember;

/// A package whose files somebody gets.
pub(crate) struct DataFiles {
    archive: ar::Reader,
    members: Members,
}

struct Members {
    /// Who gets the files; `None` once they have begun.
    files: Option<Box<dyn FileSink>>,
    data: Option<DataMember>,
    has_ended: bool,
    memory: Arc<dyn Memory>,
}

impl DataFiles {
    /// Gives the files to `files`.
    pub(crate) fn new(files: Box<dyn FileSink>, memory: Arc<dyn Memory>) -> Self {
        let members = Members { files: Some(files), data: None, has_ended: false, memory };
        Self { archive: ar::Reader::new(), members }
    }

    /// Takes the next bytes of the package.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.archive.push(bytes, &mut self.members)
    }

    /// Whether all files have been given.
    pub(crate) fn has_ended(&self) -> bool {
        self.members.has_ended
    }
}

impl ar::Members for Members {
    fn begin(&mut self, name: &[u8], size_bytes: u64) -> Result<(), Fault> {
        if name.starts_with(b"data.tar")
            && let Some(files) = self.files.take()
        {
            self.data = Some(DataMember::giving(name, size_bytes, files, Arc::clone(&self.memory))?);
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.data.as_mut().map_or(Ok(()), |data| data.push(bytes))
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some(data) = self.data.take() else { return Ok(()) };
        self.has_ended = true;
        data.finish().map(drop)
    }
}
