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

/// The record of a binary package for so many machines out of a hundred; `None` for what is no binary package.
pub(crate) fn with(record: &Record, percentage: u8) -> Option<Record> {
    let is_binary = |entry: &&Entry| component::split(&entry.partition).1.starts_with("binary-");
    record.entries.iter().find(is_binary)?;
    let mut entries: Vec<Entry> = Vec::with_capacity(record.entries.len() + 1);
    for entry in record.entries.iter().filter(|entry| !is_mark(&entry.partition)) {
        let text = if is_binary(&entry) { stated(&entry.text, percentage) } else { entry.text.clone() };
        entries.push(Entry { text, partition: entry.partition.clone() });
    }
    entries.push(Entry { partition: format!("{MARK}{percentage}"), text: format!("{percentage}\n").into_bytes() });
    Some(Record { entries, ..record.clone() })
}

/// The record with what was said of the same package before, unless it says that itself; `None` where there is nothing to add.
pub(crate) fn carried(record: &Record, before: &[(Partition, u64)]) -> Option<Record> {
    let said = before.iter().find_map(|(partition, _)| partition.strip_prefix(MARK))?;
    let says = record.entries.iter().any(|entry| is_mark(&entry.partition));
    if says { None } else { with(record, said.parse().ok()?) }
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

    #[test]
    fn what_was_said_stays_until_something_else_is_said() {
        let plain = record("Package: a\n\n");
        let before = |record: &Record| -> Vec<(Partition, u64)> {
            record.entries.iter().map(|entry| (entry.partition.clone(), entry.text.len() as u64)).collect()
        };
        let phased = with(&plain, 20).unwrap();
        assert_eq!(carried(&plain, &before(&phased)).as_ref(), Some(&phased));
        assert_eq!(carried(&plain, &before(&plain)), None);
        assert_eq!(carried(&with(&plain, 30).unwrap(), &before(&phased)), None);
    }
}
