//! What index entries tell people of a package: a stanza of `Packages` or `Sources`, and lines of `Contents`.

use rws_model::{ChangelogItem, Entry, EntryTopic, NamedRelation, PackageDescription, PackageName, RelationList};

use crate::stanza::Stanza;
use crate::{component, layout, phasing, translation};

/// Fields that pages show, with the names that people know them by.
const FACTS: [(&str, &str); 7] = [
    ("Section", "Section"),
    ("Priority", "Priority"),
    ("Maintainer", "Maintainer"),
    ("Uploaders", "Uploaders"),
    ("Source", "Built from"),
    ("Multi-Arch", "Multi-Arch"),
    ("Standards-Version", "Standards version"),
];

/// Relation fields, those that matter most first.
const RELATIONS: [&str; 16] = [
    "Pre-Depends",
    "Depends",
    "Recommends",
    "Suggests",
    "Enhances",
    "Breaks",
    "Conflicts",
    "Replaces",
    "Provides",
    "Built-Using",
    "Build-Depends",
    "Build-Depends-Indep",
    "Build-Depends-Arch",
    "Build-Conflicts",
    "Build-Conflicts-Indep",
    "Build-Conflicts-Arch",
];

/// What entries of a partition tell.
pub(crate) fn topic(partition: &str) -> Option<EntryTopic> {
    match component::split(partition).1 {
        name if phasing::is_mark(name) => None,
        translation::PARTITION => Some(EntryTopic::LongDescription),
        _ if layout::is_contents(partition) => Some(EntryTopic::Files),
        _ => Some(EntryTopic::Description),
    }
}

/// The first line of the description. Of a source, which has none: what it builds.
pub(crate) fn summary(entry: &[u8]) -> String {
    let first = |name: &str| {
        let line = lines(entry).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        });
        line.filter(|line| !line.is_empty())
    };
    let built = || first("Binary").map(|names| format!("Source of {names}"));
    first("Description").or_else(built).unwrap_or_default()
}

fn lines(entry: &[u8]) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    entry.split(|byte| *byte == b'\n').map(String::from_utf8_lossy)
}

/// Sources cannot be installed, and packages of the installer are its own.
pub(crate) fn is_installable(package: &PackageName) -> bool {
    package.architecture != "source"
}

/// What the entries say.
pub(crate) fn of(entries: &[Entry]) -> PackageDescription {
    let mut description = PackageDescription::default();
    for entry in entries {
        match topic(&entry.partition) {
            Some(EntryTopic::Files) => description.files.extend(lines(&entry.text).filter_map(installed)),
            Some(EntryTopic::LongDescription) | None => {}
            _ => read(&entry.text, &mut description),
        }
    }
    for entry in entries.iter().filter(|entry| topic(&entry.partition) == Some(EntryTopic::LongDescription)) {
        if let Some(whole) = translation::whole(&entry.text) {
            description.text = long_text(&String::from_utf8_lossy(&whole));
        }
    }
    description
}

/// The long part of a description.
fn long_text(description: &str) -> String {
    let (_, rest) = description.split_once('\n').unwrap_or((description, ""));
    rest.lines().map(paragraph_line).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// The path of a line of `Contents`.
fn installed(line: std::borrow::Cow<'_, str>) -> Option<String> {
    line.rsplit_once('\t').map(|(path, _)| format!("/{path}"))
}

fn read(text: &[u8], description: &mut PackageDescription) {
    let Ok(stanza) = Stanza::parse(text, "its index entry") else { return };
    let value = |name: &str| String::from_utf8_lossy(stanza.value(name)).trim().to_owned();
    description.summary = summary(text);
    description.text = long_text(&value("Description"));
    let known = FACTS.into_iter().map(|(field, name)| (name, one_line(&value(field))));
    description.facts = known.filter(|(_, fact)| !fact.is_empty()).collect();
    if let Ok(kibibytes) = value("Installed-Size").parse::<u64>() {
        description.facts.push(("Installed size", format!("{kibibytes} KiB")));
    }
    description.homepage = Some(value("Homepage")).filter(|homepage| !homepage.is_empty());
    let lists = RELATIONS.into_iter().map(|kind| RelationList { kind, relations: relations(&value(kind)) });
    description.relations = lists.filter(|list| !list.relations.is_empty()).collect();
    description.changelog = Vec::<ChangelogItem>::new();
}

/// A line of the long description (Debian Policy 5.6.13): the blank before it is none of it, and a dot is an empty line.
fn paragraph_line(line: &str) -> &str {
    let line = line.strip_prefix(' ').unwrap_or(line);
    if line.trim_end() == "." { "" } else { line }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `a (>= 1) | b:any [amd64], c`
fn relations(field: &str) -> Vec<Vec<NamedRelation>> {
    let alternatives =
        field.split(',').map(|relation| relation.split('|').filter_map(one_relation).collect::<Vec<_>>());
    alternatives.filter(|alternatives| !alternatives.is_empty()).collect()
}

fn one_relation(text: &str) -> Option<NamedRelation> {
    let text = one_line(text);
    let end = text.find([' ', '(', ':', '[', '<']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let condition = rest.trim().trim_start_matches('(').replacen(')', "", 1).trim().to_owned();
    (!name.is_empty()).then(|| NamedRelation { name: name.to_owned(), condition })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_and_lines_of_contents() {
        let stanza = "Package: a\nVersion: 1\nSection: utils\nInstalled-Size: 12\nDepends: b (>= 1.0) | c:any [amd64],\n d\n\
                      Homepage: javascript:alert(1)\nDescription: short <b>\n Long\n text.\n .\n  as it is\n";
        let entries = [("binary-amd64", stanza), ("contents-amd64", "usr/bin/a b\tutils/a\nusr/share/x\tutils/a\n")];
        let entries =
            entries.map(|(partition, text)| Entry { partition: partition.to_owned(), text: text.as_bytes().to_vec() });
        let found = of(&entries);
        assert_eq!((found.summary.as_str(), found.text.as_str()), ("short <b>", "Long\ntext.\n\n as it is"));
        assert_eq!(found.facts, [("Section", "utils".to_owned()), ("Installed size", "12 KiB".to_owned())]);
        assert_eq!(found.homepage.as_deref(), Some("javascript:alert(1)"));
        assert_eq!(found.files, ["/usr/bin/a b", "/usr/share/x"]);
        let shown = |one: &NamedRelation| format!("{}|{}", one.name, one.condition);
        let depends: Vec<String> = found.relations[0].relations.iter().flatten().map(shown).collect();
        assert_eq!(depends, ["b|>= 1.0", "c|:any [amd64]", "d|"]);
        assert_eq!(summary(b"Package: s\nBinary: a, b\n"), "Source of a, b");
        assert_eq!(
            of(&[Entry { partition: "source".to_owned(), text: b"\xff".to_vec() }]),
            PackageDescription::default()
        );
    }
}
