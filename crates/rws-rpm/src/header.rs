//! A header: an index of tags, and the data they point to.
//!
//! ```text
//! 8 bytes   magic number, version, reserved
//! 4 bytes   number of entries            all numbers big-endian
//! 4 bytes   size of the data
//! 16 each   entries: tag, type, offset, count
//! …         data
//! ```
//!
//! Everything is checked once, in [`Header::parse`]; reading values afterwards cannot fail.

use crate::fault::{Fault, Section};
use crate::signing::RawTag;
use crate::value::{Numbers, Strings, ValueType};
use crate::{tag, types};

/// The size of what stands before the entries.
pub const INTRODUCTION_BYTES: usize = 16;

const MAGIC: [u8; 8] = [0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];

const ENTRY_BYTES: usize = 16;

/// rpm's own bound (`HEADER_TAGS_MAX`).
const MOST_ENTRIES: u32 = 65_535;

/// rpm's own bounds for signature headers (`hdrblobRead` in `lib/header.c`); up to 4.14 it reads 8192 bytes only.
const MOST_SIGNATURE_ENTRIES: u32 = 32;
const MOST_SIGNATURE_BYTES: u32 = 64 * 1024 * 1024;

/// A quarter of rpm's own bound for headers (`HEADER_DATA_MAX`): the largest known ones have 30 MB.
const MOST_MAIN_BYTES: u32 = 64 * 1024 * 1024;

/// The size of a region's trailer, and the count of its entry.
const REGION_BYTES: u32 = 16;

/// How long the whole header is, from its introduction: what is claimed, within bounds, not what has arrived.
pub fn length(section: Section, introduction: [u8; INTRODUCTION_BYTES]) -> Result<usize, Fault> {
    let [magic @ .., n0, n1, n2, n3, d0, d1, d2, d3] = introduction;
    if magic != MAGIC {
        return Err(Fault::HeaderMagic(section));
    }
    let (most_entries, most_bytes) = match section {
        Section::Signature => (MOST_SIGNATURE_ENTRIES, MOST_SIGNATURE_BYTES),
        Section::Main => (MOST_ENTRIES, MOST_MAIN_BYTES),
    };
    let entries = u32::from_be_bytes([n0, n1, n2, n3]);
    if entries == 0 || entries > most_entries {
        return Err(Fault::HeaderEntries(section, entries));
    }
    let data = u32::from_be_bytes([d0, d1, d2, d3]);
    if data > most_bytes {
        return Err(Fault::HeaderData(section, data));
    }
    Ok(INTRODUCTION_BYTES + entries as usize * ENTRY_BYTES + data as usize)
}

/// One entry of the index, checked.
#[derive(Clone, Copy, Debug)]
struct Entry {
    tag: u32,
    kind: ValueType,
    start: usize,
    end: usize,
    count: usize,
}

/// A header that was checked.
#[derive(Debug)]
pub struct Header {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Header {
    /// Checks a header: `bytes` is all of it, from the introduction on, as long as [`length`] says.
    ///
    /// As librpm does, entries are taken only where their data follow each other without overlap, so that reading all
    /// of them costs no more than reading the header once.
    pub fn parse(section: Section, bytes: Vec<u8>) -> Result<Self, Fault> {
        let introduction = bytes.first_chunk().ok_or(Fault::HeaderMagic(section))?;
        if bytes.len() != length(section, *introduction)? {
            return Err(Fault::HeaderMagic(section));
        }
        let number = u32_at(&bytes, 8) as usize;
        let data_start = INTRODUCTION_BYTES + number * ENTRY_BYTES;
        let mut entries: Vec<Entry> = Vec::with_capacity(number);
        let mut previous_end = data_start;
        let mut region = None;
        let index = bytes.get(INTRODUCTION_BYTES..data_start).unwrap_or_default();
        for (place, raw) in index.chunks_exact(ENTRY_BYTES).enumerate() {
            let raw = RawEntry::read(raw);
            if place == 0 && raw.is_region(section) {
                region = Some(check_region(section, &raw, number, bytes.get(data_start..).unwrap_or_default())?);
                entries.push(Entry { tag: raw.tag, kind: ValueType::Binary, start: 0, end: 0, count: 0 });
                continue;
            }
            // the trailer of a region stands between the entries that it covers and those that it does not
            if region.is_some_and(|region: Region| region.entries == place) {
                previous_end += REGION_BYTES as usize;
            }
            let entry = raw.check(section, &bytes, data_start, previous_end)?;
            if entry.start != data_start + aligned(previous_end - data_start, entry.kind) {
                return Err(Fault::HeaderEntry {
                    section,
                    tag: entry.tag,
                    reason: "does not follow the tag before it",
                });
            }
            previous_end = entry.end;
            entries.push(entry);
        }
        match (region, entries.last()) {
            (Some(region), _) => region.check_end(section, data_start, previous_end, bytes.len(), entries.len())?,
            // librpm: `hdr load: BAD`
            (None, Some(last)) if previous_end != bytes.len() => {
                return Err(Fault::HeaderEntry {
                    section,
                    tag: last.tag,
                    reason: "is the last one, and bytes follow it",
                });
            }
            (None, _) => {}
        }
        let header = Self { bytes, entries };
        header.check_repeats(section)?;
        Ok(header)
    }

