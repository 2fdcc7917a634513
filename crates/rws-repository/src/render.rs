//! The index files of the next generation: blocks of the present one are copied, changed ones are made anew.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::Path;

use rws_model::{
    Codec, ContentDigester, Format, Index, IndexFile, Partition, RepositoryId, RepositorySettings, Sha256,
};

use crate::blocks::codec::{self, Span};
use crate::blocks::{boundary, table::Table};
use crate::content::{Content, ContentWriter};
use crate::generation::{Generation, IndexBlock, IndexState, PackageRow, package_order};
use crate::plan::{PackageEdit, Plan};

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
    /// When the present generation is damaged, or compression fails.
    pub fn render(&self, packages: &Table<PackageRow>, files: &PresentFiles) -> io::Result<Rendered> {
        let edits: BTreeMap<&str, &PackageEdit> =
            self.plan.packages.iter().map(|edit| (edit.identity.as_str(), edit)).collect();
        let mut rendered = Rendered { indexes: Vec::new(), files: Vec::new() };
        for index in self.indexes() {
            match self.present_state(&index) {
                Some(state) if !self.touches(&index) => rendered.indexes.push(state.clone()),
                state => {
                    let blocks = match state {
                        Some(state) => self.changed_blocks(&index, state, packages, files, &edits)?,
                        None => self.all_blocks(&index, packages, files, &edits)?,
                    };
                    let (state, new) = self.write(index, blocks)?;
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

    /// The blocks of an index that the present generation has: only the regions of changed packages are made anew.
    fn changed_blocks<'b>(
        &self,
        index: &Index,
        state: &IndexState,
        packages: &Table<PackageRow>,
        files: &'b PresentFiles,
        edits: &BTreeMap<&str, &PackageEdit>,
    ) -> io::Result<Vec<Block<'b>>> {
        let order = package_order(self.format);
        let stored = StoredIndex::open(state, files)?;
        let first_keys: Vec<&str> = state.blocks.iter().map(|block| block.first_key.as_str()).collect();
        let mut keys = Vec::new();
        for edit in &self.plan.packages {
            let now = edit.texts.iter().any(|(partition, _)| index.takes.contains(partition));
            let before = match self.present {
                Some(present) => present.packages.get(&edit.identity, &order)?,
                None => None,
            };
            if now || before.is_some_and(|row| has_entries(&row, index)) {
                keys.push(edit.identity.as_str());
            }
        }
        let regions = boundary::regions(&first_keys, keys.into_iter(), |left, right| order(left, right).is_lt());
        let mut blocks = Vec::new();
        let mut kept = 0;
        for region in regions {
            (kept..region.start).try_for_each(|block| stored.block(block).map(|block| blocks.push(block)))?;
            kept = region.end;
            let start = first_keys.get(region.start).copied().filter(|_| region.start > 0);
            let end = first_keys.get(region.end).copied();
            let mut texts = BTreeMap::new();
            if let Some(present) = self.present {
                let rows = present.packages.between(start, end, &order)?;
                stored.texts(region, &rows, &index.takes, &mut texts)?;
            }
            let rows = packages.between(start, end, &order)?;
            blocks.extend(make_blocks(index, &rows, &mut texts, edits)?);
        }
        (kept..state.blocks.len()).try_for_each(|block| stored.block(block).map(|block| blocks.push(block)))?;
        Ok(blocks)
    }

    /// The blocks of an index that the present generation does not have in this form: its entries may stand in others.
    fn all_blocks<'b>(
        &self,
        index: &Index,
        packages: &Table<PackageRow>,
        files: &PresentFiles,
        edits: &BTreeMap<&str, &PackageEdit>,
    ) -> io::Result<Vec<Block<'b>>> {
        let mut texts = BTreeMap::new();
        if let Some(present) = self.present {
            let rows = present.packages.all()?;
            for (state, partitions) in self.donors(&index.takes) {
                let stored = StoredIndex::open_first(state, files)?;
                stored.texts(0..state.blocks.len(), &rows, &partitions, &mut texts)?;
            }
        }
        make_blocks(index, &packages.all()?, &mut texts, edits)
    }

    /// Joins blocks to files.
    fn write(&self, index: Index, blocks: Vec<Block<'_>>) -> io::Result<(IndexState, Vec<NewFile>)> {
        let packages = blocks.iter().map(|block| block.packages).sum();
        let mut frame = self.format.frame(&index, packages);
        frame.tail.extend(std::iter::repeat_n(b'\n', self.variant));
        let mut state = IndexState { head: Vec::new(), blocks: Vec::new(), tail: Vec::new(), files: Vec::new(), index };
        state.blocks.extend(blocks.iter().map(|block| IndexBlock {
            first_key: block.first_key.clone(),
            packages: block.packages,
            spans: block.spans.clone(),
        }));
        let mut contents = Vec::new();
        for (position, codec) in state.index.codecs.clone().into_iter().enumerate() {
            let (head, head_span) = codec::compress(codec, &frame.head)?;
            let (tail, tail_span) = codec::compress(codec, &frame.tail)?;
            let spans: Vec<Span> = std::iter::once(head_span)
                .chain(blocks.iter().map(|block| block.spans[position]))
                .chain([tail_span])
                .collect();
            let mut content = ContentWriter::new(self.scratch, &state.index.digests);
            content.push(&codec::head(codec))?;
            content.push(&head)?;
            blocks.iter().try_for_each(|block| block.stored[position].pieces(|piece| content.push(piece)))?;
            content.push(&tail)?;
            content.push(&codec::tail(codec, &spans))?;
            state.head.push(head_span);
            state.tail.push(tail_span);
            contents.push((codec, content.finish()));
        }
        let plain = contents.iter().find(|(codec, _)| *codec == Codec::Plain);
        let (open_size_bytes, open_sha256) = match plain {
            Some((_, (content, sha256, _))) => (content.size_bytes(), *sha256),
            None => open_digest(&state.index, &frame.head, &blocks, &frame.tail)?,
        };
        let mut files = Vec::new();
        for (codec, (content, sha256, digests)) in contents {
            let name = self.format.stored_name(self.repository, &state.index, codec, &sha256);
            state.files.push(IndexFile {
                index: state.index.name.clone(),
                codec,
                size_bytes: content.size_bytes(),
                sha256,
                open_size_bytes,
                open_sha256,
                digests: digests.into_iter().collect(),
                stored_name: name.clone(),
                plain_name: self.format.plain_name(self.repository, &state.index, codec),
            });
            files.push(NewFile { name, content });
        }
        Ok((state, files))
    }
}

