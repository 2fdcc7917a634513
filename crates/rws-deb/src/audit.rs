//! Roots and indexes, read as apt reads them.

use rws_model::{Codec, Digests, ListedFile, ListedPackage, ListedRole, RepositoryId, RootFile, Sha256, Signer};

use crate::architecture::{self, ALL};
use crate::{component, control, layout, metadata, package_relations};

/// The file of a root with this name.
fn file<'a>(repository: &RepositoryId, root: &'a [RootFile], name: &str) -> Option<&'a str> {
    let name = format!("{}/{name}", layout::metadata(repository));
    root.iter().find(|file| file.name == name)?.text()
}

/// The lines of a field with several lines: `Field:` and what is indented below.
fn lines_of<'a>(text: &'a str, field: &str) -> impl Iterator<Item = &'a str> {
    let mut lines = text.lines().skip_while(move |line| line.trim_end() != format!("{field}:"));
    lines.next();
    lines.take_while(|line| line.starts_with(' ')).map(str::trim)
}

/// `SHA256 SIZE NAME`
fn listed(line: &str) -> Result<(Sha256, u64, &str), String> {
    let wrong = || format!("the line {line:?} is no digest, size and name");
    let mut parts = line.split_whitespace();
    let (Some(digest), Some(size), Some(name), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(wrong());
    };
    Ok((Sha256::from_hex(digest).ok_or_else(wrong)?, size.parse().map_err(|_| wrong())?, name))
}

pub(crate) fn read_root(repository: &RepositoryId, root: &[RootFile]) -> Result<Vec<ListedFile>, String> {
    let release = file(repository, root, "Release").ok_or("there is no Release")?;
    let directory_of_all = layout::metadata(repository);
    let read = |line| {
        let (sha256, size_bytes, name) = listed(line)?;
        let (index, codec) = [Codec::Gzip, Codec::Xz, Codec::Zstd]
            .into_iter()
            .find_map(|codec| Some((name.strip_suffix(codec.extension())?, codec)))
            .unwrap_or((name, Codec::Plain));
        let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
        let names = vec![
            format!("{directory_of_all}/{directory}/by-hash/SHA256/{sha256}"),
            format!("{directory_of_all}/{name}"),
        ];
        let role = match index {
            index if is_index_of_packages(index) => ListedRole::Packages,
            index if metadata::is_metadata(index) => ListedRole::Carried,
            _ => ListedRole::Derived,
        };
        Ok(ListedFile { index: index.to_owned(), codec, size_bytes, sha256, names, role })
    };
    let mut files = lines_of(release, "SHA256").map(read).collect::<Result<Vec<_>, String>>()?;
    // one form of metadata is enough, and the uncompressed one is often only listed
    let best = |index: &str, files: &[ListedFile]| {
        let forms = files.iter().filter(|file| file.index == index).map(|file| file.codec);
        forms.min_by_key(|codec| match codec {
            Codec::Gzip => 0,
            Codec::Xz => 1,
            Codec::Zstd => 2,
            Codec::Plain => 3,
        })
    };
    let carried: Vec<Option<Codec>> = files.iter().map(|file| best(&file.index, &files)).collect();
    for (file, best) in files.iter_mut().zip(carried) {
        if file.role == ListedRole::Carried && best != Some(file.codec) {
            file.role = ListedRole::Derived;
        }
    }
    if files.is_empty() { Err("Release lists no file with SHA256".to_owned()) } else { Ok(files) }
}

/// A field of `Release`, of one line.
pub(crate) fn field(repository: &RepositoryId, root: &[RootFile], name: &str) -> Option<String> {
    let metadata = layout::metadata(repository);
    let named = |name: &str| root.iter().find(|file| file.name == format!("{metadata}/{name}"));
    // a field of another tool's may be in any encoding
    let text = String::from_utf8_lossy(&named("Release").or_else(|| named("InRelease"))?.content);
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(':').map(|value| value.trim().to_owned());
    text.lines().find_map(value)
}

/// `Architectures` of `Release` that machines have. Packages for all of them stand in the indexes of each, or apt asks for them by
/// itself: in sources.list(5) `all` is none.
pub(crate) fn architectures(repository: &RepositoryId, root: &[RootFile]) -> Vec<String> {
    let named = field(repository, root, "Architectures").unwrap_or_default();
    // where some are named, apt takes no variant of them, and if it is named, apt that knows nothing of variants reads both
    if named.split_whitespace().any(|name| architecture::base_of(name).is_some()) {
        return Vec::new();
    }
    let named = named.split_whitespace().filter(|name| ![ALL, "source"].contains(name));
    named.filter(|name| architecture::is_basic(name)).map(str::to_owned).collect()
}

/// `Components` of `Release`, without those of debug symbols.
pub(crate) fn components(repository: &RepositoryId, root: &[RootFile]) -> Vec<String> {
    let named = field(repository, root, "Components").unwrap_or_default();
    let named = named.split_whitespace().filter(|name| component::is_component(name));
    named.map(str::to_owned).collect()
}

/// `Date` of `Release` (RFC 5322, whatever the form of its zone).
pub(crate) fn date(repository: &RepositoryId, root: &[RootFile]) -> Option<i64> {
    let date = field(repository, root, "Date")?.replace("UTC", "+0000").replace("GMT", "+0000");
    jiff::fmt::rfc2822::parse(&date).ok().map(|date| date.timestamp().as_second())
}

