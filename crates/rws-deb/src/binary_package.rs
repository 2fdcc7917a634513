//! A `.deb` while it streams past (deb(5)): the control member is kept and read, the data member is
//! only followed, or unpacked for the names of its files.

use std::sync::Arc;

use rws_model::{
    Digests, Entry, FileName, Inspected, Inspector, Memory, Reading, RecordFile, Refusal, Role, Unlimited, unsaid,
};

use crate::ar;
use crate::control::Named;
use crate::control_member::{self, COMPRESSED_LIMIT_BYTES, Packing};
use crate::fault::{Fault, printable};
use crate::file_names::DataMember;
use crate::package_file_name::{Claims, compare_binary};
use crate::stanza::Stanza;
use crate::{RENDERER, contents, control, identity, layout, maintainer_files, packages};

/// deb(5): one line with the version, which may be followed by others in the future.
const FORMAT_VERSION_LIMIT_BYTES: u64 = 4096;
const DATA_MEMBERS: &[&[u8]] =
    &[b"data.tar", b"data.tar.gz", b"data.tar.xz", b"data.tar.zst", b"data.tar.bz2", b"data.tar.lzma"];

/// So much memory each file takes anyway.
const SMALL_BYTES: u64 = 64 << 10;

/// The inspector of one binary package.
pub(crate) struct BinaryPackage {
    name: FileName,
    archive: ar::Reader,
    package: Package,
}

impl BinaryPackage {
    pub(crate) fn new(name: FileName, reading: Reading) -> Self {
        let package = Package {
            next: Next::FormatVersion,
            kept: Kept::Nothing,
            bytes: Vec::new(),
            control: Vec::new(),
            reading,
            installed: None,
            memory: Arc::new(Unlimited),
        };
        Self { name, archive: ar::Reader::new(), package }
    }
}

/// The members of the archive as far as they were seen.
struct Package {
    next: Next,
    kept: Kept,
    /// The bytes of the member that is kept.
    bytes: Vec<u8>,
    /// The content of `control`.
    control: Vec<u8>,
    /// Whether the data member is unpacked, and its names kept.
    reading: Reading,
    /// The names of the files in the data member.
    installed: Option<Vec<Vec<u8>>>,
    /// Where much memory is asked for.
    memory: Arc<dyn Memory>,
}

/// The member that must come next; names that start with an underscore may come between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    FormatVersion,
    Control,
    Data,
    End,
}

/// What the member that streams past is kept as.
enum Kept {
    Nothing,
    FormatVersion,
    Control(Packing),
    Names(Box<DataMember>),
}

impl ar::Members for Package {
    fn begin(&mut self, name: &[u8], size_bytes: u64) -> Result<(), Fault> {
        self.kept = Kept::Nothing;
        self.bytes = Vec::new();
        match self.next {
            Next::FormatVersion if name == b"debian-binary" => {
                self.kept = Kept::FormatVersion;
                self.next = Next::Control;
                limit("its debian-binary", size_bytes, FORMAT_VERSION_LIMIT_BYTES)
            }
            Next::FormatVersion => Err(Fault::Members("its first member is not debian-binary".to_owned())),
            _ if name.starts_with(b"_") => Ok(()),
            Next::Control => {
                let packing = Packing::of_member(name)
                    .ok_or_else(|| Fault::Members(format!("it has {} where control.tar must be", printable(name))))?;
                self.kept = Kept::Control(packing);
                self.next = Next::Data;
                limit("its control archive", size_bytes, COMPRESSED_LIMIT_BYTES)?;
                ask(&*self.memory, size_bytes)
            }
            Next::Data if DATA_MEMBERS.contains(&name) && size_bytes > 0 => {
                self.next = Next::End;
                if self.reading != Reading::Entries {
                    let keeps = self.reading == Reading::Contents;
                    self.kept =
                        Kept::Names(Box::new(DataMember::new(name, size_bytes, keeps, Arc::clone(&self.memory))?));
                }
                Ok(())
            }
            Next::Data if DATA_MEMBERS.contains(&name) => Err(Fault::Members("its data archive is empty".to_owned())),
            Next::Data => Err(Fault::Members(format!("it has {} where data.tar must be", printable(name)))),
            // deb(5): what comes behind data.tar is ignored
            Next::End => Ok(()),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match &mut self.kept {
            Kept::Nothing => {}
            Kept::FormatVersion | Kept::Control(_) => self.bytes.extend_from_slice(bytes),
            Kept::Names(member) => member.push(bytes)?,
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        let bytes = std::mem::take(&mut self.bytes);
        match std::mem::replace(&mut self.kept, Kept::Nothing) {
            Kept::Nothing => {}
            Kept::Names(member) => self.installed = Some(member.finish()?),
            Kept::FormatVersion => check_format_version(&bytes)?,
            Kept::Control(packing) => {
                ask(&*self.memory, packing.window_bytes(&bytes))?;
                let files = control_member::control_files(packing, &bytes)?;
                files.others.iter().try_for_each(|(name, content)| maintainer_files::check(name, content))?;
                self.control = files.control;
            }
        }
        Ok(())
    }
}

/// Asks for memory that is worth being asked for.
fn ask(memory: &dyn Memory, bytes: u64) -> Result<(), Fault> {
    if bytes < SMALL_BYTES || memory.take(bytes) { Ok(()) } else { Err(Fault::Memory) }
}

fn limit(what: &'static str, size_bytes: u64, limit_bytes: u64) -> Result<(), Fault> {
    if size_bytes > limit_bytes { Err(Fault::TooLarge { what, limit_bytes }) } else { Ok(()) }
}

/// deb(5): `2.` and a minor number that readers ignore.
fn check_format_version(bytes: &[u8]) -> Result<(), Fault> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let minor = line.strip_prefix(b"2.").ok_or(Fault::FormatVersion)?;
    let good = bytes.contains(&b'\n') && !minor.is_empty() && minor.iter().all(u8::is_ascii_digit);
    if good { Ok(()) } else { Err(Fault::FormatVersion) }
}

impl Inspector for BinaryPackage {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.archive.push(bytes, &mut self.package).map_err(|fault| fault.refuse(&self.name))
    }

