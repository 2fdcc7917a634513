//! The Debian changelog in a package (Debian Policy 4.4 and 12.7): which one `apt changelog` asks for, and its text.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::MultiGzDecoder;
use rws_archive::{FileSink, relative};
use rws_model::{ChangelogReader, FileName, Memory, PackageName, Refusal};

use crate::data_files::DataFiles;
use crate::version;

/// No changelog is larger, packed or not; of a longer one the newest part is shown.
const LIMIT_BYTES: u64 = 4 << 20;

/// What [`rws_model::RepositorySettings::changelogs`] is followed by (apt, `Acquire::Changelogs::URI`): `@CHANGEPATH@` stands for
/// `COMPONENT/LETTER/SOURCE/SOURCE_VERSION`, without an epoch.
pub(crate) const ADDRESS: &str = "@CHANGEPATH@_changelog";

/// The source and the version that such an address names: `main/h/hello/hello_2.10-3_changelog`.
pub(crate) fn source_in(path: &str) -> Option<(String, String)> {
    let (directory, name) = path.strip_suffix("_changelog")?.rsplit_once('/')?;
    let (source, version) = name.split_once('_')?;
    let is_good = directory.ends_with(&format!("/{source}")) && !source.is_empty() && !version.is_empty();
    is_good.then(|| (source.to_owned(), version.to_owned()))
}

/// Whether a package that says that it was built from `called` (a name and a version) has the changelog of a version without an
/// epoch of a source.
pub(crate) fn is_of(called: &str, (source, version): (&str, &str)) -> bool {
    let Some((name, of)) = called.split_once(' ') else { return false };
    let of = of.split_once(':').map_or(of, |(_, rest)| rest);
    name == source && version::compare(of, version).is_eq()
}

/// Reads the changelog while the package streams past.
pub(crate) struct Changelog {
    name: FileName,
    files: DataFiles,
    found: Arc<Mutex<Capture>>,
}

/// The content of the file that fits best.
#[derive(Default)]
struct Capture {
    /// How well it fits; `None`: there is none yet.
    rank: Option<u8>,
    /// Its content, as much of it as is kept.
    content: Vec<u8>,
}

/// Keeps the changelog among the files of a package.
struct Best {
    directory: Vec<u8>,
    /// So many bytes of the present file are kept yet.
    left_bytes: u64,
    found: Arc<Mutex<Capture>>,
}

impl Changelog {
    /// The changelog of a package in a file.
    pub(crate) fn new(file: &FileName, package: &PackageName, memory: Arc<dyn Memory>) -> Self {
        let directory = format!("usr/share/doc/{}/", package.name).into_bytes();
        let found: Arc<Mutex<Capture>> = Arc::default();
        let best = Best { directory, left_bytes: 0, found: Arc::clone(&found) };
        Self { name: file.clone(), files: DataFiles::new(Box::new(best), memory), found }
    }
}

impl FileSink for Best {
    fn begin(&mut self, path: &[u8], size_bytes: u64) -> io::Result<()> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let rank = rank(&self.directory, relative(path));
        let rank = rank.filter(|rank| found.rank.is_none_or(|known| *rank > known));
        self.left_bytes = 0;
        if rank.is_some() {
            *found = Capture { rank, content: Vec::new() };
            self.left_bytes = size_bytes.min(LIMIT_BYTES);
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = usize::try_from(self.left_bytes).unwrap_or(usize::MAX).min(bytes.len());
        if let Some(kept) = bytes.get(..length).filter(|kept| !kept.is_empty()) {
            self.left_bytes -= length as u64;
            self.found.lock().unwrap_or_else(PoisonError::into_inner).content.extend_from_slice(kept);
        }
        Ok(())
    }
}

/// How well a file fits: the changelog of a package that is not made for Debian alone is beside that of its upstream.
fn rank(directory: &[u8], path: &[u8]) -> Option<u8> {
    match path.strip_prefix(directory)? {
        b"changelog.Debian.gz" | b"changelog.Debian" => Some(2),
        b"changelog.gz" | b"changelog" => Some(1),
        _ => None,
    }
}

impl ChangelogReader for Changelog {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.files.push(bytes).map_err(|fault| fault.refuse(&self.name))
    }

    fn finish(self: Box<Self>) -> Option<Vec<u8>> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let content = std::mem::take(&mut found.content);
        found.rank?;
        if !content.starts_with(&[0x1f, 0x8b]) {
            return Some(content);
        }
        let mut text = Vec::new();
        // what can be read of one that is broken, or too long
        _ = MultiGzDecoder::new(content.as_slice()).take(LIMIT_BYTES).read_to_end(&mut text);
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_sources() {
        let found = |path: &str| source_in(path).map(|(source, version)| format!("{source} {version}"));
        assert_eq!(found("main/h/hello/hello_2.10-3_changelog").as_deref(), Some("hello 2.10-3"));
        assert_eq!(found("contrib/libf/libfoo/libfoo_1~rc_1_changelog").as_deref(), Some("libfoo 1~rc_1"));
        for bad in ["", "hello_1_changelog", "main/h/hello/other_1_changelog", "main/h/hello/hello_1", "a/_1_changelog"]
        {
            assert_eq!(found(bad), None, "{bad}");
        }
        assert!(is_of("hello 1:2.10-3", ("hello", "2.10-3")) && is_of("hello 2.0-0", ("hello", "2.0")));
        assert!(!is_of("hello 2.10-3", ("hello", "2.10")) && !is_of("hello2 1", ("hello", "1")));
    }
}
