//! The payload: a cpio archive of the new ASCII form (cpio(5), "newc"), stored in a gzip file.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A file or a directory of a package.
pub struct File {
    /// Where it goes.
    pub path: String,
    /// Type and permissions, as in `stat`.
    pub mode: u16,
    /// Its bytes.
    pub content: Vec<u8>,
}

impl File {
    /// A text that everybody may read.
    pub fn new(path: String, text: &str) -> Self {
        Self { path, mode: 0o100_644, content: text.as_bytes().to_vec() }
    }

    /// A directory that everybody may read.
    pub fn directory(path: String) -> Self {
        Self { path, mode: 0o040_755, content: Vec::new() }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }
}

/// The archive, plain and compressed.
pub fn pack(files: &[File], time: u32) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let mut archive = Vec::new();
    for (number, file) in files.iter().enumerate() {
        entry(&mut archive, (number + 1, time), file.mode, &format!(".{}", file.path), &file.content);
    }
    entry(&mut archive, (0, 0), 0, "TRAILER!!!", &[]);
    // stored as it is: the same files make the same bytes, whatever compresses them
    let mut compressed = GzEncoder::new(Vec::new(), Compression::none());
    compressed.write_all(&archive)?;
    let compressed = compressed.finish()?;
    Ok((archive, compressed))
}

fn entry(archive: &mut Vec<u8>, (inode, time): (usize, u32), mode: u16, name: &str, content: &[u8]) {
    let links = if mode & 0o170_000 == 0o040_000 { 2 } else { 1 };
    let mut numbers = [0; 13];
    let known = [inode, usize::from(mode), 0, 0, links, time as usize, content.len()];
    for (place, number) in numbers.iter_mut().zip(known) {
        *place = number;
    }
    numbers[11] = name.len() + 1;
    archive.extend_from_slice(b"070701");
    numbers.iter().for_each(|number| archive.extend(format!("{number:08x}").bytes()));
    archive.extend_from_slice(name.as_bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(4), 0);
}
