//! Listings of a directory tree.

use std::fs;
use std::io;
use std::path::Path;

use super::absent;
use super::durable::{Directory, stat};
use super::links::Links;
use super::listings::Child;
use crate::{Depth, DirectoryEntry, Key, Listed, Page, Stat};

/// All files below `prefix`, in byte order of their keys. Names that are no UTF-8 cannot be asked for and are left out;
/// so is what lies behind links to directories, which may form circles.
pub fn list(directory: &Directory, prefix: &str) -> io::Result<Vec<Listed>> {
    let page = page(directory, prefix, Depth::All, "", usize::MAX)?;
    let named = |entry| match entry {
        DirectoryEntry::File(name, stat) => Some(Listed { key: Key::parse(&format!("{prefix}{name}"))?, stat }),
        DirectoryEntry::Directory(_) => None,
    };
    Ok(page.entries.into_iter().filter_map(named).collect())
}

/// At most `most` entries below a directory, those whose names come after `from` (directories end in a slash there), in
/// byte order; none where it does not exist or lies outside.
pub fn page(directory: &Directory, path: &str, depth: Depth, from: &str, most: usize) -> io::Result<Page> {
    let Some(start) = absent(directory.links.resolve(&directory.root().join(path)))?.flatten() else {
        return Ok(Page::default());
    };
    let mut walk = Walk { directory, depth, from, most: most.max(1), entries: Vec::new(), last: String::new() };
    let is_complete = walk.enter(&start, "")?;
    Ok(Page { entries: walk.entries, next: (!is_complete).then_some(walk.last) })
}

/// A walk through a directory, in the order of the keys.
struct Walk<'a> {
    directory: &'a Directory,
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
        let children = self.directory.listings.children(directory, || children(&self.directory.links, directory))?;
        // what stands before it was seen already, but for the directory that it is in
        let from = self.from.strip_prefix(below).unwrap_or_default();
        let start = match self.from.starts_with(below) {
            true => children.partition_point(|child| *child.name < *from && !from.starts_with(&*child.name)),
            false => 0,
        };
        for Child { name, is_link } in children.iter().skip(start) {
            let place = format!("{below}{name}");
            let is_done = place.as_str() <= self.from;
            let goes_below = self.depth == Depth::All && place.ends_with('/');
            if is_done && !(goes_below && self.from.starts_with(&place)) {
                continue;
            }
            let path = directory.join(name.trim_end_matches('/'));
            if goes_below {
                if !is_link && !self.enter(&path, &place)? {
                    return Ok(false);
                }
                continue;
            }
            let entry = match place.strip_suffix('/') {
                Some(name) => DirectoryEntry::Directory(name.to_owned()),
                None => match stat_of(&self.directory.links, &path, *is_link)? {
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

/// What is in a directory, in byte order. Names that are no UTF-8 and links that lead out of the tree are not there.
fn children(links: &Links, directory: &Path) -> io::Result<Vec<Child>> {
    let Some(read) = absent(fs::read_dir(directory))? else { return Ok(Vec::new()) };
    let mut children = Vec::new();
    for entry in read {
        let entry = entry?;
        let Ok(mut name) = entry.file_name().into_string() else { continue };
        let Some(kind) = absent(entry.file_type())? else { continue };
        let is_link = kind.is_symlink();
        let is_directory = match is_link {
            true => match absent(links.resolve(&entry.path())) {
                Ok(Some(Some(resolved))) => resolved.is_dir(),
                _ => continue,
            },
            false => kind.is_dir(),
        };
        if is_directory {
            name.push('/');
        }
        children.push(Child { name: name.into(), is_link });
    }
    children.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(children)
}

/// A file, also behind a link; what vanished since, or is a link that leads nowhere or out of the tree, is not there.
fn stat_of(links: &Links, path: &Path, is_link: bool) -> io::Result<Option<Stat>> {
    let resolved = if is_link { absent(links.resolve(path))?.flatten() } else { Some(path.to_owned()) };
    let Some(resolved) = resolved else { return Ok(None) };
    Ok(absent(fs::symlink_metadata(resolved))?.filter(fs::Metadata::is_file).as_ref().map(stat))
}
