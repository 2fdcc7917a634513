//! The entries of `updateinfo`: which belong to some packages, and one file of two.

use rws_model::PackageName;

use super::xml::{Event, Reader};
use crate::identity::is_same_version;

/// An `<update>` of a document that is well-formed.
struct Update<'a> {
    text: &'a str,
    id: &'a str,
    /// Whether one of its packages is among the wanted ones.
    is_wanted: bool,
}

/// The entries of a document that name one of these packages, behind those of the present one that have other ids. `None` where
/// there are none.
///
/// # Errors
///
/// When a document is not well-formed: a sentence.
pub fn of_packages(
    offered: &[u8],
    packages: &[PackageName],
    present: Option<&[u8]>,
) -> Result<Option<Vec<u8>>, String> {
    let wanted: Vec<Update<'_>> = read(offered, packages)?.into_iter().filter(|update| update.is_wanted).collect();
    if wanted.is_empty() {
        return Ok(None);
    }
    let kept = match present {
        Some(present) => read(present, &[])?,
        None => Vec::new(),
    };
    let kept = kept.iter().filter(|update| !wanted.iter().any(|other| other.id == update.id));
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<updates>\n");
    for update in kept.chain(&wanted) {
        text.push_str("  ");
        text.push_str(update.text);
        text.push('\n');
    }
    text.push_str("</updates>\n");
    Ok(Some(text.into_bytes()))
}

fn read<'a>(document: &'a [u8], packages: &[PackageName]) -> Result<Vec<Update<'a>>, String> {
    let text = std::str::from_utf8(document).map_err(|error| error.to_string())?;
    let mut reader = Reader::new(document).map_err(|error| error.to_string())?;
    let (mut updates, mut depth) = (Vec::new(), 0);
    let (mut start, mut id, mut id_start, mut is_wanted) = (0, "", None, false);
    while let Some(event) = reader.next_event().map_err(|error| error.to_string())? {
        let read = text.get(..reader.position()).unwrap_or_default();
        // no attribute has a `<`
        let tag = || read.rfind('<').unwrap_or_default();
        match event {
            Event::Start(name) => {
                depth += 1;
                match (depth, name) {
                    (2, "update") => (start, id, is_wanted) = (tag(), "", false),
                    (3, "id") => id_start = Some(read.len()),
                    (_, "package") => {
                        let tag = read.get(tag()..).unwrap_or_default();
                        is_wanted |= packages.iter().any(|package| is_named(tag, package));
                    }
                    _ => {}
                }
            }
            Event::End => {
                if let (3, Some(from)) = (depth, id_start.take()) {
                    id = text.get(from..tag()).unwrap_or_default().trim();
                }
                if depth == 2 {
                    updates.push(Update { text: text.get(start..read.len()).unwrap_or_default(), id, is_wanted });
                }
                depth -= 1;
            }
            Event::Text { .. } => {}
        }
    }
    Ok(updates)
}

/// Whether a start tag `<package name="" version="" …>` names a package.
fn is_named(tag: &str, package: &PackageName) -> bool {
    let value = |name: &str| attribute(tag, name).unwrap_or_default();
    let epoch = attribute(tag, "epoch").filter(|epoch| !epoch.is_empty()).unwrap_or("0");
    value("name") == package.name
        && value("arch") == package.architecture
        && is_same_version(&format!("{epoch}:{}-{}", value("version"), value("release")), &package.version)
}

/// The value of an attribute of a well-formed tag, as it is written.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = tag;
    loop {
        let (before, behind) = rest.split_once('=')?;
        let behind = behind.trim_start();
        let quote = behind.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
        let (value, behind) = behind.get(1..)?.split_once(quote)?;
        if before.trim_end().rsplit(|character: char| character.is_ascii_whitespace()).next() == Some(name) {
            return Some(value);
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: &str = r#"<?xml version="1.0"?>
<updates><!-- <update> -->
  <update from="x=1" status='final' type="security"><id>RWS-1</id><title>a &lt; b</title>
    <pkglist><collection short="c"><package arch="x86_64" epoch="0" name = "a" release='1.el9' version="1.0"><filename>f</filename></package></collection></pkglist>
  </update>
  <update><id> RWS-2 </id><pkglist><collection><package name="b" version="2" release="1" epoch="3" arch="noarch"/></collection></pkglist></update>
  <update><id>RWS-3</id><pkglist><collection><package name="c" version="1" release="1" arch="x86_64"/></collection></pkglist></update>
</updates>"#;

    fn package(name: &str, version: &str, architecture: &str) -> PackageName {
        let [name, version, architecture] = [name, version, architecture].map(str::to_owned);
        PackageName { name, version, architecture }
    }

    fn ids(document: &[u8]) -> Vec<String> {
        read(document, &[]).unwrap().iter().map(|update| update.id.to_owned()).collect()
    }

    #[test]
    fn the_entries_of_packages_come_to_those_that_are_there() {
        let of = |packages: &[PackageName], present: Option<&str>| {
            of_packages(OFFERED.as_bytes(), packages, present.map(str::as_bytes)).unwrap()
        };
        assert_eq!(of(&[package("a", "1.1-1.el9", "x86_64")], None), None);
        assert_eq!(of(&[package("a", "1.0-1.el9", "aarch64")], None), None);
        let one = of(&[package("a", "1.0-1.el9", "x86_64")], None).unwrap();
        assert_eq!(ids(&one), ["RWS-1"]);
        assert!(String::from_utf8(one).unwrap().contains("a &lt; b"));
        let both = of(&[package("b", "3:2-1", "noarch"), package("c", "1-1", "x86_64")], None).unwrap();
        assert_eq!(ids(&both), ["RWS-2", "RWS-3"]);
        let present = "<updates><update><id>RWS-2</id></update><update><id>OLD</id></update></updates>";
        let merged = of(&[package("b", "3:2-1", "noarch")], Some(present)).unwrap();
        assert_eq!(ids(&merged), ["OLD", "RWS-2"]);
        assert!(of_packages(b"<updates>", &[], None).is_err());
    }
}
