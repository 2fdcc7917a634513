//! What a file of an upload is, by its name.

/// The kinds of files that an upload for an apt repository may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A binary package (deb(5)).
    Binary,
    /// A source control file (Debian Policy 5.4).
    Source,
    /// A list of an upload (Debian Policy 5.5).
    Changes,
    /// What a build was made with (deb-buildinfo(5)).
    Buildinfo,
    /// A file that belongs to a source package.
    Part,
}

const PART_ENDS: &[&str] =
    &[".tar.xz", ".tar.gz", ".tar.bz2", ".tar.lzma", ".tar.zst", ".diff.gz", ".git", ".gitshallow", ".asc"];

impl FileKind {
    /// The kind of a file with this name; none for names that no upload has. Upper and lower case are different.
    pub(crate) fn of(name: &str) -> Option<Self> {
        if [".deb", ".udeb", ".ddeb"].iter().any(|end| name.ends_with(end)) {
            Some(Self::Binary)
        } else if name.ends_with(".dsc") {
            Some(Self::Source)
        } else if name.ends_with(".changes") {
            Some(Self::Changes)
        } else if name.ends_with(".buildinfo") {
            Some(Self::Buildinfo)
        } else if PART_ENDS.iter().any(|end| name.ends_with(end)) {
            Some(Self::Part)
        } else {
            None
        }
    }
}

/// Whether the name is that of a package of debug symbols as Ubuntu names them, which no list need have.
pub(crate) fn is_ddeb(name: &str) -> bool {
    name.ends_with(".ddeb")
}
