//! The names of the files in `data.tar` of a package (deb(5)), read while it streams past and is unpacked, in bounded
//! memory and time.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bzip2::write::BzDecoder;
use flate2::write::MultiGzDecoder;
use liblzma::stream::Stream;
use liblzma::write::XzDecoder;
use rws_model::Memory;
use zstd::stream::raw::{InBuffer, Operation, OutBuffer};

use crate::control_member::{XZ_MEMORY_BYTES, ZSTD_WINDOW_LOG};
use crate::fault::Fault;
use crate::window::{KNOWN_FROM_BYTES, window_bytes};

const BLOCK_BYTES: usize = 512;
/// The names of a whole system take less.
const NAMES_LIMIT_BYTES: usize = 32 << 20;
/// In such steps memory for names is asked for.
const STEP_BYTES: usize = 1 << 20;
/// What a name takes beside its bytes, here and in its line.
const LINE_BYTES: usize = 128;
/// What dpkg takes for one name is less.
const NAME_LIMIT_BYTES: u64 = 64 << 10;
/// What any data archive may unpack to, beside this many times its size.
const UNPACKED_LIMIT_BYTES: u64 = 1 << 30;
const UNPACKED_TIMES: u64 = 200;
const ZSTD_BUFFER_BYTES: usize = 128 << 10;

/// The data member while it streams past.
pub(crate) struct DataMember {
    member: &'static str,
    unpacker: Unpacker,
    /// Its first bytes, until enough are there to tell how much memory it takes to unpack it.
    start: Option<Vec<u8>>,
    memory: Arc<dyn Memory>,
}

enum Unpacker {
    Plain(Names),
    Gzip(MultiGzDecoder<Names>),
    Bzip2(BzDecoder<Names>),
    Xz(XzDecoder<Names>),
    Zstd(Box<ZstdFrame>),
}

impl DataMember {
    /// Of a member of this name and size, whose names are kept or not.
    pub(crate) fn new(name: &[u8], size_bytes: u64, keeps: bool, memory: Arc<dyn Memory>) -> Result<Self, Fault> {
        Self::of(name, size_bytes, (keeps, None), memory)
    }

    fn of(
        name: &[u8],
        size_bytes: u64,
        (keeps, capturing): (bool, Option<Capturing>),
        memory: Arc<dyn Memory>,
    ) -> Result<Self, Fault> {
        let limit_bytes = UNPACKED_LIMIT_BYTES.saturating_add(size_bytes.saturating_mul(UNPACKED_TIMES));
        let names = Names { capturing, ..Names::new(limit_bytes, keeps, Arc::clone(&memory)) };
        let xz = |stream: Result<Stream, liblzma::stream::Error>, names| -> io::Result<Unpacker> {
            Ok(Unpacker::Xz(XzDecoder::new_stream(names, stream?)))
        };
        let (member, unpacker) = match name {
            b"data.tar.gz" => ("data.tar.gz", Ok(Unpacker::Gzip(MultiGzDecoder::new(names)))),
            b"data.tar.bz2" => ("data.tar.bz2", Ok(Unpacker::Bzip2(BzDecoder::new(names)))),
            b"data.tar.xz" => ("data.tar.xz", xz(Stream::new_stream_decoder(XZ_MEMORY_BYTES, 0), names)),
            b"data.tar.lzma" => ("data.tar.lzma", xz(Stream::new_lzma_decoder(XZ_MEMORY_BYTES), names)),
            b"data.tar.zst" => ("data.tar.zst", ZstdFrame::new(names).map(|frame| Unpacker::Zstd(Box::new(frame)))),
            _ => ("data.tar", Ok(Unpacker::Plain(names))),
        };
        let unpacker = unpacker.map_err(|error| fault(member, &error))?;
        Ok(Self { member, unpacker, start: Some(Vec::new()), memory })
    }