pub(crate) fn check_signatures(
    repository: &RepositoryId,
    root: &[RootFile],
    signer: &dyn Signer,
) -> Result<(), String> {
    let get = |name| file(repository, root, name).ok_or_else(|| format!("there is no {name}"));
    let release = get("Release")?;
    let text =
        signer.verify_clear(get("InRelease")?).ok_or("the signature of InRelease is not of the configured key")?;
    if text != release {
        return Err("InRelease and Release differ".to_owned());
    }
    if signer.verify_detached(release.as_bytes(), get("Release.gpg")?) {
        Ok(())
    } else {
        Err("Release.gpg is not a signature of Release by the configured key".to_owned())
    }
}

/// `…/Packages` and `…/Sources`; others list no files of the pool, or are compressed as RWS does not.
fn is_index_of_packages(index: &str) -> bool {
    matches!(index.rsplit('/').next(), Some("Packages" | "Sources"))
}

pub(crate) fn read_index(index: &str, text: &[u8]) -> Result<Vec<ListedPackage>, String> {
    if !is_index_of_packages(index) {
        return Ok(Vec::new());
    }
    let text = String::from_utf8_lossy(text);
    let stanzas = text.split("\n\n").filter(|stanza| !stanza.trim().is_empty());
    let mut packages = Vec::new();
    for stanza in stanzas {
        let field = |name: &str| {
            let value = |line: &str| {
                let (known, value) = line.split_once(':')?;
                known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            };
            let found = stanza.lines().find_map(value);
            found
                .ok_or_else(|| format!("{index}: the entry of {:?} has no {name}", stanza.lines().next().unwrap_or("")))
        };
        if index.ends_with("/Sources") {
            let directory = field("Directory")?;
            let other = |list: &str, wanted: &str| {
                let columns = lines_of(stanza, list).map(|line| line.split_whitespace().collect::<Vec<_>>());
                let found = columns.into_iter().find(|columns| columns.last() == Some(&wanted));
                found.and_then(|columns| columns.first().map(|digest| (*digest).to_owned()))
            };
            for line in lines_of(stanza, "Checksums-Sha256") {
                let (sha256, size_bytes, name) = listed(line)?;
                let digests =
                    Digests { md5: other("Files", name), sha1: other("Checksums-Sha1", name), ..sha256.into() };
                let path = format!("{directory}/{name}");
                let (modified_seconds, unreadable) = (None, None);
                let source = None;
                packages.push(ListedPackage { path, size_bytes, digests, modified_seconds, unreadable, source });
            }
        } else {
            let (path, size, digest) = (field("Filename")?, field("Size")?, field("SHA256")?);
            let size_bytes = size.parse().map_err(|_| format!("{index}: {path} has the size {size:?}"))?;
            let sha256 =
                Sha256::from_hex(&digest).ok_or_else(|| format!("{index}: {path} has the digest {digest:?}"))?;
            let digests = Digests { md5: field("MD5sum").ok(), sha1: field("SHA1").ok(), ..sha256.into() };
            // what the tool before RWS wrote: the time of the file, in seconds with a fraction
            let modified = field("FileTime").ok().and_then(|time| time.parse::<f64>().ok());
            let modified_seconds = modified.map(|time| time.floor() as i64);
            let path = path.strip_prefix("./").unwrap_or(&path).trim_start_matches('/').to_owned();
            let unreadable = control::check_listed(stanza.as_bytes()).err().map(|fault| fault.to_string());
            let of = |name: &str| field(name).unwrap_or_default();
            let source = Some(package_relations::source_of(&of("Package"), &of("Version"), &of("Source")));
            packages.push(ListedPackage { path, size_bytes, digests, modified_seconds, unreadable, source });
        }
    }
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_all_tools_are_read() {
        let repository = RepositoryId::parse("live/1.10/ubuntu/focal").unwrap();
        let read = |date: &str| {
            let text = format!("Codename: focal\nDate: {date}\nSHA256:\n");
            date_of(&repository, text)
        };
        for text in
            ["Sun, 22 Nov 2026 13:30:00 +0000", "Sun, 22 Nov 2026 13:30:00 -0000", "Sun, 22 Nov 2026 13:30:00 UTC"]
        {
            assert_eq!(read(text), Some(1_795_354_200), "{text}");
        }
        assert_eq!(read("yesterday"), None);
    }

    fn date_of(repository: &RepositoryId, text: String) -> Option<i64> {
        date(repository, &[RootFile::new("dists/focal/Release", text)])
    }

    #[test]
    fn sources_list_all_files() {
        let digest = "a".repeat(64);
        let text =
            format!("Package: a\nDirectory: pool/a\nChecksums-Sha256:\n {digest} 3 a.dsc\n {digest} 4 a.tar.xz\n\n");
        let listed = read_index("main/source/Sources", text.as_bytes()).unwrap();
        let paths: Vec<_> = listed.iter().map(|listed| (listed.path.as_str(), listed.size_bytes)).collect();
        assert_eq!(paths, [("pool/a/a.dsc", 3), ("pool/a/a.tar.xz", 4)]);
        assert!(
            read_index("main/binary-amd64/Packages", b"Package: a\nSize: 3\n").unwrap_err().contains("no Filename")
        );
    }
}
