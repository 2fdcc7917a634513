//! `control.tar` of a package, unpacked in bounded memory (deb(5), deb-control(5)).

use std::io::{self, Read};

use rws_archive::{XZ_MEMORY_BYTES, ZSTD_WINDOW_LOG, window_bytes};

use crate::fault::{Fault, printable};

/// The largest control member that is kept while a package streams past.
pub(crate) const COMPRESSED_LIMIT_BYTES: u64 = 16 << 20;
/// The largest archive that it may unpack to.
const UNPACKED_LIMIT_BYTES: u64 = 64 << 20;
/// The largest `control` file in it, and others that are read.
const CONTROL_LIMIT_BYTES: u64 = 1 << 20;
/// The largest extension of a header: a long name, a pax header.
const EXTENSION_LIMIT_BYTES: u64 = 64 << 10;

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

    /// How much memory it takes to unpack a member that starts with these bytes.
    pub(crate) fn window_bytes(self, start: &[u8]) -> u64 {
        let packing = match self {
            Self::Plain => rws_archive::Packing::Plain,
            Self::Gzip => rws_archive::Packing::Gzip,
            Self::Xz => rws_archive::Packing::Xz,
            Self::Zstd => rws_archive::Packing::Zstd,
        };
        window_bytes(packing, start)
    }

    fn unpack<'a>(self, packed: &'a [u8]) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Plain => Box::new(packed),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Self::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_BYTES, 0)?;
                Box::new(FirstStream(liblzma::bufread::XzDecoder::new_stream(packed, stream)))
            }
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?.single_frame();
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(FirstStream(decoder))
            }
        })
    }
}

/// A decoder whose first stream must be all there is: dpkg reads no further, others do.
struct FirstStream<D>(D);

/// What a decoder has not taken.
trait Rest {
    fn rest(&self) -> &[u8];
}

impl Rest for liblzma::bufread::XzDecoder<&[u8]> {
    fn rest(&self) -> &[u8] {
        self.get_ref()
    }
}

impl Rest for zstd::stream::read::Decoder<'_, &[u8]> {
    fn rest(&self) -> &[u8] {
        self.get_ref()
    }
}

impl<D: Read + Rest> Read for FirstStream<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        if read == 0 && !buffer.is_empty() && !self.0.rest().is_empty() {
            return Err(io::Error::other("more bytes stand behind its compressed stream, where dpkg does not look"));
        }
        Ok(read)
    }
}

/// What a control member holds, as far as the door looks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ControlFiles {
    /// `control`
    pub(crate) control: Vec<u8>,
    /// `conffiles` and `triggers`, where they are there.
    pub(crate) others: Vec<(&'static str, Vec<u8>)>,
}

/// The files of a packed control member. All of it is unpacked, so that its checksum is checked.
pub(crate) fn control_files(packing: Packing, packed: &[u8]) -> Result<ControlFiles, Fault> {
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
    let files = ControlTar { member, control: None, others: Vec::new() }.read(&mut unpacked, &damaged)?;
    io::copy(&mut unpacked, &mut io::sink()).map_err(damaged)?;
    Ok(files)
}

/// `control.tar`, which dpkg lets GNU tar unpack before it opens each file: where two have one name the last one counts for
/// dpkg, so that none may stand there twice, under whatever form of its name.
struct ControlTar {
    member: &'static str,
    control: Option<Vec<u8>>,
    others: Vec<(&'static str, Vec<u8>)>,
}

impl ControlTar {
    fn read(mut self, unpacked: &mut impl Read, damaged: &impl Fn(io::Error) -> Fault) -> Result<ControlFiles, Fault> {
        let mut long_name = None;
        // raw: names and sizes are those of the headers, and nothing is gathered in memory for extensions of tar
        for entry in tar::Archive::new(unpacked).entries().map_err(damaged)?.raw(true) {
            let mut entry = entry.map_err(damaged)?;
            match entry.header().entry_type() {
                tar::EntryType::XHeader | tar::EntryType::XGlobalHeader => {
                    let extension = self.content(&mut entry, EXTENSION_LIMIT_BYTES, damaged)?;
                    self.check_pax(&extension)?;
                    continue;
                }
                tar::EntryType::GNULongName => {
                    let mut name = self.content(&mut entry, EXTENSION_LIMIT_BYTES, damaged)?;
                    name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
                    long_name = Some(name);
                    continue;
                }
                _ => {}
            }
            let path = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
            let parts: Vec<&[u8]> =
                path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
            match (entry.header().entry_type(), parts.as_slice()) {
                (tar::EntryType::Directory, []) => {}
                (tar::EntryType::Regular, [name]) if *name != b".." => self.file(name, &mut entry, damaged)?,
                _ => {
                    let what = format!("{} in it is no plain file, which dpkg wants there", printable(&path));
                    return Err(self.refuse(what));
                }
            }
        }
        let control = self
            .control
            .ok_or_else(|| Fault::Member { member: self.member, what: "it has no file named control".to_owned() })?;
        Ok(ControlFiles { control, others: self.others })
    }

    fn file<R: Read>(
        &mut self,
        name: &[u8],
        entry: &mut tar::Entry<'_, R>,
        damaged: &impl Fn(io::Error) -> Fault,
    ) -> Result<(), Fault> {
        if name == b"control" {
            if self.control.is_some() {
                return Err(self.refuse("it has two files named control".to_owned()));
            }
            self.control = Some(self.content(entry, CONTROL_LIMIT_BYTES, damaged)?);
        } else if let Some(known) = ["conffiles", "triggers"].into_iter().find(|known| known.as_bytes() == name) {
            if self.others.iter().any(|(other, _)| *other == known) {
                return Err(self.refuse(format!("it has two files named {known}")));
            }
            let content = self.content(entry, CONTROL_LIMIT_BYTES, damaged)?;
            self.others.push((known, content));
        }
        Ok(())
    }

    fn content<R: Read>(
        &self,
        entry: &mut tar::Entry<'_, R>,
        limit_bytes: u64,
        damaged: &impl Fn(io::Error) -> Fault,
    ) -> Result<Vec<u8>, Fault> {
        if entry.size() > limit_bytes {
            return Err(Fault::TooLarge { what: "a file in its control archive", limit_bytes });
        }
        let mut content = Vec::new();
        let read = entry.by_ref().take(limit_bytes).read_to_end(&mut content).map_err(damaged)?;
        if read as u64 == entry.size() { Ok(content) } else { Err(self.refuse("a file in it is cut".to_owned())) }
    }

    /// tar applies what a pax header says (pax(1)): times and owners are nothing to anybody, names and sizes would be
    /// others than those of the headers.
    fn check_pax(&self, extension: &[u8]) -> Result<(), Fault> {
        let keywords = tar::PaxExtensions::new(extension);
        for keyword in keywords {
            let keyword = keyword.map_err(|_| self.refuse("a pax header in it is damaged".to_owned()))?;
            let key = keyword.key_bytes();
            if matches!(key, b"path" | b"size" | b"linkpath") || key.starts_with(b"GNU.sparse") {
                let what = format!("a pax header in it sets {}", printable(key));
                return Err(self.refuse(what));
            }
        }
        Ok(())
    }

    fn refuse(&self, what: String) -> Fault {
        Fault::Member { member: self.member, what }
    }
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
