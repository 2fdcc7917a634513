//! Writing a header: one region that covers all entries, as rpmsign of 4.18 and 6.1 writes it.

use crate::fault::Fault;
use crate::header::INTRODUCTION_BYTES;
use crate::tag;

/// An entry as it stands in a header.
#[derive(Clone, Debug)]
pub struct RawTag {
    /// Its number.
    pub tag: u32,
    /// The number of its type.
    pub kind: u32,
    /// How many elements it has.
    pub count: u32,
    /// What its place in the data is a multiple of.
    pub alignment: usize,
    /// Its data.
    pub data: Vec<u8>,
}

const MAGIC: [u8; 8] = [0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];
const ENTRY_BYTES: usize = 16;
const REGION_BYTES: u32 = 16;
const BINARY: u32 = 7;

/// The room that rpmbuild reserves for signatures: of format 4, and of format 6 (rpm: `RPMSIGTAG_RESERVEDSPACE`,
/// `RPMSIGTAG_RESERVED`).
pub const RESERVED: [u32; 2] = [1008, 999];

/// How often the reserved room is adjusted until the header has the length that is wanted.
const TRIES: usize = 4;

/// The header of some entries, as long as `wanted_bytes` where there is reserved room to make it so. The reserved room is
/// the entry that grows or shrinks; where nothing of it is left, it goes and the header is longer.
pub fn write(mut entries: Vec<RawTag>, wanted_bytes: usize) -> Result<Vec<u8>, Fault> {
    entries.sort_by_key(|entry| entry.tag);
    let mut written = header(&entries)?;
    let Some(at) = entries.iter().position(|entry| RESERVED.contains(&entry.tag) && entry.kind == BINARY) else {
        return Ok(written);
    };
    for _ in 0..TRIES {
        if written.len() == wanted_bytes {
            return Ok(written);
        }
        let Some(reserved) = entries.get_mut(at) else { break };
        let length = (reserved.data.len() + wanted_bytes).checked_sub(written.len()).filter(|length| *length > 0);
        let Some(length) = length else { break };
        reserved.data = vec![0; length];
        reserved.count = u32::try_from(length).map_err(|_| too_large())?;
        written = header(&entries)?;
    }
    if written.len() == wanted_bytes {
        return Ok(written);
    }
    entries.remove(at);
    header(&entries)
}

fn too_large() -> Fault {
    Fault::HeaderData(crate::fault::Section::Signature, u32::MAX)
}

/// A header of some entries with a region of this tag that covers all of them.
pub fn write_header(region: u32, mut entries: Vec<RawTag>) -> Result<Vec<u8>, Fault> {
    entries.sort_by_key(|entry| entry.tag);
    sorted(region, &entries)
}

fn header(entries: &[RawTag]) -> Result<Vec<u8>, Fault> {
    sorted(tag::HEADER_SIGNATURES, entries)
}

/// The header of entries that are sorted.
fn sorted(region_tag: u32, entries: &[RawTag]) -> Result<Vec<u8>, Fault> {
    let mut data: Vec<u8> = Vec::new();
    let mut index: Vec<u8> = Vec::new();
    for entry in entries {
        data.resize(data.len().next_multiple_of(entry.alignment.max(1)), 0);
        push(&mut index, [entry.tag, entry.kind, number(data.len())?, entry.count]);
        data.extend_from_slice(&entry.data);
    }
    let count = entries.len() + 1;
    let covered = number(count * ENTRY_BYTES)?;
    let region = number(data.len())?;
    // the trailer says how far the entries that it covers lie before the data
    push(&mut data, [region_tag, BINARY, covered.wrapping_neg(), REGION_BYTES]);
    let mut header = Vec::with_capacity(INTRODUCTION_BYTES + count * ENTRY_BYTES + data.len());
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&number(count)?.to_be_bytes());
    header.extend_from_slice(&number(data.len())?.to_be_bytes());
    push(&mut header, [region_tag, BINARY, region, REGION_BYTES]);
    header.extend_from_slice(&index);
    header.extend_from_slice(&data);
    Ok(header)
}

fn number(value: usize) -> Result<u32, Fault> {
    u32::try_from(value).map_err(|_| too_large())
}

fn push(bytes: &mut Vec<u8>, numbers: [u32; 4]) {
    numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_be_bytes()));
}
