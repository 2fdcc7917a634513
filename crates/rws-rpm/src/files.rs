//! The list of a package's files.

use crate::fault::Fault;
use crate::header::Header;
use crate::package::Nevra;
use crate::tag;
use crate::value::{Numbers, Strings};

/// More directories than any package has: they are kept at hand while the files pass by.
const MOST_DIRECTORIES: usize = 4_000_000;

/// More than all paths of any package together: the bound of what is rendered of them, and of the time to walk them.
const MOST_PATH_BYTES: usize = 64 * 1024 * 1024;

/// Sizes, modes, devices, times, digests, links, flags, users, groups, capabilities, … : `rpm -i` wants one of each file, or
/// none of any.
const EACH_FILE: [u32; 15] = [1028, 5008, 1030, 1033, 1034, 1035, 1036, 1037, 1039, 1040, 1045, 1095, 1096, 1097, 5010];

/// The file is not in the payload (rpm: `RPMFILE_GHOST`).
pub const GHOST: u64 = 1 << 6;

/// What the indexes tell files apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// All but the following.
    File,
    /// A directory, ghost or not.
    Directory,
    /// A file that the package owns and does not bring.
    Ghost,
}

/// One file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File<'a> {
    /// The whole path; of source packages the name only.
    pub path: &'a [u8],
    /// What it is.
    pub kind: FileKind,
}

/// Where the paths of the files stand.
enum Paths<'h> {
    Split { directories: Vec<&'h [u8]>, indexes: Numbers<'h>, names: Strings<'h> },
    Whole(Strings<'h>),
}

/// The files in the order of the header. Their paths are put together one at a time: a small header can hold a list
/// whose paths together have gigabytes.
pub struct Files<'h> {
    paths: Paths<'h>,
    flags: Numbers<'h>,
    modes: Numbers<'h>,
    path: Vec<u8>,
    walked_bytes: usize,
}

impl<'h> Files<'h> {
    /// The files of a package, of format 3 too.
    ///
    /// As for createrepo_c, the shortest of the lists (directory, name, flags, mode) counts. Since version 1.0 it asks for
    /// digests (tag 1035) too, which it writes elsewhere, and lists no file of a package without; RWS lists them.
    pub fn read(header: &'h Header) -> Result<Self, Fault> {
        let paths = if is_whole(header) {
            Paths::Whole(header.strings(tag::OLD_FILE_NAMES))
        } else {
            let count = header.count(tag::DIRECTORY_NAMES);
            if count > MOST_DIRECTORIES {
                return Err(Fault::TooMany("directories", count));
            }
            Paths::Split {
                directories: header.strings(tag::DIRECTORY_NAMES).collect(),
                indexes: header.numbers(tag::DIRECTORY_INDEXES),
                names: header.strings(tag::BASE_NAMES),
            }
        };
        Ok(Self {
            paths,
            flags: header.numbers(tag::FILE_FLAGS),
            modes: header.numbers(tag::FILE_MODES),
            path: Vec::new(),
            walked_bytes: 0,
        })
    }

    /// The next file.
    pub fn next_file(&mut self) -> Result<Option<File<'_>>, Fault> {
        self.path.clear();
        match &mut self.paths {
            Paths::Whole(paths) => match paths.next() {
                Some(path) => self.path.extend_from_slice(path),
                None => return Ok(None),
            },
            Paths::Split { directories, indexes, names } => {
                let (Some(index), Some(name)) = (indexes.next(), names.next()) else { return Ok(None) };
                let directory = usize::try_from(index).ok().and_then(|index| directories.get(index));
                let directory = directory.ok_or(Fault::Directory(index, directories.len()))?;
                self.path.extend_from_slice(directory);
                self.path.extend_from_slice(name);
            }
        }
        self.walked_bytes += self.path.len();
        if self.walked_bytes > MOST_PATH_BYTES {
            return Err(Fault::EntrySize(MOST_PATH_BYTES));
        }
        let (Some(flags), Some(mode)) = (self.flags.next(), self.modes.next()) else { return Ok(None) };
        // S_ISDIR of POSIX
        let kind = if mode & 0o170_000 == 0o040_000 {
            FileKind::Directory
        } else if flags & GHOST != 0 {
            FileKind::Ghost
        } else {
            FileKind::File
        };
        Ok(Some(File { path: &self.path, kind }))
    }
}

