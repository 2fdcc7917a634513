//! A stanza of `Sources`, as `apt-ftparchive sources` writes it.

use rws_model::{RecordFile, SLOT};

use crate::fault::Fault;
use crate::field_order::{self, SOURCES, Statement};
use crate::stanza::{Stanza, is_space};

/// A list of files, and the digest of a file that it states.
type List = (&'static str, fn(&RecordFile) -> Option<String>);

const LISTS: [List; 3] = [
    ("Files", |file| file.digests.md5.clone()),
    ("Checksums-Sha1", |file| file.digests.sha1.clone()),
    ("Checksums-Sha256", |file| Some(file.digests.sha256.hex())),
];

/// What the names of the lists beside `Files` begin with.
const CHECKSUMS: &str = "Checksums-";

/// The stanza of the `.dsc` in apt's order: `Package` in place of `Source`, the directory, and the `.dsc` itself first
/// in every list. A priority is an archive's decision (an override), never the package's: it is dropped.
pub(crate) fn entry(control: &Stanza<'_>, file: &RecordFile) -> Vec<u8> {
    let mut statements: Vec<Statement<'_>> = vec![
        ("Source", Vec::new()),
        ("Package", control.value("Source").to_vec()),
        ("Status", Vec::new()),
        ("Priority", Vec::new()),
        ("Directory", vec![SLOT]),
    ];
    // a list that nobody has checked stands in no index, whatever its digest
    let is_unchecked = |name: &&str| {
        let start = name.get(..CHECKSUMS.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(CHECKSUMS) && !LISTS.iter().any(|(list, _)| name.eq_ignore_ascii_case(list))
    };
    let names = control.fields().iter().map(|field| field.name);
    statements.extend(names.filter(is_unchecked).map(|name| (name, Vec::new())));
    for (field, digest) in LISTS {
        let mut list = Vec::new();
        if let Some(found) = control.field(field) {
            push_line(&mut list, digest(file), file);
            list.extend_from_slice(b"\n ");
            list.extend(found.raw.iter().skip_while(|byte| is_space(**byte)));
        }
        statements.push((field, list));
    }
    field_order::write(control, SOURCES, &statements)
}

/// The same entry with the lists that an old `.dsc` lacks, made from `files`: the `.dsc` and what it names, in the
/// order of `Files`.
///
/// # Errors
///
/// Never for what [`entry`] wrote.
pub(crate) fn complete(entry: &[u8], files: &[RecordFile]) -> Result<Vec<u8>, Fault> {
    let stanza = Stanza::parse(entry, "its index entry")?;
    let mut statements = Vec::new();
    for (field, digest) in LISTS {
        if stanza.field(field).is_none() {
            let mut list = Vec::new();
            // a list of a part of the files would be none
            if files.iter().all(|file| digest(file).is_some()) {
                files.iter().for_each(|file| push_line(&mut list, digest(file), file));
            }
            statements.push((field, list));
        }
    }
    Ok(field_order::write(&stanza, SOURCES, &statements))
}

fn push_line(list: &mut Vec<u8>, digest: Option<String>, file: &RecordFile) {
    let Some(digest) = digest else { return };
    list.extend_from_slice(format!("\n {digest} {} {}", file.size_bytes, file.name).as_bytes());
}
