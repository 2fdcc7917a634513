//! The new entries of a plan, in parts that are each sorted as the table of packages is.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use rws_model::Partition;

use crate::blocks::table::Order;
use crate::spill::{Spill, SpillReader, SpillWriter};

/// The texts of one package: its identity, and the partition of each.
type Stored = (String, Vec<Partition>);

/// The new entries of one package.
#[derive(Debug)]
pub struct NewEntries {
    /// Its identity.
    pub identity: String,
    /// Each with its partition.
    pub texts: Vec<(Partition, Vec<u8>)>,
}

/// The new entries of packages. A package that stands in several parts has the entries that the last of these says.
#[derive(Debug, Default)]
pub struct Texts(Vec<Spill<Stored>>);

impl Texts {
    /// Adds a part: packages in the order of their table, each with all its entries.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn add(&mut self, scratch: &Path, packages: &[NewEntries]) -> io::Result<()> {
        let mut writer = SpillWriter::new(scratch);
        for NewEntries { identity, texts } in packages {
            let partitions: Vec<Partition> = texts.iter().map(|(partition, _)| partition.clone()).collect();
            let texts: Vec<&[u8]> = texts.iter().map(|(_, text)| text.as_slice()).collect();
            writer.push(&(identity.clone(), partitions), &texts)?;
        }
        self.0.push(writer.finish()?);
        Ok(())
    }

    /// Reads the entries of some partitions, in the order of the table.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn read<'a>(&self, partitions: &'a [Partition], order: Order<'a>) -> io::Result<TextReader<'a>> {
        let mut reader =
            TextReader { parts: Vec::with_capacity(self.0.len()), partitions, order, due: BTreeMap::new() };
        for (number, part) in self.0.iter().enumerate() {
            if let Some(part) = Part::next(number, part.read())? {
                reader.insert(part);
            }
        }
        Ok(reader)
    }
}

/// Merges the parts. Packages have to be asked for in the order of the table.
pub struct TextReader<'a> {
    /// Those that have more: the one that comes next stands last.
    parts: Vec<Part>,
    partitions: &'a [Partition],
    order: Order<'a>,
    /// The texts of packages that are equal in this order (two writings of one version may be) and were not asked for yet.
    due: BTreeMap<String, Vec<u8>>,
}

/// A part, of which the values before this one were read.
struct Part {
    number: usize,
    identity: String,
    partitions: Vec<Partition>,
    reader: SpillReader<Stored>,
}

impl Part {
    fn next(number: usize, mut reader: SpillReader<Stored>) -> io::Result<Option<Self>> {
        let next = reader.next_value()?;
        Ok(next.map(|(identity, partitions)| Self { number, identity, partitions, reader }))
    }
}

impl TextReader<'_> {
    /// The new entries of a package, one after the other; `None` where it has none.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn of(&mut self, identity: &str) -> io::Result<Option<Vec<u8>>> {
        let is_due = |part: &Part, order: Order<'_>| order(&part.identity, identity).is_le();
        while self.parts.last().is_some_and(|part| is_due(part, self.order)) {
            let Some(mut part) = self.parts.pop() else { break };
            // of those with the same identity the latest part comes first
            if !self.due.contains_key(&part.identity) && (self.order)(&part.identity, identity).is_eq() {
                let mut text = Vec::new();
                for partition in &part.partitions {
                    match self.partitions.contains(partition) {
                        true => text.append(&mut part.reader.text()?),
                        false => part.reader.skip_text(),
                    }
                }
                self.due.insert(std::mem::take(&mut part.identity), text);
            }
            if let Some(part) = Part::next(part.number, part.reader)? {
                self.insert(part);
            }
        }
        let found = self.due.remove(identity);
        self.due.retain(|other, _| (self.order)(other, identity).is_eq());
        Ok(found)
    }

    fn insert(&mut self, part: Part) {
        let is_after = |other: &Part| match (self.order)(&other.identity, &part.identity) {
            Ordering::Equal => other.number < part.number,
            order => order.is_gt(),
        };
        let position = self.parts.partition_point(is_after);
        self.parts.insert(position, part);
    }
}
