//! Roots and indexes, read as dnf reads them.

use rws_model::{Codec, ListedFile, ListedPackage, ListedRole, RootFile, Sha256, Signer};

use crate::repomd::DIRECTORY;

fn file<'a>(root: &'a [RootFile], name: &str) -> Result<&'a str, String> {
    let full = format!("{DIRECTORY}/{name}");
    let found = root.iter().find(|file| file.name == full).and_then(RootFile::text);
    found.ok_or_else(|| format!("there is no {name}"))
}

/// The insides of all elements of a name that have attributes or not, and do not nest.
fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let (start, end) = (format!("<{name}"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        loop {
            let after = &rest[rest.find(&start)? + start.len()..];
            if !after.starts_with([' ', '>', '/', '\n']) {
                // a longer name
                rest = after;
                continue;
            }
            let (attributes, inside) = after.split_once('>')?;
            if attributes.ends_with('/') {
                rest = inside;
                return Some((attributes, ""));
            }
            let (inside, behind) = inside.split_once(&end)?;
            rest = behind;
            return Some((attributes, inside));
        }
    })
}

fn attribute(attributes: &str, name: &str) -> Option<String> {
    let value = attributes.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
    let references = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#13;", "\r"), ("&amp;", "&")];
    Some(references.iter().fold(value.to_owned(), |text, (reference, character)| text.replace(reference, character)))
}

fn digest(xml: &str, element: &str) -> Option<Sha256> {
    let (attributes, text) = elements(xml, element).next()?;
    let is_known = attribute(attributes, "type").as_deref() == Some("sha256");
    is_known.then(|| Sha256::from_hex(text.trim()))?
}

pub fn read_root(root: &[RootFile]) -> Result<Vec<ListedFile>, String> {
    let repomd = file(root, "repomd.xml")?;
    let read = |(attributes, data): (&str, &str)| {
        let index = attribute(attributes, "type").ok_or("repomd.xml has data without a type")?;
        let incomplete = || format!("the data of {index} in repomd.xml is not complete");
        let sha256 = digest(data, "checksum").ok_or_else(incomplete)?;
        let size = elements(data, "size").next().and_then(|(_, text)| text.trim().parse().ok());
        let size_bytes = size.ok_or_else(incomplete)?;
        let location = elements(data, "location").next().and_then(|(attributes, _)| attribute(attributes, "href"));
        let name = location.ok_or_else(incomplete)?;
        let codecs = [Codec::Gzip, Codec::Xz, Codec::Zstd].into_iter();
        let codec = codecs.clone().find(|codec| name.ends_with(codec.extension())).unwrap_or(Codec::Plain);
        let role = match index.as_str() {
            "primary" => ListedRole::Packages,
            "filelists" | "other" | "filelists-ext" => ListedRole::Derived,
            // databases and chunked forms of these
            other if other.ends_with("_db") || other.ends_with("_zck") => ListedRole::Derived,
            _ => ListedRole::Carried,
        };
        Ok(ListedFile { index, codec, size_bytes, sha256, names: vec![name], role })
    };
    let files = elements(repomd, "data").map(read).collect::<Result<Vec<_>, String>>()?;
    if files.iter().any(|file| file.index == "primary") {
        Ok(files)
    } else {
        Err("repomd.xml lists no primary".to_owned())
    }
}

pub fn check_signatures(root: &[RootFile], signer: &dyn Signer) -> Result<(), String> {
    if signer.verify_detached(file(root, "repomd.xml")?.as_bytes(), file(root, "repomd.xml.asc")?) {
        Ok(())
    } else {
        Err("repomd.xml.asc is not a signature of repomd.xml by the configured key".to_owned())
    }
}

/// Why clients stumble over an entry: dnf aborts on a colon in a version, and drops a dependency that is none.
fn unreadable(package: &str) -> Option<String> {
    let version = elements(package, "version").next().map(|(attributes, _)| attributes).unwrap_or_default();
    for part in ["ver", "rel"] {
        if let Some(text) = attribute(version, part).filter(|text| text.contains([':', '-'])) {
            return Some(format!("its {part} is {text:?}: dnf aborts on a :, and to clients a - ends the version"));
        }
    }
    let name = elements(package, "name").next().map(|(_, text)| text).unwrap_or_default();
    name.contains(':').then(|| format!("its name {name:?} has a :, which hides it from zypper"))
}

pub fn read_index(index: &str, text: &[u8]) -> Result<Vec<ListedPackage>, String> {
    if index != "primary" {
        return Ok(Vec::new());
    }
    let text = String::from_utf8_lossy(text);
    let read = |(_, package): (&str, &str)| {
        let location = elements(package, "location").next().and_then(|(attributes, _)| attribute(attributes, "href"));
        let path = location.ok_or("primary has a package without location")?;
        let incomplete = || format!("the entry of {path} in primary is not complete");
        let size = elements(package, "size").next().and_then(|(attributes, _)| attribute(attributes, "package"));
        let size_bytes = size.and_then(|size| size.parse().ok()).ok_or_else(incomplete)?;
        let sha256 = digest(package, "checksum").ok_or_else(incomplete)?;
        let time = elements(package, "time").next().and_then(|(attributes, _)| attribute(attributes, "file"));
        let modified_seconds = time.and_then(|time| time.parse().ok());
        let unreadable = unreadable(package);
        let source = elements(package, "rpm:sourcerpm").next().map(|(_, name)| name.to_owned());
        let source = source.filter(|name| !name.is_empty());
        let digests = sha256.into();
        Ok(ListedPackage { path, size_bytes, digests, modified_seconds, unreadable, source })
    };
    elements(&text, "package").map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primary_lists_packages() {
        let digest = "b".repeat(64);
        let text = format!(
            "<metadata packages=\"1\">\n<package type=\"rpm\">\n  <checksum type=\"sha256\" pkgid=\"YES\">{digest}</checksum>\n  \
             <size package=\"7\" installed=\"1\" archive=\"2\"/>\n  <location href=\"Packages/a&amp;b+c.rpm\"/>\n</package></metadata>"
        );
        let listed = read_index("primary", text.as_bytes()).unwrap();
        assert_eq!((listed[0].path.as_str(), listed[0].size_bytes), ("Packages/a&b+c.rpm", 7));
        assert_eq!(listed.len(), 1);
        assert!(read_index("primary", b"<package type=\"rpm\"></package>").is_err());
        for (inside, is_bad) in [
            ("<name>a</name>\n  <version epoch=\"0\" ver=\"1.0\" rel=\"1\"/>", false),
            ("<name>a</name>\n  <version epoch=\"0\" ver=\"1:0\" rel=\"1\"/>", true),
            ("<name>a</name>\n  <version epoch=\"0\" ver=\"1\" rel=\"2-1\"/>", true),
            ("<name>a:b</name>\n  <version epoch=\"0\" ver=\"1\" rel=\"1\"/>", true),
        ] {
            let text = text.replace("<package type=\"rpm\">\n", &format!("<package type=\"rpm\">\n  {inside}\n"));
            let listed = read_index("primary", text.as_bytes()).unwrap();
            assert_eq!(listed[0].unreadable.is_some(), is_bad, "{inside}");
        }
    }
}
