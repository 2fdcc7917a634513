//! The one planner: turns a generation and changes into what the next generation has.
//!
//! Upload, delete and synchronise all come here as changes. Nothing is read from or written to a store.

mod changes;
mod draft;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use rws_model::{Change, Digests, Format, Partition, Sha256};
use rws_store::{Key, Version};
use serde::{Deserialize, Serialize};

use crate::blocks::table::Order;
use crate::generation::{FileRow, Generation, PackageRow, Retired, Tables, package_order, path_order};
use crate::spill::Spill;
use crate::{GenerationId, UploadId};
pub use changes::{ChangeWriter, Changes};
use draft::Draft;
pub use texts::{NewEntries, TextReader, Texts};

/// Where the files of a changed package are now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// Under the private prefix, or, for a file that an upload only names, in the repository.
    Upload(UploadId),
    /// Where the package's files are already: its entries were made anew from them. The change is for the package whose row
    /// says this digest of its record, and for none that has come since.
    Rendered([u8; 32]),
    /// At their public path, which is in the record's directory, with these versions by file name.
    Tree(BTreeMap<String, Version>),
}

/// One change and where its files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedChange {
    /// The change.
    pub change: Change,
    /// Where its files are.
    pub origin: Origin,
}

/// A file that has to be brought to its public path before the generation may name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedFile {
    /// Its path below the tree.
    pub path: String,
    /// Where it is in the upload.
    pub incoming: Key,
    /// Its content.
    pub digests: Digests,
    /// Its size.
    pub size_bytes: u64,
    /// The upload that brings it, or names it.
    pub upload: UploadId,
    /// Another public path with this content: for a file that the upload only names.
    pub pool: Option<String>,
    /// What the store said of the file when it was there last, for one that should be there still.
    pub version: Option<Version>,
}

/// What is new in the next generation.
#[derive(Debug, Default)]
pub struct Plan {
    /// The tables after most of the changes, where these are many; the rest is in `packages` and `files`.
    pub tables: Option<Tables>,
    /// The packages that changed. Sorted by the format.
    pub packages: Vec<PackageEdit>,
    /// The files that changed; `None` for one that goes.
    pub files: FileEdits,
    /// The new entries.
    pub texts: Texts,
    /// The files to place.
    pub placed: Vec<PlacedFile>,
    /// How many packages have entries of each partition, afterwards.
    pub partitions: BTreeMap<Partition, u64>,
    /// How many packages have entries that each version of the code rendered, afterwards.
    pub renderers: BTreeMap<u32, u64>,
    /// How many packages have the signature of each key, by its fingerprint, afterwards; of no known key: an empty one.
    pub signatures: BTreeMap<String, u64>,
    /// The partitions with changed entries.
    pub touched: BTreeSet<Partition>,
    /// What packages say to the root, afterwards.
    pub root_entries: BTreeMap<String, Vec<u8>>,
    /// All files that only earlier generations refer to, afterwards.
    pub retired: Vec<Retired>,
    /// Uploads that cannot be carried out, with the reason. Nothing of their change is in the plan.
    pub failed: Vec<(UploadId, String)>,
}

/// Changed files by their paths below the tree; `None` for one that goes.
pub type FileEdits = BTreeMap<String, Option<FileRow>>;

/// One changed package.
#[derive(Clone, Debug)]
pub struct PackageEdit {
    /// Its identity.
    pub identity: String,
    /// Its new row; none: it goes.
    pub row: Option<PackageRow>,
}

impl Plan {
    /// Whether the next generation would be the present one.
    pub fn is_empty(&self) -> bool {
        self.tables.is_none() && self.packages.is_empty() && self.files.is_empty()
    }
}

