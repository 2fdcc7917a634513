//! Values with texts that are written one after the other and read again in this order: few stay in memory, many are spilled
//! to the local disk, so that memory does not follow their number.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::content::{Content, ContentReader, ScratchWriter};

/// Values that were written.
#[derive(Debug)]
pub struct Spill<V> {
    content: Content,
    values: u64,
    value: PhantomData<fn() -> V>,
}

impl<V: DeserializeOwned> Spill<V> {
    /// How many values there are.
    pub fn len(&self) -> u64 {
        self.values
    }

    /// Reads them from the first on.
    pub fn read(&self) -> SpillReader<V> {
        let reader = self.content.reader(0..self.content.size_bytes());
        SpillReader { reader, texts: VecDeque::new(), value: PhantomData }
    }
}

/// Writes values. Each stands there as the length of what follows (four bytes), the value with the lengths of its texts
/// (postcard), and the texts.
pub struct SpillWriter<V> {
    scratch: ScratchWriter,
    values: u64,
    value: PhantomData<fn(V)>,
}

impl<V: Serialize> SpillWriter<V> {
    /// Writes to memory, and to a file in `directory` once it is much.
    pub fn new(directory: &Path) -> Self {
        Self { scratch: ScratchWriter::new(directory), values: 0, value: PhantomData }
    }

    /// Takes the next value.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn push(&mut self, value: &V, texts: &[&[u8]]) -> io::Result<()> {
        let lengths: Vec<u64> = texts.iter().map(|text| text.len() as u64).collect();
        let front = postcard::to_stdvec(&(value, lengths)).map_err(io::Error::other)?;
        let length = u32::try_from(front.len()).map_err(io::Error::other)?;
        self.scratch.push(&length.to_le_bytes())?;
        self.scratch.push(&front)?;
        texts.iter().try_for_each(|text| self.scratch.push(text))?;
        self.values += 1;
        Ok(())
    }

    /// The values.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn finish<R>(self) -> io::Result<Spill<R>> {
        Ok(Spill { content: self.scratch.finish()?, values: self.values, value: PhantomData })
    }
}

/// Reads values in the order in which they were written.
pub struct SpillReader<V> {
    reader: ContentReader,
    /// The lengths of the texts of the present value that were neither read nor left out.
    texts: VecDeque<u64>,
    value: PhantomData<fn() -> V>,
}

impl<V: DeserializeOwned> SpillReader<V> {
    /// The next value, without its texts; those of the present one that were not read are left out.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn next_value(&mut self) -> io::Result<Option<V>> {
        while !self.texts.is_empty() {
            self.skip_text();
        }
        if self.reader.is_at_end() {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.reader.read_exact(&mut length)?;
        let mut front = vec![0; usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?];
        self.reader.read_exact(&mut front)?;
        let (value, texts) = postcard::from_bytes(&front).map_err(io::Error::other)?;
        self.texts = texts;
        Ok(Some(value))
    }

    /// The next text of the present value.
    ///
    /// # Errors
    ///
    /// When the disk fails, or the value has no more.
    pub fn text(&mut self) -> io::Result<Vec<u8>> {
        let length = self.texts.pop_front().ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut text = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.reader.read_exact(&mut text)?;
        Ok(text)
    }

    /// Leaves out the next text of the present value.
    pub fn skip_text(&mut self) {
        if let Some(length) = self.texts.pop_front() {
            self.reader.skip_bytes(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_values_are_read_as_they_were_written() {
        let directory = tempfile::tempdir().unwrap();
        for (values, is_spilled) in [(0_u32, false), (3, false), (40, true)] {
            let mut writer = SpillWriter::new(directory.path());
            let texts = |number: u32| [vec![b'a'; number as usize], vec![b'b'; 300_000], vec![b'c'; 7]];
            for number in 0..values {
                writer.push(&(number, number.to_string()), &texts(number).each_ref().map(Vec::as_slice)).unwrap();
            }
            let spill: Spill<(u32, String)> = writer.finish().unwrap();
            assert_eq!(spill.len(), u64::from(values));
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count() == 1, is_spilled, "{values}");
            // whichever texts are read
            for wanted in 0..8_u32 {
                let mut reader = spill.read();
                for number in 0..values {
                    assert_eq!(reader.next_value().unwrap(), Some((number, number.to_string())));
                    for (position, text) in texts(number).into_iter().enumerate() {
                        if wanted & (1 << position) == 0 {
                            reader.skip_text();
                        } else {
                            assert!(reader.text().unwrap() == text);
                        }
                    }
                    assert!(reader.text().is_err(), "there are three");
                }
                assert_eq!(reader.next_value().unwrap(), None);
            }
            drop(spill);
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "the file goes with the values");
        }
    }
}
