//! One block compressed, and blocks joined into one file.
//!
//! gzip members and Zstandard frames are simply written one after the other. Clients reject concatenated xz streams,
//! but read one stream of many blocks: each block is compressed by itself, and the stream's header, index and footer
//! (The .xz File Format, sections 2 to 4) are written around them.

use std::io::{self, Read};

use liblzma::stream::{Action, Check, Filters, LzmaOptions, Status, Stream};
use rws_model::Codec;
use serde::{Deserialize, Serialize};

/// Levels at which size hardly falls any more while the cost still rises.
const GZIP_LEVEL: i32 = 6;
const XZ_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 9;

/// The magic bytes, the stream flags for CRC64, and the CRC32 of the flags (section 2.1.1).
const XZ_HEADER: [u8; 12] = [0xfd, b'7', b'z', b'X', b'Z', 0, 0, 4, 0xe6, 0xd6, 0xb4, 0x46];
const XZ_FOOTER_BYTES: usize = 12;

/// Where the bytes of one block stand in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its length in the file, padding included.
    pub stored_bytes: u64,
    /// Its length in the file without padding (xz counts it so).
    pub unpadded_bytes: u64,
    /// Its length after decompression.
    pub open_bytes: u64,
}

/// Compresses one block. Nothing compresses to nothing.
pub fn compress(codec: Codec, text: &[u8]) -> io::Result<(Vec<u8>, Span)> {
    if text.is_empty() {
        return Ok((Vec::new(), Span::default()));
    }
    let mut unpadded = None;
    let bytes = match codec {
        Codec::Plain => text.to_vec(),
        Codec::Gzip => gzip(text)?,
        Codec::Zstd => zstd::bulk::compress(text, ZSTD_LEVEL)?,
        Codec::Xz => {
            let (block, unpadded_bytes) = xz_block(text)?;
            unpadded = Some(unpadded_bytes);
            block
        }
    };
    let stored_bytes = bytes.len() as u64;
    let span = Span { stored_bytes, unpadded_bytes: unpadded.unwrap_or(stored_bytes), open_bytes: text.len() as u64 };
    Ok((bytes, span))
}

/// Decompresses one block.
pub fn decompress(codec: Codec, block: &[u8], span: &Span) -> io::Result<Vec<u8>> {
    let open_bytes = usize::try_from(span.open_bytes).map_err(io::Error::other)?;
    let text = match codec {
        Codec::Plain => block.to_vec(),
        _ if block.is_empty() => Vec::new(),
        Codec::Gzip => {
            let mut text = vec![0; open_bytes];
            let length =
                libdeflater::Decompressor::new().gzip_decompress(block, &mut text).map_err(io::Error::other)?;
            text.truncate(length);
            text
        }
        Codec::Zstd => zstd::bulk::decompress(block, open_bytes)?,
        Codec::Xz => {
            let mut file = head(codec);
            file.extend_from_slice(block);
            file.extend_from_slice(&tail(codec, std::slice::from_ref(span)));
            let mut text = Vec::with_capacity(open_bytes);
            let mut decoder = Stream::new_stream_decoder(u64::MAX, 0)?;
            let status = decoder.process_vec(&file, &mut text, Action::Finish)?;
            if status != Status::StreamEnd {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an xz block is cut"));
            }
            text
        }
    };
    if text.len() != open_bytes {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a block has not the length that its manifest says"));
    }
    Ok(text)
}

/// Decompresses a whole file, of RWS or of any other tool.
pub fn decompress_whole(codec: Codec, file: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    reader(codec, file)?.read_to_end(&mut text)?;
    Ok(text)
}

/// Decompresses a file of RWS or of any other tool while it is read.
pub fn reader(codec: Codec, file: &[u8]) -> io::Result<Box<dyn Read + Send + '_>> {
    Ok(match codec {
        Codec::Plain => Box::new(file),
        Codec::Gzip => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Codec::Xz => Box::new(liblzma::read::XzDecoder::new_multi_decoder(file)),
        Codec::Zstd => Box::new(zstd::Decoder::with_buffer(file)?),
    })
}

/// What a file starts with.
pub fn head(codec: Codec) -> Vec<u8> {
    match codec {
        Codec::Xz => XZ_HEADER.to_vec(),
        _ => Vec::new(),
    }
}

