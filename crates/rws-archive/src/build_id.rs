//! The build ID of an ELF file: the note `NT_GNU_BUILD_ID` that linkers write (ld(1), `--build-id`).

use object::elf::{FileHeader32, FileHeader64, NT_GNU_BUILD_ID};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind};
use rws_model::BuildId;

/// The build ID in the notes that program headers name, where all of them are in `start`, the first bytes of a file.
///
/// That holds for what is executed or loaded: linkers put notes behind the headers. In files with debugging information alone the
/// program headers are those of another file.
pub fn build_id(start: &[u8]) -> Option<BuildId> {
    match FileKind::parse(start).ok()? {
        FileKind::Elf32 => in_notes::<FileHeader32<Endianness>>(start),
        FileKind::Elf64 => in_notes::<FileHeader64<Endianness>>(start),
        _ => None,
    }
}

fn in_notes<Elf: FileHeader<Endian = Endianness>>(start: &[u8]) -> Option<BuildId> {
    let header = Elf::parse(start).ok()?;
    let endian = header.endian().ok()?;
    for segment in header.program_headers(endian, start).ok()? {
        let Ok(Some(mut notes)) = segment.notes(endian, start) else { continue };
        while let Ok(Some(note)) = notes.next() {
            if note.name() == b"GNU" && note.n_type(endian) == NT_GNU_BUILD_ID {
                return BuildId::of_bytes(note.desc());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file of 64 bits with one note.
    fn file(description: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(16, 0);
        for half in [2_u16, 62] {
            bytes.extend(half.to_le_bytes());
        }
        bytes.extend(1_u32.to_le_bytes());
        for word in [0_u64, 64, 0] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(0_u32.to_le_bytes());
        for half in [64_u16, 56, 1, 64, 0, 0] {
            bytes.extend(half.to_le_bytes());
        }
        let size = 16 + description.len() as u64;
        bytes.extend([4_u32, 4].into_iter().flat_map(u32::to_le_bytes));
        bytes.extend([120_u64, 0, 0, size, size, 4].into_iter().flat_map(u64::to_le_bytes));
        bytes.extend([4, description.len() as u32, NT_GNU_BUILD_ID].into_iter().flat_map(u32::to_le_bytes));
        bytes.extend(b"GNU\0");
        bytes.extend(description);
        bytes
    }

    #[test]
    fn it_is_found_in_the_notes() {
        let whole = file(&[0xab; 20]);
        assert_eq!(build_id(&whole).unwrap().to_string(), "ab".repeat(20));
        for cut in 0..whole.len() {
            assert_eq!(build_id(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(build_id(b"#!/bin/sh\n"), None);
        // this test is a program, too
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(build_id(&own).is_some(), build_id(&own[..own.len().min(64 << 10)]).is_some());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_too_much(at in 0_usize..156, value: u8, tail: Vec<u8>) {
            let mut bytes = file(&[1; 20]);
            bytes[at] = value;
            bytes.extend(tail);
            _ = build_id(&bytes);
        }
    }
}
