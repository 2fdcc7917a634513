//! Package files in the store, read for the index.

use std::sync::Arc;

use futures::StreamExt;
use rws_model::{
    Assembled, ContentDigester, Digests, FileName, Format, Inspected, Listed as ListedFiles, PackagePlace, Placement,
    Reading, Record, RecordFile, Refusal,
};
use rws_store::{Listed, Span, Stat, Store, Version};

use crate::RepositoryError;
use crate::catalogue::ConfiguredTarget;
use crate::inspection::Inspection;
use crate::plan::join;

/// How much is read first of a file whose digests are known: more than the headers of almost all packages.
const FRONT_BYTES: u64 = 64 << 10;

/// What all of a file is.
#[derive(Clone)]
pub(crate) struct KnownFile {
    pub(crate) size_bytes: u64,
    pub(crate) digests: Digests,
}

/// A file in the store. There may be very many.
#[derive(Clone)]
pub(crate) struct StoredFile {
    listed: Listed,
    /// Where its path below the tree starts in its key.
    path_start: usize,
}

impl StoredFile {
    /// A file at a path below `tree`.
    pub(crate) fn new(tree: &str, listed: Listed) -> Self {
        let is_below = listed.key.as_str().get(tree.len()..).is_some_and(|rest| rest.starts_with('/'));
        Self { path_start: if is_below { tree.len() + 1 } else { 0 }, listed }
    }

    /// Its path below the tree.
    pub(crate) fn path(&self) -> &str {
        self.listed.key.as_str().get(self.path_start..).unwrap_or_default()
    }

    /// What the store says of it.
    pub(crate) fn stat(&self) -> &Stat {
        &self.listed.stat
    }
}

/// A file that was read.
pub(crate) struct ReadFile {
    pub(crate) path: String,
    pub(crate) name: FileName,
    /// What the store said of it while it was read.
    pub(crate) version: Version,
    pub(crate) inspected: Inspected,
}

/// Reads files of one format.
#[derive(Clone)]
pub(crate) struct StoredFiles {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) format: Arc<dyn Format>,
    /// How much of a package is read.
    pub(crate) depth: Reading,
}

impl StoredFiles {
    /// Reads a file; only its front where it is known what all of it is. The path and the reason of one that is bad.
    pub(crate) async fn read(
        &self,
        file: StoredFile,
        known: Option<KnownFile>,
    ) -> Result<Result<ReadFile, (String, Refusal)>, RepositoryError> {
        let path = file.path().to_owned();
        let name = match FileName::parse(file.listed.key.file_name()) {
            Ok(name) => name,
            Err(refusal) => return Ok(Err((path, refusal))),
        };
        let read = match known {
            Some(known) => self.front(&file, &name, &known).await?,
            None => None,
        };
        let read = match read {
            Some(read) => read,
            None => self.whole(&file, &name).await?,
        };
        Ok(match read {
            Ok((version, inspected)) => Ok(ReadFile { path, name, version, inspected }),
            Err(refusal) => Err((path, refusal)),
        })
    }

    /// The front of a file, as far as its entries need; `None` where it has changed, or is not what is known of it.
    async fn front(
        &self,
        file: &StoredFile,
        name: &FileName,
        known: &KnownFile,
    ) -> Result<Option<Result<(Version, Inspected), Refusal>>, RepositoryError> {
        let version = file.listed.stat.version.clone();
        let mut inspector = self.format.inspector(name, self.depth);
        let (mut start, mut length) = (0, FRONT_BYTES);
        let mut digester = ContentDigester::new();
        while !inspector.has_enough() && start < known.size_bytes {
            let Some(mut content) = self.store.read(&file.listed.key, Span::Part { start, length }).await? else {
                return Ok(None);
            };
            if content.stat.version != version {
                return Ok(None);
            }
            while let Some(piece) = content.bytes.next().await {
                let piece = piece?;
                digester.update(&piece);
                if let Err(refusal) = inspector.push(&piece) {
                    return Ok(Some(Err(refusal)));
                }
            }
            start += length;
            length *= 4;
        }
        let (read_bytes, sha256) = digester.finish();
        let inspected = match read_bytes == known.size_bytes {
            // all of a small file was read: nothing need be believed
            true if sha256 != known.digests.sha256 => return Ok(None),
            true => inspector.finish(known.size_bytes, &known.digests),
            false => inspector.finish_early(known.size_bytes, &known.digests),
        };
        Ok(Some(inspected.map(|inspected| (version, inspected))))
    }

    async fn whole(
        &self,
        file: &StoredFile,
        name: &FileName,
    ) -> Result<Result<(Version, Inspected), Refusal>, RepositoryError> {
        let Some(mut content) = self.store.read(&file.listed.key, Span::Whole).await? else {
            return Ok(Err(Refusal::new(name.as_str(), "somebody removed it while RWS read it")));
        };
        let mut inspection = Inspection::new(&*self.format, name, self.depth);
        while let Some(piece) = content.bytes.next().await {
            if let Err(refusal) = inspection.push(&piece?) {
                return Ok(Err(refusal));
            }
        }
        Ok(inspection.finish().map(|inspected| (content.stat.version, inspected)))
    }
}

/// The record of a package where it lies; `beside` knows the files of the repository by their paths below the tree.
///
/// # Errors
///
/// When the file is no package, or one that does not fit the files beside it.
pub(crate) fn assemble(
    target: &ConfiguredTarget,
    file: &ReadFile,
    beside: &dyn Fn(&str) -> Option<RecordFile>,
) -> Result<Record, Refusal> {
    let directory = file.path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let pool = |path: &str| beside(&join(directory, path.rsplit('/').next().unwrap_or(path)));
    // the directory is where the file is; a component that the configuration does not have any more keeps its packages
    let component = target.format.place_of(directory).component;
    let is_component = |name: &String| target.format.component_rule().is_some_and(|rule| (rule.check)(name));
    let place = PackagePlace { component: component.filter(is_component), ..PackagePlace::of_product("unknown") };
    let placement = Placement {
        target: &target.target,
        place: &place,
        // a package belongs where it was put
        architectures: std::slice::from_ref(&file.inspected.architecture),
        settings: &target.settings,
        pool: &pool,
        listed: ListedFiles::InUpload,
        strict_names: false,
        is_present: true,
    };
    let assembled = target.format.assemble(std::slice::from_ref(&file.inspected), &placement)?;
    let none = || Refusal::new(file.name.as_str(), "it is not a package");
    let Assembled { record, .. } = assembled.into_iter().next().ok_or_else(none)?;
    Ok(Record { directory: directory.to_owned(), ..record })
}
