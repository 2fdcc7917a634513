//! One accepted request: its changes for all its repositories, one immutable object.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rws_model::{
    Change, ContentDigester, FileName, Identity, PackageSignature, Record, RecordFile, RepositoryId, Sha256,
};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::{UploadId, disk_format};

/// One accepted request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    format: u32,
    /// Its name.
    pub id: UploadId,
    /// Who asked for it; uploads of earlier versions do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// The records of its changes, each once, however many repositories it goes to.
    pub records: Vec<Record>,
    /// Its changes.
    pub changes: Vec<UploadChange>,
}

/// One change of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadChange {
    /// The repository that changes.
    pub repository: RepositoryId,
    /// The identity that changes.
    pub identity: Identity,
    /// The position in [`Upload::records`] of what it becomes; absent: it goes.
    pub record: Option<usize>,
    /// The own file of a package that goes, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<RemovedFile>,
}

/// The own file of a package that goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedFile {
    /// Its name.
    pub name: FileName,
    /// Its content, as it was uploaded.
    pub sha256: Sha256,
}

/// A record without its entries, and an upload of such ones: entries are skipped where they stand, and take no memory.
#[derive(Deserialize)]
struct RecordOutline {
    identity: Identity,
    directory: String,
    files: Vec<RecordFile>,
    renderer: u32,
    #[serde(default)]
    signature: Option<PackageSignature>,
}

#[derive(Deserialize)]
struct UploadOutline {
    format: u32,
    id: UploadId,
    #[serde(default)]
    actor: Option<Actor>,
    records: Vec<RecordOutline>,
    changes: Vec<UploadChange>,
}

impl Upload {
    /// An upload without the entries of its records.
    ///
    /// # Errors
    ///
    /// When the bytes are no upload.
    pub fn outline(bytes: &[u8]) -> serde_json::Result<Self> {
        let UploadOutline { format, id, actor, records, changes } = serde_json::from_slice(bytes)?;
        let record = |outline: RecordOutline| {
            let RecordOutline { identity, directory, files, renderer, signature } = outline;
            Record { identity, directory, files, entries: Vec::new(), renderer, signature }
        };
        Ok(Self { format, id, actor, records: records.into_iter().map(record).collect(), changes })
    }

    /// An upload without changes.
    pub fn new(id: UploadId, actor: &Actor) -> Self {
        Self { format: disk_format::UPLOAD, id, actor: Some(actor.clone()), records: Vec::new(), changes: Vec::new() }
    }

    /// Takes a package out of a repository; `was` is its own file.
    pub fn remove(&mut self, identity: Identity, repository: RepositoryId, was: Option<RemovedFile>) {
        self.changes.push(UploadChange { repository, identity, record: None, was });
    }

    /// Adds metadata for some repositories.
    pub fn describe(&mut self, record: Record, repositories: &[RepositoryId]) {
        let position = self.records.len();
        for repository in repositories {
            let (repository, identity) = (repository.clone(), record.identity.clone());
            self.changes.push(UploadChange { repository, identity, record: Some(position), was: None });
        }
        self.records.push(record);
    }

    /// The repositories that it changes.
    pub fn repositories(&self) -> BTreeSet<&RepositoryId> {
        self.changes.iter().map(|change| &change.repository).collect()
    }

    /// Its changes for one repository: an identity and what it becomes.
    pub fn changes_for(&self, repository: &RepositoryId) -> impl Iterator<Item = (&Identity, Option<&Record>)> {
        let changes = self.changes.iter().filter(move |change| change.repository == *repository);
        changes.map(|change| (&change.identity, change.record.and_then(|position| self.records.get(position))))
    }

    /// Takes the entries of its records for one repository out of it: they are in memory once.
    pub fn take_changes_for(&mut self, repository: &RepositoryId) -> Vec<Change> {
        let mut left: BTreeMap<usize, usize> = BTreeMap::new();
        let of_repository = |change: &&UploadChange| change.repository == *repository;
        for position in self.changes.iter().filter(of_repository).filter_map(|change| change.record) {
            *left.entry(position).or_default() += 1;
        }
        let records = &mut self.records;
        let mut record = |position: usize| {
            let record = records.get_mut(position)?;
            let uses = left.get_mut(&position)?;
            *uses -= 1;
            let entries = if *uses == 0 { std::mem::take(&mut record.entries) } else { record.entries.clone() };
            Some(Record {
                identity: record.identity.clone(),
                directory: record.directory.clone(),
                files: record.files.clone(),
                entries,
                renderer: record.renderer,
                signature: record.signature.clone(),
            })
        };
        let changes = self.changes.iter().filter(of_repository);
        changes
            .map(|change| Change {
                repository: repository.clone(),
                identity: change.identity.clone(),
                record: change.record.and_then(&mut record),
            })
            .collect()
    }

    /// Whether its form is one that this version of RWS reads.
    pub fn is_readable(&self) -> bool {
        [disk_format::UPLOAD, disk_format::UPLOAD_SIGNED].contains(&self.format)
            && self.changes.iter().all(|change| change.record.is_none_or(|at| at < self.records.len()))
    }
}

