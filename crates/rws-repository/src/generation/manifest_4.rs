//! Manifests of version 4, which versions of RWS before 0.2 wrote: they do not say which code rendered the entries.

use std::collections::BTreeMap;

use rws_model::{FileName, Partition, RepositoryId, RootFile};
use serde::{Deserialize, Serialize};

use super::index::IndexState;
use super::manifest::{FileRow, Generation, PackageRow};
use crate::blocks::table::{Row, Table};
use crate::{GenerationId, UploadId};

/// The version of the code that rendered all entries then: none was counted up before version 5.
const RENDERER: u32 = 1;

#[derive(Clone, Serialize, Deserialize)]
struct PackageRow4 {
    identity: String,
    record: [u8; 32],
    directory: String,
    files: Vec<FileName>,
    entries: Vec<(Partition, u64)>,
}

impl Row for PackageRow4 {
    fn key(&self) -> &str {
        &self.identity
    }
}

#[derive(Serialize, Deserialize)]
struct Generation4 {
    repository: RepositoryId,
    id: GenerationId,
    root: Vec<RootFile>,
    partitions: BTreeMap<Partition, u64>,
    packages: Table<PackageRow4>,
    files: Table<FileRow>,
    root_entries: BTreeMap<String, Vec<u8>>,
    indexes: Vec<IndexState>,
    uploads: Vec<UploadId>,
}

/// How many packages have no known signature: all.
pub(super) fn unsigned(renderers: &BTreeMap<u32, u64>) -> BTreeMap<String, u64> {
    let packages: u64 = renderers.values().sum();
    if packages == 0 { BTreeMap::new() } else { BTreeMap::from([(String::new(), packages)]) }
}

/// Reads what follows the first line.
///
/// # Errors
///
/// When it is no manifest of version 4.
pub fn read(bytes: &[u8]) -> Result<Generation, postcard::Error> {
    let Generation4 { repository, id, root, partitions, packages, files, root_entries, indexes, uploads } =
        postcard::from_bytes(bytes)?;
    let mut renderers = BTreeMap::new();
    let packages = packages.mapped(|row| {
        let PackageRow4 { identity, record, directory, files, entries } = row;
        let row = PackageRow { identity, record, directory, files, entries, renderer: RENDERER, signature: None };
        row.indexed_by().into_iter().for_each(|renderer| *renderers.entry(renderer).or_default() += 1);
        row
    });
    let packages = packages.map_err(|_| postcard::Error::DeserializeBadEncoding)?;
    let signatures = unsigned(&renderers);
    Ok(Generation {
        repository,
        id,
        root,
        partitions,
        packages,
        files,
        root_entries,
        indexes,
        uploads,
        renderers,
        signatures,
    })
}
