//! One index while it is written: block by block, all its forms at once.

use std::io;

use rws_model::{Codec, ContentDigester, Index, IndexFile};

use super::stored_index::StoredIndex;
use super::{NewFile, Renderer};
use crate::blocks::boundary::Cutter;
use crate::blocks::codec::{self, Span};
use crate::content::{ContentWriter, DigestedContent};
use crate::generation::{IndexBlock, IndexState};

/// One index while it is written. At most one block of it is in memory.
pub struct IndexWriter<'r> {
    renderer: &'r Renderer<'r>,
    state: IndexState,
    /// What stands after the entries.
    tail: Vec<u8>,
    /// One for each codec.
    forms: Vec<ContentWriter>,
    /// The uncompressed index, where it is none of the forms.
    open: Option<ContentDigester>,
    cutter: Cutter,
    block: NewBlock,
}

/// A block that is not full yet.
#[derive(Default)]
struct NewBlock {
    first_key: String,
    packages: u64,
    text: Vec<u8>,
}

impl<'r> IndexWriter<'r> {
    /// Begins an index that gets the entries of so many packages.
    pub fn begin(renderer: &'r Renderer<'r>, index: Index, packages: u64) -> io::Result<Self> {
        let mut frame = renderer.format.frame(&index, packages);
        frame.tail.extend(std::iter::repeat_n(b'\n', renderer.variant));
        let is_open = index.codecs.contains(&Codec::Plain);
        let form = |_: &Codec| ContentWriter::new(renderer.scratch, &index.digests);
        let mut writer = Self {
            renderer,
            forms: index.codecs.iter().map(form).collect(),
            state: IndexState { head: Vec::new(), blocks: Vec::new(), tail: Vec::new(), files: Vec::new(), index },
            tail: frame.tail,
            open: (!is_open).then(ContentDigester::new),
            cutter: Cutter::default(),
            block: NewBlock::default(),
        };
        for (codec, form) in writer.state.index.codecs.iter().zip(&mut writer.forms) {
            form.push(&codec::head(*codec))?;
        }
        writer.state.head = writer.compress(&frame.head)?;
        Ok(writer)
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.state.index
    }

    /// Copies a block of the present index.
    pub fn keep(&mut self, stored: &StoredIndex<'_>, block: usize) -> io::Result<()> {
        for (position, form) in self.forms.iter_mut().enumerate() {
            stored.pieces(position, block, |piece| form.push(piece))?;
        }
        if let Some(open) = &mut self.open {
            open.update(&stored.text_of_block(block)?);
        }
        self.state.blocks.push(stored.block(block).clone());
        Ok(())
    }

    /// Takes the entries of the next package.
    pub fn push(&mut self, identity: &str, text: Vec<u8>) -> io::Result<()> {
        if self.cutter.ends_before(identity, text.len()) {
            self.write_block()?;
        }
        if self.block.packages == 0 {
            identity.clone_into(&mut self.block.first_key);
        }
        self.block.packages += 1;
        match self.block.text.is_empty() {
            true => self.block.text = text,
            false => self.block.text.extend_from_slice(&text),
        }
        Ok(())
    }

    /// Ends the block that was begun: what follows is a block by itself.
    pub fn end_block(&mut self) -> io::Result<()> {
        if self.block.packages > 0 {
            self.write_block()?;
        }
        self.cutter = Cutter::default();
        Ok(())
    }

    fn write_block(&mut self) -> io::Result<()> {
        let NewBlock { first_key, packages, text } = std::mem::take(&mut self.block);
        let spans = self.compress(&text)?;
        self.state.blocks.push(IndexBlock { first_key, packages, spans });
        Ok(())
    }

    /// Writes a text to all forms.
    fn compress(&mut self, text: &[u8]) -> io::Result<Vec<Span>> {
        let mut spans = Vec::with_capacity(self.forms.len());
        for (codec, form) in self.state.index.codecs.iter().zip(&mut self.forms) {
            let (stored, span) = codec::compress(*codec, text)?;
            form.push(&stored)?;
            spans.push(span);
        }
        if let Some(open) = &mut self.open {
            open.update(text);
        }
        Ok(spans)
    }

    /// Ends the files.
    pub fn finish(mut self) -> io::Result<(IndexState, Vec<NewFile>)> {
        let tail = std::mem::take(&mut self.tail);
        self.state.tail = self.compress(&tail)?;
        let Self { renderer, mut state, forms, open, .. } = self;
        let mut contents = Vec::with_capacity(forms.len());
        for (position, (codec, mut form)) in state.index.codecs.iter().zip(forms).enumerate() {
            let blocks = state.blocks.iter().map(|block| block.spans[position]);
            let spans: Vec<Span> =
                std::iter::once(state.head[position]).chain(blocks).chain([state.tail[position]]).collect();
            form.push(&codec::tail(*codec, &spans))?;
            contents.push((*codec, form.finish()?));
        }
        let plain = contents.iter().find(|(codec, _)| *codec == Codec::Plain);
        let plain = plain.map(|(_, plain)| (plain.content.size_bytes(), plain.sha256));
        let (open_size_bytes, open_sha256) = match (plain, open) {
            (Some(plain), _) => plain,
            (None, open) => open.unwrap_or_default().finish(),
        };
        let mut files = Vec::with_capacity(contents.len());
        for (codec, DigestedContent { content, sha256, digests }) in contents {
            let name = renderer.format.stored_name(renderer.repository, &state.index, codec, &sha256);
            state.files.push(IndexFile {
                index: state.index.name.clone(),
                codec,
                size_bytes: content.size_bytes(),
                sha256,
                open_size_bytes,
                open_sha256,
                digests: digests.into_iter().collect(),
                stored_name: name.clone(),
                plain_name: renderer.format.plain_name(renderer.repository, &state.index, codec),
            });
            files.push(NewFile { name, content });
        }
        Ok((state, files))
    }
}
