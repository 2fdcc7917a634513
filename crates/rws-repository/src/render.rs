//! The index files of the next generation: blocks of the present one are copied, changed ones are made anew.

mod stored_index;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use rws_model::{Format, Index, Partition, RepositoryId, RepositorySettings};

use crate::blocks::boundary;
use crate::blocks::table::Table;
use crate::content::Content;
use crate::generation::{Generation, IndexState, PackageRow, package_order};
use crate::plan::{Plan, TextReader};
use stored_index::PresentTexts;
pub use stored_index::StoredIndex;
use writer::IndexWriter;

/// A new file of an index.
#[derive(Debug)]
pub struct NewFile {
    /// Its name below the tree.
    pub name: String,
    /// Its content.
    pub content: Content,
}

/// The indexes of the next generation and the files of them that are new.
#[derive(Debug)]
pub struct Rendered {
    /// All indexes.
    pub indexes: Vec<IndexState>,
    /// The new files; those of unchanged indexes are not among them.
    pub files: Vec<NewFile>,
}

/// Renders the indexes of one next generation.
pub struct Renderer<'a> {
    /// The format of the repository.
    pub format: &'a dyn Format,
    /// The repository.
    pub repository: &'a RepositoryId,
    /// What the configuration says of it.
    pub settings: &'a RepositorySettings,
    /// The present generation, if there is one.
    pub present: Option<&'a Generation>,
    /// What changes.
    pub plan: &'a Plan,
    /// The local directory for files that are large.
    pub scratch: &'a Path,
    /// So many empty lines stand at the end of new indexes: gives the same entries another name.
    pub variant: usize,
}

/// The content of present index files, by their names.
pub type PresentFiles = BTreeMap<String, Content>;

