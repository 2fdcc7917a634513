//! One published state of a repository: its packages, its files, its indexes, its root.

mod head;
mod index;
mod manifest;
mod retention;

pub use head::{Head, Past, Retired};
pub use index::{IndexBlock, IndexState};
pub use manifest::{FileRow, Generation, PackageRow, package_order, path_order};
pub use retention::{Condemned, Keep};
