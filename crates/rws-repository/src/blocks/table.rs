//! Sorted rows in blocks: what a generation knows of its packages and files.

use std::cmp::Ordering;
use std::io;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::boundary;

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

    /// The row with this key.
    pub fn get(&self, key: &str, order: Order<'_>) -> io::Result<Option<R>> {
        let behind = self.blocks.partition_point(|block| order(&block.first_key, key).is_le());
        let Some(block) = behind.checked_sub(1).and_then(|block| self.blocks.get(block)) else { return Ok(None) };
        Ok(unpack::<R>(block)?.into_iter().find(|row| row.key() == key))
    }

    /// All rows in order.
    pub fn all(&self) -> io::Result<Vec<R>> {
        self.between(None, None, &|_, _| Ordering::Equal)
    }

    /// The rows from `start` on and before `end`.
    pub fn between(&self, start: Option<&str>, end: Option<&str>, order: Order<'_>) -> io::Result<Vec<R>> {
        let first = start.map_or(0, |start| {
            self.blocks.partition_point(|block| order(&block.first_key, start).is_le()).saturating_sub(1)
        });
        let last = end
            .map_or(self.blocks.len(), |end| self.blocks.partition_point(|block| order(&block.first_key, end).is_lt()));
        let mut rows = Vec::new();
        for block in self.blocks.get(first..last).unwrap_or_default() {
            rows.extend(unpack::<R>(block)?);
        }
        if let Some(start) = start {
            rows.retain(|row| order(row.key(), start).is_ge());
        }
        if let Some(end) = end {
            rows.retain(|row| order(row.key(), end).is_lt());
        }
        Ok(rows)
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
    pub fn edited(&self, edits: &[(String, Option<R>)], order: Order<'_>) -> io::Result<Self> {
        let first_keys: Vec<&str> = self.blocks.iter().map(|block| block.first_key.as_str()).collect();
        let keys = edits.iter().map(|(key, _)| key.as_str());
        let regions = boundary::regions(&first_keys, keys, |left, right| order(left, right).is_lt());
        let mut blocks = Vec::with_capacity(self.blocks.len() + 1);
        let mut kept = 0;
        let mut edits = edits.iter().peekable();
        for region in regions {
            blocks.extend_from_slice(&self.blocks[kept..region.start]);
            kept = region.end;
            let mut old = Vec::new();
            for block in &self.blocks[region.clone()] {
                old.extend(unpack::<R>(block)?);
            }
            let end = first_keys.get(region.end).copied();
            let mut rows = Vec::with_capacity(old.len() + 1);
            let mut old = old.into_iter().peekable();
            while let Some((key, row)) = edits.next_if(|(key, _)| end.is_none_or(|end| order(key, end).is_lt())) {
                while let Some(before) = old.next_if(|row| order(row.key(), key).is_lt()) {
                    rows.push(before);
                }
                old.next_if(|row| row.key() == key);
                rows.extend(row.clone());
            }
            rows.extend(old);
            let cuts = boundary::cut(rows.iter().map(|row| (row.key(), 0)));
            for cut in cuts {
                blocks.push(pack(&rows[cut])?);
            }
        }
        blocks.extend_from_slice(&self.blocks[kept..]);
        let rows = blocks.iter().map(|block| block.rows).sum();
        Ok(Self { blocks, rows, row: PhantomData })
    }
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
