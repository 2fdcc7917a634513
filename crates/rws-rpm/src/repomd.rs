//! The metadata of a repository: what stands around the entries of its indexes, and `repomd.xml`, its root.

use rws_model::{
    Codec, Compression, DraftFile, Frame, Index, IndexFile, RepositorySettings, RootInput, SigningPurpose,
};

use crate::markup::{Markup, escape_value};

/// Stands in an entry of the root for the time of its publication, as the three indexes have it. No XML can have it.
pub const TIME: &str = "\u{1}";

/// The directory of the metadata.
pub const DIRECTORY: &str = "repodata";

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

const RPM_NAMESPACE: &str = " xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\"";

/// The indexes of every repository, with the elements around their entries and the namespaces of these.
const INDEXES: [(&str, &str, &str); 3] = [
    ("primary", "metadata", "http://linux.duke.edu/metadata/common"),
    ("filelists", "filelists", "http://linux.duke.edu/metadata/filelists"),
    ("other", "otherdata", "http://linux.duke.edu/metadata/other"),
];

/// All three indexes, whether they have entries or not: clients take none of them for granted, older ones stop without
/// them. One form of each, the first that is configured: a client reads the one that `repomd.xml` names.
pub fn indexes(settings: &RepositorySettings) -> Vec<Index> {
    let codec = match settings.compression.iter().find(|form| **form != Compression::None) {
        None | Some(Compression::None | Compression::Gz) => Codec::Gzip,
        Some(Compression::Xz) => Codec::Xz,
        Some(Compression::Zstd) => Codec::Zstd,
    };
    let index = |name: &str| {
        let (name, takes) = (name.to_owned(), vec![name.to_owned()]);
        Index { name, takes, codecs: vec![codec], digests: Vec::new() }
    };
    INDEXES.iter().map(|(name, ..)| index(name)).collect()
}

/// What stands around the entries of an index; nothing where the index is not one of these.
pub fn frame(index: &str, entries: u64) -> Frame {
    let Some((name, element, namespace)) = INDEXES.iter().find(|(name, ..)| *name == index) else {
        return Frame::default();
    };
    let rpm = if *name == "primary" { RPM_NAMESPACE } else { "" };
    let head = format!("{DECLARATION}<{element} xmlns=\"{namespace}\"{rpm} packages=\"{entries}\">\n");
    Frame { head: head.into_bytes(), tail: format!("</{element}>").into_bytes() }
}

/// Renders `repomd.xml`, and with a key its detached signature and the public key.
pub fn root(input: &RootInput<'_>) -> Vec<DraftFile> {
    let name = |name: &str| format!("{DIRECTORY}/{name}");
    let text = render(input);
    let plain = DraftFile::new(name("repomd.xml"), text.as_str());
    let Some(key) = input.public_key else { return vec![plain] };
    let signature = DraftFile::signed(name("repomd.xml.asc"), SigningPurpose::DetachedBlocks, text);
    vec![plain, signature, DraftFile::new(name("repomd.xml.key"), key)]
}

fn render(input: &RootInput<'_>) -> String {
    let mut text = format!("{DECLARATION}<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"{RPM_NAMESPACE}>\n");
    text.push_str(&format!("  <revision>{}</revision>\n", input.published_at));
    for index in input.indexes {
        // one type can stand once only: the form that the index is read back from
        let is_first = |file: &&IndexFile| file.index == index.name && index.codecs.first() == Some(&file.codec);
        if let Some(file) = input.files.iter().find(is_first) {
            text.push_str(&data(file, input.published_at));
        }
    }
    for entry in input.entries {
        text.push_str(&String::from_utf8_lossy(entry).replace(TIME, &input.published_at.to_string()));
    }
    text.push_str("</repomd>\n");
    text
}

fn data(file: &IndexFile, timestamp: i64) -> String {
    let mut name = String::new();
    escape_value(&file.index, &mut name);
    let mut location = String::new();
    escape_value(&file.stored_name, &mut location);
    format!(
        "  <data type=\"{name}\">\n    \
           <checksum type=\"sha256\">{}</checksum>\n    \
           <open-checksum type=\"sha256\">{}</open-checksum>\n    \
           <location href=\"{location}\"/>\n    \
           <timestamp>{timestamp}</timestamp>\n    \
           <size>{}</size>\n    \
           <open-size>{}</open-size>\n  \
         </data>\n",
        file.sha256, file.open_sha256, file.size_bytes, file.open_size_bytes,
    )
}

/// A directory inside the `href` of an entry.
pub fn escape_directory(directory: &str) -> Vec<u8> {
    let mut markup = Markup::default();
    markup.value(directory.as_bytes());
    // a directory is far below the bound of an entry
    markup.finish().unwrap_or_default().text.into_bytes()
}

#[cfg(test)]
mod tests;
