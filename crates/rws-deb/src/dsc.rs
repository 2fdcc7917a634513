//! A source control file, `.dsc` (Debian Policy 5.4).

use rws_model::{Digests, Entry, FileName, Inspected, Inspector, RecordFile, Refusal, Role, unsaid};

use crate::clear_text::clear_text;
use crate::fault::Fault;
use crate::file_kind::{FileKind, is_ddeb};
use crate::file_list::{FilesForm, named_files};
use crate::package_file_name::{Claims, compare_source};
use crate::stanza::Stanza;
use crate::{RENDERER, field_syntax, identity, relations, sources};

/// The largest control file that is kept in memory: real ones have some kilobytes.
const LIMIT_BYTES: usize = 1 << 20;

/// A file of one signed or unsigned stanza, kept while it streams past.
pub(crate) struct Text {
    pub(crate) name: FileName,
    pub(crate) bytes: Vec<u8>,
}

impl Text {
    pub(crate) fn new(name: FileName) -> Self {
        Self { name, bytes: Vec::new() }
    }

    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        if bytes.len() > LIMIT_BYTES - self.bytes.len() {
            return Err(Fault::TooLarge { what: "it", limit_bytes: LIMIT_BYTES as u64 }.refuse(&self.name));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// The inspector of one `.dsc`.
pub(crate) struct Dsc(pub(crate) Text);

impl Inspector for Dsc {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.0.push(bytes)
    }

    fn finish(self: Box<Self>, size_bytes: u64, digests: &Digests) -> Result<Inspected, Refusal> {
        let Text { name, bytes } = self.0;
        let file = RecordFile { name: name.clone(), size_bytes, digests: digests.clone() };
        inspected(&bytes, file).map_err(|fault| fault.refuse(&name))
    }
}

fn inspected(bytes: &[u8], file: RecordFile) -> Result<Inspected, Fault> {
    let text = clear_text(bytes)?;
    if text.contains(&0) {
        return Err(Fault::Stanza { file: "it", line: 1, what: "the file has a NUL byte".to_owned() });
    }
    let stanza = Stanza::parse(&text, "it")?;
    let name = field_syntax::package_name(&stanza, "Source")?;
    let version = field_syntax::version(&stanza)?;
    if stanza.value("Architecture").is_empty() {
        return Err(Fault::FieldMissing("Architecture"));
    }
    let names = named_files(&stanza, FilesForm::Source)?;
    let packages = [FileKind::Binary, FileKind::Source, FileKind::Changes, FileKind::Buildinfo];
    if let Some(other) = names.iter().find(|named| {
        is_ddeb(named.name.as_str()) || FileKind::of(named.name.as_str()).is_some_and(|kind| packages.contains(&kind))
    }) {
        let what = format!("{} can be no part of a source package", other.name);
        return Err(Fault::FileList { field: "Files", what });
    }
    for field in relations::SOURCE {
        relations::check(stanza.value(field), relations::Form::Build)
            .map_err(|what| Fault::Relation { field, what })?;
    }
    let misnamed = compare_source(file.name.as_str(), Claims { name: &name, version: &version });
    let entry = Entry { partition: "source".to_owned(), text: sources::entry(&stanza, &file) };
    Ok(Inspected {
        identity: identity::of_source(&name, &version),
        role: Role::Source,
        architecture: "source".to_owned(),
        entries: vec![entry],
        names,
        renderer: RENDERER,
        warnings: Vec::new(),
        misnamed: misnamed.err(),
        unsaid: unsaid(file.name.as_str(), &name, None),
        file,
    })
}
