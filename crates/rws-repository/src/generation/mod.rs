//! One published state of a repository: its packages, its files, its indexes, its root.

mod head;
mod heads;
mod index;
mod manifest;
mod manifest_4;
mod manifest_5;
mod retention;

pub use head::{Head, Past, Retired};
pub use heads::{Heads, Swap};
pub use index::{IndexBlock, IndexState};
pub use manifest::{FileRow, Generation, PackageRow, Tables, package_order, path_order, rendered_before};
pub use retention::{Condemned, Keep, Trimmed};
