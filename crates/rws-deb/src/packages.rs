//! A stanza of `Packages`, as `apt-ftparchive packages` writes it.

use rws_model::{RecordFile, SLOT};

use crate::field_order::{self, PACKAGES, Statement};
use crate::stanza::Stanza;

/// The control file's stanza in apt's order with the file's place, size and digests. What the package itself says of
/// those is dropped. `Priority` and `Section` lose the white space around. An empty `Provides`, which dpkg takes and drops, is
/// dropped: apt 2.6 takes none.
pub(crate) fn entry(control: &Stanza<'_>, file: &RecordFile) -> Vec<u8> {
    let mut filename = vec![SLOT, b'/'];
    filename.extend_from_slice(file.name.as_str().as_bytes());
    let statements = [
        ("Priority", control.value("Priority").to_vec()),
        ("Section", control.value("Section").to_vec()),
        ("Filename", filename),
        ("Size", file.size_bytes.to_string().into_bytes()),
        ("MD5sum", file.digests.md5.clone().unwrap_or_default().into_bytes()),
        ("SHA1", file.digests.sha1.clone().unwrap_or_default().into_bytes()),
        ("SHA256", file.digests.sha256.hex().into_bytes()),
        ("SHA512", Vec::new()),
    ];
    let without_provides = ("Provides", Vec::new());
    let is_empty = control.field("Provides").is_some() && control.value("Provides").is_empty();
    let statements: Vec<Statement<'_>> = statements.into_iter().chain(is_empty.then_some(without_provides)).collect();
    field_order::write(control, PACKAGES, &statements)
}
