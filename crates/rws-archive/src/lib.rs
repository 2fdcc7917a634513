//! What packages of several formats are unpacked with: decompression piece by piece in bounded memory, and one file picked out of
//! an archive while it streams past. And small files as a whole.

mod build_id;
mod picker;
mod unpacker;
pub mod whole;
mod window;

use std::io;

pub use build_id::build_id;
pub use picker::{Picker, Progress, Wanted};
pub use unpacker::{Packing, UnpackError, Unpacker, XZ_MEMORY_BYTES, ZSTD_WINDOW_LOG};
pub use window::window_bytes;

/// Who gets the regular files of an archive, one after the other. An error ends the reading.
pub trait FileSink: Send {
    /// A file begins: its path as the archive has it, and its size in bytes.
    ///
    /// # Errors
    ///
    /// When nobody wants more.
    fn begin(&mut self, path: &[u8], size_bytes: u64) -> io::Result<()>;

    /// The next bytes of it; behind them the padding may follow.
    ///
    /// # Errors
    ///
    /// When nobody wants more.
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// A path without what stands at the start of all paths of an archive.
pub fn relative(mut path: &[u8]) -> &[u8] {
    while let Some(rest) = path.strip_prefix(b"./").or_else(|| path.strip_prefix(b"/")) {
        path = rest;
    }
    path
}