/// One block of an index in all of its forms.
struct Block<'a> {
    first_key: String,
    packages: u64,
    spans: Vec<Span>,
    stored: Vec<Stored<'a>>,
}

/// The bytes of one block in one form.
enum Stored<'a> {
    /// A part of a present file.
    Kept(&'a Content, Range<u64>),
    /// Made now.
    New(Vec<u8>),
}

impl Stored<'_> {
    fn pieces(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match self {
            Self::Kept(content, range) => content.pieces(range.clone(), take),
            Self::New(bytes) => take(bytes),
        }
    }

    fn bytes(&self) -> io::Result<Cow<'_, [u8]>> {
        Ok(match self {
            Self::Kept(content, range) => content.read(range.clone())?.to_vec().into(),
            Self::New(bytes) => bytes.as_slice().into(),
        })
    }
}

fn has_entries(row: &PackageRow, index: &Index) -> bool {
    row.entries.iter().any(|(partition, _)| index.takes.contains(partition))
}

/// Cuts and compresses the entries of `rows`: texts of changed packages from `edits`, all others from `texts`.
fn make_blocks<'b>(
    index: &Index,
    rows: &[PackageRow],
    texts: &mut BTreeMap<String, Vec<u8>>,
    edits: &BTreeMap<&str, &PackageEdit>,
) -> io::Result<Vec<Block<'b>>> {
    let mut entries: Vec<(&str, Cow<'_, [u8]>)> = Vec::new();
    for row in rows.iter().filter(|row| has_entries(row, index)) {
        let text = match edits.get(row.identity.as_str()) {
            Some(edit) => {
                let mut taken = edit.texts.iter().filter(|(partition, _)| index.takes.contains(partition));
                match (taken.next(), taken.next()) {
                    (Some((_, only)), None) => Cow::Borrowed(only.as_slice()),
                    (first, second) => {
                        let all = first.into_iter().chain(second).chain(taken);
                        all.flat_map(|(_, text)| text).copied().collect::<Vec<u8>>().into()
                    }
                }
            }
            None => texts.remove(&row.identity).ok_or_else(|| damaged(&index.name))?.into(),
        };
        entries.push((&row.identity, text));
    }
    let cuts = boundary::cut(entries.iter().map(|(key, text)| (*key, text.len())));
    cuts.into_iter()
        .map(|cut| {
            let first_key = entries[cut.start].0.to_owned();
            let packages = cut.len() as u64;
            // each text is in memory once, as a part of its block
            let mut text = Vec::with_capacity(entries[cut.clone()].iter().map(|(_, text)| text.len()).sum());
            for (_, part) in &mut entries[cut] {
                text.extend_from_slice(&std::mem::take(part));
            }
            let mut block = Block { first_key, packages, spans: Vec::new(), stored: Vec::new() };
            for codec in &index.codecs {
                let (stored, span) = codec::compress(*codec, &text)?;
                block.spans.push(span);
                block.stored.push(Stored::New(stored));
            }
            Ok(block)
        })
        .collect()
}

