//! What a binary package says of others: the source that it was built from (Debian Policy 5.6.1) and what it needs (7.2).

use rws_model::{Identity, Inspected, PackageRelations, Role};

use crate::identity;
use crate::stanza::Stanza;
use crate::version;

/// Read from the entry of a package: it has the fields of its control file.
pub(crate) fn of(package: &Inspected) -> PackageRelations {
    let stanza = package.entries.first().filter(|_| package.role == Role::Binary);
    let stanza = stanza.and_then(|entry| Stanza::parse(&entry.text, "entry").ok());
    let Some(stanza) = stanza else { return PackageRelations::default() };
    let field = |name: &str| std::str::from_utf8(stanza.value(name)).unwrap_or_default();
    let needs = ["Pre-Depends", "Depends"].iter().flat_map(|name| field(name).split(',')).map(alternatives);
    PackageRelations {
        source: Some(source_of(field("Package"), field("Version"), field("Source"))),
        needs: needs.filter(|names: &Vec<String>| !names.is_empty()).collect(),
    }
}

/// The source that a package says that it was built from. `Source: NAME (VERSION)` has the version where it is another one, and
/// there is no such field where the name is the same.
pub(crate) fn source_of(package: &str, version: &str, source: &str) -> String {
    let (name, version) = match source.split_once('(') {
        Some((name, of_source)) => (name.trim(), of_source.trim_end_matches(')').trim()),
        None => (source.trim(), version),
    };
    called(if name.is_empty() { package } else { name }, version)
}

/// The same, of the entry of a binary package in an index.
pub(crate) fn source_of_entry(entry: &[u8]) -> Option<String> {
    let stanza = Stanza::parse(entry, "its index entry").ok()?;
    let value = |name: &str| String::from_utf8_lossy(stanza.value(name)).trim().to_owned();
    let (package, version) = (value("Package"), value("Version"));
    let is_binary = !package.is_empty() && stanza.field("Filename").is_some();
    is_binary.then(|| source_of(&package, &version, &value("Source")))
}

/// What binary packages call a source.
pub(crate) fn source_name(source: &Identity) -> Option<String> {
    let package = identity::package_name(source, None).filter(|package| package.architecture == "source")?;
    Some(called(&package.name, &package.version))
}

fn called(source: &str, source_version: &str) -> String {
    format!("{source} {}", version::canonical(source_version))
}

/// The names in `a (>= 1) | b:any [amd64]`.
fn alternatives(relation: &str) -> Vec<String> {
    let name = |one: &str| {
        let name = one.trim().split([' ', '(', ':', '[', '<', '\n', '\t']).next().unwrap_or_default();
        (!name.is_empty()).then(|| name.to_owned())
    };
    relation.split('|').filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use rws_model::{Digests, Entry, FileName, RecordFile, sha256};

    use super::*;

    fn relations(control: &str) -> PackageRelations {
        let name = FileName::parse("a_1_amd64.deb").unwrap();
        let digests = Digests { md5: None, sha1: None, sha256: sha256(b""), sha512: None };
        of(&Inspected {
            file: RecordFile { name, size_bytes: 0, digests },
            role: Role::Binary,
            identity: Identity("deb a 1 amd64".to_owned()),
            architecture: "amd64".to_owned(),
            entries: vec![Entry { partition: "binary-amd64".to_owned(), text: control.as_bytes().to_vec() }],
            names: Vec::new(),
            renderer: 1,
            warnings: Vec::new(),
            misnamed: None,
            unsaid: None,
        })
    }

    #[test]
    fn the_source_is_that_of_policy() {
        for (fields, source) in [
            ("Package: a\nVersion: 1-1\n", "a 1-1"),
            ("Package: a\nSource: b\nVersion: 1:1-1\n", "b 1:1-1"),
            ("Package: a\nSource: b (2.0)\nVersion: 1-1+b1\n", "b 2.0"),
            ("Package: a\nSource: a (1-1)\nVersion: 1-1+b1\n\n", "a 1-1"),
        ] {
            assert_eq!(relations(fields).source.as_deref(), Some(source), "{fields}");
        }
        assert_eq!(source_name(&Identity("source b 2.0".to_owned())).as_deref(), Some("b 2.0"));
        assert_eq!(source_name(&Identity("deb b 2.0 amd64".to_owned())), None);
    }

    #[test]
    fn needs_are_lists_of_names() {
        let found =
            relations("Package: a\nVersion: 1\nDepends: b (>= 1) | c:any, d [amd64],\n e\nPre-Depends: f\n").needs;
        let found: Vec<String> = found.iter().map(|names| names.join("|")).collect();
        assert_eq!(found, ["f", "b|c", "d", "e"]);
    }
}
