//! One index of a generation: where its blocks stand in its files.

use rws_model::{Codec, Index, IndexFile};
use serde::{Deserialize, Serialize};

use crate::blocks::codec::Span;

/// One index of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexState {
    /// What it is.
    pub index: Index,
    /// What stands before the entries: one span for each of the index's codecs.
    pub head: Vec<Span>,
    /// Its blocks, in order.
    pub blocks: Vec<IndexBlock>,
    /// What stands after the entries.
    pub tail: Vec<Span>,
    /// Its files: one for each codec.
    pub files: Vec<IndexFile>,
}

/// One run of entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexBlock {
    /// The key of its first entry's package.
    pub first_key: String,
    /// How many packages have entries in it.
    pub packages: u64,
    /// Where it stands: one span for each of the index's codecs.
    pub spans: Vec<Span>,
}

impl IndexState {
    /// The position of a codec in all the lists here.
    pub fn codec_position(&self, codec: Codec) -> Option<usize> {
        self.index.codecs.iter().position(|one| *one == codec)
    }

    /// The number of packages with entries.
    pub fn packages(&self) -> u64 {
        self.blocks.iter().map(|block| block.packages).sum()
    }
}
