//! What debuggers look for: files by the build ID of a program.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::sync::Arc;

use super::client::PackageName;
use super::description::EntryTopic;
use crate::{FileName, Memory, Refusal};

/// No note is longer.
const LONGEST_BYTES: usize = 64;

/// The build ID of a program or library: a number that its linker wrote into it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildId(Box<[u8]>);

impl BuildId {
    /// Of the bytes of the note; `None` for none and for too many.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        (1..=LONGEST_BYTES).contains(&bytes.len()).then(|| Self(bytes.into()))
    }

    /// Of lower-case hexadecimal digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let pairs = text.chunks(2).map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        });
        Self::of_bytes(&pairs.collect::<Option<Vec<u8>>>()?)
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// `ab/cdef…`: how it stands in the names of files below a directory `.build-id`.
    pub fn path(&self) -> String {
        let text = self.to_string();
        let (directory, name) = text.split_at(2);
        format!("{directory}/{name}")
    }
}

impl Display for BuildId {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// What kind of file it is of which a package names the build ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DebugKind {
    /// The file with debugging information.
    Debuginfo,
    /// The program or library itself.
    Executable,
}

/// A build ID that an index entry of a package names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedBuildId {
    /// The build ID.
    pub id: BuildId,
    /// What has it.
    pub kind: DebugKind,
    /// The name of the package with the file, of the same version; `None`: the package itself.
    pub package: Option<String>,
}

/// A file in a package that a debugger asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DebugFile {
    /// One of a build ID.
    OfBuildId(BuildId, DebugKind),
    /// Text that a program was built from, at this absolute path.
    Source(String),
}

/// What a format's packages have for debuggers.
pub trait DebugFormat: Send + Sync {
    /// The topic of the entries that name build IDs.
    fn topic(&self) -> EntryTopic;

    /// The build IDs that an entry of a package names.
    fn build_ids(&self, package: &PackageName, entry: &[u8]) -> Vec<NamedBuildId>;

    /// The names of packages of the same version that have the text which the packages of a source were built from; none where
    /// packages have no such text. The name of a source is [`super::ClientFormat::source_package`].
    fn source_texts(&self, source: &str) -> Vec<String>;

    /// Looks for a file in a package, and gives it to `output`.
    fn reader(
        &self,
        package: &FileName,
        wanted: DebugFile,
        output: Box<dyn FileOutput>,
        memory: Arc<dyn Memory>,
    ) -> Box<dyn FileReader>;
}

/// A file that was found in a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Its path, without a slash at its start.
    pub path: Vec<u8>,
    /// Its size.
    pub size_bytes: u64,
}

/// Who gets a file that is read out of a package. An error ends the reading.
pub trait FileOutput: Send {
    /// The file was found.
    ///
    /// # Errors
    ///
    /// When nobody wants it any more.
    fn found(&mut self, file: FoundFile) -> io::Result<()>;

    /// The next bytes of it, as many as were unpacked at once: some kilobytes.
    ///
    /// # Errors
    ///
    /// When nobody wants them any more.
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// Reads one file of a package while the package streams past, in bounded memory.
pub trait FileReader: Send {
    /// Takes the next bytes of the package.
    ///
    /// # Errors
    ///
    /// When it is seen to be broken, or its output wants no more. After an error no further call is made.
    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal>;

    /// All bytes of the package have been taken.
    ///
    /// # Errors
    ///
    /// When it is seen to be cut.
    fn end(&mut self) -> Result<(), Refusal>;

    /// Whether no further bytes of the package are needed: all of the file has come, or it cannot come any more.
    fn is_done(&self) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_ids_are_hexadecimal_digits() {
        let id = BuildId::parse(b"00abcdef").unwrap();
        assert_eq!((id.to_string().as_str(), id.path().as_str()), ("00abcdef", "00/abcdef"));
        assert_eq!(BuildId::parse(b"ab").unwrap().path(), "ab/");
        for bad in [&b""[..], b"a", b"abc", b"AB", b"zz", b"../../", &[b'a'; 130]] {
            assert_eq!(BuildId::parse(bad), None);
        }
    }
}
