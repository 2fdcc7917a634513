//! A file that belongs to a source package: a tarball, a patch, an upstream signature. Its bytes are not read; the
//! digests in the `.dsc` vouch for them.

use rws_model::{Digests, FileName, Inspected, Inspector, RecordFile, Refusal, Role};

use crate::file_kind::FileKind;
use crate::{RENDERER, identity};

/// The inspector of one part, and of files that no upload may have, which are refused.
pub(crate) struct Part(pub(crate) FileName);

impl Inspector for Part {
    fn push(&mut self, _bytes: &[u8]) -> Result<(), Refusal> {
        if FileKind::of(self.0.as_str()).is_none() {
            return Err(Refusal::new(self.0.as_str(), "it is no file of a Debian package"));
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, size_bytes: u64, digests: &Digests) -> Result<Inspected, Refusal> {
        self.push(&[])?;
        Ok(Inspected {
            identity: identity::of_file(&self.0),
            role: Role::Part,
            architecture: String::new(),
            entries: Vec::new(),
            names: Vec::new(),
            renderer: RENDERER,
            warnings: Vec::new(),
            misnamed: None,
            unsaid: None,
            file: RecordFile { name: self.0, size_bytes, digests: digests.clone() },
        })
    }

    fn has_enough(&self) -> bool {
        true
    }
}
