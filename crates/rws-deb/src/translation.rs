//! Descriptions apart from the packages: the short one and its digest in `Packages`, the whole one in `Translation-en` (Debian wiki,
//! "DebianRepository/Format", "Translation indices"), as `apt-ftparchive` writes them without `LongDescription`.

use rws_model::{Algorithm, AlgorithmDigester};

use crate::stanza::Stanza;

/// The partition of whole descriptions. They are in English (Debian Policy 3.4).
pub(crate) const PARTITION: &str = "translation-en";

/// The index of them, below its component.
pub(crate) const INDEX: &str = "i18n/Translation-en";

/// Its name without the directory.
pub(crate) const FILE: &str = "Translation-en";

const FIELD: &str = "Description";
const DIGEST: &str = "Description-md5";

/// The entry of a package in `Packages` with its short description, and its entry in `Translation-en`; `None` for one without a
/// description.
pub(crate) fn split(entry: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let stanza = Stanza::parse(entry, "its index entry").ok()?;
    let description = stanza.value(FIELD);
    if description.is_empty() {
        return None;
    }
    let mut digester = AlgorithmDigester::new(Algorithm::Md5);
    digester.update(description);
    digester.update(b"\n");
    let (_, digest) = digester.finish();
    let package = stanza.value("Package");
    let translation =
        [b"Package: ", package, format!("\n{DIGEST}: {digest}\nDescription-en: ").as_bytes(), description, b"\n\n"]
            .concat();
    Some((with_short(entry, &digest), translation))
}

/// The entry with the first line of its description only, and a digest behind that.
fn with_short(entry: &[u8], digest: &str) -> Vec<u8> {
    let mut short = Vec::with_capacity(entry.len());
    let mut is_dropped = false;
    for line in entry.split_inclusive(|byte| *byte == b'\n') {
        let is_continued = line.starts_with(b" ") || line.starts_with(b"\t");
        if is_continued && is_dropped {
            continue;
        }
        is_dropped = is_field(line, FIELD) || is_field(line, DIGEST);
        if !is_field(line, DIGEST) {
            short.extend_from_slice(line);
        }
        if is_field(line, FIELD) {
            short.extend_from_slice(format!("{DIGEST}: {digest}\n").as_bytes());
        }
    }
    short
}

fn is_field(line: &[u8], name: &str) -> bool {
    let (start, rest) = line.split_at(line.len().min(name.len()));
    start.eq_ignore_ascii_case(name.as_bytes()) && rest.starts_with(b":")
}

/// The description of an entry in `Translation-en`.
pub(crate) fn whole(entry: &[u8]) -> Option<Vec<u8>> {
    let stanza = Stanza::parse(entry, "its index entry").ok()?;
    stanza.field("Description-en").map(|field| field.value().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_part_goes_apart() {
        let entry = b"Package: a\nSection: x\nDescription: short\n long\n .\n more\nDescription-md5: 0\nTag: t\n u\n\n";
        let (short, translation) = split(entry).unwrap();
        let text = String::from_utf8(short).unwrap();
        let stated = text.lines().find_map(|line| line.strip_prefix("Description-md5: ")).unwrap().to_owned();
        assert_eq!(
            text,
            format!("Package: a\nSection: x\nDescription: short\nDescription-md5: {stated}\nTag: t\n u\n\n")
        );
        let expected = format!("Package: a\nDescription-md5: {stated}\nDescription-en: short\n long\n .\n more\n\n");
        assert_eq!(String::from_utf8(translation.clone()).unwrap(), expected);
        assert_eq!(whole(&translation).unwrap(), b"short\n long\n .\n more");
        // md5sum of the description and a line break
        assert_eq!(stated, "33e1633f49893339a9eb932602dcf910");
        assert_eq!(split(b"Package: a\n\n"), None);
    }
}
