//! Sorted rows in blocks: what a generation knows of its packages and files.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::io;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::boundary::{self, Cutter};

/// Tables are written often and read whole: speed before size.
const ZSTD_LEVEL: i32 = 1;

/// One row of a table.
pub trait Row: Serialize + DeserializeOwned + Clone {
    /// What the row is found by, unique in its table.
    fn key(&self) -> &str;
}

/// The order of keys in a table.
pub type Order<'a> = &'a (dyn Fn(&str, &str) -> Ordering + Send + Sync);

/// Sorted rows in compressed blocks; unchanged blocks are shared between tables.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Table<R> {
    blocks: Vec<TableBlock>,
    rows: u64,
    #[serde(skip)]
    row: PhantomData<fn() -> R>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct TableBlock {
    first_key: String,
    rows: u64,
    open_bytes: u64,
    bytes: Bytes,
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self { blocks: Vec::new(), rows: 0, row: PhantomData }
    }
}

impl<R: Row> Table<R> {
    /// The number of rows.
    pub fn len(&self) -> u64 {
        self.rows
    }

    /// The row with this key, or with one that is equal to it in this order.
    pub fn get(&self, key: &str, order: Order<'_>) -> io::Result<Option<R>> {
        let behind = self.blocks.partition_point(|block| order(&block.first_key, key).is_le());
        let Some(block) = behind.checked_sub(1).and_then(|block| self.blocks.get(block)) else { return Ok(None) };
        Ok(find(&unpack::<R>(block)?, key, order).cloned())
    }

    /// All rows in order.
    pub fn all(&self) -> io::Result<Vec<R>> {
        self.rows().collect()
    }

    /// All rows in order; one block is in memory at a time.
    pub fn rows(&self) -> Rows<'_, R> {
        Rows::of(&self.blocks)
    }

    /// Gives all rows in order; one block is in memory at a time.
    pub fn visit(&self, mut take: impl FnMut(R)) -> io::Result<()> {
        self.blocks.iter().try_for_each(|block| unpack::<R>(block).map(|rows| rows.into_iter().for_each(&mut take)))
    }

    /// The rows of the blocks that another table does not have: among them are all rows that it does not have.
    pub fn rows_not_in(&self, other: &Self) -> io::Result<Vec<R>> {
        let known: HashSet<&[u8]> = other.blocks.iter().map(|block| &*block.bytes).collect();
        let mut rows = Vec::new();
        for block in self.blocks.iter().filter(|block| !known.contains(&*block.bytes)) {
            rows.extend(unpack::<R>(block)?);
        }
        Ok(rows)
    }

    /// The rows from `start` on and before `end`.
    pub fn between(&self, start: Option<&str>, end: Option<&str>, order: Order<'_>) -> io::Result<Vec<R>> {
        self.rows_between(start, end, order).collect()
    }

    /// The same; one block is in memory at a time.
    pub fn rows_between<'t>(
        &'t self,
        start: Option<&'t str>,
        end: Option<&'t str>,
        order: Order<'t>,
    ) -> impl Iterator<Item = io::Result<R>> + use<'t, R> {
        let first = start.map_or(0, |start| {
            self.blocks.partition_point(|block| order(&block.first_key, start).is_le()).saturating_sub(1)
        });
        let last = end
            .map_or(self.blocks.len(), |end| self.blocks.partition_point(|block| order(&block.first_key, end).is_lt()));
        let rows = Rows::of(self.blocks.get(first..last).unwrap_or_default());
        rows.filter(move |row: &io::Result<R>| {
            row.as_ref().map_or(true, |row: &R| {
                start.is_none_or(|start| order(row.key(), start).is_ge())
                    && end.is_none_or(|end| order(row.key(), end).is_lt())
            })
        })
    }

    /// The first rows, up to `most`, that are `wanted`; one block is in memory at a time.
    pub fn first(&self, most: usize, mut wanted: impl FnMut(&R) -> bool) -> io::Result<Vec<R>> {
        let mut rows = Vec::new();
        for block in &self.blocks {
            rows.extend(unpack::<R>(block)?.into_iter().filter(|row| wanted(row)));
            if rows.len() >= most {
                rows.truncate(most);
                break;
            }
        }
        Ok(rows)
    }

    /// The table with other rows of the same keys, block by block.
    pub fn mapped<S: Row>(&self, mut row: impl FnMut(R) -> S) -> io::Result<Table<S>> {
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let rows: Vec<S> = unpack::<R>(block)?.into_iter().map(&mut row).collect();
            blocks.push(pack(&rows)?);
        }
        Ok(Table { blocks, rows: self.rows, row: PhantomData })
    }

    /// The table after `edits`: sorted by key, each key once; `None` removes the row.
    pub fn edited(&self, edits: &[(&str, Option<&R>)], order: Order<'_>) -> io::Result<Self> {
        let first_keys: Vec<&str> = self.blocks.iter().map(|block| block.first_key.as_str()).collect();
        let keys = edits.iter().map(|(key, _)| *key);
        let regions = boundary::regions(&first_keys, keys, |left, right| order(left, right).is_lt());
        let mut packer =
            Packer { blocks: Vec::with_capacity(self.blocks.len() + 1), cutter: Cutter::default(), rows: Vec::new() };
        let mut kept = 0;
        let mut edits = edits.iter().copied().peekable();
        for region in regions {
            packer.blocks.extend_from_slice(&self.blocks[kept..region.start]);
            kept = region.end;
            let end = first_keys.get(region.end).copied();
            let mut old = Rows::of(&self.blocks[region]).peekable();
            while let Some((key, row)) = edits.next_if(|(key, _)| end.is_none_or(|end| order(key, end).is_lt())) {
                let is_before = |row: &io::Result<R>| row.as_ref().map_or(true, |row| order(row.key(), key).is_lt());
                while let Some(before) = old.next_if(is_before) {
                    packer.push(before?)?;
                }
                old.next_if(|row| row.as_ref().is_ok_and(|row| row.key() == key));
                row.cloned().map_or(Ok(()), |row| packer.push(row))?;
            }
            old.try_for_each(|row| packer.push(row?))?;
            packer.end()?;
        }
        packer.blocks.extend_from_slice(&self.blocks[kept..]);
        let blocks = packer.blocks;
        let rows = blocks.iter().map(|block| block.rows).sum();
        Ok(Self { blocks, rows, row: PhantomData })
    }
}

