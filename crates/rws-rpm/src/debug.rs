//! Debug symbols: rpm makes a symbolic link for each build ID, in the package of a program below `/usr/lib/.build-id/`, in the package
//! of its symbols below `/usr/lib/debug/.build-id/` (rpm: `build/files.c`, `generateBuildIDs`). Texts are in `NAME-debugsource`.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use rws_archive::{Packing, Picker, Progress, UnpackError, Unpacker, Wanted};
use rws_model::{
    BuildId, DebugFile, DebugFormat, DebugKind, EntryTopic, FileName, FileOutput, FileReader, FoundFile, Memory,
    NamedBuildId, PackageName, Refusal,
};

use crate::fault::Fault;
use crate::files::{FileKind, Files};
use crate::header::Header;
use crate::payload::{Payload, Sizes, place_name};
use crate::stream::Stream;
use crate::tag;

const LINKS: &str = "/.build-id/";
const OF_PROGRAMS: &str = "/usr/lib/.build-id/";
const OF_SYMBOLS: &str = "/usr/lib/debug/.build-id/";
const SYMBOLS_END: &str = ".debug";

/// What a file of a long list takes while its content is looked for, in bytes.
const FILE_BYTES: usize = 128;
/// Lists that take less are not asked for.
const LARGE_BYTES: usize = 512 << 10;

/// So many links are followed.
const MOST_LINKS: usize = 8;

/// Debug symbols of the format.
pub struct RpmDebug;

impl DebugFormat for RpmDebug {
    fn topic(&self) -> EntryTopic {
        EntryTopic::Files
    }

    fn build_ids(&self, _package: &PackageName, entry: &[u8]) -> Vec<NamedBuildId> {
        let mut named = Vec::new();
        let text = String::from_utf8_lossy(entry);
        for (at, _) in text.match_indices(LINKS) {
            let start = text[..at].rfind('>').map_or(0, |start| start + 1);
            let path = text[start..].split('<').next().unwrap_or_default();
            named.extend(of_path(path).map(|(id, kind)| NamedBuildId { id, kind, package: None }));
        }
        named
    }

    fn source_texts(&self, source: &str) -> Vec<String> {
        vec![format!("{source}-debugsource")]
    }

    fn reader(
        &self,
        package: &FileName,
        wanted: DebugFile,
        output: Box<dyn FileOutput>,
        memory: Arc<dyn Memory>,
    ) -> Box<dyn FileReader> {
        let mut stream = Stream::new();
        stream.ask(Arc::clone(&memory));
        let (name, part) = (package.clone(), Part::Headers(Box::new(stream)));
        Box::new(Reader {
            name,
            wanted,
            part,
            seen_bytes: 0,
            output: Some(output),
            progress: Progress::default(),
            memory,
        })
    }
}

/// The build ID that a link is for. Links in a package of symbols whose names end in nothing refer to the program in another package,
/// or to symbols that several programs share.
fn of_path(path: &str) -> Option<(BuildId, DebugKind)> {
    let (rest, kind) = match path.strip_prefix(OF_PROGRAMS) {
        Some(rest) => (rest, DebugKind::Executable),
        None => (path.strip_prefix(OF_SYMBOLS)?, DebugKind::Debuginfo),
    };
    let digits = rest.strip_suffix(SYMBOLS_END).unwrap_or(rest);
    let (directory, name) = digits.split_once('/')?;
    (directory.len() == 2).then(|| Some((BuildId::parse(format!("{directory}{name}").as_bytes())?, kind)))?
}

struct Reader {
    name: FileName,
    wanted: DebugFile,
    part: Part,
    /// So many bytes of the package have passed.
    seen_bytes: u64,
    /// Who gets the file; `None` once the payload has begun.
    output: Option<Box<dyn FileOutput>>,
    progress: Progress,
    memory: Arc<dyn Memory>,
}

enum Part {
    Headers(Box<Stream>),
    /// The payload, of which nothing has arrived.
    Start(Box<Payload>, Option<Packing>),
    Payload(Box<Unpacker<Payload>>),
    /// There is no such file, or an error.
    Nothing,
}

