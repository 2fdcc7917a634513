//! How much memory it takes to unpack something, read from its first bytes.

use crate::unpacker::{Packing, ZSTD_WINDOW_LOG};

/// So many first bytes tell it.
pub(crate) const KNOWN_FROM_BYTES: usize = 64;

/// A block of bzip2 and its tables (bzip2(1), "Memory management").
const BZIP2_BYTES: u64 = 4 << 20;

/// How much memory it takes to unpack what starts with these bytes. What is damaged takes nothing: its decoder says so.
pub fn window_bytes(packing: Packing, start: &[u8]) -> u64 {
    match packing {
        Packing::Xz => xz(start).unwrap_or_default(),
        Packing::Lzma => lzma(start).unwrap_or_default(),
        Packing::Zstd => zstd(start).unwrap_or_default(),
        Packing::Bzip2 => BZIP2_BYTES,
        Packing::Plain | Packing::Gzip => 0,
    }
}

/// The dictionary of the first block (The .xz File Format, sections 2.1.1, 3.1 and 5.3.1). All filters but LZMA2 take
/// next to nothing. Later blocks may state other sizes; the decoder's own limit bounds them.
fn xz(start: &[u8]) -> Option<u64> {
    let block = start.get(12..)?;
    let flags = *block.get(1)?;
    let filters = usize::from(flags & 3) + 1;
    let mut at = 2;
    for _ in 0..(flags >> 6 & 1) + (flags >> 7) {
        number(block, &mut at)?;
    }
    for _ in 0..filters {
        let id = number(block, &mut at)?;
        let length = usize::try_from(number(block, &mut at)?).ok()?;
        if id == 0x21 {
            let bits = u32::from(*block.get(at)? & 0x3f);
            return Some(if bits >= 40 { u32::MAX.into() } else { (2 | u64::from(bits & 1)) << (bits / 2 + 11) });
        }
        at = at.checked_add(length)?;
    }
    None
}

/// A number of the .xz format (section 1.2).
fn number(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The dictionary of an LZMA file, in its header of 13 bytes.
fn lzma(start: &[u8]) -> Option<u64> {
    Some(u32::from_le_bytes(*start.get(1..)?.first_chunk()?).into())
}

/// The window of the first frame (RFC 8878, section 3.1.1.1). Where the frame states its content's size and no window, that
/// is the window.
fn zstd(start: &[u8]) -> Option<u64> {
    let descriptor = *start.get(4)?;
    let (size_flag, single, dictionary_flag) = (descriptor >> 6, descriptor & 0x20 != 0, descriptor & 3);
    if !single {
        let window = *start.get(5)?;
        let base = 1_u64 << (10 + u32::from(window >> 3));
        return Some((base + base / 8 * u64::from(window & 7)).min(1 << ZSTD_WINDOW_LOG));
    }
    let at = 5 + [0, 1, 2, 4][usize::from(dictionary_flag)];
    let size = start.get(at..)?;
    let bytes = match size_flag {
        0 => u64::from(*size.first()?),
        1 => u64::from(u16::from_le_bytes(*size.first_chunk()?)) + 256,
        2 => u32::from_le_bytes(*size.first_chunk()?).into(),
        _ => u64::from_le_bytes(*size.first_chunk()?),
    };
    Some(bytes.min(1 << ZSTD_WINDOW_LOG))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_window_is_what_the_encoder_was_told() {
        for (preset, expected) in [(0, 256 << 10), (6, 8 << 20), (9, 64 << 20)] {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), preset);
            encoder.write_all(b"text").unwrap();
            let packed = encoder.finish().unwrap();
            assert_eq!(window_bytes(Packing::Xz, &packed), expected, "xz -{preset}");
        }
        let options = liblzma::stream::LzmaOptions::new_preset(6).unwrap();
        let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
        let packed = liblzma::write::XzEncoder::new_stream(Vec::new(), stream).finish().unwrap();
        assert_eq!(window_bytes(Packing::Lzma, &packed), 8 << 20);
        for log in [17_u32, 23, 27] {
            let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
            encoder.window_log(log).unwrap();
            encoder.write_all(b"text").unwrap();
            let packed = encoder.finish().unwrap();
            assert_eq!(window_bytes(Packing::Zstd, &packed), 1 << log, "zstd with a window of 2^{log}");
        }
        let whole = zstd::bulk::compress(&[b'x'; 100_000], 19).unwrap();
        assert_eq!(window_bytes(Packing::Zstd, &whole), 100_000);
    }

    #[test]
    fn no_bytes_are_too_odd() {
        for packing in [Packing::Xz, Packing::Zstd, Packing::Lzma, Packing::Bzip2, Packing::Gzip, Packing::Plain] {
            for fill in [0, 0x7f, 0x80, 0xff] {
                for length in 0..80 {
                    _ = window_bytes(packing, &vec![fill; length]);
                }
            }
        }
    }
}