/// The rows of blocks, of which one is in memory at a time.
pub struct Rows<'t, R> {
    blocks: std::slice::Iter<'t, TableBlock>,
    rows: std::vec::IntoIter<R>,
}

impl<'t, R> Rows<'t, R> {
    fn of(blocks: &'t [TableBlock]) -> Self {
        Self { blocks: blocks.iter(), rows: Vec::new().into_iter() }
    }
}

impl<R: Row> Iterator for Rows<'_, R> {
    type Item = io::Result<R>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.rows.next() {
                return Some(Ok(row));
            }
            match unpack(self.blocks.next()?) {
                Ok(rows) => self.rows = rows.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Makes blocks of rows.
struct Packer<R> {
    blocks: Vec<TableBlock>,
    cutter: Cutter,
    rows: Vec<R>,
}

impl<R: Row> Packer<R> {
    fn push(&mut self, row: R) -> io::Result<()> {
        if self.cutter.ends_before(row.key(), 0) {
            self.blocks.push(pack(&self.rows)?);
            self.rows.clear();
        }
        self.rows.push(row);
        Ok(())
    }

    /// Ends the last block: what follows starts another one.
    fn end(&mut self) -> io::Result<()> {
        if !self.rows.is_empty() {
            self.blocks.push(pack(&self.rows)?);
            self.rows.clear();
        }
        self.cutter = Cutter::default();
        Ok(())
    }
}

/// So many blocks a [`TableReader`] keeps.
const KEPT_BLOCKS: usize = 16;

/// Finds many rows of a table, which stand near each other more often than not: the blocks that were read last stay in memory.
pub struct TableReader<R> {
    table: Table<R>,
    /// Positions of blocks with their rows; the one that was used last stands last.
    kept: Mutex<Vec<(usize, Vec<R>)>>,
}

impl<R: Row> TableReader<R> {
    /// Reads `table`.
    pub fn new(table: Table<R>) -> Self {
        Self { table, kept: Mutex::default() }
    }

    /// The table.
    pub fn table(&self) -> &Table<R> {
        &self.table
    }

    /// The row with this key, or with one that is equal to it in this order.
    pub fn get(&self, key: &str, order: Order<'_>) -> io::Result<Option<R>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(block) = self.block_of(kept.last(), key, order) else { return Ok(None) };
        match kept.iter().position(|(kept, _)| *kept == block) {
            Some(position) => {
                let last = kept.len() - 1;
                kept.swap(position, last);
            }
            None => {
                let rows = unpack(&self.table.blocks[block])?;
                if kept.len() == KEPT_BLOCKS {
                    kept.remove(0);
                }
                kept.push((block, rows));
            }
        }
        let rows = kept.last().map(|(_, rows)| rows.as_slice()).unwrap_or_default();
        Ok(find(rows, key, order).cloned())
    }

    /// The position of the block in which a key stands or would stand.
    fn block_of(&self, last: Option<&(usize, Vec<R>)>, key: &str, order: Order<'_>) -> Option<usize> {
        let blocks = &self.table.blocks;
        // keys are asked for in about their order
        if let Some((last, _)) = last
            && order(&blocks[*last].first_key, key).is_le()
            && blocks.get(last + 1).is_none_or(|next| order(&next.first_key, key).is_gt())
        {
            return Some(*last);
        }
        blocks.partition_point(|block| order(&block.first_key, key).is_le()).checked_sub(1)
    }
}

fn find<'r, R: Row>(rows: &'r [R], key: &str, order: Order<'_>) -> Option<&'r R> {
    rows.binary_search_by(|row| order(row.key(), key)).ok().and_then(|position| rows.get(position))
}

fn pack<R: Row>(rows: &[R]) -> io::Result<TableBlock> {
    let text = postcard::to_stdvec(rows).map_err(io::Error::other)?;
    Ok(TableBlock {
        first_key: rows.first().map(|row| row.key().to_owned()).unwrap_or_default(),
        rows: rows.len() as u64,
        open_bytes: text.len() as u64,
        bytes: zstd::bulk::compress(&text, ZSTD_LEVEL)?.into(),
    })
}

fn unpack<R: Row>(block: &TableBlock) -> io::Result<Vec<R>> {
    let open_bytes = usize::try_from(block.open_bytes).map_err(io::Error::other)?;
    let text = zstd::bulk::decompress(&block.bytes, open_bytes)?;
    postcard::from_bytes(&text).map_err(io::Error::other)
}