    /// The same, which keeps the content of a file instead of names.
    pub(crate) fn capturing(
        name: &[u8],
        size_bytes: u64,
        (wanted, limit_bytes, found): (Wanted, u64, Arc<Mutex<Capture>>),
        memory: Arc<dyn Memory>,
    ) -> Result<Self, Fault> {
        let capturing = Capturing { wanted, limit_bytes, left_bytes: 0, found };
        Self::of(name, size_bytes, (false, Some(capturing)), memory)
    }

    /// Takes the next bytes of the member.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
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
    fn begin(&mut self) -> Result<(), Fault> {
        let Some(start) = self.start.take() else { return Ok(()) };
        let bytes = window_bytes(self.member.as_bytes(), &start);
        if bytes > 0 && !self.memory.take(bytes) {
            return Err(Fault::Memory);
        }
        self.unpack(&start)
    }

    fn unpack(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let written = match &mut self.unpacker {
            Unpacker::Plain(names) => names.write_all(bytes),
            Unpacker::Gzip(decoder) => decoder.write_all(bytes),
            Unpacker::Bzip2(decoder) => decoder.write_all(bytes),
            Unpacker::Xz(decoder) => decoder.write_all(bytes),
            Unpacker::Zstd(decoder) => decoder.push(bytes),
        };
        written.map_err(|error| match error.kind() {
            // dpkg reads the first compressed stream only
            io::ErrorKind::WriteZero => fault(self.member, &io::Error::other(BEHIND)),
            _ => fault(self.member, &error),
        })
    }

    /// The names in it, sorted: paths without a slash at their start. Directories are left out.
    pub(crate) fn finish(mut self) -> Result<Vec<Vec<u8>>, Fault> {
        self.begin()?;
        let names = match self.unpacker {
            Unpacker::Plain(names) => Ok(names),
            Unpacker::Gzip(decoder) => decoder.finish(),
            Unpacker::Bzip2(mut decoder) => decoder.finish(),
            Unpacker::Xz(decoder) => decoder.finish(),
            Unpacker::Zstd(decoder) => decoder.finish(),
        };
        names.and_then(Names::finish).map_err(|error| fault(self.member, &error))
    }
}

/// What is wrong with a member whose compressed stream is not all of it.
const BEHIND: &str = "more bytes stand behind its compressed stream, where dpkg does not look";

/// One frame of Zstandard, which is all that dpkg reads.
struct ZstdFrame {
    decoder: zstd::stream::raw::Decoder<'static>,
    names: Names,
    buffer: Vec<u8>,
    has_ended: bool,
}

impl ZstdFrame {
    fn new(names: Names) -> io::Result<Self> {
        let mut decoder = zstd::stream::raw::Decoder::new()?;
        decoder.set_parameter(zstd::stream::raw::DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
        Ok(Self { decoder, names, buffer: vec![0; ZSTD_BUFFER_BYTES], has_ended: false })
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut input = InBuffer::around(bytes);
        loop {
            if self.has_ended {
                return if input.pos() == bytes.len() { Ok(()) } else { Err(io::Error::other(BEHIND)) };
            }
            let mut output = OutBuffer::around(self.buffer.as_mut_slice());
            let left = self.decoder.run(&mut input, &mut output)?;
            let (written, is_full) = (output.pos(), output.pos() == output.capacity());
            self.names.write_all(&self.buffer[..written])?;
            self.has_ended = left == 0;
            if !is_full && !self.has_ended && input.pos() == bytes.len() {
                return Ok(());
            }
        }
    }

    fn finish(self) -> io::Result<Names> {
        if self.has_ended { Ok(self.names) } else { Err(io::Error::other("it is cut")) }
    }
}

/// Why a member cannot be read; what libraries say may hold bytes of the file.
fn fault(member: &'static str, error: &io::Error) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
        Some(fault) => fault.clone(),
        None => Fault::Member { member, what: error.to_string().replace(char::is_control, "?") },
    }
}

