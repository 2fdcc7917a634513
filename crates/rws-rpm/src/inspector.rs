//! Reads one package file while it streams past, and renders its entries.

use std::sync::Arc;

use rws_model::{Digests, Entry, FileName, Inspected, Inspector, Memory, RecordFile, Refusal, Role, unsaid};

use crate::fault::Fault;
use crate::markup::Written;
use crate::package::{self, Nevra, Package};
use crate::primary::PackageFile;
use crate::stream::{Headers, Stream};
use crate::{file_name, filelists, identity, integrity, other, primary};

/// The version of the code that renders entries: to be raised with every change of what it writes.
pub const RENDERER: u32 = 1;

/// The warning where something of a header is not in the metadata.
const DROPPED: &str = "its header has control characters, which XML cannot have: they are left out of the metadata";

/// Reads one package.
pub struct RpmInspector {
    name: FileName,
    stream: Stream,
    /// What the package is, once its headers have arrived.
    nevra: Option<Nevra>,
}

impl RpmInspector {
    /// Starts reading the file `name`.
    pub fn new(name: &FileName) -> Self {
        Self { name: name.clone(), stream: Stream::new(), nevra: None }
    }
}

impl RpmInspector {
    /// Takes bytes; what can be told from the headers is told before the payload has arrived.
    fn read(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.stream.push(bytes)?;
        if let (None, Some(headers)) = (&self.nevra, self.stream.headers()) {
            self.nevra = Some(package::identify(headers)?);
        }
        Ok(())
    }
}

impl Inspector for RpmInspector {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.read(bytes).map_err(|fault| fault.refuse(&self.name))
    }

    fn finish(self: Box<Self>, size_bytes: u64, digests: &Digests) -> Result<Inspected, Refusal> {
        let Self { name, stream, nevra } = *self;
        let file = RecordFile { name: name.clone(), size_bytes, digests: digests.clone() };
        stream.finish().and_then(|headers| inspect(&headers, nevra, file)).map_err(|fault| fault.refuse(&name))
    }

    fn ask(&mut self, memory: Arc<dyn Memory>) {
        self.stream.ask(memory);
    }

    fn has_enough(&self) -> bool {
        self.nevra.is_some()
    }

    fn finish_early(self: Box<Self>, size_bytes: u64, digests: &Digests) -> Result<Inspected, Refusal> {
        let Self { name, stream, nevra } = *self;
        let file = RecordFile { name: name.clone(), size_bytes, digests: digests.clone() };
        let headers = stream.headers().ok_or(Fault::Cut("main header"));
        headers.and_then(|headers| inspect(headers, nevra, file)).map_err(|fault| fault.refuse(&name))
    }
}

fn inspect(headers: &Headers, nevra: Option<Nevra>, file: RecordFile) -> Result<Inspected, Fault> {
    // headers that arrived were identified then
    let nevra = nevra.ok_or(Fault::Cut("main header"))?;
    let self_provide = package::self_provide_version(&nevra, &headers.main);
    let package = Package::read(headers, &nevra, &self_provide)?;
    let pkgid = file.digests.sha256.hex();
    let package_file = PackageFile { name: &file.name, size_bytes: file.size_bytes, pkgid: &pkgid };
    let written = [
        ("primary", primary::render(&package, &package_file)?),
        ("filelists", filelists::render(&package, &pkgid)?),
        ("other", other::render(&package, &pkgid)?),
    ];
    // last, so that tests with damaged packages get to all other rules
    integrity::check_covered(&headers.signature, &headers.main)?;
    let misnamed = file_name::contradiction(&file.name, &nevra);
    let unsaid = unsaid(file.name.as_str(), &nevra.name, Some(&nevra.architecture));
    let dropped = written.iter().any(|(_, entry)| entry.dropped);
    let warnings = if dropped { vec![DROPPED.to_owned()] } else { Vec::new() };
    let entry = |(partition, Written { text, .. }): (&str, Written)| Entry {
        partition: partition.to_owned(),
        text: text.into_bytes(),
    };
    let entries = written.map(entry).to_vec();
    let role = if nevra.architecture == "src" { Role::Source } else { Role::Binary };
    Ok(Inspected {
        file,
        role,
        identity: identity::of(&nevra),
        architecture: nevra.architecture,
        entries,
        names: Vec::new(),
        renderer: RENDERER,
        warnings,
        misnamed,
        unsaid,
    })
}