/// An upload while it is made. Each record is in it once; what is added is found again by its digest.
#[derive(Debug)]
pub struct UploadBuilder {
    upload: Upload,
    records: HashMap<Sha256, usize>,
    changes: HashSet<(RepositoryId, usize)>,
}

impl UploadBuilder {
    /// An upload without changes.
    pub fn new(id: UploadId, actor: &Actor) -> Self {
        Self { upload: Upload::new(id, actor), records: HashMap::new(), changes: HashSet::new() }
    }

    /// Adds a record for some repositories.
    pub fn add(&mut self, record: Record, repositories: &[RepositoryId]) {
        if record.is_signed_here() {
            self.upload.format = disk_format::UPLOAD_SIGNED;
        }
        let identity = record.identity.clone();
        let position = *self.records.entry(digest(&record)).or_insert_with(|| {
            self.upload.records.push(record);
            self.upload.records.len() - 1
        });
        for repository in repositories {
            if self.changes.insert((repository.clone(), position)) {
                let (repository, identity) = (repository.clone(), identity.clone());
                self.upload.changes.push(UploadChange { repository, identity, record: Some(position), was: None });
            }
        }
    }

    /// Takes a package out of a repository; `was` is its own file.
    pub fn remove(&mut self, identity: Identity, repository: RepositoryId, was: Option<RemovedFile>) {
        self.upload.remove(identity, repository, was);
    }

    /// How many changes there are.
    pub fn changes(&self) -> usize {
        self.upload.changes.len()
    }

    /// The upload.
    pub fn finish(self) -> Upload {
        self.upload
    }
}

/// What tells records apart.
fn digest(record: &Record) -> Sha256 {
    let mut digester = ContentDigester::new();
    // lengths before texts, so that nothing runs together
    let mut add = |bytes: &[u8]| {
        digester.update(&(bytes.len() as u64).to_le_bytes());
        digester.update(bytes);
    };
    add(record.identity.0.as_bytes());
    add(record.directory.as_bytes());
    add(&record.renderer.to_le_bytes());
    add(&(record.files.len() as u64).to_le_bytes());
    if let Some(PackageSignature { key, uploaded }) = &record.signature {
        add(key.as_bytes());
        add(uploaded.bytes());
    }
    for file in &record.files {
        add(file.name.as_str().as_bytes());
        add(&file.size_bytes.to_le_bytes());
        add(file.digests.sha256.bytes());
    }
    for entry in &record.entries {
        add(entry.partition.as_bytes());
        add(&entry.text);
    }
    digester.finish().1
}

#[cfg(test)]
mod tests {
    use rws_model::Entry;

    use super::*;

    fn repository(name: &str) -> RepositoryId {
        RepositoryId::parse(&format!("live/1.10/ubuntu/{name}")).unwrap()
    }

    fn record(identity: &str, text: &str) -> Record {
        Record {
            identity: Identity(identity.to_owned()),
            directory: "pool".to_owned(),
            files: Vec::new(),
            entries: vec![Entry { partition: "binary-all".to_owned(), text: text.as_bytes().to_vec() }],
            renderer: 1,
            signature: None,
        }
    }

    fn upload() -> Upload {
        let mut upload = UploadBuilder::new(UploadId::next(1_795_000_000_000), &Actor::itself("upload"));
        let both = [repository("focal"), repository("jammy")];
        upload.add(record("a", "one"), &both);
        upload.add(record("a", "one"), &both[..1]);
        upload.add(record("a", "two"), &both[1..]);
        upload.add(record("b", "one"), &both);
        assert_eq!(upload.changes(), 5);
        upload.finish()
    }

    #[test]
    fn each_record_is_in_it_once() {
        let upload = upload();
        assert_eq!(upload.records.len(), 3);
        let texts = |name: &str| {
            let changes: Vec<_> = upload.changes_for(&repository(name)).collect();
            changes
                .iter()
                .map(|(identity, record)| (identity.0.clone(), record.unwrap().entries[0].text.clone()))
                .collect()
        };
        let focal: Vec<_> = texts("focal");
        let jammy: Vec<_> = texts("jammy");
        assert_eq!(focal, [("a".to_owned(), b"one".to_vec()), ("b".to_owned(), b"one".to_vec())]);
        assert_eq!(jammy.len(), 3);
    }

    #[test]
    fn what_is_taken_is_what_there_was() {
        let mut upload = upload();
        let expected: Vec<Change> = upload
            .changes_for(&repository("jammy"))
            .map(|(identity, record)| Change {
                repository: repository("jammy"),
                identity: identity.clone(),
                record: record.cloned(),
            })
            .collect();
        assert_eq!(upload.take_changes_for(&repository("jammy")), expected);
        assert!(upload.records.iter().all(|record| record.entries.is_empty()), "it is in memory once");
    }

    #[test]
    fn an_outline_has_all_but_entries() {
        let upload = upload();
        let mut expected = upload.clone();
        expected.records.iter_mut().for_each(|record| record.entries.clear());
        assert_eq!(Upload::outline(&serde_json::to_vec(&upload).unwrap()).unwrap(), expected);
    }
}
