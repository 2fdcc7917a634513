//! A list of an upload, `.changes` (Debian Policy 5.5).

use rws_model::{Digests, FileName, Inspected, Inspector, RecordFile, Refusal, Role};

use crate::RENDERER;
use crate::clear_text::clear_text;
use crate::dsc::Text;
use crate::fault::Fault;
use crate::file_list::{FilesForm, named_files};
use crate::identity;
use crate::stanza::Stanza;

/// The inspector of one `.changes`.
pub(crate) struct Changes(pub(crate) Text);

impl Inspector for Changes {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.0.push(bytes)
    }

    fn finish(self: Box<Self>, size_bytes: u64, digests: &Digests) -> Result<Inspected, Refusal> {
        let Text { name, bytes } = self.0;
        let names = named(&bytes).map_err(|fault| fault.refuse(&name))?;
        let file = RecordFile { name, size_bytes, digests: digests.clone() };
        Ok(listing(file, names))
    }
}

fn named(bytes: &[u8]) -> Result<Vec<rws_model::NamedFile>, Fault> {
    let text = clear_text(bytes)?;
    let stanza = Stanza::parse(&text, "it")?;
    named_files(&stanza, FilesForm::Changes)
}

fn listing(file: RecordFile, names: Vec<rws_model::NamedFile>) -> Inspected {
    Inspected {
        identity: identity::of_file(&file.name),
        role: Role::Listing,
        architecture: String::new(),
        entries: Vec::new(),
        names,
        renderer: RENDERER,
        warnings: Vec::new(),
        misnamed: None,
        unsaid: None,
        file,
    }
}

/// The inspector of one `.buildinfo`: it obliges nobody to anything, so it is not read.
pub(crate) struct Buildinfo(pub(crate) FileName);

impl Inspector for Buildinfo {
    fn push(&mut self, _bytes: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    fn finish(self: Box<Self>, size_bytes: u64, digests: &Digests) -> Result<Inspected, Refusal> {
        Ok(listing(RecordFile { name: self.0, size_bytes, digests: digests.clone() }, Vec::new()))
    }
}
