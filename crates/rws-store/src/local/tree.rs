//! Listings of a directory tree.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::absent;
use super::durable::stat;
use crate::{Depth, DirectoryEntry, Key, Listed, Page, Stat};

/// All files below `prefix`, in byte order of their keys. Names that are no UTF-8 cannot be asked for and are left out;
/// so is what lies behind links to directories, which may form circles.
pub fn list(root: &Path, prefix: &str) -> io::Result<Vec<Listed>> {
    let page = page(&root.join(prefix), Depth::All, "", usize::MAX)?;
    let named = |entry| match entry {
        DirectoryEntry::File(name, stat) => Some(Listed { key: Key::parse(&format!("{prefix}{name}"))?, stat }),
        DirectoryEntry::Directory(_) => None,
    };
    Ok(page.entries.into_iter().filter_map(named).collect())
}

/// At most `most` entries below a directory, those whose names come after `from` (directories end in a slash there), in
/// byte order; none where it does not exist.
pub fn page(directory: &Path, depth: Depth, from: &str, most: usize) -> io::Result<Page> {
    let mut walk = Walk { depth, from, most: most.max(1), entries: Vec::new(), last: String::new() };
    let is_complete = walk.enter(directory, "")?;
    Ok(Page { entries: walk.entries, next: (!is_complete).then_some(walk.last) })
}

/// A walk through a directory, in the order of the keys.
struct Walk<'a> {
    depth: Depth,
    from: &'a str,
    most: usize,
    entries: Vec<DirectoryEntry>,
    /// The place of the last entry.
    last: String,
}

impl Walk<'_> {
    /// Goes through one directory; `below` is its name and a slash. Says whether there was room for all.
    fn enter(&mut self, directory: &Path, below: &str) -> io::Result<bool> {
        for Child { place, path, is_link } in children(directory, below)? {
            let is_done = place.as_str() <= self.from;
            let goes_below = self.depth == Depth::All && place.ends_with('/');
            if is_done && !(goes_below && self.from.starts_with(&place)) {
                continue;
            }
            if goes_below {
                if !is_link && !self.enter(&path, &place)? {
                    return Ok(false);
                }
                continue;
            }
            let entry = match place.strip_suffix('/') {
                Some(name) => DirectoryEntry::Directory(name.to_owned()),
                None => match stat_of(&path)? {
                    Some(stat) => DirectoryEntry::File(place.clone(), stat),
                    None => continue,
                },
            };
            if self.entries.len() == self.most {
                return Ok(false);
            }
            self.entries.push(entry);
            self.last = place;
        }
        Ok(true)
    }
}

/// What is in a directory.
struct Child {
    /// Its name below where the walk began; a directory's ends in a slash.
    place: String,
    path: PathBuf,
    is_link: bool,
}

fn children(directory: &Path, below: &str) -> io::Result<Vec<Child>> {
    let Some(read) = absent(fs::read_dir(directory))? else { return Ok(Vec::new()) };
    let mut children = Vec::new();
    for entry in read {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Some(kind) = absent(entry.file_type())? else { continue };
        let path = entry.path();
        let is_directory = kind.is_dir() || kind.is_symlink() && path.is_dir();
        let slash = if is_directory { "/" } else { "" };
        children.push(Child { place: format!("{below}{name}{slash}"), path, is_link: kind.is_symlink() });
    }
    children.sort_by(|left, right| left.place.cmp(&right.place));
    Ok(children)
}

/// A file, also behind a link; what vanished since, or is a link that leads nowhere, is not there.
fn stat_of(path: &Path) -> io::Result<Option<Stat>> {
    Ok(absent(fs::metadata(path))?.filter(fs::Metadata::is_file).as_ref().map(stat))
}
