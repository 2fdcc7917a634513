//! Index entries of single packages, read from the index files of a generation: never more than one run of blocks of them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rws_model::{Entry, EntryTopic, Identity, PackageName, Partition};
use rws_store::{Key, Span, Store};

use crate::RepositoryError;
use crate::blocks::codec;
use crate::catalogue::ConfiguredTarget;
use crate::generation::{Generation, IndexState, PackageRow, package_order};
use crate::plan::join;

/// A longer entry is not read: it is that of a package with very many files.
const MAX_ENTRY_BYTES: u64 = 1 << 20;

/// A block that is larger when it is unpacked is not read for one entry in it.
const MAX_BLOCK_BYTES: u64 = 16 << 20;

/// So many bytes of an index are read at once, when all of it is looked through.
const RUN_BYTES: u64 = 1 << 20;

/// The index entries of a generation.
pub struct StoredEntries<'a> {
    /// The store.
    pub store: &'a Arc<dyn Store>,
    /// The target of the repository.
    pub target: &'a ConfiguredTarget,
    /// The generation.
    pub generation: &'a Arc<Generation>,
}

/// What was found of one package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundEntries {
    /// Its entries that have a topic.
    pub entries: Vec<Entry>,
    /// The topics of those that are too long to be read here.
    pub left_out: Vec<EntryTopic>,
}

/// Takes an entry of a package.
type Take<'t> = dyn FnMut(&PackageRow, &Partition, &[u8]) + Send + 't;

impl StoredEntries<'_> {
    /// The entries of one package.
    ///
    /// # Errors
    ///
    /// When the store fails, or an index is not what its manifest says.
    pub async fn of(&self, row: &PackageRow) -> Result<FoundEntries, RepositoryError> {
        let mut found = FoundEntries::default();
        for (partition, length) in &row.entries {
            let Some(topic) = self.target.format.entry_topic(partition) else { continue };
            let place = self.place(partition, &row.identity);
            let Some((state, block)) = place else { continue };
            let is_small = |block: usize| {
                state
                    .blocks
                    .get(block)
                    .and_then(|block| block.spans.first())
                    .is_some_and(|span| span.open_bytes <= MAX_BLOCK_BYTES)
            };
            if *length > MAX_ENTRY_BYTES || !is_small(block) {
                found.left_out.push(topic);
                continue;
            }
            let mut text = Vec::new();
            self.run(state, block..block + 1, &mut |of, of_partition, bytes| {
                if of.identity == row.identity && of_partition == partition {
                    text = bytes.to_vec();
                }
            })
            .await?;
            found.entries.push(Entry { partition: partition.clone(), text });
        }
        Ok(found)
    }

    /// Gives all entries of a topic, each once, index by index; a run of blocks is in memory at a time.
    ///
    /// # Errors
    ///
    /// As for one package.
    pub async fn of_topic(&self, topic: EntryTopic, take: &mut Take<'_>) -> Result<(), RepositoryError> {
        let mut wanted: BTreeMap<&str, (&IndexState, Vec<&Partition>)> = BTreeMap::new();
        for partition in self.generation.partitions.keys() {
            if self.target.format.entry_topic(partition) != Some(topic) {
                continue;
            }
            let Some(state) = self.index_of(partition) else { continue };
            wanted.entry(&state.index.name).or_insert_with(|| (state, Vec::new())).1.push(partition);
        }
        for (state, partitions) in wanted.into_values() {
            let mut start = 0;
            while start < state.blocks.len() {
                let mut end = start;
                let mut bytes = 0;
                while let Some(block) = state.blocks.get(end) {
                    let length = block.spans.first().map_or(0, |span| span.open_bytes);
                    if end > start && bytes + length > RUN_BYTES {
                        break;
                    }
                    bytes += length;
                    end += 1;
                }
                self.run(state, start..end, &mut |row, partition, bytes| {
                    if partitions.contains(&partition) {
                        take(row, partition, bytes);
                    }
                })
                .await?;
                start = end;
            }
        }
        Ok(())
    }

    /// The smallest index that has the entries of a partition.
    fn index_of(&self, partition: &str) -> Option<&IndexState> {
        let having =
            self.generation.indexes.iter().filter(|state| state.index.takes.iter().any(|one| one == partition));
        having.min_by_key(|state| (state.index.takes.len(), state.packages()))
    }

    /// The index and the block in it that have the entry of a package.
    fn place(&self, partition: &str, identity: &str) -> Option<(&IndexState, usize)> {
        let state = self.index_of(partition)?;
        let order = package_order(&*self.target.format);
        let behind = state.blocks.partition_point(|block| order(&block.first_key, identity).is_le());
        Some((state, behind.checked_sub(1)?))
    }

    /// Reads a run of blocks with one request, and gives the entries in it.
    async fn run(&self, state: &IndexState, blocks: Range<usize>, take: &mut Take<'_>) -> Result<(), RepositoryError> {
        let damaged = |what: &str| RepositoryError::damaged(&state.index.name, what);
        let file = state.files.first().ok_or_else(|| damaged("it has no file"))?;
        let spans = || state.blocks.iter().map(|block| block.spans.first().copied().unwrap_or_default());
        let head = codec::head(file.codec).len() as u64 + state.head.first().map_or(0, |span| span.stored_bytes);
        let start = head + spans().take(blocks.start).map(|span| span.stored_bytes).sum::<u64>();
        let length: u64 = spans().skip(blocks.start).take(blocks.len()).map(|span| span.stored_bytes).sum();
        let tree = self.target.format.layout(&self.generation.repository).tree;
        let key = Key::parse(&join(&tree, &file.stored_name)).ok_or_else(|| damaged("it has no name"))?;
        let content = self.store.read(&key, Span::Part { start, length }).await?;
        let content = content.ok_or_else(|| RepositoryError::damaged(&key, "it does not exist"))?.collect().await?;
        let mut rest = content.as_ref();
        for block in blocks {
            let of_block = state.blocks.get(block).ok_or_else(|| damaged("it has fewer blocks"))?;
            let span = of_block.spans.first().copied().unwrap_or_default();
            let stored = usize::try_from(span.stored_bytes).unwrap_or(usize::MAX);
            let (bytes, behind) = rest.split_at_checked(stored).ok_or_else(|| damaged("it is cut"))?;
            rest = behind;
            let text =
                codec::decompress(file.codec, bytes, &span).map_err(|error| RepositoryError::damaged(&key, error))?;
            self.entries(state, block, &text, take)?;
        }
        Ok(())
    }

    /// Cuts the text of a block into its entries.
    fn entries(
        &self,
        state: &IndexState,
        block: usize,
        text: &[u8],
        take: &mut Take<'_>,
    ) -> Result<(), RepositoryError> {
        let generation = self.generation;
        let order = package_order(&*self.target.format);
        let start = state.blocks.get(block).map(|block| block.first_key.as_str());
        let end = state.blocks.get(block + 1).map(|block| block.first_key.as_str());
        let rows = generation.packages.between(start, end, &order);
        let rows = rows.map_err(RepositoryError::generation(&generation.repository))?;
        let mut rest = text;
        for row in &rows {
            for (partition, length) in row.entries.iter().filter(|(partition, _)| state.index.takes.contains(partition))
            {
                let length = usize::try_from(*length).unwrap_or(usize::MAX);
                let (entry, behind) = rest
                    .split_at_checked(length)
                    .ok_or_else(|| RepositoryError::damaged(&state.index.name, "it is not what its manifest says"))?;
                rest = behind;
                take(row, partition, entry);
            }
        }
        Ok(())
    }
}

