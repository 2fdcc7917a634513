//! What a generation consists of, as one object under the private prefix.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rws_model::{
    Digests, FileName, Format, Identity, IndexFile, PackageSignature, Partition, ROOT, RecordFile, RepositoryId,
    RootFile, Sha256,
};
use rws_store::Version;
use serde::{Deserialize, Serialize};

use super::index::IndexState;
use super::{manifest_4, manifest_5};
use crate::blocks::table::{Row, Table};
use crate::{GenerationId, UploadId, disk_format};

/// A package of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRow {
    /// What it is: the key of the row.
    pub identity: String,
    /// The digest of the record that it was made of: equal records make equal rows.
    pub record: [u8; 32],
    /// Where its files are, below the tree.
    pub directory: String,
    /// The names of its files.
    pub files: Vec<FileName>,
    /// Its entries: partition and length of the text.
    pub entries: Vec<(Partition, u64)>,
    /// The version of the code that rendered them ([`rws_model::UploadFormat::renderer`]).
    pub renderer: u32,
    /// The signature that it carries, where that is known.
    pub signature: Option<PackageSignature>,
}

impl PackageRow {
    /// The version of the code that rendered its entries, where an index has any: what a file says to the root alone, as
    /// metadata does, depends on nothing else.
    pub fn indexed_by(&self) -> Option<u32> {
        self.entries.iter().any(|(partition, _)| partition != ROOT).then_some(self.renderer)
    }

    /// The fingerprint of the key that signed it, where an index has it: empty where none is known.
    pub fn signed_by(&self) -> Option<&str> {
        self.indexed_by()?;
        Some(self.signature.as_ref().map_or("", |signature| signature.key.as_str()))
    }
}

/// A file that a generation knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRow {
    /// Its path below the tree: the key of the row.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its digests.
    pub digests: Digests,
    /// What the store said of it when it was placed or read.
    pub version: Option<Version>,
    /// How many packages have it. A file with none is known so that it is not read again.
    pub users: u32,
}

impl FileRow {
    /// What a record says of the file; `None` where its path ends in no name of a file.
    pub fn as_record_file(&self) -> Option<RecordFile> {
        let name = FileName::parse(self.path.rsplit('/').next()?).ok()?;
        Some(RecordFile { name, size_bytes: self.size_bytes, digests: self.digests.clone() })
    }
}

impl Row for PackageRow {
    fn key(&self) -> &str {
        &self.identity
    }
}

impl Row for FileRow {
    fn key(&self) -> &str {
        &self.path
    }
}

/// What a generation knows of its packages and files.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Its packages, in the order of the format.
    pub packages: Table<PackageRow>,
    /// Its files, in byte order.
    pub files: Table<FileRow>,
}

/// One published state of a repository.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Generation {
    /// The repository.
    pub repository: RepositoryId,
    /// Its name.
    pub id: GenerationId,
    /// Its root.
    pub root: Vec<RootFile>,
    /// How many packages have entries of each partition.
    pub partitions: BTreeMap<Partition, u64>,
    /// Its packages, in the order of the format.
    pub packages: Table<PackageRow>,
    /// Its files, in byte order.
    pub files: Table<FileRow>,
    /// What packages say to the root, by their identities.
    pub root_entries: BTreeMap<String, Vec<u8>>,
    /// Its indexes.
    pub indexes: Vec<IndexState>,
    /// The uploads that the generation before did not contain.
    pub uploads: Vec<UploadId>,
    /// How many packages have entries that each version of the code rendered.
    pub renderers: BTreeMap<u32, u64>,
    /// How many packages have the signature of each key, by its fingerprint; of no known key: an empty one.
    pub signatures: BTreeMap<String, u64>,
}

impl Generation {
    /// The bytes of the manifest.
    ///
    /// # Errors
    ///
    /// None that is known: serialising into memory does not fail.
    pub fn to_bytes(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_extend(self, disk_format::manifest_start())
    }

    /// Reads a manifest of this version, or of one of the two before.
    ///
    /// # Errors
    ///
    /// When the bytes are no manifest, or one of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, postcard::Error> {
        match disk_format::manifest_parts(bytes) {
            Some((disk_format::MANIFEST, rest)) => postcard::from_bytes(rest),
            Some((5, rest)) => manifest_5::read(rest),
            Some((4, rest)) => manifest_4::read(rest),
            _ => Err(postcard::Error::DeserializeBadEncoding),
        }
    }

    /// Its tables.
    pub fn tables(&self) -> Tables {
        Tables { packages: self.packages.clone(), files: self.files.clone() }
    }

    /// How many packages have entries that a version of the code before `renderer` rendered.
    pub fn rendered_before(&self, renderer: u32) -> u64 {
        rendered_before(&self.renderers, renderer)
    }

    /// The digests of all files that the generation has under plain names.
    pub fn plain_digests(&self, format: &dyn Format) -> Vec<Sha256> {
        let roots = self.root.iter().map(|file| rws_model::sha256(&file.content));
        self.plain_files(format).into_iter().map(|file| file.sha256).chain(roots).collect()
    }

    /// The files that clients find under plain names beside the root: indexes, and metadata that no package has.
    pub fn plain_files(&self, format: &dyn Format) -> Vec<IndexFile> {
        let entries: Vec<&[u8]> = self.root_entries.values().map(Vec::as_slice).collect();
        let of_entries = format.listed_by_entries(&self.repository, &entries);
        let of_indexes = self.indexes.iter().flat_map(|index| &index.files).cloned();
        // of two with one name that of the index stands in the root
        of_entries.into_iter().chain(of_indexes).filter(|file| file.plain_name.is_some()).collect()
    }
}

/// How many of these packages, counted by versions of the code, an earlier one rendered.
pub fn rendered_before(renderers: &BTreeMap<u32, u64>, renderer: u32) -> u64 {
    renderers.range(..renderer).map(|(_, packages)| packages).sum()
}

/// The order of the table of packages.
pub fn package_order(format: &dyn Format) -> impl Fn(&str, &str) -> Ordering + Send + Sync {
    move |left, right| format.compare(&Identity(left.to_owned()), &Identity(right.to_owned()))
}

/// The order of the table of files.
pub fn path_order(left: &str, right: &str) -> Ordering {
    left.cmp(right)
}
