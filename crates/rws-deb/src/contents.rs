//! `Contents`: which package installs a file (Debian wiki, "DebianRepository/Format").
//!
//! A line for each file of each package, package by package: readers search it line by line, and a package that comes or
//! goes changes one place of the index. The archive's own lists are sorted by file, with all packages of one file in a
//! line, which changes places all over the index.

/// No section of any archive has more bytes; it stands in every line.
const SECTION_LIMIT_BYTES: usize = 64;

/// The lines of one package, of which `names` are sorted. A section that is not one short word is left out.
pub(crate) fn entry(names: &[Vec<u8>], section: &[u8], package: &str) -> Vec<u8> {
    let is_word = section.iter().all(u8::is_ascii_graphic) && section.len() <= SECTION_LIMIT_BYTES;
    let mut place = if is_word { section.to_vec() } else { Vec::new() };
    if !place.is_empty() {
        place.push(b'/');
    }
    place.extend_from_slice(package.as_bytes());
    let mut text = Vec::new();
    for name in names {
        text.extend_from_slice(name);
        text.push(b'\t');
        text.extend_from_slice(&place);
        text.push(b'\n');
    }
    text
}
