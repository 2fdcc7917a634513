//! Where symbolic links in the tree may lead: anywhere in it but the private directory, and to directories that were
//! allowed. What leads elsewhere is not there for readers, and cannot be written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The directories that names of a tree may lead to, without links in their own paths.
#[derive(Clone, Debug)]
pub struct Links {
    root: PathBuf,
    private: PathBuf,
    allowed: Vec<PathBuf>,
}

impl Links {
    /// Of the tree at `root`, which has no link in its path, and whose private directory is `private`.
    ///
    /// # Errors
    ///
    /// When an allowed directory does not exist.
    pub fn new(root: &Path, private: &Path, allowed: &[PathBuf]) -> io::Result<Self> {
        let canonical = |path: &PathBuf| {
            fs::canonicalize(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        };
        Ok(Self {
            root: root.to_owned(),
            private: private.to_owned(),
            allowed: allowed.iter().map(canonical).collect::<io::Result<_>>()?,
        })
    }

    /// What a path in the tree stands for, without links; `None` where that lies outside.
    ///
    /// # Errors
    ///
    /// When there is nothing, or a directory cannot be read.
    pub fn resolve(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        let resolved = fs::canonicalize(path)?;
        let is_private = |path: &Path| path.starts_with(&self.private);
        let inside = resolved.starts_with(&self.root) && (is_private(path) || !is_private(&resolved));
        let allowed = || self.allowed.iter().any(|directory| resolved.starts_with(directory));
        Ok((inside || allowed()).then_some(resolved))
    }

    /// Checks that a file may be written or removed: the directories of its path that exist lie inside.
    ///
    /// # Errors
    ///
    /// When they do not.
    pub fn check_parent(&self, path: &Path) -> io::Result<()> {
        for directory in path.ancestors().skip(1) {
            match self.resolve(directory) {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => {
                    let reason =
                        "leads out of the data directory; add its directory to store.allowed_links to allow it";
                    return Err(io::Error::other(format!("{}: {reason}", directory.display())));
                }
                // not made yet, or a link that leads nowhere
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // somebody else may make the directory at this instant
                    if fs::symlink_metadata(directory).is_ok_and(|found| found.is_symlink()) {
                        return Err(io::Error::other(format!("{}: a link that leads nowhere", directory.display())));
                    }
                }
                // a file where a directory has to be: said by what follows
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
