//! The lists of files in `.dsc` and `.changes` (Debian Policy 5.6.21 and 5.6.24).

use std::collections::BTreeMap;

use rws_model::{FileName, NamedFile};

use crate::fault::{Fault, printable};
use crate::stanza::Stanza;

/// The lists beside `Files`: the field, and the length of its digests.
const CHECKSUMS: &[(&str, usize)] = &[("Checksums-Sha1", 40), ("Checksums-Sha256", 64), ("Checksums-Sha512", 128)];

/// How a line of `Files` looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilesForm {
    /// `.dsc`: digest, size, name.
    Source,
    /// `.changes`: digest, size, section, priority, name.
    Changes,
}

/// The files that a stanza names, in the order of its `Files`. All its lists must name the same files with the same
/// sizes.
pub(crate) fn named_files(stanza: &Stanza<'_>, form: FilesForm) -> Result<Vec<NamedFile>, Fault> {
    let columns = match form {
        FilesForm::Source => 3,
        FilesForm::Changes => 5,
    };
    let listed = lines(stanza, form, "Files", 32, columns)?.ok_or(Fault::FieldMissing("Files"))?;
    let mut places = BTreeMap::new();
    let mut files = Vec::with_capacity(listed.len());
    for line in listed {
        if places.insert(line.name.clone(), files.len()).is_some() {
            return Err(Fault::FileList { field: "Files", what: format!("it names {} twice", line.name) });
        }
        let (name, size_bytes) = (line.name, line.size_bytes);
        files.push(NamedFile { name, size_bytes, md5: Some(line.digest), sha1: None, sha256: None });
    }
    for &(field, digits) in CHECKSUMS {
        let Some(listed) = lines(stanza, form, field, digits, 3)? else { continue };
        if listed.len() != files.len() {
            return Err(Fault::FileList { field, what: "it does not name the same files as Files".to_owned() });
        }
        for line in listed {
            let fault = |what: &str| Fault::FileList { field, what: format!("it names {} {what}", line.name) };
            let file = places.get(&line.name).and_then(|place| files.get_mut(*place));
            let file = file.ok_or_else(|| fault("which Files does not name"))?;
            if file.size_bytes != line.size_bytes {
                return Err(fault("with another size than Files"));
            }
            let slot = match digits {
                40 => &mut file.sha1,
                64 => &mut file.sha256,
                // of no use to the index: only its form is checked, and that a file stands there once
                _ => continue,
            };
            if slot.replace(line.digest.clone()).is_some() {
                return Err(fault("twice"));
            }
        }
    }
    Ok(files)
}

/// One line of a list.
struct Line {
    digest: String,
    size_bytes: u64,
    name: FileName,
}

/// The lines of a list; none where the field is not there.
fn lines(
    stanza: &Stanza<'_>,
    form: FilesForm,
    field: &'static str,
    digits: usize,
    columns: usize,
) -> Result<Option<Vec<Line>>, Fault> {
    let Some(found) = stanza.field(field) else { return Ok(None) };
    let mut lines = Vec::new();
    for line in found.raw.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        let fault = |what: &str| Fault::FileList { field, what: format!("{what} in {}", printable(line)) };
        let text = std::str::from_utf8(line).map_err(|_| fault("a line is not UTF-8"))?;
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let (Some(digest), Some(size), Some(name), true) =
            (words.first(), words.get(1), words.last(), words.len() == columns)
        else {
            return Err(fault("a line has the wrong number of words"));
        };
        if digest.len() != digits || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(fault("a digest has the wrong form"));
        }
        if form == FilesForm::Source && digest.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(fault("a digest has capital letters, which apt holds for another digest"));
        }
        let size_bytes = Some(size).filter(|size| size.bytes().all(|byte| byte.is_ascii_digit()));
        let size_bytes = size_bytes.and_then(|size| size.parse().ok()).ok_or_else(|| fault("a size is no number"))?;
        let name = FileName::parse(name).map_err(|refusal| fault(&refusal.reason))?;
        lines.push(Line { digest: digest.to_ascii_lowercase(), size_bytes, name });
    }
    if lines.is_empty() { Err(Fault::FieldMissing(field)) } else { Ok(Some(lines)) }
}

#[cfg(test)]
mod tests;
