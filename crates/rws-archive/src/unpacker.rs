//! Decompression of a stream that is written to piece by piece.

use std::io::{self, Write};
use std::sync::Arc;

use bzip2::write::BzDecoder;
use flate2::write::MultiGzDecoder;
use liblzma::stream::Stream;
use liblzma::write::XzDecoder;
use rws_model::Memory;
use zstd::stream::raw::{InBuffer, Operation, OutBuffer};

use crate::window::{KNOWN_FROM_BYTES, window_bytes};

/// xz -9 asks for 65 MiB.
pub const XZ_MEMORY_BYTES: u64 = 80 << 20;
/// zstd --ultra -22 asks for 2^27 bytes.
pub const ZSTD_WINDOW_LOG: u32 = 27;

const ZSTD_BUFFER_BYTES: usize = 128 << 10;

/// How something is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip, of several members too.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz, one stream.
    Xz,
    /// The form that was there before xz.
    Lzma,
    /// Zstandard, one frame.
    Zstd,
}

/// Why something cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// Others use the memory that it takes.
    #[error("there is no memory to unpack it now, as others use it")]
    Memory,
    /// The compressed stream ends before the bytes do.
    #[error("more bytes stand behind its compressed stream")]
    Behind,
    /// It is damaged, or what was unpacked cannot be written.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

/// Unpacks what is pushed, and writes it.
pub struct Unpacker<W: Write> {
    packing: Packing,
    decoder: Decoder<W>,
    /// The first bytes, until enough are there to tell how much memory it takes to unpack them.
    start: Option<Vec<u8>>,
    memory: Arc<dyn Memory>,
}

enum Decoder<W: Write> {
    Plain(W),
    Gzip(MultiGzDecoder<W>),
    Bzip2(BzDecoder<W>),
    Xz(XzDecoder<W>),
    Zstd(Box<ZstdFrame<W>>),
}

impl<W: Write> Unpacker<W> {
    /// Writes to `out` what is unpacked; the memory that it takes is asked for.
    ///
    /// # Errors
    ///
    /// When a decoder cannot be set up.
    pub fn new(packing: Packing, out: W, memory: Arc<dyn Memory>) -> io::Result<Self> {
        let decoder = match packing {
            Packing::Plain => Decoder::Plain(out),
            Packing::Gzip => Decoder::Gzip(MultiGzDecoder::new(out)),
            Packing::Bzip2 => Decoder::Bzip2(BzDecoder::new(out)),
            Packing::Xz => Decoder::Xz(XzDecoder::new_stream(out, Stream::new_stream_decoder(XZ_MEMORY_BYTES, 0)?)),
            Packing::Lzma => Decoder::Xz(XzDecoder::new_stream(out, Stream::new_lzma_decoder(XZ_MEMORY_BYTES)?)),
            Packing::Zstd => Decoder::Zstd(Box::new(ZstdFrame::new(out)?)),
        };
        Ok(Self { packing, decoder, start: Some(Vec::new()), memory })
    }

    /// Takes the next packed bytes.
    ///
    /// # Errors
    ///
    /// When they are damaged, there is no memory, or what was unpacked cannot be written.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), UnpackError> {
        let Some(start) = &mut self.start else { return self.unpack(bytes) };
        let (first, rest) = bytes.split_at(bytes.len().min(KNOWN_FROM_BYTES - start.len()));
        start.extend_from_slice(first);
        if start.len() < KNOWN_FROM_BYTES {
            return Ok(());
        }
        self.begin()?;
        self.unpack(rest)
    }

    /// Takes the memory that unpacking takes, and unpacks what was held back.
    fn begin(&mut self) -> Result<(), UnpackError> {
        let Some(start) = self.start.take() else { return Ok(()) };
        let bytes = window_bytes(self.packing, &start);
        if bytes > 0 && !self.memory.take(bytes) {
            return Err(UnpackError::Memory);
        }
        self.unpack(&start)
    }

    fn unpack(&mut self, bytes: &[u8]) -> Result<(), UnpackError> {
        let written = match &mut self.decoder {
            Decoder::Plain(out) => out.write_all(bytes),
            Decoder::Gzip(decoder) => decoder.write_all(bytes),
            Decoder::Bzip2(decoder) => decoder.write_all(bytes),
            Decoder::Xz(decoder) => decoder.write_all(bytes),
            Decoder::Zstd(decoder) => return decoder.push(bytes),
        };
        written.map_err(|error| match error.kind() {
            io::ErrorKind::WriteZero => UnpackError::Behind,
            _ => UnpackError::Failed(error),
        })
    }

    /// Ends the stream; what was written to.
    ///
    /// # Errors
    ///
    /// When the stream is cut.
    pub fn finish(mut self) -> Result<W, UnpackError> {
        self.begin()?;
        Ok(match self.decoder {
            Decoder::Plain(out) => out,
            Decoder::Gzip(decoder) => decoder.finish()?,
            Decoder::Bzip2(mut decoder) => decoder.finish()?,
            Decoder::Xz(decoder) => decoder.finish()?,
            Decoder::Zstd(decoder) => decoder.finish()?,
        })
    }
}

/// One frame of Zstandard, which is all that dpkg reads.
struct ZstdFrame<W> {
    decoder: zstd::stream::raw::Decoder<'static>,
    out: W,
    buffer: Vec<u8>,
    has_ended: bool,
}

impl<W: Write> ZstdFrame<W> {
    fn new(out: W) -> io::Result<Self> {
        let mut decoder = zstd::stream::raw::Decoder::new()?;
        decoder.set_parameter(zstd::stream::raw::DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
        Ok(Self { decoder, out, buffer: vec![0; ZSTD_BUFFER_BYTES], has_ended: false })
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), UnpackError> {
        let mut input = InBuffer::around(bytes);
        loop {
            if self.has_ended {
                return if input.pos() == bytes.len() { Ok(()) } else { Err(UnpackError::Behind) };
            }
            let mut output = OutBuffer::around(self.buffer.as_mut_slice());
            let left = self.decoder.run(&mut input, &mut output)?;
            let (written, is_full) = (output.pos(), output.pos() == output.capacity());
            self.out.write_all(&self.buffer[..written])?;
            self.has_ended = left == 0;
            if !is_full && !self.has_ended && input.pos() == bytes.len() {
                return Ok(());
            }
        }
    }

    fn finish(self) -> io::Result<W> {
        if self.has_ended { Ok(self.out) } else { Err(io::Error::other("it is cut")) }
    }
}
