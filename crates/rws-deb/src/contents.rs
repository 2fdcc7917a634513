//! `Contents`: which package installs a file (Debian wiki, "DebianRepository/Format").
//!
//! A line for each file of each package, package by package: readers search it line by line, and a package that comes or
//! goes changes one place of the index. The archive's own lists are sorted by file, with all packages of one file in a
//! line, which changes places all over the index.

/// The lines of one package, of which `names` are sorted.
pub(crate) fn entry(names: &[Vec<u8>], section: &[u8], package: &str) -> Vec<u8> {
    let mut place = section.to_vec();
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