/// The packages of a name in a generation, as the format orders them: for most the older version first.
///
/// # Errors
///
/// When the manifest is damaged.
pub fn of_name(
    target: &ConfiguredTarget,
    generation: &Generation,
    name: &str,
) -> Result<Vec<(PackageName, PackageRow)>, RepositoryError> {
    let order = package_order(&*target.format);
    let damaged = RepositoryError::generation(&generation.repository);
    let rows = match target.format.identity_ranges(name).as_slice() {
        [] => generation.packages.all().map_err(damaged)?,
        ranges => {
            let mut rows = Vec::new();
            for (Identity(start), Identity(end)) in ranges {
                let between = generation.packages.between(Some(start), Some(end), &order);
                rows.extend(between.map_err(RepositoryError::generation(&generation.repository))?);
            }
            rows
        }
    };
    let named = |row: PackageRow| {
        let package = target.format.package_name(&Identity(row.identity.clone()), row.files.first())?;
        (package.name == name).then_some((package, row))
    };
    Ok(rows.into_iter().filter_map(named).collect())
}

/// The package of an identity in a generation.
///
/// # Errors
///
/// When the manifest is damaged.
pub fn of_identity(
    target: &ConfiguredTarget,
    generation: &Generation,
    identity: &str,
) -> Result<Option<(PackageName, PackageRow)>, RepositoryError> {
    let row = generation.packages.get(identity, &package_order(&*target.format));
    let row = row.map_err(RepositoryError::generation(&generation.repository))?;
    let named = |row: PackageRow| {
        let name = target.format.package_name(&Identity(row.identity.clone()), row.files.first())?;
        Some((name, row))
    };
    Ok(row.and_then(named))
}

/// Whether a generation has a package made of the same record.
///
/// # Errors
///
/// When the manifest is damaged.
pub fn has_row(target: &ConfiguredTarget, generation: &Generation, row: &PackageRow) -> Result<bool, RepositoryError> {
    let found = generation.packages.get(&row.identity, &package_order(&*target.format));
    let found = found.map_err(RepositoryError::generation(&generation.repository))?;
    Ok(found.is_some_and(|found| found.record == row.record))
}
