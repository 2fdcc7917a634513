//! The store compared with the index: one listing, and a read of each file that is new or changed.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::{FutureExt, StreamExt};
use rws_model::{Assembled, Change, FileName, Identity, Inspected, Placement, RecordFile, Refusal, Role};
use rws_store::{Listed, Span, Version};

use super::{Malformed, Run, State};
use crate::gather::gather;
use crate::generation::{FileRow, PackageRow};
use crate::inspection::Inspection;
use crate::plan::{Origin, PlannedChange, join};
use crate::{RepositoryError, private};

/// How many files are read at once.
const READS_AT_ONCE: usize = 4;

/// What a synchronisation found.
#[derive(Default)]
pub struct Found {
    /// What is to change.
    pub changes: Vec<PlannedChange>,
    /// Files that are known from now on without being part of a package.
    pub known: Vec<FileRow>,
}

/// A file in the store, below the tree.
struct Present {
    path: String,
    name: FileName,
    listed: Listed,
}

impl Present {
    fn directory(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(directory, _)| directory)
    }
}

/// A file that was read.
struct Read {
    present: Present,
    inspected: Inspected,
}

impl Read {
    fn row(&self) -> FileRow {
        FileRow {
            path: self.present.path.clone(),
            size_bytes: self.inspected.file.size_bytes,
            digests: self.inspected.file.digests.clone(),
            version: Some(self.present.listed.stat.version.clone()),
            users: 0,
        }
    }
}

/// What the index says now.
struct Indexed {
    files: HashMap<String, FileRow>,
    packages: HashMap<String, PackageRow>,
    retired: HashSet<String>,
}

