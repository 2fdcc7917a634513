//! Room that is kept free for what is about to be written.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

/// How large a file is on a disk, at least: whole blocks, and one for its name.
const BLOCK_BYTES: u64 = 4096;

/// Room in a store. It is free again when this is dropped.
#[derive(Debug, Default)]
pub struct Reserved {
    file: Option<File>,
}

impl Reserved {
    /// What files of these sizes take at most.
    pub fn size_of(sizes: impl IntoIterator<Item = u64>) -> u64 {
        sizes.into_iter().map(|size| size.next_multiple_of(BLOCK_BYTES) + BLOCK_BYTES).sum()
    }

    /// Takes room on the file system of a directory. Where a file system knows no such thing, nothing is kept free.
    ///
    /// # Errors
    ///
    /// When there is not so much.
    pub(crate) fn take(directory: &Path, bytes: u64) -> io::Result<Self> {
        if bytes == 0 {
            return Ok(Self::default());
        }
        let file = tempfile_in(directory)?;
        match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => Ok(Self { file: Some(file) }),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps so much only: the rest is for what is written right after this.
    pub fn keep(&self, bytes: u64) {
        if let Some(file) = &self.file
            && let Err(error) = file.set_len(bytes)
        {
            tracing::warn!(%error, "room that was kept free stays so for a moment longer");
        }
    }
}

/// A file without a name.
fn tempfile_in(directory: &Path) -> io::Result<File> {
    let path = directory.join(format!("reserved-{}", uuid::Uuid::new_v4().simple()));
    let file = File::options().write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
