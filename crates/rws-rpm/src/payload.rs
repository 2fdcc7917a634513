//! The payload of a package: a cpio archive (cpio(5), "New ASCII Format"; rpm: `lib/rpmcpio.c`), read while it streams past.

use std::collections::HashMap;
use std::io::{self, Write};

use rws_archive::FileSink;

use crate::header::Header;
use crate::{files, tag};

const MAGIC_BYTES: usize = 6;
/// Magic, and 13 numbers of 8 hexadecimal digits.
const HEADER_BYTES: usize = 110;
/// Magic, the place of the file in the header's list, and padding.
const STRIPPED_HEADER_BYTES: usize = 16;
/// What any system takes for a path is less.
const LONGEST_NAME_BYTES: u64 = 64 << 10;
const TRAILER: &[u8] = b"TRAILER!!!";

/// The sizes of the files in the payload, in the order of the header: rpm leaves them out of the payload where one is very large, and
/// in packages of version 6.
///
/// Of several names of one file the last one has the content (rpm: `iterReadArchiveNext`).
pub struct Sizes(Vec<u64>);

impl Sizes {
    /// As the header states them.
    pub fn read(main: &Header) -> Self {
        let number = if main.has(tag::LONG_FILE_SIZES) { tag::LONG_FILE_SIZES } else { tag::FILE_SIZES };
        let mut sizes: Vec<u64> = main.numbers(number).collect();
        let inodes = main.numbers(tag::FILE_INODES).zip(main.numbers(tag::FILE_DEVICES));
        let kinds = main.numbers(tag::FILE_MODES).zip(main.numbers(tag::FILE_FLAGS));
        let mut last: HashMap<(u64, u64), usize> = HashMap::new();
        for (position, (file, (mode, flags))) in inodes.zip(kinds).enumerate() {
            let has_content = mode & 0o170_000 == 0o100_000 && flags & files::GHOST == 0;
            let before = if has_content { last.insert(file, position) } else { None };
            if let Some(size) = before.and_then(|before| sizes.get_mut(before)) {
                *size = 0;
            }
        }
        // only regular files and symbolic links have content
        for (size, mode) in sizes.iter_mut().zip(main.numbers(tag::FILE_MODES)) {
            if !matches!(mode & 0o170_000, 0o100_000 | 0o120_000) {
                *size = 0;
            }
        }
        Self(sizes)
    }
}

/// A payload that is written to, unpacked.
pub struct Payload {
    sizes: Sizes,
    files: Box<dyn FileSink>,
    state: State,
}

enum State {
    /// What there is of a header.
    Header(Vec<u8>),
    /// What there is of a name, padded to so many bytes.
    Name {
        name: Vec<u8>,
        name_bytes: usize,
        padded_bytes: usize,
        size_bytes: u64,
    },
    /// Content and its padding.
    Content {
        left_bytes: u64,
    },
    End,
}

impl Payload {
    /// Gives the files to `files`, under their names, or those of [`place_name`].
    pub fn new(sizes: Sizes, files: Box<dyn FileSink>) -> Self {
        Self { sizes, files, state: State::Header(Vec::new()) }
    }

    /// How many bytes of a header are wanted, as far as its start tells.
    fn wanted(header: &[u8]) -> usize {
        match header.get(..MAGIC_BYTES) {
            None => MAGIC_BYTES,
            Some(b"07070X") => STRIPPED_HEADER_BYTES,
            Some(_) => HEADER_BYTES,
        }
    }

    fn header(&mut self, header: &[u8]) -> io::Result<State> {
        let number = |position: usize| {
            let start = MAGIC_BYTES + 8 * position;
            let digits = header.get(start..start + 8).and_then(|digits| std::str::from_utf8(digits).ok());
            let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
            number.ok_or_else(|| io::Error::other("a header of the payload is damaged"))
        };
        match &header[..MAGIC_BYTES] {
            b"07070X" => {
                let place = number(0)?;
                let size = usize::try_from(place).ok().and_then(|place| self.sizes.0.get(place));
                let size_bytes = *size.ok_or_else(|| io::Error::other("the payload has a file that no list has"))?;
                self.files.begin(&place_name(place), size_bytes)?;
                content(size_bytes)
            }
            b"070701" | b"070702" => {
                let (size_bytes, name_bytes) = (number(6)?, number(11)?);
                if name_bytes > LONGEST_NAME_BYTES {
                    return Err(io::Error::other("a name in the payload is too long"));
                }
                // it fits: see above
                let name_bytes = name_bytes as usize;
                let padded_bytes = (HEADER_BYTES + name_bytes).next_multiple_of(4) - HEADER_BYTES;
                Ok(State::Name { name: Vec::new(), name_bytes, padded_bytes, size_bytes })
            }
            _ => Err(io::Error::other("the payload is no cpio archive of the new form")),
        }
    }

    fn named(&mut self, name: &[u8], size_bytes: u64) -> io::Result<State> {
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        if name == TRAILER {
            return Ok(State::End);
        }
        self.files.begin(name, size_bytes)?;
        content(size_bytes)
    }
}

/// What stands for the path of a file whose name is in the header alone.
pub fn place_name(place: u64) -> Vec<u8> {
    format!("\0{place}").into_bytes()
}

