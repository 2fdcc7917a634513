//! Changes in the order in which they are planned: few stay in memory, many are on the local disk.

use std::io;
use std::path::Path;

use rws_model::{Change, Entry, Identity, PackageSignature, Partition, Record, RecordFile};
use serde::{Deserialize, Serialize};

use super::{Origin, PlannedChange};
use crate::spill::{Spill, SpillReader, SpillWriter};

/// A change without its record, and where its files are.
type Stored = (Change, Origin, Option<StoredRecord>);

/// A record without the texts of its entries.
#[derive(Debug, Serialize, Deserialize)]
struct StoredRecord {
    identity: Identity,
    directory: String,
    files: Vec<RecordFile>,
    partitions: Vec<Partition>,
    renderer: u32,
    signature: Option<PackageSignature>,
}

/// Changes in the order in which they are planned.
#[derive(Debug)]
pub struct Changes {
    first: Vec<PlannedChange>,
    rest: Spill<Stored>,
}

impl Changes {
    /// Reads them from the first on.
    pub fn read(&self) -> ChangeReader<'_> {
        ChangeReader { first: self.first.iter(), rest: self.rest.read() }
    }

    /// Those of them that are to be kept.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn retained(&self, scratch: &Path, is_kept: impl Fn(&PlannedChange) -> bool) -> io::Result<Self> {
        let (mut reader, mut kept) = (self.read(), ChangeWriter::new(scratch));
        while let Some(change) = reader.next_change()? {
            if is_kept(&change) {
                kept.push(change)?;
            }
        }
        kept.finish()
    }
}

/// Takes changes one by one.
pub struct ChangeWriter {
    first: Vec<PlannedChange>,
    rest: SpillWriter<Stored>,
}

impl ChangeWriter {
    /// Writes to memory, and to a file in `directory` once it is much.
    pub fn new(directory: &Path) -> Self {
        Self { first: Vec::new(), rest: SpillWriter::new(directory) }
    }

    /// Takes a change that comes before all others: without entries, as it stays in memory.
    pub fn push_first(&mut self, planned: PlannedChange) {
        self.first.push(planned);
    }

    /// Takes the next change.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn push(&mut self, planned: PlannedChange) -> io::Result<()> {
        let PlannedChange { mut change, origin } = planned;
        let record = change.record.take();
        let entries = record.as_ref().map(|record| record.entries.as_slice()).unwrap_or_default();
        let texts: Vec<&[u8]> = entries.iter().map(|entry| entry.text.as_slice()).collect();
        let stored = record.as_ref().map(|record| StoredRecord {
            identity: record.identity.clone(),
            directory: record.directory.clone(),
            files: record.files.clone(),
            partitions: entries.iter().map(|entry| entry.partition.clone()).collect(),
            renderer: record.renderer,
            signature: record.signature.clone(),
        });
        self.rest.push(&(change, origin, stored), &texts)
    }

    /// Takes many.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn extend(&mut self, changes: impl IntoIterator<Item = PlannedChange>) -> io::Result<()> {
        changes.into_iter().try_for_each(|change| self.push(change))
    }

    /// The changes.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn finish(self) -> io::Result<Changes> {
        Ok(Changes { first: self.first, rest: self.rest.finish()? })
    }
}

/// Reads changes one by one.
pub struct ChangeReader<'c> {
    first: std::slice::Iter<'c, PlannedChange>,
    rest: SpillReader<Stored>,
}

impl ChangeReader<'_> {
    /// The next change.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn next_change(&mut self) -> io::Result<Option<PlannedChange>> {
        if let Some(first) = self.first.next() {
            return Ok(Some(first.clone()));
        }
        let Some((mut change, origin, stored)) = self.rest.next_value()? else { return Ok(None) };
        if let Some(stored) = stored {
            let StoredRecord { identity, directory, files, partitions, renderer, signature } = stored;
            let mut entries = Vec::with_capacity(partitions.len());
            for partition in partitions {
                entries.push(Entry { partition, text: self.rest.text()? });
            }
            change.record = Some(Record { identity, directory, files, entries, renderer, signature });
        }
        Ok(Some(PlannedChange { change, origin }))
    }
}