/// Checks that the lists fit together as `rpm -i` wants them.
pub fn check(header: &Header, nevra: &Nevra) -> Result<(), Fault> {
    let is_source = nevra.architecture == "src";
    if header.has(tag::RELOCATED_BASE_NAMES) {
        let reason = "it has names of before a relocation (tag 1120), which only installed packages have";
        return Err(Fault::FileList(reason.to_owned()));
    }
    let names = if is_whole(header) { check_whole(header, is_source)? } else { check_split(header, is_source)? };
    if names == 0 {
        return Ok(());
    }
    let broken = |reason| Err(Fault::FileList(reason));
    if !header.has(tag::FILE_USERS) || !header.has(tag::FILE_GROUPS) {
        return broken("files have no users or no groups (tags 1039, 1040)".to_owned());
    }
    for number in EACH_FILE {
        let count = header.count(number);
        if count != names && count != 0 {
            return broken(format!("{names} names of files have {count} values of tag {number}"));
        }
    }
    Ok(())
}

/// Whether the paths are whole ones. librpm splits them when it reads a package, and drops them where there are directories
/// already (`compressFilelist`).
fn is_whole(header: &Header) -> bool {
    header.has(tag::OLD_FILE_NAMES) && !header.has(tag::DIRECTORY_NAMES)
}

/// How many files there are in a list of whole paths.
fn check_whole(header: &Header, is_source: bool) -> Result<usize, Fault> {
    let (names, indexes) = (header.count(tag::BASE_NAMES), header.count(tag::DIRECTORY_INDEXES));
    if names + indexes > 0 {
        let reason = "whole paths (tag 1027) stand beside split ones without directories (tags 1116 to 1118)";
        return Err(Fault::FileList(reason.to_owned()));
    }
    check_absolute(header.strings(tag::OLD_FILE_NAMES), "path", is_source)?;
    Ok(header.count(tag::OLD_FILE_NAMES))
}

/// How many files there are in a list of names and directories (librpm: `indexSane`, without which it takes a package for
/// one without files).
fn check_split(header: &Header, is_source: bool) -> Result<usize, Fault> {
    let (names, indexes) = (header.count(tag::BASE_NAMES), header.count(tag::DIRECTORY_INDEXES));
    let directories = header.count(tag::DIRECTORY_NAMES);
    if names == 0 {
        return Ok(0);
    }
    let broken = |reason| Err(Fault::FileList(reason));
    if names != indexes || directories == 0 {
        return broken(format!("{names} names of files have {indexes} directories (tags 1116 to 1118)"));
    }
    if directories > names {
        return broken(format!(
            "there are {directories} directories for {names} files (tags 1117, 1118): rpm finds no file"
        ));
    }
    check_absolute(header.strings(tag::DIRECTORY_NAMES), "directory", is_source)?;
    Ok(names)
}

/// Of other paths rpm 4.18 crashes. Sources have names only.
fn check_absolute(mut paths: Strings<'_>, what: &str, is_source: bool) -> Result<(), Fault> {
    match paths.find(|path| !path.starts_with(b"/")).filter(|_| !is_source) {
        Some(path) => {
            let path = String::from_utf8_lossy(path.get(..200).unwrap_or(path)).into_owned();
            Err(Fault::FileList(format!("the {what} {path:?} does not start with a slash")))
        }
        None => Ok(()),
    }
}

/// Whether a file stands in primary too, where clients find it without reading filelists (createrepo_c:
/// `cr_is_primary`).
pub fn is_primary(path: &[u8]) -> bool {
    path.starts_with(b"/etc/") || path == b"/usr/lib/sendmail" || path.windows(4).any(|part| part == b"bin/")
}

#[cfg(test)]
mod tests {
    use super::is_primary;

    #[test]
    fn primary_files_are_those_that_others_require() {
        for path in ["/etc/passwd", "/usr/lib/sendmail", "/usr/bin/x", "/opt/sbin/", "/opt/cabin/x"] {
            assert!(is_primary(path.as_bytes()), "{path}");
        }
        for path in ["etc/passwd", "/usr/lib/sendmail2", "/usr/share/bin", "/etc"] {
            assert!(!is_primary(path.as_bytes()), "{path}");
        }
    }
}