fn content(size_bytes: u64) -> io::Result<State> {
    match size_bytes.checked_next_multiple_of(4) {
        None => Err(io::Error::other("the payload has a file of an absurd size")),
        Some(0) => Ok(State::Header(Vec::new())),
        Some(left_bytes) => Ok(State::Content { left_bytes }),
    }
}

impl Write for Payload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let state = std::mem::replace(&mut self.state, State::End);
            self.state = match state {
                State::Header(mut header) => {
                    let (now, later) = rest.split_at(rest.len().min(Self::wanted(&header) - header.len()));
                    header.extend_from_slice(now);
                    rest = later;
                    if header.len() < Self::wanted(&header) { State::Header(header) } else { self.header(&header)? }
                }
                State::Name { mut name, name_bytes, padded_bytes, size_bytes } => {
                    let (now, later) = rest.split_at(rest.len().min(padded_bytes - name.len()));
                    name.extend_from_slice(now);
                    rest = later;
                    match name.len() == padded_bytes {
                        true => self.named(&name[..name_bytes], size_bytes)?,
                        false => State::Name { name, name_bytes, padded_bytes, size_bytes },
                    }
                }
                State::Content { left_bytes } => {
                    let length = usize::try_from(left_bytes).unwrap_or(usize::MAX).min(rest.len());
                    let (now, later) = rest.split_at(length);
                    self.files.bytes(now)?;
                    rest = later;
                    match left_bytes - length as u64 {
                        0 => State::Header(Vec::new()),
                        left_bytes => State::Content { left_bytes },
                    }
                }
                State::End => {
                    rest = &[];
                    State::End
                }
            };
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::*;

    /// A file that was given: its path, its size and its content.
    type GivenFile = (Vec<u8>, u64, Vec<u8>);

    #[derive(Clone, Default)]
    struct Given(Arc<Mutex<Vec<GivenFile>>>);

    impl FileSink for Given {
        fn begin(&mut self, path: &[u8], size_bytes: u64) -> io::Result<()> {
            self.0.lock().unwrap().push((path.to_vec(), size_bytes, Vec::new()));
            Ok(())
        }

        fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
            let mut given = self.0.lock().unwrap();
            let (_, size_bytes, content) = given.last_mut().unwrap();
            let left = usize::try_from(*size_bytes).unwrap_or(usize::MAX) - content.len();
            content.extend_from_slice(&bytes[..left.min(bytes.len())]);
            Ok(())
        }
    }

    fn padded(bytes: &[u8]) -> Vec<u8> {
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(4), 0);
        padded
    }

    fn named(magic: &str, name: &[u8], size_bytes: usize) -> Vec<u8> {
        let mut numbers = [0_usize; 13];
        (numbers[6], numbers[11]) = (size_bytes, name.len() + 1);
        let digits: String = numbers.iter().map(|number| format!("{number:08x}")).collect();
        padded(&[magic.as_bytes(), digits.as_bytes(), name, b"\0"].concat())
    }

    fn archive(files: &[(Vec<u8>, Vec<u8>)], is_stripped: bool) -> Vec<u8> {
        let mut archive = Vec::new();
        for (place, (name, content)) in files.iter().enumerate() {
            archive.extend(match is_stripped {
                true => padded(format!("07070X{place:08x}").as_bytes()),
                false => named("070701", name, content.len()),
            });
            archive.extend(padded(content));
        }
        archive.extend(named("070701", TRAILER, 0));
        archive
    }

    fn given(archive: &[u8], sizes: Vec<u64>, piece: usize) -> (io::Result<()>, Vec<GivenFile>) {
        let given = Given::default();
        let mut payload = Payload::new(Sizes(sizes), Box::new(given.clone()));
        let written = archive.chunks(piece).try_for_each(|piece| payload.write_all(piece));
        (written, given.0.lock().unwrap().clone())
    }

    fn files() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
        let name = proptest::collection::vec(1_u8.., 1..20);
        proptest::collection::vec((name, proptest::collection::vec(any::<u8>(), 0..50)), 0..6)
    }

    proptest! {
        #[test]
        fn files_come_as_they_are(files in files(), is_stripped: bool, piece in 1_usize..60) {
            let sizes = files.iter().map(|(_, content)| content.len() as u64).collect();
            let (written, given) = given(&archive(&files, is_stripped), sizes, piece);
            prop_assert!(written.is_ok());
            let expected: Vec<_> = files
                .into_iter()
                .enumerate()
                .map(|(place, (name, content))| {
                    (if is_stripped { place_name(place as u64) } else { name }, content.len() as u64, content)
                })
                .collect();
            prop_assert_eq!(given, expected);
        }

        #[test]
        fn no_size_is_too_large(size in u64::MAX - 8.., piece in 1_usize..60) {
            let files = [(b"a".to_vec(), b"text".to_vec())];
            _ = given(&archive(&files, true), vec![size], piece);
        }

        #[test]
        fn no_bytes_are_too_odd(files in files(), is_stripped: bool, at: usize, value: u8, sizes: Vec<u64>) {
            let mut archive = archive(&files, is_stripped);
            let at = at % archive.len();
            archive[at] = value;
            _ = given(&archive, sizes, 7);
        }
    }
}
