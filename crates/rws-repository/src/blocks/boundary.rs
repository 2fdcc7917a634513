//! Where a block ends.
//!
//! An entry starts a block when the digest of its key says so: one in [`AVERAGE_ENTRIES`] does. Such a start is
//! *natural*: it stays put whatever is inserted or removed elsewhere. Between two natural starts a block also ends when
//! it is full; these cuts follow from the entries since the natural start, so equal entries give equal blocks.

use std::ops::Range;

use rws_model::sha256;

/// How many entries lie between two natural starts on average.
const AVERAGE_ENTRIES: u32 = 128;

/// A block with so many entries is full.
const MOST_ENTRIES: usize = 512;

/// A block with so many bytes is full.
const MOST_BYTES: usize = 1 << 20;

/// Whether the entry with this key starts a block wherever it stands.
pub fn is_natural_start(key: &str) -> bool {
    let digest = sha256(key.as_bytes());
    let bytes = digest.bytes();
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).is_multiple_of(AVERAGE_ENTRIES)
}

/// Says where blocks end, entry by entry. The first entry must be a natural start or the first of all.
#[derive(Debug, Default)]
pub struct Cutter {
    entries: usize,
    size_bytes: usize,
}

impl Cutter {
    /// Takes the next entry, with its length; whether the block that was begun ends before it.
    pub fn ends_before(&mut self, key: &str, length: usize) -> bool {
        let is_full = self.entries >= MOST_ENTRIES || self.size_bytes >= MOST_BYTES;
        let ends = self.entries > 0 && (is_full || is_natural_start(key));
        if ends {
            *self = Self::default();
        }
        self.entries += 1;
        self.size_bytes += length;
        ends
    }
}

/// The runs of blocks, given by their first keys, that have to be made anew when entries with `keys` come, change or
/// go: from the natural start before a key to the natural start behind it. Sorted and disjoint.
///
/// `before` says whether its first key stands strictly before its second.
pub fn regions<'a>(
    first_keys: &[&str],
    keys: impl Iterator<Item = &'a str>,
    before: impl Fn(&str, &str) -> bool,
) -> Vec<Range<usize>> {
    let naturals: Vec<usize> = (0..first_keys.len()).filter(|&block| is_natural_start(first_keys[block])).collect();
    let mut regions: Vec<Range<usize>> = Vec::new();
    for key in keys {
        let behind = naturals.partition_point(|&block| !before(key, first_keys[block]));
        let until = naturals.partition_point(|&block| before(first_keys[block], key));
        let start = if until == 0 { 0 } else { naturals[until - 1] };
        let end = naturals.get(behind).copied().unwrap_or(first_keys.len());
        regions.push(start..end);
    }
    regions.sort_by_key(|region| (region.start, region.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for region in regions {
        match merged.last_mut() {
            // an empty region at the very start or end is one insertion point like any other
            Some(last) if region.start < last.end || region.start == last.start => last.end = last.end.max(region.end),
            _ => merged.push(region),
        }
    }
    merged
}