impl Renderer<'_> {
    /// The present index files whose content [`Renderer::render`] asks for.
    pub fn needed(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for index in self.indexes() {
            match self.present_state(&index) {
                Some(_) if !self.touches(&index) => {}
                Some(state) => names.extend(state.files.iter().map(|file| file.stored_name.clone())),
                None => {
                    let donors = self.donors(&index.takes);
                    let files = donors.iter().filter_map(|(state, _)| state.files.first());
                    names.extend(files.map(|file| file.stored_name.clone()));
                }
            }
        }
        names
    }

    /// Renders all indexes. `packages` is the table of the next generation.
    ///
    /// # Errors
    ///
    /// When the present generation is damaged, or compression or the local disk fails.
    pub fn render(&self, packages: &Table<PackageRow>, files: &PresentFiles) -> io::Result<Rendered> {
        let mut rendered = Rendered { indexes: Vec::new(), files: Vec::new() };
        for index in self.indexes() {
            match self.present_state(&index) {
                Some(state) if !self.touches(&index) => rendered.indexes.push(state.clone()),
                state => {
                    let (state, new) = match state {
                        Some(state) => self.changed_index(index, state, packages, files)?,
                        None => self.new_index(index, packages, files)?,
                    };
                    rendered.indexes.push(state);
                    rendered.files.extend(new);
                }
            }
        }
        Ok(rendered)
    }

    fn indexes(&self) -> Vec<Index> {
        let states = self.present.map(|present| present.indexes.as_slice()).unwrap_or_default();
        let former: Vec<&Index> = states.iter().map(|state| &state.index).collect();
        self.format.indexes(&self.plan.partitions.keys().cloned().collect(), self.settings, &former)
    }

    fn touches(&self, index: &Index) -> bool {
        index.takes.iter().any(|partition| self.plan.touched.contains(partition))
    }

    /// The same index in the present generation.
    fn present_state(&self, index: &Index) -> Option<&IndexState> {
        self.present?.indexes.iter().find(|state| state.index == *index)
    }

    /// Present indexes that have the entries of `partitions`, each with the partitions to take from it.
    fn donors(&self, partitions: &[Partition]) -> Vec<(&IndexState, Vec<Partition>)> {
        let mut donors: Vec<(&IndexState, Vec<Partition>)> = Vec::new();
        for partition in partitions {
            let states = self.present.map(|present| present.indexes.as_slice()).unwrap_or_default();
            // the index with the fewest other entries is the cheapest
            let having = states.iter().filter(|state| state.index.takes.contains(partition));
            let Some(state) = having.min_by_key(|state| (state.index.takes.len(), state.packages())) else { continue };
            match donors.iter_mut().find(|(donor, _)| donor.index.name == state.index.name) {
                Some((_, taken)) => taken.push(partition.clone()),
                None => donors.push((state, vec![partition.clone()])),
            }
        }
        donors
    }

    /// An index that the present generation has: only the regions of changed packages are made anew.
    fn changed_index(
        &self,
        index: Index,
        state: &IndexState,
        packages: &Table<PackageRow>,
        files: &PresentFiles,
    ) -> io::Result<(IndexState, Vec<NewFile>)> {
        let order = package_order(self.format);
        let stored = StoredIndex::open(state, files)?;
        let first_keys: Vec<&str> = state.blocks.iter().map(|block| block.first_key.as_str()).collect();
        let (keys, count) = self.changed_keys(&index, state, packages)?;
        let regions = match &keys {
            Some(keys) => {
                let before = |left: &str, right: &str| order(left, right).is_lt();
                boundary::regions(&first_keys, keys.iter().copied(), before)
            }
            None => std::iter::once(0..first_keys.len()).collect(),
        };
        let takes = index.takes.clone();
        let mut texts = self.plan.texts.read(&takes, &order)?;
        let mut writer = IndexWriter::begin(self, index, count)?;
        let mut kept = 0;
        for region in regions {
            (kept..region.start).try_for_each(|block| writer.keep(&stored, block))?;
            kept = region.end;
            let start = first_keys.get(region.start).copied().filter(|_| region.start > 0);
            let end = first_keys.get(region.end).copied();
            let mut present = Vec::new();
            if let Some(generation) = self.present {
                let rows = generation.packages.rows_between(start, end, &order);
                present.push(PresentTexts::new(&stored, region, rows, &takes, &order));
            }
            let rows = packages.rows_between(start, end, &order);
            write_entries(&mut writer, rows, &mut texts, &mut present)?;
        }
        (kept..state.blocks.len()).try_for_each(|block| writer.keep(&stored, block))?;
        writer.finish()
    }

    /// The packages whose entries in an index change, and how many it has afterwards; no packages where these are many.
    fn changed_keys(
        &self,
        index: &Index,
        state: &IndexState,
        packages: &Table<PackageRow>,
    ) -> io::Result<(Option<Vec<&str>>, u64)> {
        if self.plan.tables.is_some() {
            return Ok((None, count(packages, index)?));
        }
        let order = package_order(self.format);
        let (mut keys, mut count) = (Vec::new(), state.packages());
        for edit in &self.plan.packages {
            let now = edit.row.as_ref().is_some_and(|row| has_entries(row, index));
            let before = match self.present {
                Some(present) => present.packages.get(&edit.identity, &order)?,
                None => None,
            };
            let before = before.is_some_and(|row| has_entries(&row, index));
            if now || before {
                keys.push(edit.identity.as_str());
            }
            count = (count + u64::from(now)).saturating_sub(u64::from(before));
        }
        Ok((Some(keys), count))
    }

    /// An index that the present generation does not have in this form: its entries may stand in others.
    fn new_index(
        &self,
        index: Index,
        packages: &Table<PackageRow>,
        files: &PresentFiles,
    ) -> io::Result<(IndexState, Vec<NewFile>)> {
        let order = package_order(self.format);
        let takes = index.takes.clone();
        let donors = self.donors(&takes);
        let stored = donors.iter().map(|(state, _)| StoredIndex::open_first(state, files));
        let stored = stored.collect::<io::Result<Vec<_>>>()?;
        let mut present = Vec::new();
        for ((state, partitions), stored) in donors.iter().zip(&stored) {
            if let Some(generation) = self.present {
                let rows = generation.packages.rows_between(None, None, &order);
                present.push(PresentTexts::new(stored, 0..state.blocks.len(), rows, partitions, &order));
            }
        }
        let mut texts = self.plan.texts.read(&takes, &order)?;
        let count = count(packages, &index)?;
        let mut writer = IndexWriter::begin(self, index, count)?;
        write_entries(&mut writer, packages.rows(), &mut texts, &mut present)?;
        writer.finish()
    }
}

/// Writes the entries of `rows`: texts of changed packages from `texts`, all others from `present`.
fn write_entries(
    writer: &mut IndexWriter<'_>,
    rows: impl Iterator<Item = io::Result<PackageRow>>,
    texts: &mut TextReader<'_>,
    present: &mut [PresentTexts<'_>],
) -> io::Result<()> {
    for row in rows {
        let row = row?;
        if !has_entries(&row, writer.index()) {
            continue;
        }
        let text = match texts.of(&row.identity)? {
            Some(text) => text,
            None => {
                let mut text = Vec::new();
                for present in &mut *present {
                    present.append(&row.identity, &mut text)?;
                }
                text
            }
        };
        let lengths = row.entries.iter().filter(|(partition, _)| writer.index().takes.contains(partition));
        if text.len() as u64 != lengths.map(|(_, bytes)| bytes).sum::<u64>() {
            return Err(damaged(&writer.index().name));
        }
        writer.push(&row.identity, text)?;
    }
    writer.end_block()?;
    present.iter_mut().try_for_each(PresentTexts::end)
}

/// How many packages have entries in an index.
fn count(packages: &Table<PackageRow>, index: &Index) -> io::Result<u64> {
    let mut count = 0;
    for row in packages.rows() {
        count += u64::from(has_entries(&row?, index));
    }
    Ok(count)
}

fn has_entries(row: &PackageRow, index: &Index) -> bool {
    row.entries.iter().any(|(partition, _)| index.takes.contains(partition))
}

fn damaged(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{name} is not what its manifest says"))
}