    /// The bytes of the header, introduction included: what its digests are made of.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All entries but the region, as they stand in the header.
    pub fn raw_tags(&self) -> impl Iterator<Item = RawTag> {
        let entries = self.entries.iter().filter(|entry| entry.tag >= tag::FIRST);
        entries.map(|entry| RawTag {
            tag: entry.tag,
            kind: entry.kind as u32,
            count: u32::try_from(entry.count).unwrap_or(u32::MAX),
            alignment: entry.kind.width_bytes(),
            data: self.data(entry).to_vec(),
        })
    }

    /// Whether the header has the tag.
    pub fn has(&self, tag: u32) -> bool {
        self.find(tag).is_some()
    }

    /// How many elements the tag has; 0 where it is missing.
    pub fn count(&self, tag: u32) -> usize {
        self.find(tag).map_or(0, |entry| entry.count)
    }

    /// A single text, or the first of the translations (which is the one without a language).
    pub fn text(&self, tag: u32) -> Option<&[u8]> {
        let entry = self.find(tag)?;
        match entry.kind {
            ValueType::String | ValueType::Translations => {}
            ValueType::StringArray if entry.count == 1 => {}
            _ => return None,
        }
        self.strings(tag).next()
    }

    /// The texts of a tag; none where it is missing or has no texts.
    pub fn strings(&self, tag: u32) -> Strings<'_> {
        match self.find(tag) {
            Some(entry) if entry.kind.is_text() => Strings::new(self.data(entry), entry.count),
            _ => Strings::new(&[], 0),
        }
    }

    /// The numbers of a tag, whatever their width; none where it is missing or has no numbers.
    pub fn numbers(&self, tag: u32) -> Numbers<'_> {
        match self.find(tag) {
            Some(entry) => Numbers::new(self.data(entry), entry.kind),
            None => Numbers::new(&[], ValueType::Binary),
        }
    }

    /// The first number of a tag.
    pub fn number(&self, tag: u32) -> Option<u64> {
        self.numbers(tag).next()
    }

    /// The bytes of a binary tag.
    pub fn binary(&self, tag: u32) -> Option<&[u8]> {
        self.find(tag).filter(|entry| entry.kind == ValueType::Binary).map(|entry| self.data(entry))
    }

    /// Refuses a tag that is there twice with different values.
    ///
    /// librpm takes the entry that a binary search hits first, which depends on how many other tags there are, those of the
    /// signature header and of the installation too. Equal values are no harm: rpm 4.19 of EL 10 writes tag 1044 twice.
    fn check_repeats(&self, section: Section) -> Result<(), Fault> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.tag);
        let value = |entry: &Entry| (entry.kind, entry.count, self.data(entry));
        for pair in entries.windows(2) {
            if let [one, other] = *pair
                && one.tag == other.tag
                && value(one) != value(other)
            {
                let reason = "occurs twice with different values, and it depends on the reader which one counts";
                return Err(Fault::HeaderEntry { section, tag: one.tag, reason });
            }
        }
        Ok(())
    }

    fn find(&self, tag: u32) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }

    fn data(&self, entry: &Entry) -> &[u8] {
        self.bytes.get(entry.start..entry.end).unwrap_or_default()
    }
}

/// One entry of the index as it stands in the file.
struct RawEntry {
    tag: u32,
    kind: u32,
    offset: u32,
    count: u32,
}

impl RawEntry {
    fn read(bytes: &[u8]) -> Self {
        Self { tag: u32_at(bytes, 0), kind: u32_at(bytes, 4), offset: u32_at(bytes, 8), count: u32_at(bytes, 12) }
    }

