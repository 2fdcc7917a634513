//! `control.tar` of a package, unpacked in bounded memory (deb(5), deb-control(5)).

use std::io::{self, Read};

use crate::fault::Fault;

/// The largest control member that is kept while a package streams past.
pub(crate) const COMPRESSED_LIMIT_BYTES: u64 = 16 << 20;
/// The largest archive that it may unpack to.
const UNPACKED_LIMIT_BYTES: u64 = 64 << 20;
/// The largest `control` file in it.
const CONTROL_LIMIT_BYTES: u64 = 1 << 20;
/// xz -9 asks for 65 MiB.
pub(crate) const XZ_MEMORY_BYTES: u64 = 80 << 20;
/// zstd --ultra -22 asks for 2^27 bytes.
pub(crate) const ZSTD_WINDOW_LOG: u32 = 27;

/// How the control member is packed: what dpkg-deb can unpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// `control.tar`
    Plain,
    /// `control.tar.gz`
    Gzip,
    /// `control.tar.xz`
    Xz,
    /// `control.tar.zst`
    Zstd,
}

impl Packing {
    /// The packing that a member of this name has; none for other members.
    pub(crate) fn of_member(name: &[u8]) -> Option<Self> {
        [Self::Plain, Self::Gzip, Self::Xz, Self::Zstd].into_iter().find(|packing| packing.member().as_bytes() == name)
    }

    /// The name of the member.
    pub(crate) const fn member(self) -> &'static str {
        match self {
            Self::Plain => "control.tar",
            Self::Gzip => "control.tar.gz",
            Self::Xz => "control.tar.xz",
            Self::Zstd => "control.tar.zst",
        }
    }

    fn unpack<'a>(self, packed: &'a [u8]) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Plain => Box::new(packed),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Self::Xz => {
                let stream =
                    liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_BYTES, liblzma::stream::CONCATENATED)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(packed, stream))
            }
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
        })
    }
}

/// The content of `control` in a packed control member. All of the member is unpacked, so that its checksum is checked.
pub(crate) fn control_file(packing: Packing, packed: &[u8]) -> Result<Vec<u8>, Fault> {
    let member = packing.member();
    let damaged = |error: io::Error| match error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
        Some(fault) => fault.clone(),
        None => {
            // readers put names from the archive into their messages
            let what = error.to_string().replace(char::is_control, "?");
            Fault::Member { member, what }
        }
    };
    let mut unpacked = Limited { inner: packing.unpack(packed).map_err(damaged)?, left_bytes: UNPACKED_LIMIT_BYTES };
    let control = find_control(&mut unpacked, member, &damaged)?;
    io::copy(&mut unpacked, &mut io::sink()).map_err(damaged)?;
    control.ok_or_else(|| Fault::Member { member, what: "it has no file named control".to_owned() })
}

fn find_control(
    unpacked: &mut impl Read,
    member: &'static str,
    damaged: &impl Fn(io::Error) -> Fault,
) -> Result<Option<Vec<u8>>, Fault> {
    let refuse = |what: &str| Fault::Member { member, what: what.to_owned() };
    let mut control = None;
    let mut long_name = false;
    // raw: names and sizes are those of the headers, and nothing is gathered in memory for extensions of tar
    for entry in tar::Archive::new(unpacked).entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        match entry.header().entry_type() {
            tar::EntryType::XHeader | tar::EntryType::XGlobalHeader => {
                return Err(refuse("it has pax headers, which dpkg does not read"));
            }
            tar::EntryType::GNULongName => {
                long_name = true;
                continue;
            }
            tar::EntryType::GNULongLink => continue,
            _ if std::mem::take(&mut long_name) => continue,
            _ => {}
        }
        let path = entry.path_bytes();
        if path.strip_prefix(b"./").unwrap_or(&path) != b"control" {
            continue;
        }
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(refuse("its control is not a regular file"));
        }
        if control.is_some() {
            return Err(refuse("it has two files named control"));
        }
        if entry.size() > CONTROL_LIMIT_BYTES {
            return Err(Fault::TooLarge { what: "its control file", limit_bytes: CONTROL_LIMIT_BYTES });
        }
        let mut content = Vec::new();
        let read = entry.by_ref().take(CONTROL_LIMIT_BYTES).read_to_end(&mut content).map_err(damaged)?;
        if read as u64 != entry.size() {
            return Err(refuse("its control file is cut"));
        }
        control = Some(content);
    }
    Ok(control)
}

/// A reader that fails, rather than ends, past its limit.
struct Limited<R> {
    inner: R,
    left_bytes: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let fault = Fault::TooLarge { what: "its unpacked control archive", limit_bytes: UNPACKED_LIMIT_BYTES };
        self.left_bytes = self.left_bytes.checked_sub(read as u64).ok_or_else(|| io::Error::other(fault))?;
        Ok(read)
    }
}
