//! One published state of a repository: its packages, its files, its indexes, its root.

mod head;
mod index;
mod manifest;
mod manifest_4;
mod retention;

pub use head::{Head, Past, Retired};
pub use index::{IndexBlock, IndexState};
pub use manifest::{FileRow, Generation, PackageRow, package_order, path_order, rendered_before};
pub use retention::{Condemned, Keep};