fn open_digest(index: &Index, head: &[u8], blocks: &[Block<'_>], tail: &[u8]) -> io::Result<(u64, Sha256)> {
    let mut digester = ContentDigester::new();
    digester.update(head);
    for block in blocks {
        digester.update(&codec::decompress(index.codecs[0], &block.stored[0].bytes()?, &block.spans[0])?);
    }
    digester.update(tail);
    Ok(digester.finish())
}

/// A present index with the content of its files, in the order of its codecs.
pub struct StoredIndex<'s, 'b> {
    state: &'s IndexState,
    contents: Vec<&'b Content>,
    /// Where each block starts, for each content; one more than there are blocks.
    offsets: Vec<Vec<u64>>,
}

impl<'s, 'b> StoredIndex<'s, 'b> {
    fn open(state: &'s IndexState, files: &'b PresentFiles) -> io::Result<Self> {
        Self::with_contents(state, files, state.files.len())
    }

    /// Only the first form, which is enough to read texts.
    ///
    /// # Errors
    ///
    /// When the file is not what its manifest says.
    pub fn open_first(state: &'s IndexState, files: &'b PresentFiles) -> io::Result<Self> {
        Self::with_contents(state, files, 1)
    }

    fn with_contents(state: &'s IndexState, files: &'b PresentFiles, forms: usize) -> io::Result<Self> {
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

    fn stored(&self, form: usize, block: usize) -> Stored<'b> {
        Stored::Kept(self.contents[form], self.offsets[form][block]..self.offsets[form][block + 1])
    }

    /// The entries of each block, one after the other, read from the first form.
    pub fn texts_of_blocks(&self) -> impl Iterator<Item = io::Result<Vec<u8>>> {
        (0..self.state.blocks.len()).map(|block| self.text_of_block(block))
    }

    fn text_of_block(&self, block: usize) -> io::Result<Vec<u8>> {
        let span = self.state.blocks[block].spans[0];
        codec::decompress(self.state.index.codecs[0], &self.stored(0, block).bytes()?, &span)
    }

    fn block(&self, block: usize) -> io::Result<Block<'b>> {
        let state = &self.state.blocks[block];
        Ok(Block {
            first_key: state.first_key.clone(),
            packages: state.packages,
            spans: state.spans.clone(),
            stored: (0..self.contents.len()).map(|form| self.stored(form, block)).collect(),
        })
    }

    /// Adds the texts of `partitions` in a run of blocks, by identity. `rows` are the packages of this run.
    fn texts(
        &self,
        blocks: Range<usize>,
        rows: &[PackageRow],
        partitions: &[Partition],
        texts: &mut BTreeMap<String, Vec<u8>>,
    ) -> io::Result<()> {
        let name = &self.state.index.name;
        let mut rows = rows.iter().filter(|row| has_entries(row, &self.state.index));
        // a block has whole packages, so that one is in memory at a time
        for block in blocks {
            let text = self.text_of_block(block)?;
            let mut rest = text.as_slice();
            for _ in 0..self.state.blocks[block].packages {
                let row = rows.next().ok_or_else(|| damaged(name))?;
                for (partition, bytes) in &row.entries {
                    if !self.state.index.takes.contains(partition) {
                        continue;
                    }
                    let (entry, behind) = rest.split_at_checked(length(*bytes)?).ok_or_else(|| damaged(name))?;
                    rest = behind;
                    if partitions.contains(partition) {
                        texts.entry(row.identity.clone()).or_default().extend_from_slice(entry);
                    }
                }
            }
            if !rest.is_empty() {
                return Err(damaged(name));
            }
        }
        if rows.next().is_none() { Ok(()) } else { Err(damaged(name)) }
    }
}

fn length(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(io::Error::other)
}

fn damaged(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{name} is not what its manifest says"))
}
