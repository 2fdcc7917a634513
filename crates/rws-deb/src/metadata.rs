//! Metadata that no package has and that `Release` lists beside the indexes: DEP-11 (the wiki of Debian, "DEP-11", and the
//! `50appstream` of appstreamcli(1)), and descriptions in other languages (Debian wiki, "DebianRepository/Format").

mod check;
mod components;

use std::fmt::Write as _;

use rws_archive::whole::{self, codec_of, gzip, unpack};
use rws_model::{
    Algorithm, Codec, ContentDigester, Digester, Entry, FileName, Identity, IndexFile, Metadata, MetadataOffer,
    MetadataOrigin, ROOT, Record, RecordFile, Refusal, RepositoryId, RepositorySettings, SLOT, Sha256,
};

use crate::{RENDERER, component, layout, translation};

/// The most that a file which is sent may have when it is decompressed. All of Debian's own have half of it.
const OPEN_BYTES: u64 = 64 << 20;

const DEP11: &str = "dep11";
const TRANSLATIONS: &str = "i18n";
const TRANSLATION: &str = "Translation-";

/// A file of metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind<'a> {
    /// `Components-amd64.yml`: what applications there are.
    Components,
    /// `CID-Index-amd64.json`: which package has which application.
    ComponentIds,
    /// `icons-64x64.tar`: their icons.
    Icons,
    /// `Translation-de`: descriptions of packages in this language.
    Translation(&'a str),
}

impl<'a> Kind<'a> {
    /// What the name of a file says, without the end that compression adds.
    fn of(name: &'a str) -> Option<Self> {
        let architecture = |start: &str, end: &str| name.strip_prefix(start)?.strip_suffix(end);
        if architecture("Components-", ".yml").is_some_and(is_architecture) {
            return Some(Self::Components);
        }
        if architecture("CID-Index-", ".json").is_some_and(is_architecture) {
            return Some(Self::ComponentIds);
        }
        if let Some(size) = architecture("icons-", ".tar") {
            let size = size.strip_suffix("@2").unwrap_or(size);
            return ["48x48", "64x64", "128x128"].contains(&size).then_some(Self::Icons);
        }
        name.strip_prefix(TRANSLATION).filter(|language| is_language(language)).map(Self::Translation)
    }
}

fn is_architecture(text: &str) -> bool {
    !text.is_empty() && text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// `de`, `pt_BR`, `sr@latin`: what can stand in `Acquire::Languages`.
fn is_language(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@-".contains(&byte);
    let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    starts && (2..=30).contains(&text.len()) && text.bytes().all(plain)
}

/// The parts of `main/dep11/Components-amd64.yml`, and of the same without the directory or the component, with or without the
/// end of a compressed file.
fn split(name: &str) -> (&str, &str) {
    let (component, file) = name.rsplit_once('/').unwrap_or((component::MAIN, name));
    let component = [DEP11, TRANSLATIONS]
        .into_iter()
        .find_map(|directory| component.strip_suffix(directory)?.strip_suffix('/'))
        .unwrap_or(component);
    (component, file.strip_suffix(codec_of(file).extension()).unwrap_or(file))
}

/// How `Release` calls the uncompressed file: `main/dep11/Components-amd64.yml`.
pub(crate) fn kind(name: &str) -> String {
    let (component, file) = split(name);
    format!("{component}/{}/{file}", if file.starts_with(TRANSLATION) { TRANSLATIONS } else { DEP11 })
}

/// Whether a file that `Release` lists is one of these, and not RWS's own.
pub(crate) fn is_metadata(name: &str) -> bool {
    let mut parts = name.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some(file), Some(TRANSLATIONS)) => file.starts_with(TRANSLATION) && file != translation::FILE,
        (Some(_), Some(DEP11)) => true,
        _ => false,
    }
}

/// Why a repository does not take what others do.
pub(crate) fn check_settings(name: &str, settings: &RepositorySettings) -> Result<(), String> {
    match Kind::of(split(name).1) {
        Some(Kind::Translation("en")) if settings.translations => {
            Err("RWS makes this file itself where \"translations\" is configured; send none, or configure it without"
                .to_owned())
        }
        _ => Ok(()),
    }
}

/// How large what somebody sends is when it is unpacked, up to the limit.
pub(crate) fn unpacked_bytes(content: &[u8]) -> u64 {
    whole::unpacked_bytes(content, OPEN_BYTES)
}

