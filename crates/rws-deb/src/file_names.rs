//! The names of the files in `data.tar` of a package (deb(5)), read while it streams past and is unpacked, in bounded
//! memory and time.

use std::io::{self, Write};
use std::sync::Arc;

use rws_archive::{FileSink, Packing, UnpackError, Unpacker, relative};
use rws_model::Memory;

use crate::fault::Fault;

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

/// The data member while it streams past.
pub(crate) struct DataMember {
    member: &'static str,
    unpacker: Unpacker<Names>,
}

impl DataMember {
    /// Of a member of this name and size, whose names are kept or not.
    pub(crate) fn new(name: &[u8], size_bytes: u64, keeps: bool, memory: Arc<dyn Memory>) -> Result<Self, Fault> {
        Self::of(name, size_bytes, (keeps, None), memory)
    }

    /// The same, whose files somebody gets instead.
    pub(crate) fn giving(
        name: &[u8],
        size_bytes: u64,
        files: Box<dyn FileSink>,
        memory: Arc<dyn Memory>,
    ) -> Result<Self, Fault> {
        Self::of(name, size_bytes, (false, Some(files)), memory)
    }

    fn of(
        name: &[u8],
        size_bytes: u64,
        (keeps, files): (bool, Option<Box<dyn FileSink>>),
        memory: Arc<dyn Memory>,
    ) -> Result<Self, Fault> {
        let limit_bytes = UNPACKED_LIMIT_BYTES.saturating_add(size_bytes.saturating_mul(UNPACKED_TIMES));
        let names = Names { files, ..Names::new(limit_bytes, keeps, Arc::clone(&memory)) };
        let (member, packing) = match name {
            b"data.tar.gz" => ("data.tar.gz", Packing::Gzip),
            b"data.tar.bz2" => ("data.tar.bz2", Packing::Bzip2),
            b"data.tar.xz" => ("data.tar.xz", Packing::Xz),
            b"data.tar.lzma" => ("data.tar.lzma", Packing::Lzma),
            b"data.tar.zst" => ("data.tar.zst", Packing::Zstd),
            _ => ("data.tar", Packing::Plain),
        };
        let unpacker = Unpacker::new(packing, names, memory).map_err(|error| fault(member, &error))?;
        Ok(Self { member, unpacker })
    }

    /// Takes the next bytes of the member.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.unpacker.push(bytes).map_err(|error| unpack_fault(self.member, &error))
    }

    /// The names in it, sorted: paths without a slash at their start. Directories are left out.
    pub(crate) fn finish(self) -> Result<Vec<Vec<u8>>, Fault> {
        let names = self.unpacker.finish().map_err(|error| unpack_fault(self.member, &error))?;
        names.finish().map_err(|error| fault(self.member, &error))
    }
}

fn unpack_fault(member: &'static str, error: &UnpackError) -> Fault {
    match error {
        UnpackError::Memory => Fault::Memory,
        // dpkg reads the first compressed stream only
        UnpackError::Behind => Fault::Member { member, what: format!("{error}, where dpkg does not look") },
        UnpackError::Failed(error) => fault(member, error),
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
    files: Option<Box<dyn FileSink>>,
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
            files: None,
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
            && let Some(files) = &mut self.files
        {
            files.begin(&name, size_bytes)?;
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
                    if let Some(files) = &mut self.files {
                        files.bytes(now)?;
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
