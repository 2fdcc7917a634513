//! Listings of a directory tree.

use std::fs;
use std::io;
use std::path::Path;

use super::absent;
use super::durable::stat;
use crate::{DirectoryEntry, Key, Listed};

/// All files below `prefix`, in byte order of their keys. Names that are no UTF-8 cannot be asked for and are left out;
/// so is what lies behind links to directories, which may form circles.
pub fn list(root: &Path, prefix: &str) -> io::Result<Vec<Listed>> {
    let mut found = Vec::new();
    let mut open = vec![prefix.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in entries(&root.join(&directory))? {
            match entry {
                DirectoryEntry::Directory(name) => {
                    let below = format!("{directory}{name}/");
                    if !root.join(&below[..below.len() - 1]).is_symlink() {
                        open.push(below);
                    }
                }
                DirectoryEntry::File(name, stat) => {
                    if let Some(key) = Key::parse(&format!("{directory}{name}")) {
                        found.push(Listed { key, stat });
                    }
                }
            }
        }
    }
    found.sort_by(|left, right| left.key.cmp(&right.key));
    Ok(found)
}

/// The entries of one directory in byte order; none where it does not exist.
pub fn entries(directory: &Path) -> io::Result<Vec<DirectoryEntry>> {
    let Some(read) = absent(fs::read_dir(directory))? else { return Ok(Vec::new()) };
    let mut entries = Vec::new();
    for entry in read {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // what vanished since, or is a link that leads nowhere, is not there; only a link needs its whole path walked
        let Some(mut metadata) = absent(entry.metadata())? else { continue };
        if metadata.is_symlink() {
            let Some(target) = absent(fs::metadata(entry.path()))? else { continue };
            metadata = target;
        }
        if metadata.is_dir() {
            entries.push((name.clone(), DirectoryEntry::Directory(name)));
        } else if metadata.is_file() {
            entries.push((name.clone(), DirectoryEntry::File(name, stat(&metadata))));
        }
    }
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}