/// A tar archive that is written to: it keeps the names.
struct Names {
    left_bytes: u64,
    keeps: bool,
    names: Vec<Vec<u8>>,
    names_bytes: usize,
    /// How much memory was asked for.
    granted_bytes: usize,
    memory: Arc<dyn Memory>,
    /// A name that stands in an entry of its own, for the next entry (GNU tar).
    long_name: Option<Vec<u8>>,
    /// Whether there was any entry: each package has its root directory.
    has_entries: bool,
    capturing: Option<Capturing>,
    state: State,
}

/// How well a path fits, the more the better; `None` for one that does not.
pub(crate) type Wanted = Box<dyn Fn(&[u8]) -> Option<u8> + Send>;

/// The content of the file that fits best.
#[derive(Default)]
pub(crate) struct Capture {
    /// How well it fits; `None`: there is none yet.
    pub(crate) rank: Option<u8>,
    /// Its content, as much of it as is kept.
    pub(crate) content: Vec<u8>,
}

/// What looks for the content of a file.
struct Capturing {
    wanted: Wanted,
    limit_bytes: u64,
    /// So many bytes of the present file are kept yet.
    left_bytes: u64,
    found: Arc<Mutex<Capture>>,
}

impl Capturing {
    /// A file begins.
    fn begin(&mut self, path: &[u8], size_bytes: u64) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let rank = (self.wanted)(relative(path)).filter(|rank| found.rank.is_none_or(|known| *rank > known));
        if rank.is_some() {
            *found = Capture { rank, content: Vec::new() };
            self.left_bytes = size_bytes.min(self.limit_bytes);
        }
    }

    /// The next bytes of a file and of its padding.
    fn take(&mut self, bytes: &[u8]) {
        let length = usize::try_from(self.left_bytes).unwrap_or(usize::MAX).min(bytes.len());
        if let Some(kept) = bytes.get(..length).filter(|kept| !kept.is_empty()) {
            self.left_bytes -= length as u64;
            self.found.lock().unwrap_or_else(PoisonError::into_inner).content.extend_from_slice(kept);
        }
    }
}

/// A path without what stands at the start of all paths of an archive.
fn relative(mut path: &[u8]) -> &[u8] {
    while let Some(rest) = path.strip_prefix(b"./").or_else(|| path.strip_prefix(b"/")) {
        path = rest;
    }
    path
}

enum State {
    /// What there is of a header.
    Header(Vec<u8>),
    /// The bytes of an entry and of its padding, kept when they are a name.
    Body { left_bytes: u64, name: Option<(Vec<u8>, u64)> },
    /// Behind the block of zeros that ends the archive.
    End,
}

impl Names {
    fn new(limit_bytes: u64, keeps: bool, memory: Arc<dyn Memory>) -> Self {
        let state = State::Header(Vec::with_capacity(BLOCK_BYTES));
        Self {
            left_bytes: limit_bytes,
            keeps,
            names: Vec::new(),
            names_bytes: 0,
            granted_bytes: 0,
            memory,
            long_name: None,
            has_entries: false,
            capturing: None,
            state,
        }
    }

    fn finish(mut self) -> io::Result<Vec<Vec<u8>>> {
        match self.state {
            State::End => {}
            // dpkg asks for no block of zeros
            State::Header(header) if header.is_empty() && self.long_name.is_none() && self.has_entries => {}
            _ => return Err(io::Error::other("it is cut")),
        }
        self.names.sort();
        Ok(self.names)
    }

