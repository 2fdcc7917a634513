//! Phased updates: of all machines only so many out of a hundred get a version (apt, `Phased-Update-Percentage`).
//!
//! Who publishes a package raises the number afterwards, without a new upload. What was said last is kept as an entry that stands in
//! no index: entries that are made again from the package get it back.

use rws_model::{Entry, Partition, Record};

use crate::component;

const FIELD: &str = "Phased-Update-Percentage";

/// What the partition of such an entry begins with; the number follows.
const MARK: &str = "phased-";

/// All machines: then there is no field.
const ALL_MACHINES: u8 = 100;

/// Whether the entries of a partition only say what was said of a package.
pub(crate) fn is_mark(partition: &str) -> bool {
    partition.starts_with(MARK)
}

/// What a mark says beside the number: how it got there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MarkOrigin {
    /// Somebody said it of a package that is there.
    Said,
    /// The package had it before: here, or where it comes from.
    Kept,
}

impl MarkOrigin {
    const fn text(self) -> &'static [u8] {
        match self {
            Self::Said => b"said\n",
            Self::Kept => b"kept\n",
        }
    }
}

/// The mark of a record.
fn mark(record: &Record) -> Option<(u8, MarkOrigin)> {
    let entry = record.entries.iter().find(|entry| is_mark(&entry.partition))?;
    let origin = if entry.text == MarkOrigin::Kept.text() { MarkOrigin::Kept } else { MarkOrigin::Said };
    Some((percentage(&entry.partition)?, origin))
}

fn percentage(partition: &str) -> Option<u8> {
    partition.strip_prefix(MARK)?.parse().ok()
}

/// What the entries of a package, of which these are the partitions, say.
fn said(before: &[(Partition, u64)]) -> Option<u8> {
    before.iter().find_map(|(partition, _)| percentage(partition))
}

/// The record of a binary package for so many machines out of a hundred; `None` for what is no binary package.
pub(crate) fn with(record: &Record, percentage: u8) -> Option<Record> {
    marked(record, Some((percentage, MarkOrigin::Said)))
}

/// Whether a record only says something of a package that is there.
pub(crate) fn is_of_present(record: &Record) -> bool {
    mark(record).is_some_and(|(_, origin)| origin == MarkOrigin::Said)
}

/// The record with a mark and what that says in its entry, or without.
fn marked(record: &Record, mark: Option<(u8, MarkOrigin)>) -> Option<Record> {
    let is_binary = |entry: &&Entry| component::split(&entry.partition).1.starts_with("binary-");
    record.entries.iter().find(is_binary)?;
    let mut entries: Vec<Entry> = Vec::with_capacity(record.entries.len() + 1);
    let percentage = mark.map_or(ALL_MACHINES, |(percentage, _)| percentage);
    for entry in record.entries.iter().filter(|entry| !is_mark(&entry.partition)) {
        let text = if is_binary(&entry) { stated(&entry.text, percentage) } else { entry.text.clone() };
        entries.push(Entry { text, partition: entry.partition.clone() });
    }
    let entry = |(percentage, origin): (u8, MarkOrigin)| Entry {
        partition: format!("{MARK}{percentage}"),
        text: origin.text().to_vec(),
    };
    entries.extend(mark.map(entry));
    Some(Record { entries, ..record.clone() })
}

/// The record of a package that is there already, or was. What somebody says now counts, else what was said before. `None` where
/// there is nothing to add.
pub(crate) fn carried(record: &Record, before: &[(Partition, u64)]) -> Option<Record> {
    let before = said(before).map(|percentage| (percentage, MarkOrigin::Kept));
    match mark(record) {
        Some((percentage, MarkOrigin::Said)) => marked(record, Some((percentage, MarkOrigin::Kept))),
        None if before.is_none() => None,
        known if known == before => None,
        _ => marked(record, before),
    }
}

/// The mark of a package that comes from elsewhere, where its entries have these partitions.
pub(crate) fn brought(there: &[(Partition, u64)]) -> Option<Entry> {
    let percentage = said(there)?;
    Some(Entry { partition: format!("{MARK}{percentage}"), text: MarkOrigin::Kept.text().to_vec() })
}