impl Reader {
    /// Takes bytes until the headers are there, and says which of them belong to the payload.
    fn headers<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Fault> {
        let Part::Headers(stream) = &mut self.part else { return Ok(bytes) };
        stream.push(bytes)?;
        let before = self.seen_bytes;
        self.seen_bytes += bytes.len() as u64;
        let Some(headers) = stream.headers() else { return Ok(&[]) };
        // the headers ended in these bytes
        let start = usize::try_from(headers.main_range.end.saturating_sub(before)).unwrap_or(usize::MAX);
        let list_bytes = headers.main.count(tag::FILE_MODES) * FILE_BYTES;
        if list_bytes > LARGE_BYTES && !self.memory.take(list_bytes as u64) {
            return Err(Fault::Memory);
        }
        let packing = packing(&headers.main)?;
        let file = wanted_file(&headers.main, &self.wanted)?;
        self.part = match file.zip(self.output.take()) {
            None => Part::Nothing,
            Some((WantedFile { path, names }, inner)) => {
                let output = Box::new(Renamed { path, inner });
                let picker = Picker::new(Wanted::Paths(names), output, self.progress.clone());
                Part::Start(Box::new(Payload::new(Sizes::read(&headers.main), Box::new(picker))), packing)
            }
        };
        Ok(bytes.get(start..).unwrap_or_default())
    }

    fn take_bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let bytes = self.headers(bytes)?;
        let Some(first) = bytes.first() else { return Ok(()) };
        self.part = match std::mem::replace(&mut self.part, Part::Nothing) {
            Part::Start(payload, packing) => {
                // without a word about it (tag 1125), rpm takes it as gzip does: packed or not
                let packing = packing.unwrap_or(if *first == 0x1f { Packing::Gzip } else { Packing::Plain });
                let unpacker = Unpacker::new(packing, *payload, Arc::clone(&self.memory));
                Part::Payload(Box::new(unpacker.map_err(|error| damaged(&error))?))
            }
            other => other,
        };
        let Part::Payload(unpacker) = &mut self.part else { return Ok(()) };
        unpacker.push(bytes).map_err(fault)
    }
}

fn fault(error: UnpackError) -> Fault {
    match error {
        UnpackError::Memory => Fault::Memory,
        UnpackError::Behind => damaged(&io::Error::other(error)),
        UnpackError::Failed(error) => damaged(&error),
    }
}

fn damaged(error: &io::Error) -> Fault {
    Fault::Payload(error.to_string().replace(char::is_control, "?"))
}

impl FileReader for Reader {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.take_bytes(bytes).map_err(|fault| {
            self.part = Part::Nothing;
            fault.refuse(&self.name)
        })
    }

    fn end(&mut self) -> Result<(), Refusal> {
        let Part::Payload(unpacker) = std::mem::replace(&mut self.part, Part::Nothing) else { return Ok(()) };
        let ended = unpacker.finish().map(drop);
        ended.map_err(|error| fault(error).refuse(&self.name))
    }

    fn is_done(&self) -> bool {
        self.progress.is_complete() || matches!(self.part, Part::Nothing)
    }
}

/// A name in the payload may be another one of the same file.
struct Renamed {
    path: Vec<u8>,
    inner: Box<dyn FileOutput>,
}

impl FileOutput for Renamed {
    fn found(&mut self, file: FoundFile) -> io::Result<()> {
        self.inner.found(FoundFile { path: self.path.clone(), ..file })
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.inner.bytes(bytes)
    }
}

/// How the payload is compressed (tag 1125); `None`: the package does not say.
fn packing(main: &Header) -> Result<Option<Packing>, Fault> {
    Ok(Some(match main.text(tag::PAYLOAD_COMPRESSOR) {
        None => return Ok(None),
        Some(b"gzip") => Packing::Gzip,
        Some(b"bzip2") => Packing::Bzip2,
        Some(b"xz") => Packing::Xz,
        Some(b"lzma") => Packing::Lzma,
        Some(b"zstd") => Packing::Zstd,
        Some(b"none" | b"identity") => Packing::Plain,
        Some(_) => return Err(Fault::Payload("it is compressed in a way that is not known".to_owned())),
    }))
}

/// A file that is wanted: its path, and the names that the payload may have it under, all without slashes at their starts.
struct WantedFile {
    path: Vec<u8>,
    names: HashSet<Vec<u8>>,
}

