//! A `.deb` while it streams past (deb(5)): the control member is kept and read, the data member is
//! only followed, or unpacked for the names of its files.

use rws_model::{Digests, Entry, FileName, Identity, Inspected, Inspector, RecordFile, Refusal, Role};

use crate::ar;
use crate::control_member::{self, COMPRESSED_LIMIT_BYTES, Packing};
use crate::fault::{Fault, printable};
use crate::file_names::DataMember;
use crate::package_file_name::{Claims, compare_binary};
use crate::stanza::Stanza;
use crate::{RENDERER, contents, field_syntax, layout, packages};

/// deb(5): one line with the version, which may be followed by others in the future.
const FORMAT_VERSION_LIMIT_BYTES: u64 = 4096;
const DATA_MEMBERS: &[&[u8]] =
    &[b"data.tar", b"data.tar.gz", b"data.tar.xz", b"data.tar.zst", b"data.tar.bz2", b"data.tar.lzma"];

/// The inspector of one binary package.
pub(crate) struct BinaryPackage {
    name: FileName,
    archive: ar::Reader,
    package: Package,
}

impl BinaryPackage {
    /// With the names of the files that it installs, for `Contents`, or without.
    pub(crate) fn new(name: FileName, with_contents: bool) -> Self {
        let package = Package {
            next: Next::FormatVersion,
            kept: Kept::Nothing,
            bytes: Vec::new(),
            control: Vec::new(),
            with_contents,
            installed: None,
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
    /// Whether the data member is unpacked.
    with_contents: bool,
    /// The names of the files in the data member.
    installed: Option<Vec<Vec<u8>>>,
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
                limit("its control archive", size_bytes, COMPRESSED_LIMIT_BYTES)
            }
            Next::Data if DATA_MEMBERS.contains(&name) && size_bytes > 0 => {
                self.next = Next::End;
                if self.with_contents
                    && let Some(member) = DataMember::new(name, size_bytes)?
                {
                    self.kept = Kept::Names(Box::new(member));
                }
                Ok(())
            }
            Next::Data if DATA_MEMBERS.contains(&name) => Err(Fault::Members("its data archive is empty".to_owned())),
            Next::Data => Err(Fault::Members(format!("it has {} where data.tar must be", printable(name)))),
            Next::End => Err(Fault::Members(format!("it has {} behind data.tar", printable(name)))),
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
            Kept::Control(packing) => self.control = control_member::control_file(packing, &bytes)?,
        }
        Ok(())
    }
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

    fn has_enough(&self) -> bool {
        !self.package.control.is_empty() && !self.package.with_contents
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
    if let Some(at) = package.control.iter().position(|byte| *byte == 0) {
        let line = package.control.iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        return Err(Fault::Stanza { file: "its control file", line, what: "it has a NUL byte".to_owned() });
    }
    let stanza = Stanza::parse(&package.control, "its control file")?;
    let name = field_syntax::package_name(&stanza, "Package")?;
    let version = field_syntax::version(&stanza)?;
    let architecture = field_syntax::architecture(&stanza)?;
    compare_binary(file.name.as_str(), Claims { name: &name, version: &version }, &architecture)?;
    let mut entries =
        vec![Entry { partition: format!("binary-{architecture}"), text: packages::entry(&stanza, &file) }];
    let (mut text, mut warnings) = (None, Vec::new());
    match &package.installed {
        Some(names) => text = Some(contents::entry(names, stanza.value("Section"), &name)),
        None if package.with_contents => {
            // an empty entry: it has been read
            text = Some(Vec::new());
            warnings.push("Contents does not list its files: its data.tar is packed by bzip2".to_owned());
        }
        None => {}
    }
    entries.extend(text.map(|text| Entry { partition: layout::contents_partition(&architecture), text }));
    Ok(Inspected {
        identity: Identity(format!("deb {name} {version} {architecture}")),
        role: Role::Binary,
        architecture,
        entries,
        names: Vec::new(),
        renderer: RENDERER,
        warnings,
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