    fn is_region(&self, section: Section) -> bool {
        match section {
            Section::Signature => self.tag == tag::HEADER_SIGNATURES,
            Section::Main => self.tag == tag::HEADER_IMMUTABLE,
        }
    }

    fn check(&self, section: Section, bytes: &[u8], data_start: usize, previous_end: usize) -> Result<Entry, Fault> {
        let broken = |reason| Fault::HeaderEntry { section, tag: self.tag, reason };
        if !(tag::FIRST..=tag::LAST).contains(&self.tag) {
            return Err(broken("is not the number of a tag"));
        }
        let kind = ValueType::from_number(self.kind).ok_or_else(|| broken("has an unknown type"))?;
        if !types::allows(section, self.tag, kind) {
            return Err(broken("has a wrong type"));
        }
        if section == Section::Main && tag::is_signature_only(self.tag) {
            return Err(broken("belongs into the signature header"));
        }
        let start = data_start.saturating_add(self.offset as usize);
        if start > bytes.len() {
            return Err(broken("points outside the header"));
        }
        if start < previous_end {
            return Err(broken("overlaps the tag before it"));
        }
        if !(self.offset as usize).is_multiple_of(kind.width_bytes()) {
            return Err(broken("is not aligned"));
        }
        let count = self.count as usize;
        if count == 0 || (kind == ValueType::String && count != 1) {
            return Err(broken("has an impossible count"));
        }
        let rest = bytes.get(start..).unwrap_or_default();
        let length = kind.length(rest, count).ok_or_else(|| broken("runs past the end of the header"))?;
        Ok(Entry { tag: self.tag, kind, start, end: start + length, count })
    }
}

/// What a region covers.
#[derive(Clone, Copy)]
struct Region {
    /// How many entries, its own included.
    entries: usize,
    /// Where its trailer ends, from the start of the data.
    end: usize,
}

impl Region {
    /// librpm adds up what the entries need, and refuses a header whose data is longer (`hdr load: BAD`).
    fn check_end(
        self,
        section: Section,
        data_start: usize,
        last_end: usize,
        end: usize,
        entries: usize,
    ) -> Result<(), Fault> {
        let tag = if section == Section::Signature { tag::HEADER_SIGNATURES } else { tag::HEADER_IMMUTABLE };
        let broken = |reason| Err(Fault::HeaderEntry { section, tag, reason });
        let trailer_bytes = if self.entries == entries { REGION_BYTES as usize } else { 0 };
        if last_end + trailer_bytes != end {
            return broken("and the tags after it do not fill the header");
        }
        // without other tags behind it, the trailer is the end
        if self.entries == entries && data_start + self.end != end { broken("has a trailer elsewhere") } else { Ok(()) }
    }
}

/// Where an element of this kind can begin, from the start of the data on.
fn aligned(offset: usize, kind: ValueType) -> usize {
    offset.next_multiple_of(kind.width_bytes())
}

/// Checks the region entry and its trailer: in a main header it must cover the header exactly (rpm: `exact_size` of
/// `hdrblobVerifyRegion`), or part of the header would be outside every signature.
fn check_region(section: Section, entry: &RawEntry, entries: usize, data: &[u8]) -> Result<Region, Fault> {
    let broken = |reason| Fault::HeaderEntry { section, tag: entry.tag, reason };
    if entry.kind != ValueType::Binary as u32 || entry.count != REGION_BYTES {
        return Err(broken("is not a region"));
    }
    let start = entry.offset as usize;
    let end = start.saturating_add(REGION_BYTES as usize);
    let trailer = data.get(start..end).ok_or_else(|| broken("points outside the header"))?;
    let trailer = RawEntry::read(trailer);
    // old signature headers have the older name in their trailer
    let is_older = section == Section::Signature && trailer.tag == tag::HEADER_IMAGE;
    if !(trailer.is_region(section) || is_older) || trailer.kind != entry.kind || trailer.count != entry.count {
        return Err(broken("has a broken trailer"));
    }
    let covered_bytes = trailer.offset.wrapping_neg() as usize;
    let covered = covered_bytes / ENTRY_BYTES;
    let fits = covered_bytes.is_multiple_of(ENTRY_BYTES) && (1..=entries).contains(&covered);
    let exact = covered == entries && end == data.len();
    if !fits || (section == Section::Main && !exact) {
        return Err(broken("does not cover the header"));
    }
    Ok(Region { entries: covered, end })
}

/// The number at `offset`; 0 past the end, which no caller reaches.
fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    bytes.get(offset..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests;