/// Looks in the list of files for the one that is wanted.
fn wanted_file(main: &Header, wanted: &DebugFile) -> Result<Option<WantedFile>, Fault> {
    let paths = match wanted {
        DebugFile::Source(path) => vec![path.clone()],
        DebugFile::OfBuildId(id, DebugKind::Executable) => vec![format!("{OF_PROGRAMS}{}", id.path())],
        DebugFile::OfBuildId(id, DebugKind::Debuginfo) => {
            let path = format!("{OF_SYMBOLS}{}", id.path());
            vec![format!("{path}{SYMBOLS_END}"), path]
        }
    };
    for path in paths {
        if let Some((place, path)) = followed(main, path.into_bytes())? {
            let names = names(main, place)?;
            return Ok(Some(WantedFile { path: rws_archive::relative(&path).to_vec(), names }));
        }
    }
    Ok(None)
}

/// The place in the list of the file that a path leads to, and the path of that.
fn followed(main: &Header, mut path: Vec<u8>) -> Result<Option<(usize, Vec<u8>)>, Fault> {
    for _ in 0..MOST_LINKS {
        let Some(place) = place_of(main, &path)? else { return Ok(None) };
        match main.strings(tag::FILE_LINKS).nth(place).filter(|link| !link.is_empty()) {
            Some(link) => path = joined(&path, link),
            None => return Ok(Some((place, path))),
        }
    }
    Ok(None)
}

fn place_of(main: &Header, path: &[u8]) -> Result<Option<usize>, Fault> {
    let (mut files, mut place) = (Files::read(main)?, 0);
    while let Some(file) = files.next_file()? {
        if file.path == path && file.kind == FileKind::File {
            return Ok(Some(place));
        }
        place += 1;
    }
    Ok(None)
}

/// The names of a file in the payload, all of them where it has several.
fn names(main: &Header, place: usize) -> Result<HashSet<Vec<u8>>, Fault> {
    let file = |place| (main.numbers(tag::FILE_INODES).nth(place), main.numbers(tag::FILE_DEVICES).nth(place));
    let same: Vec<bool> = match file(place) {
        (Some(inode), Some(device)) => {
            let all = main.numbers(tag::FILE_INODES).zip(main.numbers(tag::FILE_DEVICES));
            all.map(|one| one == (inode, device)).collect()
        }
        _ => Vec::new(),
    };
    let (mut files, mut names, mut at) = (Files::read(main)?, HashSet::new(), 0);
    while let Some(file) = files.next_file()? {
        if at == place || same.get(at) == Some(&true) && file.kind == FileKind::File {
            names.insert(rws_archive::relative(file.path).to_vec());
            names.insert(place_name(at as u64));
        }
        at += 1;
    }
    Ok(names)
}

/// What a link refers to, as a path without `.` and `..`.
fn joined(path: &[u8], link: &[u8]) -> Vec<u8> {
    let directory = path.iter().rposition(|byte| *byte == b'/').map_or(&[][..], |end| &path[..end]);
    let whole = if link.starts_with(b"/") { link.to_vec() } else { [directory, b"/", link].concat() };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in whole.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    [b"/", parts.join(&b'/').as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_name_build_ids() {
        let package =
            PackageName { name: "x".to_owned(), version: "1-1".to_owned(), architecture: "x86_64".to_owned() };
        let entry = b"<package>\n  <file>/usr/bin/x</file>\n  <file type=\"dir\">/usr/lib/.build-id</file>\n  \
            <file type=\"dir\">/usr/lib/.build-id/0a</file>\n  <file>/usr/lib/.build-id/0a/bc</file>\n  \
            <file>/usr/lib/debug/.build-id/0a/ff.debug</file>\n  <file>/usr/lib/debug/.build-id/0a/ef</file>\n  \
            <file>/opt/.build-id/0a/bf</file>\n  <file>/usr/lib/.build-id/0a/x</file>\n</package>\n";
        let named = RpmDebug.build_ids(&package, entry);
        let named: Vec<(String, DebugKind)> = named.iter().map(|one| (one.id.to_string(), one.kind)).collect();
        use DebugKind::{Debuginfo, Executable};
        assert_eq!(
            named,
            [("0abc".to_owned(), Executable), ("0aff".to_owned(), Debuginfo), ("0aef".to_owned(), Debuginfo)]
        );
    }

    #[test]
    fn links_are_relative_to_their_directories() {
        let of = |path: &str, link: &str| String::from_utf8(joined(path.as_bytes(), link.as_bytes())).unwrap();
        assert_eq!(of("/usr/lib/.build-id/ab/cd", "../../../../usr/bin/x"), "/usr/bin/x");
        assert_eq!(of("/a/b", "/c//./d"), "/c/d");
        assert_eq!(of("/a", "../../../b"), "/b");
    }
}
