//! The Debian changelog in a package (Debian Policy 4.4 and 12.7): which one `apt changelog` asks for, and its text.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::MultiGzDecoder;
use rws_model::{ChangelogReader, FileName, Memory, PackageName, Refusal};

use crate::ar;
use crate::fault::Fault;
use crate::file_names::{Capture, DataMember};
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
    archive: ar::Reader,
    package: Package,
}

struct Package {
    directory: Vec<u8>,
    data: Option<DataMember>,
    found: Arc<Mutex<Capture>>,
    memory: Arc<dyn Memory>,
}

impl Changelog {
    /// The changelog of a package in a file.
    pub(crate) fn new(file: &FileName, package: &PackageName, memory: Arc<dyn Memory>) -> Self {
        let directory = format!("usr/share/doc/{}/", package.name).into_bytes();
        let package = Package { directory, data: None, found: Arc::default(), memory };
        Self { name: file.clone(), archive: ar::Reader::new(), package }
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

impl ar::Members for Package {
    fn begin(&mut self, name: &[u8], size_bytes: u64) -> Result<(), Fault> {
        self.data = None;
        if name.starts_with(b"data.tar") {
            let directory = self.directory.clone();
            let wanted = Box::new(move |path: &[u8]| rank(&directory, path));
            let found = Arc::clone(&self.found);
            let memory = Arc::clone(&self.memory);
            self.data = Some(DataMember::capturing(name, size_bytes, (wanted, LIMIT_BYTES, found), memory)?);
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.data.as_mut().map_or(Ok(()), |data| data.push(bytes))
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.data.take().map_or(Ok(()), |data| data.finish().map(drop))
    }
}

impl ChangelogReader for Changelog {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.archive.push(bytes, &mut self.package).map_err(|fault| fault.refuse(&self.name))
    }

    fn finish(self: Box<Self>) -> Option<Vec<u8>> {
        let mut found = self.package.found.lock().unwrap_or_else(PoisonError::into_inner);
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