    fn finish(self: Box<Self>, size_bytes: u64, digests: &Digests) -> Result<Inspected, Refusal> {
        let whole = check_whole(&self.archive, self.package.next).map_err(|fault| fault.refuse(&self.name));
        whole.and_then(|()| self.finish_early(size_bytes, digests))
    }

    fn ask(&mut self, memory: Arc<dyn Memory>) {
        self.package.memory = memory;
    }

    fn has_enough(&self) -> bool {
        !self.package.control.is_empty() && self.package.reading == Reading::Entries
    }

    fn finish_early(self: Box<Self>, size_bytes: u64, digests: &Digests) -> Result<Inspected, Refusal> {
        let file = RecordFile { name: self.name, size_bytes, digests: digests.clone() };
        let name = file.name.clone();
        inspected(&self.package, file).map_err(|fault| fault.refuse(&name))
    }
}

/// Whether all members that a package has are there.
fn check_whole(archive: &ar::Reader, next: Next) -> Result<(), Fault> {
    archive.finish()?;
    match next {
        Next::FormatVersion => Err(Fault::Cut("an archive without members".to_owned())),
        Next::Control => Err(Fault::Members("it has no control.tar".to_owned())),
        Next::Data => Err(Fault::Members("it has no data.tar".to_owned())),
        Next::End => Ok(()),
    }
}

fn inspected(package: &Package, file: RecordFile) -> Result<Inspected, Fault> {
    let stanza = Stanza::parse_control(&package.control)?;
    let Named { name, version, architecture } = control::check(&stanza)?;
    let kind = if layout::is_installer_file(&file.name) { "udeb" } else { "deb" };
    let misnamed = compare_binary(file.name.as_str(), Claims { name: &name, version: &version }, &architecture);
    let entry =
        Entry { partition: layout::binary_partition(&file.name, &architecture), text: packages::entry(&stanza, &file) };
    control::check_entry(&entry.text)?;
    let mut entries = vec![entry];
    let names = package.installed.as_ref().filter(|_| package.reading == Reading::Contents);
    let text = names.map(|names| contents::entry(names, stanza.value("Section"), &name));
    entries.extend(text.map(|text| Entry { partition: layout::contents_partition(&architecture), text }));
    let unsaid = unsaid(file.name.as_str(), &name, Some(&architecture));
    Ok(Inspected {
        identity: identity::of_package(kind, &name, &version, &architecture),
        role: Role::Binary,
        architecture,
        entries,
        names: Vec::new(),
        renderer: RENDERER,
        warnings: Vec::new(),
        misnamed: misnamed.err(),
        unsaid,
        file,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_version_is_2_and_a_number() {
        for good in [&b"2.0\n"[..], b"2.1\n", b"2.0\nmore\n"] {
            assert_eq!(check_format_version(good), Ok(()));
        }
        for bad in [&b""[..], b"2.0", b"2.\n", b"2\n", b"3.0\n", b"20\n", b"2.x\n", b"\n2.0\n"] {
            assert!(check_format_version(bad).is_err(), "{bad:?}");
        }
    }
}
