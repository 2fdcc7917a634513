//! Index files and tables made of independent blocks, so that a change recompresses one of them.
//!
//! * [`boundary`]: where a block ends. It depends on the entries alone, so an insertion moves no other block.
//! * [`codec`]: one block compressed, and blocks joined into one file that every client reads.
//! * [`table`]: sorted rows in blocks.

pub mod boundary;
pub mod codec;
pub mod table;

#[cfg(test)]
mod tests;
