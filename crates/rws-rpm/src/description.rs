//! What index entries tell people of a package: its elements in `primary`, `filelists` and `other`, as RWS writes them.

use rws_model::{ChangelogItem, Entry, EntryTopic, NamedRelation, PackageDescription, PackageName, RelationList};

/// Elements that pages show, with the names that people know them by.
const FACTS: [(&str, &str); 6] = [
    ("rpm:license", "Licence"),
    ("rpm:group", "Group"),
    ("packager", "Packager"),
    ("rpm:vendor", "Vendor"),
    ("rpm:sourcerpm", "Built from"),
    ("rpm:buildhost", "Build host"),
];

/// Elements with relations, those that matter most first.
const RELATIONS: [(&str, &str); 8] = [
    ("rpm:requires", "Requires"),
    ("rpm:recommends", "Recommends"),
    ("rpm:suggests", "Suggests"),
    ("rpm:supplements", "Supplements"),
    ("rpm:enhances", "Enhances"),
    ("rpm:conflicts", "Conflicts"),
    ("rpm:obsoletes", "Obsoletes"),
    ("rpm:provides", "Provides"),
];

/// What the flags of a relation mean.
const OPERATORS: [(&str, &str); 5] = [("EQ", "="), ("LT", "<"), ("LE", "<="), ("GT", ">"), ("GE", ">=")];

/// What entries of a partition tell.
pub fn topic(partition: &str) -> Option<EntryTopic> {
    match partition {
        "primary" => Some(EntryTopic::Description),
        "filelists" => Some(EntryTopic::Files),
        "other" => Some(EntryTopic::Changelog),
        _ => None,
    }
}

/// The summary of a package.
pub fn summary(entry: &[u8]) -> String {
    std::str::from_utf8(entry).ok().and_then(|text| element(text, "summary")).unwrap_or_default()
}

/// Sources cannot be installed by their names.
pub fn is_installable(package: &PackageName) -> bool {
    !["src", "nosrc"].contains(&package.architecture.as_str())
}

/// What the entries say.
pub fn of(entries: &[Entry]) -> PackageDescription {
    let mut description = PackageDescription::default();
    for entry in entries {
        let text = String::from_utf8_lossy(&entry.text);
        match topic(&entry.partition) {
            Some(EntryTopic::Description) => read(&text, &mut description),
            Some(EntryTopic::Files) => description.files = files(&text),
            Some(EntryTopic::Changelog) => description.changelog = changelog(&text),
            Some(EntryTopic::LongDescription) | None => {}
        }
    }
    description
}

fn read(text: &str, description: &mut PackageDescription) {
    description.summary = element(text, "summary").unwrap_or_default();
    description.text = element(text, "description").unwrap_or_default().trim_end().to_owned();
    let facts = FACTS.into_iter().filter_map(|(name, shown)| Some((shown, element(text, name)?)));
    description.facts = facts.filter(|(_, fact)| !fact.is_empty()).collect();
    let installed = tags(text, "size").next().and_then(|tag| attribute(tag, "installed")?.parse::<u64>().ok());
    if let Some(bytes) = installed {
        description.facts.push(("Installed size", format!("{} KiB", bytes.div_ceil(1024))));
    }
    description.homepage = element(text, "url").filter(|url| !url.is_empty());
    let built = tags(text, "time").next().and_then(|tag| attribute(tag, "build"));
    description.built_at = built.and_then(|time| time.parse().ok());
    let list = |(name, kind)| {
        let inside = between(text, &format!("<{name}>"), &format!("</{name}>")).unwrap_or_default();
        RelationList { kind, relations: tags(inside, "rpm:entry").filter_map(relation).map(|one| vec![one]).collect() }
    };
    description.relations = RELATIONS.into_iter().map(list).filter(|list| !list.relations.is_empty()).collect();
}

fn relation(tag: &str) -> Option<NamedRelation> {
    let name = attribute(tag, "name")?;
    let flags = attribute(tag, "flags");
    let operator = flags.and_then(|flags| OPERATORS.into_iter().find(|(word, _)| *word == flags));
    let condition = operator.map(|(_, operator)| {
        let epoch = attribute(tag, "epoch").filter(|epoch| epoch != "0").map(|epoch| format!("{epoch}:"));
        let release = attribute(tag, "rel").map(|release| format!("-{release}"));
        let version = attribute(tag, "ver").unwrap_or_default();
        format!("{operator} {}{version}{}", epoch.unwrap_or_default(), release.unwrap_or_default())
    });
    Some(NamedRelation { name, condition: condition.unwrap_or_default() })
}

fn files(text: &str) -> Vec<String> {
    let elements = text.split("<file").skip(1).filter_map(|rest| {
        let (_, rest) = rest.split_once('>')?;
        rest.split_once("</file>").map(|(path, _)| unescaped(path))
    });
    elements.collect()
}