    /// Takes a whole header; the state that follows it.
    fn header(&mut self, block: &[u8]) -> io::Result<State> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(State::End);
        }
        let header = tar::Header::from_byte_slice(block);
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| u32::from(if (148..156).contains(&at) { b' ' } else { *byte }))
            .sum();
        if header.cksum()? != sum {
            return Err(io::Error::other("the checksum of a header is wrong"));
        }
        let size_bytes = header.entry_size()?;
        let body = |name| -> io::Result<State> {
            let padded = size_bytes.checked_next_multiple_of(BLOCK_BYTES as u64);
            let left_bytes = padded.ok_or_else(|| io::Error::other("the size of an entry is absurd"))?;
            Ok(if left_bytes == 0 { State::start() } else { State::Body { left_bytes, name } })
        };
        // dpkg's own reader of tar (its lib/dpkg/tarfn.c) knows these kinds and no others
        match header.as_bytes().get(156) {
            Some(0 | b'0'..=b'6') => {}
            Some(b'L') if size_bytes > NAME_LIMIT_BYTES => {
                return Err(too_large("a name in its data archive", NAME_LIMIT_BYTES));
            }
            Some(b'L') => return body(Some((Vec::new(), size_bytes))),
            Some(b'K') => return body(None),
            Some(b'x' | b'g') => return Err(io::Error::other("it has pax headers, which dpkg does not read")),
            kind => {
                let kind = char::from(kind.copied().unwrap_or_default()).escape_debug().to_string();
                return Err(io::Error::other(format!("it has an entry of the kind {kind}, which dpkg does not know")));
            }
        }
        self.has_entries = true;
        let name = self.long_name.take().unwrap_or_else(|| header.path_bytes().into_owned());
        if name.contains(&b'\n') {
            return Err(io::Error::other("a name in it has a line break"));
        }
        if header.entry_type() != tar::EntryType::Directory {
            self.keep(&name)?;
        }
        if header.entry_type() == tar::EntryType::Regular
            && let Some(capturing) = &mut self.capturing
        {
            capturing.begin(&name, size_bytes);
        }
        // links, devices and directories have no content whatever their header says
        if header.entry_type() == tar::EntryType::Regular { body(None) } else { Ok(State::start()) }
    }

    fn keep(&mut self, name: &[u8]) -> io::Result<()> {
        let name = relative(name);
        // a line cannot hold a line break
        if !self.keeps || name.is_empty() || name.ends_with(b"/") || name.iter().any(|byte| byte.is_ascii_control()) {
            return Ok(());
        }
        self.names_bytes += name.len() + LINE_BYTES;
        if self.names_bytes > self.granted_bytes {
            if !self.memory.take(STEP_BYTES as u64) {
                return Err(io::Error::other(Fault::Memory));
            }
            self.granted_bytes += STEP_BYTES;
        }
        if self.names_bytes > NAMES_LIMIT_BYTES {
            return Err(too_large("the list of its files", NAMES_LIMIT_BYTES as u64));
        }
        self.names.push(name.to_vec());
        Ok(())
    }
}

impl State {
    fn start() -> Self {
        Self::Header(Vec::with_capacity(BLOCK_BYTES))
    }
}

fn too_large(what: &'static str, limit_bytes: u64) -> io::Error {
    io::Error::other(Fault::TooLarge { what, limit_bytes })
}

impl Write for Names {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let limit = || io::Error::other("it unpacks to more than 200 times its size");
        self.left_bytes = self.left_bytes.checked_sub(bytes.len() as u64).ok_or_else(limit)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            match &mut self.state {
                State::Header(header) => {
                    let (now, later) = rest.split_at(rest.len().min(BLOCK_BYTES - header.len()));
                    header.extend_from_slice(now);
                    rest = later;
                    if header.len() == BLOCK_BYTES {
                        let block = std::mem::take(header);
                        self.state = self.header(&block)?;
                    }
                }
                State::Body { left_bytes, name } => {
                    let length = usize::try_from(*left_bytes).unwrap_or(usize::MAX).min(rest.len());
                    let (now, later) = rest.split_at(length);
                    rest = later;
                    *left_bytes -= length as u64;
                    if let Some(capturing) = &mut self.capturing {
                        capturing.take(now);
                    }
                    if let Some((name, size_bytes)) = name {
                        let wanted = usize::try_from(*size_bytes).unwrap_or(usize::MAX) - name.len();
                        name.extend_from_slice(&now[..wanted.min(now.len())]);
                    }
                    if *left_bytes == 0 {
                        if let Some((mut name, _)) = name.take() {
                            name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
                            self.long_name = Some(name);
                        }
                        self.state = State::start();
                    }
                }
                State::End => rest = &[],
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
