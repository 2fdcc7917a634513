//! Manifests of version 5: they do not say which packages are signed.

use std::collections::BTreeMap;

use rws_model::{FileName, Partition, RepositoryId, RootFile};
use serde::{Deserialize, Serialize};

use super::index::IndexState;
use super::manifest::{FileRow, Generation, PackageRow};
use super::manifest_4::unsigned;
use crate::blocks::table::{Row, Table};
use crate::{GenerationId, UploadId};

#[derive(Clone, Serialize, Deserialize)]
struct PackageRow5 {
    identity: String,
    record: [u8; 32],
    directory: String,
    files: Vec<FileName>,
    entries: Vec<(Partition, u64)>,
    renderer: u32,
}

impl Row for PackageRow5 {
    fn key(&self) -> &str {
        &self.identity
    }
}

#[derive(Serialize, Deserialize)]
struct Generation5 {
    repository: RepositoryId,
    id: GenerationId,
    root: Vec<RootFile>,
    partitions: BTreeMap<Partition, u64>,
    packages: Table<PackageRow5>,
    files: Table<FileRow>,
    root_entries: BTreeMap<String, Vec<u8>>,
    indexes: Vec<IndexState>,
    uploads: Vec<UploadId>,
    renderers: BTreeMap<u32, u64>,
}

/// Reads what follows the first line.
///
/// # Errors
///
/// When it is no manifest of version 5.
pub fn read(bytes: &[u8]) -> Result<Generation, postcard::Error> {
    let Generation5 { repository, id, root, partitions, packages, files, root_entries, indexes, uploads, renderers } =
        postcard::from_bytes(bytes)?;
    let packages = packages.mapped(|row| {
        let PackageRow5 { identity, record, directory, files, entries, renderer } = row;
        PackageRow { identity, record, directory, files, entries, renderer, signature: None }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_version_5_are_unsigned() {
        let row = |name: &str| PackageRow5 {
            identity: format!("rpm {name} 0 1 1 noarch"),
            record: [7; 32],
            directory: "Packages".to_owned(),
            files: vec![FileName::parse(&format!("{name}.rpm")).unwrap()],
            entries: vec![("primary".to_owned(), 9)],
            renderer: 3,
        };
        let rows = ["a", "b"].map(|name| (row(name).identity, Some(row(name))));
        let rows: Vec<_> = rows.iter().map(|(key, row)| (key.as_str(), row.as_ref())).collect();
        let packages = Table::default().edited(&rows, &|left, right| left.cmp(right)).unwrap();
        let repository = RepositoryId::parse("live/1.10/el/9/x86_64").unwrap();
        let generation = Generation5 {
            id: GenerationId::new(1_795_354_200, uuid::Uuid::nil()),
            repository: repository.clone(),
            root: Vec::new(),
            partitions: BTreeMap::from([("primary".to_owned(), 2)]),
            packages,
            files: Table::default(),
            root_entries: BTreeMap::new(),
            indexes: Vec::new(),
            uploads: Vec::new(),
            renderers: BTreeMap::from([(3, 2)]),
        };
        let start = b"RWS manifest 5\n".to_vec();
        let read = Generation::from_bytes(&postcard::to_extend(&generation, start).unwrap()).unwrap();
        assert_eq!(read.repository, repository);
        assert_eq!(read.signatures, BTreeMap::from([(String::new(), 2)]));
        let rows = read.packages.all().unwrap();
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row.renderer == 3 && row.signature.is_none() && row.signed_by() == Some("")));
    }
}