impl Run<'_> {
    /// Compares the store with the present generation. A package that the index has goes only when the listing does
    /// not have its file and asking for it says that it is gone.
    pub(super) async fn synchronise(&self, state: &State) -> Result<Found, RepositoryError> {
        let indexed = self.indexed(state)?;
        let present = self.present_files().await?;
        let paths: HashSet<&str> = present.iter().map(|file| file.path.as_str()).collect();
        if paths.is_empty() && indexed.files.values().any(|file| file.users > 0) {
            let reason = "the listing is empty while the index has packages; nothing was removed. When all packages \
                          were really deleted, delete them through RWS";
            return Err(RepositoryError::damaged(&self.tree, reason));
        }
        let mut found = Found { changes: self.removed(&indexed, &paths).await?, known: Vec::new() };
        let mut gone: HashSet<Identity> = found.changes.iter().map(|change| change.change.identity.clone()).collect();
        let read = self.read_new(&indexed, present).await?;
        self.assemble_all(read, &indexed, &mut gone, &mut found)?;
        tracing::info!(repository = %self.repository, changes = found.changes.len(), "compared with the store");
        Ok(found)
    }

    fn indexed(&self, state: &State) -> Result<Indexed, RepositoryError> {
        let mut indexed = Indexed { files: HashMap::new(), packages: HashMap::new(), retired: HashSet::new() };
        if let Some(generation) = &state.generation {
            let files = generation.files.all().map_err(RepositoryError::generation(self.repository))?;
            indexed.files = files.into_iter().map(|row| (row.path.clone(), row)).collect();
            let packages = generation.packages.all().map_err(RepositoryError::generation(self.repository))?;
            indexed.packages = packages.into_iter().map(|row| (row.identity.clone(), row)).collect();
        }
        if let Some(head) = state.head() {
            indexed.retired = head.retired.iter().map(|file| file.path.clone()).collect();
        }
        Ok(indexed)
    }

    /// All files of this format in the repository's part of the tree.
    async fn present_files(&self) -> Result<Vec<Present>, RepositoryError> {
        let layout = self.target.format.layout(self.repository);
        let metadata = format!("{}/{}/", layout.tree, layout.metadata);
        let prefix = format!("{}/", join(&layout.tree, &layout.packages).trim_end_matches('/'));
        let mut present = Vec::new();
        for listed in self.store().list(&prefix).await? {
            let key = listed.key.as_str();
            if key.starts_with(&metadata) || private::is_private(key) {
                continue;
            }
            let Some(path) = key.strip_prefix(&format!("{}/", layout.tree)).map(str::to_owned) else { continue };
            match FileName::parse(listed.key.file_name()) {
                Ok(name) if self.target.format.accepts(&name) => present.push(Present { path, name, listed }),
                Ok(_) => {}
                Err(refusal) => self.malformed(&path, refusal)?,
            }
        }
        Ok(present)
    }

    /// Changes that remove packages whose files are gone.
    async fn removed(&self, indexed: &Indexed, paths: &HashSet<&str>) -> Result<Vec<PlannedChange>, RepositoryError> {
        let mut changes = Vec::new();
        for row in indexed.packages.values() {
            let mut missing = false;
            for name in &row.files {
                let path = join(&row.directory, name.as_str());
                missing |= !paths.contains(path.as_str()) && self.store().stat(&self.key(&path)?).await?.is_none();
            }
            if missing {
                changes.push(self.change(Identity(row.identity.clone()), None, BTreeMap::new()));
            }
        }
        changes.sort_by(|left, right| left.change.identity.cmp(&right.change.identity));
        Ok(changes)
    }

    /// Reads the files that are not known as they are now.
    async fn read_new(&self, indexed: &Indexed, present: Vec<Present>) -> Result<Vec<Read>, RepositoryError> {
        let new = present.into_iter().filter(|file| {
            let same = indexed.files.get(&file.path).is_some_and(|row| {
                row.version.as_ref() == Some(&file.listed.stat.version) && row.size_bytes == file.listed.stat.size_bytes
            });
            !same && !indexed.retired.contains(&file.path)
        });
        let reads = new.map(|file| self.read(file).boxed()).collect();
        let mut read = Vec::new();
        for one in gather(READS_AT_ONCE, reads).await? {
            match one {
                (present, Ok(inspected)) => read.push(Read { present, inspected: *inspected }),
                (present, Err(refusal)) => self.malformed(&present.path, refusal)?,
            }
        }
        Ok(read)
    }

    async fn read(&self, file: Present) -> Result<(Present, Result<Box<Inspected>, Refusal>), RepositoryError> {
        let Some(mut content) = self.store().read(&file.listed.key, Span::Whole).await? else {
            let refusal = Refusal::new(file.name.as_str(), "it went away while it was read");
            return Ok((file, Err(refusal)));
        };
        let mut inspection = Inspection::new(&*self.target.format, &file.name);
        while let Some(piece) = content.bytes.next().await {
            if let Err(refusal) = inspection.push(&piece?) {
                return Ok((file, Err(refusal)));
            }
        }
        Ok((file, inspection.finish().map(Box::new)))
    }

    /// Makes changes of what was read: packages one by one, sources with the files beside them.
    fn assemble_all(
        &self,
        read: Vec<Read>,
        indexed: &Indexed,
        gone: &mut HashSet<Identity>,
        found: &mut Found,
    ) -> Result<(), RepositoryError> {
        let beside: HashMap<String, RecordFile> =
            read.iter().map(|read| (read.present.path.clone(), read.inspected.file.clone())).collect();
        let versions: HashMap<String, Version> =
            read.iter().map(|read| (read.present.path.clone(), read.present.listed.stat.version.clone())).collect();
        let mut taken: HashSet<Identity> = HashSet::new();
        for file in &read {
            // known from now on, whatever becomes of it; a package that has the file counts it again
            let known = indexed.files.get(&file.present.path).filter(|row| row.digests == file.inspected.file.digests);
            found.known.push(FileRow { users: known.map_or(0, |row| row.users), ..file.row() });
            if matches!(file.inspected.role, Role::Part | Role::Listing) {
                continue;
            }
            let identity = file.inspected.identity.clone();
            if self.is_elsewhere(file, &identity, indexed, gone) || !taken.insert(identity.clone()) {
                tracing::warn!(repository = %self.repository, path = %file.present.path, "left out: another file is the same package");
                continue;
            }
            match self.assemble(file, indexed, &beside) {
                Ok(Assembled { mut record, .. }) => {
                    record.directory = file.present.directory().to_owned();
                    let versions = record.files.iter().filter_map(|file| {
                        let path = join(&record.directory, file.name.as_str());
                        let row = indexed.files.get(&path).and_then(|row| row.version.clone());
                        Some((file.name.to_string(), versions.get(&path).cloned().or(row)?))
                    });
                    let versions = versions.collect();
                    found.changes.push(self.change(identity, Some(record), versions));
                }
                Err(refusal) => self.malformed(&file.present.path, refusal)?,
            }
        }
        Ok(())
    }

    /// Whether the index has this identity at another path that is still there.
    fn is_elsewhere(&self, file: &Read, identity: &Identity, indexed: &Indexed, gone: &HashSet<Identity>) -> bool {
        let Some(row) = indexed.packages.get(&identity.0).filter(|_| !gone.contains(identity)) else { return false };
        !row.files.iter().any(|name| join(&row.directory, name.as_str()) == file.present.path)
    }

    fn assemble(
        &self,
        file: &Read,
        indexed: &Indexed,
        beside: &HashMap<String, RecordFile>,
    ) -> Result<Assembled, Refusal> {
        let directory = file.present.directory();
        let pool = |path: &str| {
            let path = join(directory, path.rsplit('/').next().unwrap_or(path));
            let name = FileName::parse(path.rsplit('/').next()?).ok()?;
            let row = indexed.files.get(&path);
            let known = row.map(|row| RecordFile { name, size_bytes: row.size_bytes, digests: row.digests.clone() });
            beside.get(&path).cloned().or(known)
        };
        let placement = Placement {
            target: &self.target.target,
            // the directory is where the file is
            product: Some("unknown"),
            // a package belongs where it was put
            architectures: std::slice::from_ref(&file.inspected.architecture),
            pool: &pool,
        };
        let assembled = self.target.format.assemble(std::slice::from_ref(&file.inspected), &placement)?;
        let missing = || Refusal::new(file.present.name.as_str(), "it is no package");
        assembled.into_iter().next().ok_or_else(missing)
    }

    fn change(
        &self,
        identity: Identity,
        record: Option<rws_model::Record>,
        versions: BTreeMap<String, Version>,
    ) -> PlannedChange {
        let change = Change { repository: self.repository.clone(), identity, record };
        PlannedChange { change, origin: Origin::Tree(versions) }
    }

    fn malformed(&self, path: &str, refusal: Refusal) -> Result<(), RepositoryError> {
        let path = join(&self.tree, path);
        match self.publisher.malformed {
            Malformed::Skip => {
                tracing::warn!(repository = %self.repository, path, reason = refusal.reason, "malformed package left out");
                Ok(())
            }
            Malformed::Stop => {
                Err(RepositoryError::Malformed { repository: self.repository.clone(), path, reason: refusal.reason })
            }
        }
    }
}