/// Reads a file and makes a record of it.
pub(crate) fn read(offer: &MetadataOffer<'_>) -> Result<Metadata, Refusal> {
    let refuse = |reason: String| Refusal::new(offer.name, reason);
    let (of, file) = split(offer.kind);
    let is_plain = component::is_component(of.strip_suffix("/debug").unwrap_or(of));
    if !is_plain || FileName::parse(file).is_err() {
        return Err(refuse("its name is none that can stand in Release".to_owned()));
    }
    let name = kind(offer.kind);
    match offer.origin {
        MetadataOrigin::Sent => {
            let kind = Kind::of(file).ok_or_else(|| {
                refuse("it is none of Components-ARCHITECTURE.yml, CID-Index-ARCHITECTURE.json, icons-48x48.tar, icons-64x64.tar, icons-128x128.tar (each also with @2) and Translation-LANGUAGE".to_owned())
            })?;
            let plain = unpack(offer.content, OPEN_BYTES)
                .map_err(|error| refuse(format!("it cannot be decompressed: {error}")))?;
            if plain.len() as u64 > OPEN_BYTES {
                return Err(refuse(format!("it has more than {OPEN_BYTES} bytes when decompressed")));
            }
            match kind {
                Kind::Components => components::check(&plain),
                Kind::ComponentIds => check::component_ids(&plain),
                Kind::Icons => check::icons(&plain),
                Kind::Translation(language) => check::translation(&plain, language),
            }
            .map_err(refuse)?;
            let content = gzip(&plain).map_err(|error| refuse(error.to_string()))?;
            record(&name, Codec::Gzip, Some(&plain), content)
        }
        MetadataOrigin::Carried { .. } => {
            let codec = codec_of(offer.name);
            let plain = unpack(offer.content, OPEN_BYTES).ok().filter(|plain| plain.len() as u64 <= OPEN_BYTES);
            record(&name, codec, plain.as_deref(), offer.content.to_vec())
        }
    }
}

/// The record of a file, and what it says to `Release`: lines of a digest's name, the digest, the size and the name.
fn record(name: &str, codec: Codec, plain: Option<&[u8]>, content: Vec<u8>) -> Result<Metadata, Refusal> {
    let mut digester = Digester::new();
    digester.update(&content);
    let (size_bytes, digests) = digester.finish();
    let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
    let file = FileName::parse(&digests.sha256.hex())?;
    let mut text = format!("Stored {}/{file}\n", char::from(SLOT));
    // writing to a String cannot fail
    let mut line = |label: &str, digest: &str, bytes: u64, name: &str| {
        let _ = writeln!(text, "{label} {digest} {bytes} {name}");
    };
    if let Some(plain) = plain {
        let mut digester = ContentDigester::new();
        digester.update(plain);
        let (bytes, digest) = digester.finish();
        line("Open", &digest.hex(), bytes, name);
    }
    let packed = format!("{name}{}", codec.extension());
    line("SHA256", &digests.sha256.hex(), size_bytes, &packed);
    for (label, digest) in [("MD5Sum", &digests.md5), ("SHA1", &digests.sha1), ("SHA512", &digests.sha512)] {
        if let Some(digest) = digest {
            line(label, digest, size_bytes, &packed);
        }
    }
    let record = Record {
        identity: Identity(format!("metadata {name}")),
        directory: format!("{directory}/by-hash/SHA256"),
        files: vec![RecordFile { name: file, size_bytes, digests }],
        entries: vec![Entry { partition: ROOT.to_owned(), text: text.into_bytes() }],
        renderer: RENDERER,
        signature: None,
    };
    Ok(Metadata { record, content })
}

/// Where such a file goes in a repository.
pub(crate) fn directory(repository: &RepositoryId, directory: &str) -> String {
    format!("{}/{directory}", layout::metadata(repository))
}

/// The file that an entry of the root says.
pub(crate) fn listed(repository: &RepositoryId, entry: &[u8]) -> Option<IndexFile> {
    let text = std::str::from_utf8(entry).ok()?;
    let stored_name = text.lines().find_map(|line| line.strip_prefix("Stored "))?.to_owned();
    let line = |label: &str| {
        text.lines().find_map(|line| {
            let mut parts = line.splitn(4, ' ');
            let (found, digest, bytes, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
            (found == label).then_some((digest, bytes.parse::<u64>().ok()?, name))
        })
    };
    let (sha256, size_bytes, packed) = line("SHA256")?;
    let sha256 = Sha256::from_hex(sha256)?;
    let codec = codec_of(packed);
    // what could not be unpacked is listed in its one form
    let (open_sha256, open_size_bytes) = match line("Open") {
        Some((digest, bytes, _)) => (Sha256::from_hex(digest)?, bytes),
        None => (sha256, size_bytes),
    };
    let stated = [(Algorithm::Md5, "MD5Sum"), (Algorithm::Sha1, "SHA1"), (Algorithm::Sha512, "SHA512")];
    let digests = stated.into_iter().filter_map(|(one, label)| Some((one, line(label)?.0.to_owned()))).collect();
    Some(IndexFile {
        index: packed.strip_suffix(codec.extension())?.to_owned(),
        codec,
        size_bytes,
        sha256,
        open_size_bytes,
        open_sha256,
        digests,
        stored_name,
        plain_name: Some(format!("{}/{packed}", layout::metadata(repository))),
    })
}

#[cfg(test)]
mod tests;