/// A record whose entries have such a mark, with what that says.
pub(crate) fn completed(record: Record) -> Record {
    let with = mark(&record).and_then(|mark| marked(&record, Some(mark)));
    with.unwrap_or(record)
}

/// The entry with the field, at its end, or without it.
fn stated(entry: &[u8], percentage: u8) -> Vec<u8> {
    let mut text = Vec::with_capacity(entry.len() + FIELD.len() + 8);
    for line in entry.split_inclusive(|byte| *byte == b'\n').filter(|line| *line != b"\n") {
        let (name, rest) = line.split_at(line.len().min(FIELD.len()));
        if !(name.eq_ignore_ascii_case(FIELD.as_bytes()) && rest.starts_with(b":")) {
            text.extend_from_slice(line);
        }
    }
    if percentage < ALL_MACHINES {
        text.extend_from_slice(format!("{FIELD}: {percentage}\n").as_bytes());
    }
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use rws_model::Identity;

    use super::*;

    fn record(text: &str) -> Record {
        let entry = |partition: &str, text: &str| Entry { partition: partition.to_owned(), text: text.into() };
        Record {
            identity: Identity("deb a 1 amd64".to_owned()),
            directory: "pool".to_owned(),
            files: Vec::new(),
            entries: vec![entry("contrib/binary-amd64", text), entry("contrib/contents-amd64", "usr/x\ta\n")],
            renderer: 1,
            signature: None,
        }
    }

    fn text(record: &Record) -> &str {
        std::str::from_utf8(&record.entries[0].text).unwrap()
    }

    #[test]
    fn the_field_comes_changes_and_goes() {
        let phased = with(&record("Package: a\nDescription: x\n y\n\n"), 20).unwrap();
        assert_eq!(text(&phased), "Package: a\nDescription: x\n y\nPhased-Update-Percentage: 20\n\n");
        let more = with(&phased, 50).unwrap();
        assert_eq!(text(&more), "Package: a\nDescription: x\n y\nPhased-Update-Percentage: 50\n\n");
        assert_eq!(more.entries.len(), 3);
        let all = with(&more, 100).unwrap();
        assert_eq!(text(&all), "Package: a\nDescription: x\n y\n\n");
        // what the package says itself gives way
        let own = with(&record("Package: a\nphased-update-percentage: 7\nTag: b\n\n"), 100).unwrap();
        assert_eq!(text(&own), "Package: a\nTag: b\n\n");
        let of_source = Record { entries: Vec::new(), ..record("") };
        assert_eq!(with(&of_source, 1), None);
    }

    fn partitions(record: &Record) -> Vec<(Partition, u64)> {
        record.entries.iter().map(|entry| (entry.partition.clone(), entry.text.len() as u64)).collect()
    }

    #[test]
    fn what_was_said_stays_until_something_else_is_said() {
        let plain = record("Package: a\n\n");
        let phased = with(&plain, 20).unwrap();
        assert!(is_of_present(&phased));
        // how a package stands does not depend on how the number got there
        let kept = carried(&plain, &partitions(&phased)).unwrap();
        assert_eq!(carried(&phased, &partitions(&plain)).as_ref(), Some(&kept));
        assert_eq!(carried(&kept, &partitions(&kept)), None);
        assert_eq!(carried(&plain, &partitions(&plain)), None);
        let more = carried(&with(&plain, 30).unwrap(), &partitions(&kept)).unwrap();
        assert_eq!(mark(&more), Some((30, MarkOrigin::Kept)));
        assert!(!is_of_present(&kept) && text(&kept).contains("Percentage: 20"));
    }

    #[test]
    fn what_comes_from_elsewhere_gives_way() {
        let plain = record("Package: a\n\n");
        let kept = |percentage| marked(&plain, Some((percentage, MarkOrigin::Kept))).unwrap();
        let mut brought_here = plain.clone();
        brought_here.entries.extend(brought(&partitions(&kept(20))));
        let brought_here = completed(brought_here);
        assert_eq!(brought_here, kept(20));
        assert_eq!(carried(&brought_here, &partitions(&kept(50))), Some(kept(50)));
        let without = carried(&brought_here, &partitions(&plain)).unwrap();
        assert_eq!((without.entries.len(), text(&without)), (2, text(&plain)));
    }
}
