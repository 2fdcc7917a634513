//! A present index, read by block.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use rws_model::Partition;

use super::{PresentFiles, damaged, has_entries};
use crate::blocks::codec;
use crate::blocks::table::Order;
use crate::content::Content;
use crate::generation::{IndexBlock, IndexState, PackageRow};

/// A present index with the content of its files, in the order of its codecs.
pub struct StoredIndex<'s> {
    state: &'s IndexState,
    contents: Vec<&'s Content>,
    /// Where each block starts, for each content; one more than there are blocks.
    offsets: Vec<Vec<u64>>,
}

impl<'s> StoredIndex<'s> {
    /// All forms.
    ///
    /// # Errors
    ///
    /// When a file is not what its manifest says.
    pub fn open(state: &'s IndexState, files: &'s PresentFiles) -> io::Result<Self> {
        Self::with_contents(state, files, state.files.len())
    }

    /// Only the first form, which is enough to read texts.
    ///
    /// # Errors
    ///
    /// When the file is not what its manifest says.
    pub fn open_first(state: &'s IndexState, files: &'s PresentFiles) -> io::Result<Self> {
        Self::with_contents(state, files, 1)
    }

    fn with_contents(state: &'s IndexState, files: &'s PresentFiles, forms: usize) -> io::Result<Self> {
        let mut stored = Self { state, contents: Vec::new(), offsets: Vec::new() };
        for (position, file) in state.files.iter().take(forms).enumerate() {
            let content = files.get(&file.stored_name).ok_or_else(|| damaged(&file.stored_name))?;
            let head = state.head.get(position).ok_or_else(|| damaged(&file.stored_name))?;
            let mut offset = codec::head(file.codec).len() as u64 + head.stored_bytes;
            let mut offsets = vec![offset];
            for block in &state.blocks {
                let span = block.spans.get(position).ok_or_else(|| damaged(&file.stored_name))?;
                offset += span.stored_bytes;
                offsets.push(offset);
            }
            if content.size_bytes() != file.size_bytes || offset > content.size_bytes() {
                return Err(damaged(&file.stored_name));
            }
            stored.contents.push(content);
            stored.offsets.push(offsets);
        }
        Ok(stored)
    }

    /// What the manifest says of a block.
    pub fn block(&self, block: usize) -> &IndexBlock {
        &self.state.blocks[block]
    }

    fn range(&self, form: usize, block: usize) -> Range<u64> {
        self.offsets[form][block]..self.offsets[form][block + 1]
    }

    /// Gives a block as it stands in a form, piece by piece.
    ///
    /// # Errors
    ///
    /// When the disk fails, and what `take` fails with.
    pub fn pieces(&self, form: usize, block: usize, take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.contents[form].pieces(self.range(form, block), take)
    }

    /// The entries of each block, one after the other, read from the first form.
    pub fn texts_of_blocks(&self) -> impl Iterator<Item = io::Result<Vec<u8>>> {
        (0..self.state.blocks.len()).map(|block| self.text_of_block(block))
    }

    /// The entries of a block.
    ///
    /// # Errors
    ///
    /// When the block is damaged, or the disk fails.
    pub fn text_of_block(&self, block: usize) -> io::Result<Vec<u8>> {
        let stored = self.contents[0].read(self.range(0, block))?;
        codec::decompress(self.state.index.codecs[0], &stored, &self.state.blocks[block].spans[0])
    }
}

/// The texts of some partitions in a run of blocks of a present index. Packages have to be asked for in the order of the table.
pub struct PresentTexts<'s> {
    stored: &'s StoredIndex<'s>,
    blocks: Range<usize>,
    /// The packages of this run.
    rows: Box<dyn Iterator<Item = io::Result<PackageRow>> + 's>,
    partitions: &'s [Partition],
    order: Order<'s>,
    /// The block that is being read, and what was read of it.
    text: Vec<u8>,
    read_bytes: usize,
    packages_left: u64,
    /// The package that was read last and not asked for yet.
    next: Option<(String, Vec<u8>)>,
    /// The texts of packages that are equal in this order (two writings of one version may be) and were not asked for yet.
    due: BTreeMap<String, Vec<u8>>,
}

impl<'s> PresentTexts<'s> {
    /// Reads `blocks`. `rows` are the packages of this run.
    pub fn new(
        stored: &'s StoredIndex<'s>,
        blocks: Range<usize>,
        rows: impl Iterator<Item = io::Result<PackageRow>> + 's,
        partitions: &'s [Partition],
        order: Order<'s>,
    ) -> Self {
        let (rows, text, due) = (Box::new(rows), Vec::new(), BTreeMap::new());
        Self { stored, blocks, rows, partitions, order, text, read_bytes: 0, packages_left: 0, next: None, due }
    }

    /// Appends the texts of a package, if it has any here.
    ///
    /// # Errors
    ///
    /// When the index is not what its manifest says.
    pub fn append(&mut self, identity: &str, text: &mut Vec<u8>) -> io::Result<()> {
        loop {
            if self.next.is_none() {
                self.next = self.read()?;
            }
            match self.next.take() {
                Some((next, found)) if (self.order)(&next, identity).is_eq() => _ = self.due.insert(next, found),
                Some((next, _)) if (self.order)(&next, identity).is_lt() => {}
                next => {
                    self.next = next;
                    break;
                }
            }
        }
        if let Some(found) = self.due.remove(identity) {
            text.extend_from_slice(&found);
        }
        self.due.retain(|other, _| (self.order)(other, identity).is_eq());
        Ok(())
    }

    /// Reads what is left.
    ///
    /// # Errors
    ///
    /// When the index is not what its manifest says.
    pub fn end(&mut self) -> io::Result<()> {
        while self.read()?.is_some() {}
        Ok(())
    }

    /// The next package with entries in this index: those of the wanted partitions.
    fn read(&mut self) -> io::Result<Option<(String, Vec<u8>)>> {
        let state = self.stored.state;
        let name = &state.index.name;
        let row = loop {
            match self.rows.next().transpose()? {
                Some(row) if has_entries(&row, &state.index) => break Some(row),
                Some(_) => {}
                None => break None,
            }
        };
        while self.packages_left == 0 {
            if self.read_bytes != self.text.len() {
                return Err(damaged(name));
            }
            let Some(block) = self.blocks.next() else {
                return if row.is_none() { Ok(None) } else { Err(damaged(name)) };
            };
            self.text = self.stored.text_of_block(block)?;
            self.read_bytes = 0;
            self.packages_left = state.blocks[block].packages;
        }
        let row = row.ok_or_else(|| damaged(name))?;
        self.packages_left -= 1;
        let mut wanted = Vec::new();
        for (partition, bytes) in &row.entries {
            if !state.index.takes.contains(partition) {
                continue;
            }
            let end = usize::try_from(*bytes).ok().and_then(|bytes| self.read_bytes.checked_add(bytes));
            let entry = end.and_then(|end| self.text.get(self.read_bytes..end)).ok_or_else(|| damaged(name))?;
            self.read_bytes += entry.len();
            if self.partitions.contains(partition) {
                wanted.extend_from_slice(entry);
            }
        }
        Ok(Some((row.identity, wanted)))
    }
}
