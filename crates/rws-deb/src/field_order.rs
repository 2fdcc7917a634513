//! The order in which index entries state their fields, and the writing of them.
//!
//! The orders are those of apt (`apt-pkg/tagfile-order.c`), which `apt-ftparchive` writes.

use crate::stanza::{Stanza, is_space};

/// Fields of a stanza in `Packages`. A field that is not listed follows behind, in the order of the control file.
pub(crate) const PACKAGES: &[&str] = &[
    "Package",
    "Package-Type",
    "Architecture",
    "Subarchitecture",
    "Version",
    "Kernel-Version",
    "Built-Using",
    "Static-Built-Using",
    "Built-For-Profiles",
    "Auto-Built-Package",
    "Multi-Arch",
    "Status",
    "Priority",
    "Build-Essential",
    "Protected",
    "Important",
    "Essential",
    "Installer-Menu-Item",
    "Section",
    "Source",
    "Origin",
    "Phased-Update-Percentage",
    "Maintainer",
    "Original-Maintainer",
    "Bugs",
    "Config-Version",
    "Conffiles",
    "Triggers-Awaited",
    "Triggers-Pending",
    "Installed-Size",
    "Provides",
    "Pre-Depends",
    "Depends",
    "Recommends",
    "Suggests",
    "Conflicts",
    "Breaks",
    "Replaces",
    "Enhances",
    "Filename",
    "MSDOS-Filename",
    "Size",
    "MD5sum",
    "SHA1",
    "SHA256",
    "SHA512",
    "Homepage",
    "Description",
    "Description-md5",
    "Tag",
    "Task",
];

/// Fields of a stanza in `Sources`.
pub(crate) const SOURCES: &[&str] = &[
    "Package",
    "Source",
    "Format",
    "Binary",
    "Architecture",
    "Version",
    "Priority",
    "Section",
    "Origin",
    "Maintainer",
    "Original-Maintainer",
    "Uploaders",
    "Dm-Upload-Allowed",
    "Standards-Version",
    "Build-Depends",
    "Build-Depends-Arch",
    "Build-Depends-Indep",
    "Build-Conflicts",
    "Build-Conflicts-Arch",
    "Build-Conflicts-Indep",
    "Testsuite",
    "Testsuite-Triggers",
    "Homepage",
    "Description",
    "Vcs-Browser",
    "Vcs-Browse",
    "Vcs-Arch",
    "Vcs-Bzr",
    "Vcs-Cvs",
    "Vcs-Darcs",
    "Vcs-Git",
    "Vcs-Hg",
    "Vcs-Mtn",
    "Vcs-Svn",
    "Directory",
    "Package-List",
    "Files",
    "Checksums-Md5",
    "Checksums-Sha1",
    "Checksums-Sha256",
    "Checksums-Sha512",
];

/// What an entry states in place of the package's own field: its name, and a value, which is left out where it is empty. A name
/// that is not of the order has none.
pub(crate) type Statement<'a> = (&'a str, Vec<u8>);

/// Writes the fields of a stanza in this order, with these statements in place of its own, and the empty line behind
/// it. A listed field gets the spelling of the list; what is not listed keeps its own.
pub(crate) fn write(stanza: &Stanza<'_>, order: &[&str], statements: &[Statement<'_>]) -> Vec<u8> {
    let mut text = Vec::new();
    let stated = |name: &str| statements.iter().find(|(stated, _)| stated.eq_ignore_ascii_case(name));
    for name in order {
        match (stated(name), stanza.field(name)) {
            (Some((_, value)), _) if value.is_empty() => {}
            (Some((_, value)), _) => write_field(&mut text, name, value),
            (None, Some(field)) => write_field(&mut text, name, field.raw),
            (None, None) => {}
        }
    }
    for field in stanza.fields() {
        let listed = order.iter().any(|name| name.eq_ignore_ascii_case(field.name));
        if !listed && stated(field.name).is_none() {
            write_field(&mut text, field.name, field.raw);
        }
    }
    text.push(b'\n');
    text
}

fn write_field(text: &mut Vec<u8>, name: &str, value: &[u8]) {
    text.extend_from_slice(name.as_bytes());
    text.push(b':');
    if value.first().is_some_and(|first| !is_space(*first)) {
        text.push(b' ');
    }
    text.extend_from_slice(value);
    text.push(b'\n');
}