/// Entries have the oldest first.
fn changelog(text: &str) -> Vec<ChangelogItem> {
    let item = |rest: &str| {
        let (tag, rest) = rest.split_once('>')?;
        let (content, _) = rest.split_once("</changelog>")?;
        Some(ChangelogItem {
            author: attribute(tag, "author").unwrap_or_default(),
            time: attribute(tag, "date").and_then(|date| date.parse().ok()).unwrap_or_default(),
            text: unescaped(content),
        })
    };
    let mut items: Vec<ChangelogItem> = text.split("<changelog").skip(1).filter_map(item).collect();
    items.reverse();
    items
}

/// The content of the first element of this name, which has no elements in it.
fn element(text: &str, name: &str) -> Option<String> {
    between(text, &format!("<{name}>"), &format!("</{name}>")).map(unescaped)
}

/// The tags of this name: what stands between the name and the end of the tag. No value has `>`, which is escaped.
fn tags<'text>(text: &'text str, name: &str) -> impl Iterator<Item = &'text str> {
    let start = format!("<{name} ");
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, behind) = rest.split_once(&start)?;
        let (tag, after) = behind.split_once('>')?;
        rest = after;
        Some(tag)
    })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let tag = format!(" {tag}");
    between(&tag, &format!(" {name}=\""), "\"").map(unescaped)
}

fn between<'text>(text: &'text str, start: &str, end: &str) -> Option<&'text str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}

/// Text without the references of XML 1.0, section 4.1, that RWS writes.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        plain.push_str(before);
        let found = behind.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        rest = match found {
            Some((character, after)) => {
                plain.push(character);
                after
            }
            None => {
                plain.push('&');
                behind
            }
        };
    }
    plain.push_str(rest);
    plain
}

fn character(name: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => number(name.strip_prefix('#')?, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(partition: &str, text: &str) -> Entry {
        Entry { partition: partition.to_owned(), text: text.as_bytes().to_vec() }
    }

    #[test]
    fn entries_as_rws_writes_them() {
        let primary = "<package type=\"rpm\">\n  <summary>a &lt;b&gt; &amp; c</summary>\n  <description>x\ny</description>\n\
                       <url>https://e.invalid/?a=1&amp;b=2</url>\n  <time file=\"7\" build=\"9\"/>\n<size package=\"1\" installed=\"1025\" archive=\"3\"/>\n\
                       <format>\n<rpm:license>MIT</rpm:license>\n<rpm:requires>\n<rpm:entry name=\"b&#xE9;\" flags=\"GE\" epoch=\"1\" ver=\"2\" rel=\"3\"/>\n\
                       <rpm:entry name=\"/bin/sh\" pre=\"1\"/>\n</rpm:requires></format>";
        let other = "<changelog author=\"A &lt;a@b&gt; - 1\" date=\"5\">- one</changelog>\n<changelog author=\"B\" date=\"6\">- &lt;two&gt;</changelog>";
        let found = of(&[
            entry("primary", primary),
            entry("filelists", "<file>/a&amp;b</file>\n<file type=\"dir\">/c</file>"),
            entry("other", other),
        ]);
        assert_eq!((found.summary.as_str(), found.text.as_str()), ("a <b> & c", "x\ny"));
        assert_eq!(found.homepage.as_deref(), Some("https://e.invalid/?a=1&b=2"));
        assert_eq!((found.built_at, found.files), (Some(9), vec!["/a&b".to_owned(), "/c".to_owned()]));
        assert_eq!(found.facts, [("Licence", "MIT".to_owned()), ("Installed size", "2 KiB".to_owned())]);
        let shown = |one: &NamedRelation| format!("{}|{}", one.name, one.condition);
        let requires: Vec<String> = found.relations[0].relations.iter().flatten().map(shown).collect();
        assert_eq!(requires, ["bé|>= 1:2-3", "/bin/sh|"]);
        let items: Vec<(&str, i64)> = found.changelog.iter().map(|item| (item.text.as_str(), item.time)).collect();
        assert_eq!(items, [("- <two>", 6), ("- one", 5)]);
        assert_eq!(found.changelog[1].author, "A <a@b> - 1");
    }

    #[test]
    fn what_is_no_entry_says_nothing() {
        for text in
            ["", "<summary>", "&#x110000;&nope;&", "<changelog", "<file>", "<rpm:requires><rpm:entry </rpm:requires>"]
        {
            let found = of(&[entry("primary", text), entry("filelists", text), entry("other", text)]);
            assert!(found.summary.is_empty() && found.files.is_empty() && found.changelog.is_empty(), "{text}");
        }
        assert_eq!(unescaped("&#x110000;&nope;&"), "&#x110000;&nope;&");
    }
}