/// What a file of these blocks ends with.
pub fn tail(codec: Codec, blocks: &[Span]) -> Vec<u8> {
    match codec {
        Codec::Plain => Vec::new(),
        Codec::Xz => xz_tail(blocks),
        // a file of no bytes is no gzip and no Zstandard file
        Codec::Gzip if blocks.iter().all(|span| span.stored_bytes == 0) => gzip(b"").unwrap_or_default(),
        Codec::Zstd if blocks.iter().all(|span| span.stored_bytes == 0) => {
            zstd::bulk::compress(b"", ZSTD_LEVEL).unwrap_or_default()
        }
        Codec::Gzip | Codec::Zstd => Vec::new(),
    }
}

fn gzip(text: &[u8]) -> io::Result<Vec<u8>> {
    let level = libdeflater::CompressionLvl::new(GZIP_LEVEL).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut compressor = libdeflater::Compressor::new(level);
    let mut member = vec![0; compressor.gzip_compress_bound(text.len())];
    let length = compressor.gzip_compress(text, &mut member).map_err(io::Error::other)?;
    member.truncate(length);
    Ok(member)
}

/// One block with its padding, and its length without.
fn xz_block(text: &[u8]) -> io::Result<(Vec<u8>, u64)> {
    let mut options = LzmaOptions::new_preset(XZ_LEVEL)?;
    // a larger window than the block only costs memory
    let window = u32::try_from(text.len().next_power_of_two().clamp(1 << 16, 8 << 20)).map_err(io::Error::other)?;
    options.dict_size(window);
    let mut encoder = Stream::new_stream_encoder(Filters::new().lzma2(&options), Check::Crc64)?;
    let mut file = Vec::with_capacity(text.len() + text.len() / 8 + 1024);
    if encoder.process_vec(text, &mut file, Action::Finish)? != Status::StreamEnd {
        return Err(io::Error::other("the xz encoder did not end"));
    }
    // footer (section 2.1.2): CRC32, backward size, flags, magic; the index in front of it has one record
    let cut = || io::Error::other("the xz encoder wrote no stream");
    let footer = file.len().checked_sub(XZ_FOOTER_BYTES).ok_or_else(cut)?;
    let backward = file.get(footer + 4..footer + 8).and_then(|bytes| bytes.try_into().ok()).ok_or_else(cut)?;
    let index_bytes = (u32::from_le_bytes(backward) as usize + 1) * 4;
    let index = footer.checked_sub(index_bytes).ok_or_else(cut)?;
    let record = file.get(index + 2..footer).ok_or_else(cut)?;
    let unpadded = read_number(record).ok_or_else(cut)?;
    let block = file.get(XZ_HEADER.len()..index).ok_or_else(cut)?;
    Ok((block.to_vec(), unpadded))
}

/// The index (section 4) and the footer (section 2.1.2) of a stream of these blocks.
fn xz_tail(blocks: &[Span]) -> Vec<u8> {
    let blocks = || blocks.iter().filter(|span| span.stored_bytes > 0);
    let mut index = vec![0];
    write_number(&mut index, blocks().count() as u64);
    for span in blocks() {
        write_number(&mut index, span.unpadded_bytes);
        write_number(&mut index, span.open_bytes);
    }
    index.resize(index.len().next_multiple_of(4), 0);
    let check = libdeflater::crc32(&index);
    index.extend_from_slice(&check.to_le_bytes());

    let mut footer = Vec::with_capacity(6);
    // the number of four-byte words less one; an index of 16 GiB cannot be in memory
    footer.extend_from_slice(&u32::try_from(index.len() / 4 - 1).unwrap_or(u32::MAX).to_le_bytes());
    footer.extend_from_slice(&XZ_HEADER[6..8]);
    let check = libdeflater::crc32(&footer);
    index.extend_from_slice(&check.to_le_bytes());
    index.extend_from_slice(&footer);
    index.extend_from_slice(b"YZ");
    index
}

/// A multibyte integer (section 1.2).
fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_number(bytes: &[u8]) -> Option<u64> {
    let mut number = 0;
    for (position, byte) in bytes.iter().take(9).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