/// What the planner starts from.
pub struct Present<'a> {
    /// The format of the repository.
    pub format: &'a dyn Format,
    /// The current generation, if there is one.
    pub generation: Option<&'a Generation>,
    /// The generation before, where all is planned anew: what was said of packages since they were uploaded stays.
    pub former: Option<&'a Generation>,
    /// Files that only earlier generations refer to.
    pub retired: &'a [Retired],
    /// Public paths that are known to hold something else.
    pub taken: &'a BTreeSet<String>,
    /// The fingerprints of keys whose signatures of packages clients know; `None` where packages are not signed.
    pub package_keys: Option<&'a BTreeSet<String>>,
    /// The local directory for what does not stay in memory.
    pub scratch: &'a Path,
    /// What stays in memory.
    pub part: PartSize,
}

/// What is planned in memory at a time: more is laid down in the tables, part by part.
#[derive(Clone, Copy, Debug)]
pub struct PartSize {
    /// So many changed packages, or files.
    pub changes: usize,
    /// So many bytes of entries.
    pub entries_bytes: usize,
}

impl Default for PartSize {
    fn default() -> Self {
        Self { changes: 8192, entries_bytes: 16 << 20 }
    }
}

/// What a look at the store brought to light beside changes.
#[derive(Debug, Default)]
pub struct StoreObservations {
    /// Files as they are now, known from now on: they are not read again until they change.
    pub known: Option<Spill<FileRow>>,
    /// Paths of known files that are there no longer.
    pub gone: Vec<String>,
}

/// Plans `changes`, in this order. Many are planned in parts, of which one is in memory at a time.
///
/// # Errors
///
/// When the tables of the generation cannot be read: a damaged manifest. When the disk fails.
pub fn plan(present: &Present<'_>, changes: &Changes, noticed: &StoreObservations) -> io::Result<Plan> {
    let order = package_order(present.format);
    let mut draft = Draft::new(present, &order);
    let mut reader = changes.read();
    while let Some(change) = reader.next_change()? {
        draft.apply(&change)?;
    }
    draft.notice(noticed)?;
    draft.finish()
}

impl Plan {
    /// The tables of the next generation.
    ///
    /// # Errors
    ///
    /// When the tables of the present generation cannot be read: a damaged manifest.
    pub fn tables(&self, format: &dyn Format, generation: Option<&Generation>) -> io::Result<Tables> {
        let order = package_order(format);
        let before = match (&self.tables, generation) {
            (Some(tables), _) => tables.clone(),
            (None, Some(generation)) => generation.tables(),
            (None, None) => Tables::default(),
        };
        before.edited(&self.packages, &self.files, &order)
    }

    /// Notes what the store said of a placed file.
    ///
    /// # Errors
    ///
    /// When the tables cannot be read.
    pub fn set_version(&mut self, path: &str, version: Version) -> io::Result<()> {
        let planned = match (self.files.get(path), &self.tables) {
            (Some(row), _) => row.clone(),
            (None, Some(tables)) => tables.files.get(path, &path_order)?,
            (None, None) => None,
        };
        if let Some(row) = planned {
            self.files.insert(path.to_owned(), Some(FileRow { version: Some(version), ..row }));
        }
        Ok(())
    }
}

impl Tables {
    /// The tables after changes: packages in their order.
    fn edited(&self, packages: &[PackageEdit], files: &FileEdits, order: Order<'_>) -> io::Result<Self> {
        let packages: Vec<_> = packages.iter().map(|edit| (edit.identity.as_str(), edit.row.as_ref())).collect();
        let files: Vec<_> = files.iter().map(|(path, row)| (path.as_str(), row.as_ref())).collect();
        Ok(Self { packages: self.packages.edited(&packages, order)?, files: self.files.edited(&files, &path_order)? })
    }
}

/// A path from a directory, which may be empty, and a name.
pub fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// Adds the index files that the next generation does not have any more to the retired ones, and takes out those that it
/// has again. `before` has the names and contents of the present generation, whose name is `last`.
pub fn retire_index_files(
    retired: &mut Vec<Retired>,
    before: &[(String, Sha256)],
    after: &BTreeSet<String>,
    last: &GenerationId,
) {
    retired.retain(|file| !after.contains(&file.path));
    for (path, sha256) in before {
        if !after.contains(path) {
            retired.push(Retired { path: path.clone(), sha256: *sha256, last: last.clone() });
        }
    }
}
