//! Small files as a whole: packed and unpacked in memory, up to a limit.

use std::io::{self, Read, Write as _};

use rws_model::Codec;

/// What a decoder may need: more than any level of xz and zstd that is in use.
const DECODER_BYTES: u64 = 80 << 20;
const WINDOW_LOG: u32 = 26;

/// `read_to_end` looks for the end with room left.
const PROBE_BYTES: usize = 64;

/// How a file is packed, as the end of its name says.
pub fn codec_of(name: &str) -> Codec {
    let codecs = [Codec::Gzip, Codec::Xz, Codec::Zstd];
    codecs.into_iter().find(|codec| name.ends_with(codec.extension())).unwrap_or(Codec::Plain)
}

/// How a file is packed, as its first bytes say.
pub fn codec_by_magic(content: &[u8]) -> Codec {
    match content {
        [0x1f, 0x8b, ..] => Codec::Gzip,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Codec::Xz,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Codec::Zstd,
        _ => Codec::Plain,
    }
}

/// Reads what a packed file holds.
///
/// # Errors
///
/// When it does not begin as such a file.
pub fn reader<'a>(codec: Codec, content: &'a [u8]) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match codec {
        Codec::Plain => Box::new(content),
        Codec::Gzip => Box::new(flate2::read::MultiGzDecoder::new(content)),
        Codec::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(DECODER_BYTES, liblzma::stream::CONCATENATED)?;
            Box::new(liblzma::read::XzDecoder::new_stream(content, stream))
        }
        Codec::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(content)?;
            decoder.window_log_max(WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}

/// What a file holds that is packed in any way, up to a limit; one byte more where it holds more. It is unpacked twice, the first
/// time only to see how much memory that takes: memory that grows is copied each time, and needed twice.
///
/// # Errors
///
/// When it cannot be unpacked.
pub fn unpack(content: &[u8], most_bytes: u64) -> io::Result<Vec<u8>> {
    let codec = codec_by_magic(content);
    let open = || reader(codec, content).map(|open| open.take(most_bytes + 1));
    let bytes = io::copy(&mut open()?, &mut io::sink())?;
    let mut plain = Vec::with_capacity(usize::try_from(bytes).map_err(io::Error::other)? + PROBE_BYTES);
    open()?.read_to_end(&mut plain)?;
    Ok(plain)
}

/// How large a file is that is packed in any way, up to a limit; what cannot be unpacked may be so large.
pub fn unpacked_bytes(content: &[u8], limit: u64) -> u64 {
    let open = reader(codec_by_magic(content), content);
    open.and_then(|open| io::copy(&mut open.take(limit + 1), &mut io::sink())).unwrap_or(limit)
}

/// Packs a file.
///
/// # Errors
///
/// Never: writing to memory does not fail.
pub fn gzip(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    writer.write_all(plain)?;
    writer.finish()
}
