//! The names of the files in `data.tar` of a package (deb(5)), read while it streams past and is unpacked, in bounded
//! memory and time.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use liblzma::write::XzDecoder;

use crate::control_member::{XZ_MEMORY_BYTES, ZSTD_WINDOW_LOG};
use crate::fault::Fault;

const BLOCK_BYTES: usize = 512;
/// The names of a whole system take less.
const NAMES_LIMIT_BYTES: usize = 64 << 20;
/// What a name takes beside its bytes, here and in its line.
const LINE_BYTES: usize = 128;
/// What dpkg takes for one name is less.
const NAME_LIMIT_BYTES: u64 = 64 << 10;
/// What any data archive may unpack to, beside this many times its size.
const UNPACKED_LIMIT_BYTES: u64 = 1 << 30;
const UNPACKED_TIMES: u64 = 200;

/// The data member while it streams past.
pub(crate) struct DataMember {
    member: &'static str,
    unpacker: Unpacker,
}

enum Unpacker {
    Plain(Names),
    Gzip(MultiGzDecoder<Names>),
    Xz(XzDecoder<Names>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Names>>),
}

impl DataMember {
    /// Of a member of this name and size; none where it cannot be unpacked here: bzip2, which no dpkg has written for long.
    pub(crate) fn new(name: &[u8], size_bytes: u64) -> Result<Option<Self>, Fault> {
        let names = Names::new(UNPACKED_LIMIT_BYTES.saturating_add(size_bytes.saturating_mul(UNPACKED_TIMES)));
        let xz = |stream: Result<Stream, liblzma::stream::Error>, names| -> io::Result<Unpacker> {
            Ok(Unpacker::Xz(XzDecoder::new_stream(names, stream?)))
        };
        let (member, unpacker) = match name {
            b"data.tar" => ("data.tar", Ok(Unpacker::Plain(names))),
            b"data.tar.gz" => ("data.tar.gz", Ok(Unpacker::Gzip(MultiGzDecoder::new(names)))),
            b"data.tar.xz" => ("data.tar.xz", xz(Stream::new_stream_decoder(XZ_MEMORY_BYTES, CONCATENATED), names)),
            b"data.tar.lzma" => ("data.tar.lzma", xz(Stream::new_lzma_decoder(XZ_MEMORY_BYTES), names)),
            b"data.tar.zst" => ("data.tar.zst", zstd(names)),
            _ => return Ok(None),
        };
        Ok(Some(Self { member, unpacker: unpacker.map_err(|error| fault(member, &error))? }))
    }

    /// Takes the next bytes of the member.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let written = match &mut self.unpacker {
            Unpacker::Plain(names) => names.write_all(bytes),
            Unpacker::Gzip(decoder) => decoder.write_all(bytes),
            Unpacker::Xz(decoder) => decoder.write_all(bytes),
            Unpacker::Zstd(decoder) => decoder.write_all(bytes),
        };
        written.map_err(|error| fault(self.member, &error))
    }

    /// The names in it, sorted: paths without a slash at their start. Directories are left out.
    pub(crate) fn finish(self) -> Result<Vec<Vec<u8>>, Fault> {
        let names = match self.unpacker {
            Unpacker::Plain(names) => Ok(names),
            Unpacker::Gzip(decoder) => decoder.finish(),
            Unpacker::Xz(decoder) => decoder.finish(),
            Unpacker::Zstd(decoder) => decoder.finish(),
        };
        names.and_then(Names::finish).map_err(|error| fault(self.member, &error))
    }
}

fn zstd(names: Names) -> io::Result<Unpacker> {
    let mut decoder = zstd::stream::write::Decoder::new(names)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(Unpacker::Zstd(Box::new(decoder)))
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
    names: Vec<Vec<u8>>,
    names_bytes: usize,
    /// A name that stands in an entry of its own, for the next entry (GNU tar).
    long_name: Option<Vec<u8>>,
    /// Whether there was any entry: each package has its root directory.
    has_entries: bool,
    state: State,
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
    fn new(limit_bytes: u64) -> Self {
        let state = State::Header(Vec::with_capacity(BLOCK_BYTES));
        Self { left_bytes: limit_bytes, names: Vec::new(), names_bytes: 0, long_name: None, has_entries: false, state }
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
        match header.entry_type() {
            tar::EntryType::XHeader | tar::EntryType::XGlobalHeader => {
                return Err(io::Error::other("it has pax headers, which dpkg does not read"));
            }
            tar::EntryType::GNULongName if size_bytes > NAME_LIMIT_BYTES => {
                return Err(too_large("a name in its data archive", NAME_LIMIT_BYTES));
            }
            tar::EntryType::GNULongName => return body(Some((Vec::new(), size_bytes))),
            tar::EntryType::GNULongLink => return body(None),
            _ => {}
        }
        self.has_entries = true;
        let name = self.long_name.take().unwrap_or_else(|| header.path_bytes().into_owned());
        if header.entry_type() != tar::EntryType::Directory {
            self.keep(&name)?;
        }
        // links and devices have no content whatever their header says
        let has_content = matches!(header.entry_type(), tar::EntryType::Regular | tar::EntryType::Continuous);
        if has_content || header.entry_type() == tar::EntryType::Directory { body(None) } else { Ok(State::start()) }
    }

    fn keep(&mut self, name: &[u8]) -> io::Result<()> {
        let mut name = name;
        while let Some(rest) = name.strip_prefix(b"./").or_else(|| name.strip_prefix(b"/")) {
            name = rest;
        }
        // a line cannot hold a line break
        if name.is_empty() || name.ends_with(b"/") || name.iter().any(|byte| byte.is_ascii_control()) {
            return Ok(());
        }
        self.names_bytes += name.len() + LINE_BYTES;
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
