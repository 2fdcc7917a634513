//! Metadata that no package has and that stands in `repomd.xml` beside the three indexes: comps, updateinfo, modules,
//! appstream, and whatever other tools put there.

mod check;
mod modules;
mod updates;
mod xml;

use std::io::{self, Read};

use rws_archive::whole::{self, codec_of, gzip, reader, unpack};
use rws_model::{
    Codec, ContentDigester, Digester, Entry, FileName, Identity, Metadata, MetadataOffer, MetadataOrigin, PackageName,
    ROOT, Record, RecordFile, Refusal, SLOT, Sha256,
};

use crate::inspector::RENDERER;
use crate::markup::escape_value;
use crate::repomd;

/// The most that a file which is sent may have when it is decompressed. The largest known, of a distribution's own
/// updates, have two thirds of it.
const OPEN_BYTES: u64 = 64 << 20;

/// The most of a carried file that is decompressed, to state its open checksum.
const CARRIED_BYTES: u64 = 1 << 30;

/// A kind that can be sent.
struct Kind {
    /// What clients call it, beside its name in `repomd.xml`.
    alias: &'static str,
    /// Its name in `repomd.xml`.
    name: &'static str,
    /// The end of the file's name.
    file: &'static str,
    codec: Codec,
    /// The most that it may have when it is decompressed.
    open_bytes: u64,
}

/// `group` is not compressed: yum on EL 6 reads no other form under this name.
const KINDS: [Kind; 4] = [
    Kind { alias: "comps", name: "group", file: "comps.xml", codec: Codec::Plain, open_bytes: 32 << 20 },
    Kind {
        alias: "updateinfo",
        name: "updateinfo",
        file: "updateinfo.xml.gz",
        codec: Codec::Gzip,
        open_bytes: 64 << 20,
    },
    Kind { alias: "modules", name: "modules", file: "modules.yaml.gz", codec: Codec::Gzip, open_bytes: 16 << 20 },
    Kind { alias: "appstream", name: "appstream", file: "appstream.xml.gz", codec: Codec::Gzip, open_bytes: 64 << 20 },
];

/// Reads a file and makes a record of it.
pub fn read(offer: &MetadataOffer<'_>) -> Result<Metadata, Refusal> {
    match offer.origin {
        MetadataOrigin::Sent => sent(offer, OPEN_BYTES),
        MetadataOrigin::Carried { timestamp } => {
            let codec = codec_of(offer.name);
            let open = open_digest(codec, offer.content).ok().filter(|_| codec != Codec::Plain);
            record(offer.kind, strip_digest(offer.name), offer.content.to_vec(), open, &timestamp.to_string())
        }
    }
}

/// What somebody sends, in any compression: checked, and published in the form of its kind.
fn sent(offer: &MetadataOffer<'_>, most_bytes: u64) -> Result<Metadata, Refusal> {
    let refuse = |reason: String| Refusal::new(offer.name, reason);
    let kind = KINDS.iter().find(|kind| [kind.alias, kind.name].contains(&offer.kind)).ok_or_else(|| {
        refuse("it is none of comps, updateinfo, modules, appstream; other kinds are only carried and removed".into())
    })?;
    let most_bytes = most_bytes.min(kind.open_bytes);
    let plain =
        unpack(offer.content, most_bytes).map_err(|error| refuse(format!("it cannot be decompressed: {error}")))?;
    if plain.len() as u64 > most_bytes {
        return Err(refuse(format!("it has more than {most_bytes} bytes when decompressed")));
    }
    check::check(kind.name, &plain).map_err(refuse)?;
    if kind.codec == Codec::Plain {
        return record(kind.name, kind.file, plain, None, repomd::TIME);
    }
    let content = gzip(&plain).map_err(|error| refuse(error.to_string()))?;
    let mut digester = ContentDigester::new();
    digester.update(&plain);
    let open = Some(digester.finish());
    record(kind.name, kind.file, content, open, repomd::TIME)
}

/// How large what somebody sends is when it is unpacked, up to the limit of any kind; what cannot be unpacked may be so large.
pub fn unpacked_bytes(content: &[u8]) -> u64 {
    let limit = KINDS.iter().map(|kind| kind.open_bytes).max().unwrap_or_default();
    whole::unpacked_bytes(content, limit)
}

/// What of a file goes along with packages to another repository: all of it, but of updates those that name one of them, beside
/// those that are there. `None`: nothing.
pub fn promoted(
    kind: &str,
    content: &[u8],
    packages: &[PackageName],
    present: Option<&[u8]>,
) -> Result<Option<Vec<u8>>, Refusal> {
    if kind != "updateinfo" {
        return Ok(Some(content.to_vec()));
    }
    let refuse = |reason: String| Refusal::new(kind, reason);
    let plain = |content: &[u8]| unpack(content, OPEN_BYTES).map_err(|error| refuse(error.to_string()));
    let present = present.map(plain).transpose()?;
    updates::of_packages(&plain(content)?, packages, present.as_deref()).map_err(refuse)
}

/// The record of a file, and its entry in `repomd.xml`.
fn record(
    kind: &str,
    name: &str,
    content: Vec<u8>,
    open: Option<(u64, Sha256)>,
    timestamp: &str,
) -> Result<Metadata, Refusal> {
    let mut digester = Digester::new();
    digester.update(&content);
    let (size_bytes, digests) = digester.finish();
    let sha256 = digests.sha256;
    let name = FileName::parse(&format!("{sha256}-{name}"))?;
    let (mut escaped_kind, mut escaped_name) = (String::new(), String::new());
    escape_value(kind, &mut escaped_kind);
    escape_value(name.as_str(), &mut escaped_name);
    let slot = char::from(SLOT);
    let (mut open_checksum, mut open_size) = (String::new(), String::new());
    if let Some((bytes, digest)) = open {
        open_checksum = format!("    <open-checksum type=\"sha256\">{digest}</open-checksum>\n");
        open_size = format!("    <open-size>{bytes}</open-size>\n");
    }
    let text = format!(
        "  <data type=\"{escaped_kind}\">\n    <checksum type=\"sha256\">{sha256}</checksum>\n{open_checksum}    \
         <location href=\"{slot}/{escaped_name}\"/>\n    <timestamp>{timestamp}</timestamp>\n    \
         <size>{size_bytes}</size>\n{open_size}  </data>\n",
    );
    let record = Record {
        identity: Identity(format!("metadata {kind}")),
        directory: repomd::DIRECTORY.to_owned(),
        files: vec![RecordFile { name, size_bytes, digests }],
        entries: vec![Entry { partition: ROOT.to_owned(), text: text.into_bytes() }],
        renderer: RENDERER,
        signature: None,
    };
    Ok(Metadata { record, content })
}

/// The name without the digest that stands before it.
fn strip_digest(name: &str) -> &str {
    match name.split_at_checked(65) {
        Some((digest, rest)) if digest.ends_with('-') && Sha256::from_hex(&digest[..64]).is_some() => rest,
        _ => name,
    }
}

fn open_digest(codec: Codec, content: &[u8]) -> io::Result<(u64, Sha256)> {
    let mut open = reader(codec, content)?.take(CARRIED_BYTES + 1);
    let (mut digester, mut piece) = (ContentDigester::new(), vec![0; 64 << 10]);
    loop {
        match open.read(&mut piece)? {
            0 if open.limit() == 0 => return Err(io::ErrorKind::FileTooLarge.into()),
            0 => return Ok(digester.finish()),
            length => digester.update(&piece[..length]),
        }
    }
}

#[cfg(test)]
mod tests;
