//! Debug symbols: packages `NAME-dbgsym`, which name the build IDs of the programs in the package `NAME` (the field `Build-Ids`, which
//! dh_strip and CPack write).

use std::sync::Arc;

use rws_archive::{Picker, Progress, Wanted};
use rws_model::{
    BuildId, DebugFile, DebugFormat, DebugKind, EntryTopic, FileName, FileOutput, FileReader, Memory, NamedBuildId,
    PackageName, Refusal,
};

use crate::data_files::DataFiles;

const FIELD: &[u8] = b"Build-Ids:";

/// What the name of a package ends in that has the symbols of another.
const SYMBOLS: [&str; 2] = ["-dbgsym", "-dbg"];

/// Debug symbols of the format.
pub(crate) struct DebDebug;

impl DebugFormat for DebDebug {
    fn topic(&self) -> EntryTopic {
        EntryTopic::Description
    }

    fn build_ids(&self, package: &PackageName, entry: &[u8]) -> Vec<NamedBuildId> {
        let is_field = |line: &&[u8]| line.get(..FIELD.len()).is_some_and(|name| name.eq_ignore_ascii_case(FIELD));
        let Some(line) = entry.split(|byte| *byte == b'\n').find(is_field) else { return Vec::new() };
        let stripped = SYMBOLS.iter().find_map(|end| package.name.strip_suffix(end));
        let words = line[FIELD.len()..].split(u8::is_ascii_whitespace).filter_map(BuildId::parse);
        let of_one = |id: BuildId| {
            let executable = stripped.map(|name| NamedBuildId {
                id: id.clone(),
                kind: DebugKind::Executable,
                package: Some(name.to_owned()),
            });
            [Some(NamedBuildId { id, kind: DebugKind::Debuginfo, package: None }), executable]
        };
        words.flat_map(of_one).flatten().collect()
    }

    fn source_texts(&self, _source: &str) -> Vec<String> {
        Vec::new()
    }

    fn reader(
        &self,
        package: &FileName,
        wanted: DebugFile,
        output: Box<dyn FileOutput>,
        memory: Arc<dyn Memory>,
    ) -> Box<dyn FileReader> {
        let wanted = match wanted {
            DebugFile::OfBuildId(id, DebugKind::Executable) => Wanted::BuildId(id),
            DebugFile::OfBuildId(id, DebugKind::Debuginfo) => {
                Wanted::Paths([format!("usr/lib/debug/.build-id/{}.debug", id.path()).into_bytes()].into())
            }
            DebugFile::Source(path) => Wanted::Paths([path.trim_start_matches('/').as_bytes().to_vec()].into()),
        };
        let progress = Progress::default();
        let files = DataFiles::new(Box::new(Picker::new(wanted, output, progress.clone())), memory);
        Box::new(Reader { name: package.clone(), files, progress })
    }
}

struct Reader {
    name: FileName,
    files: DataFiles,
    progress: Progress,
}

impl FileReader for Reader {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.files.push(bytes).map_err(|fault| fault.refuse(&self.name))
    }

    fn end(&mut self) -> Result<(), Refusal> {
        // the files end before the package does
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.progress.is_complete() || self.files.has_ended()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_symbols_name_what_they_are_of() {
        let package = |name: &str| PackageName {
            name: name.to_owned(),
            version: "1".to_owned(),
            architecture: "amd64".to_owned(),
        };
        let entry = b"Package: x\nbuild-ids: 0102 zz 03\nDescription: x\n Build-Ids: 04\n\n";
        let named = DebDebug.build_ids(&package("x-dbgsym"), entry);
        let named: Vec<(String, DebugKind, Option<&str>)> =
            named.iter().map(|one| (one.id.to_string(), one.kind, one.package.as_deref())).collect();
        use DebugKind::{Debuginfo, Executable};
        assert_eq!(
            named,
            [
                ("0102".to_owned(), Debuginfo, None),
                ("0102".to_owned(), Executable, Some("x")),
                ("03".to_owned(), Debuginfo, None),
                ("03".to_owned(), Executable, Some("x")),
            ]
        );
        assert_eq!(DebDebug.build_ids(&package("symbols"), entry).len(), 2);
        assert_eq!(DebDebug.build_ids(&package("x"), b"Package: x\n\n"), []);
    }
}
