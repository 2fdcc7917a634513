//! What there is to import.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;

use rws_model::{FileName, ListedFile, ListedRole, PlainDirectory, RepositoryId, RootFile, Sha256, sha256};
use rws_store::Key;

use super::{ImportError, Importer};
use crate::blocks::codec;

/// The name under which the source is read: it is the only repository there.
const MOUNT: &str = "repository";

/// The largest root file, and the largest index: as it is stored, and as it is read.
const MAX_ROOT_BYTES: u64 = 64 << 20;
const MAX_INDEX_BYTES: u64 = 256 << 20;
const MAX_OPEN_BYTES: u64 = 2 << 30;

/// What there is to import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportPlan {
    /// Files, small ones first: what names others is read before them.
    pub files: Vec<PlannedFile>,
    /// Whether an index lists them.
    pub is_indexed: bool,
    /// Metadata of other kinds that the index lists.
    pub metadata: Vec<String>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFile {
    /// Its path in the source.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its content, where the index states it.
    pub sha256: Option<Sha256>,
}

impl Importer<'_> {
    /// Looks what there is. `suite` is the name of the repository in an archive that has several.
    ///
    /// # Errors
    ///
    /// When the source has no packages, or its index cannot be read.
    pub async fn plan(&self, suite: &str) -> Result<ImportPlan, ImportError> {
        let id = match self.format.plain_directory() {
            PlainDirectory::Parts { .. } => format!("{MOUNT}/{suite}"),
            PlainDirectory::Whole { .. } => MOUNT.to_owned(),
        };
        let id = RepositoryId::parse(&id)
            .ok_or_else(|| ImportError::Source(format!("{suite:?} is no name of a repository: say --suite NAME")))?;
        let mut root = Vec::new();
        for name in self.format.root_names(&id) {
            if let Some(content) = self.read(&name, MAX_ROOT_BYTES).await? {
                root.push(RootFile { name, content: content.to_vec() });
            }
        }
        let mut plan = match root.is_empty() {
            true => self.listed(suite, &id).await?,
            false => self.indexed(&id, &root).await?,
        };
        plan.files.sort_by(|left, right| (left.size_bytes, &left.path).cmp(&(right.size_bytes, &right.path)));
        Ok(plan)
    }

    async fn indexed(&self, id: &RepositoryId, root: &[RootFile]) -> Result<ImportPlan, ImportError> {
        let names: Vec<&str> = root.iter().map(|file| file.name.as_str()).collect();
        let unreadable = |reason: String| ImportError::Source(format!("{}: {reason}", names.join(", ")));
        let listed = self.format.read_root(id, root).map_err(unreadable)?;
        let (mut files, mut done): (BTreeMap<String, PlannedFile>, HashSet<&str>) = (BTreeMap::new(), HashSet::new());
        let of_packages = || listed.iter().filter(|file| file.role == ListedRole::Packages);
        for file in of_packages() {
            if done.contains(file.index.as_str()) {
                continue;
            }
            let Some(text) = self.index(file).await? else { continue };
            done.insert(&file.index);
            let unreadable = |reason| ImportError::Source(format!("{}: {reason}", file.index));
            for package in self.format.read_index(&file.index, &text).map_err(unreadable)? {
                if Key::parse(&package.path).is_none() {
                    return Err(ImportError::Source(format!("{} lists {:?}, no path in it", file.index, package.path)));
                }
                let sha256 = Some(package.digests.sha256);
                let planned = PlannedFile { path: package.path.clone(), size_bytes: package.size_bytes, sha256 };
                files.insert(package.path, planned);
            }
        }
        if let Some(missing) = of_packages().find(|file| !done.contains(file.index.as_str()) && file.size_bytes > 0) {
            let tried = missing.names.join(", ");
            return Err(ImportError::Source(format!("{} is listed and cannot be read ({tried})", missing.index)));
        }
        let metadata = listed.iter().filter(|file| file.role == ListedRole::Carried).map(|file| file.index.clone());
        let metadata = metadata.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        Ok(ImportPlan { files: files.into_values().collect(), is_indexed: true, metadata })
    }

    /// The plain form of an index, under the first of its names that has it.
    async fn index(&self, file: &ListedFile) -> Result<Option<Vec<u8>>, ImportError> {
        for name in &file.names {
            let Some(bytes) = self.read(name, MAX_INDEX_BYTES).await? else { continue };
            if (bytes.len() as u64, sha256(&bytes)) != (file.size_bytes, file.sha256) {
                return Err(ImportError::Source(format!("{name} is not what its root file says: try again later")));
            }
            let mut text = Vec::new();
            let read = codec::reader(file.codec, &bytes)
                .and_then(|reader| reader.take(MAX_OPEN_BYTES + 1).read_to_end(&mut text));
            read.map_err(|error| ImportError::Source(format!("{name}: {error}")))?;
            if text.len() as u64 > MAX_OPEN_BYTES {
                return Err(ImportError::Source(format!("{name} has more than {MAX_OPEN_BYTES} bytes")));
            }
            return Ok(Some(text));
        }
        Ok(None)
    }

    /// All files that are packages by their names.
    async fn listed(&self, suite: &str, id: &RepositoryId) -> Result<ImportPlan, ImportError> {
        let names = self.format.root_names(id).join(", ");
        let failed = |error: std::io::Error| ImportError::Source(error.to_string());
        let Some(all) = self.source.list().await.map_err(failed)? else {
            return Err(ImportError::Source(format!(
                "there is none of {names}: is it the URL of the repository, and {suite} its name there (--suite)?"
            )));
        };
        let name = |path: &str| FileName::parse(path.rsplit('/').next().unwrap_or(path)).ok();
        // what one of the targets keeps
        let is_kept = |name: &FileName| {
            self.targets.iter().any(|target| self.format.skips(name.as_str(), &target.settings).is_none())
        };
        let is_package = |path: &str| name(path).is_some_and(|name| self.format.accepts(&name) && is_kept(&name));
        let files = all.into_iter().filter(|(path, _)| Key::parse(path).is_some() && is_package(path));
        let files: Vec<PlannedFile> =
            files.map(|(path, size_bytes)| PlannedFile { path, size_bytes, sha256: None }).collect();
        if files.is_empty() {
            return Err(ImportError::Source(format!("there is none of {names}, and no package")));
        }
        Ok(ImportPlan { files, is_indexed: false, metadata: Vec::new() })
    }

    async fn read(&self, path: &str, most: u64) -> Result<Option<bytes::Bytes>, ImportError> {
        self.source.read(path, most).await.map_err(|error| ImportError::Source(format!("{path}: {error}")))
    }
}
