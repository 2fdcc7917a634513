//! `Release`, `InRelease` and `Release.gpg` (Debian wiki, "DebianRepository/Format").

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;
use rws_model::{Algorithm, Codec, DraftFile, Index, IndexFile, RootInput, SigningPurpose};

use crate::architecture::ALL;
use crate::audit;
use crate::layout::{architecture_of, layout, metadata as directory};
use crate::{changelog, component, metadata};

/// The files of the root, in the order in which they are put in place: the one that clients ask for first comes first.
pub(crate) fn root(input: &RootInput<'_>) -> Vec<DraftFile> {
    let metadata = directory(input.repository);
    let release = release(input);
    let plain = DraftFile::new(format!("{metadata}/Release"), release.as_str());
    if input.public_key.is_none() {
        return vec![plain];
    }
    let signed = |name: &str, purpose| DraftFile::signed(format!("{metadata}/{name}"), purpose, release.as_str());
    let detached = signed("Release.gpg", SigningPurpose::Detached);
    vec![signed("InRelease", SigningPurpose::ClearText), plain, detached]
}

/// The text of `Release`. No line of it ends in a blank: clear-signing would lose that.
pub(crate) fn release(input: &RootInput<'_>) -> String {
    let settings = input.settings;
    let (_, codename) = input.repository.split_last();
    let mut text = String::new();
    push_field(&mut text, "Origin", &settings.origin);
    push_field(&mut text, "Label", &settings.label);
    push_field(&mut text, "Suite", &suite(input, codename));
    push_field(&mut text, "Codename", codename);
    push_field(&mut text, "Version", settings.version.as_deref().unwrap_or_default());
    push_field(&mut text, "Date", &date(input.published_at));
    if let Some(age_seconds) = settings.valid_until_seconds {
        let age_seconds = i64::try_from(age_seconds).unwrap_or(i64::MAX);
        push_field(&mut text, "Valid-Until", &date(input.published_at.saturating_add(age_seconds)));
    }
    push_field(&mut text, "Acquire-By-Hash", "yes");
    if let Some(snapshots) = &settings.snapshots {
        push_field(&mut text, "Snapshots", &format!("{snapshots}/{}/", layout(input.repository).tree));
    }
    if let Some(changelogs) = &settings.changelogs {
        push_field(&mut text, "Changelogs", &format!("{changelogs}/{}/{}", input.repository, changelog::ADDRESS));
    }
    push_field(&mut text, "No-Support-for-Architecture-all", "Packages");
    push_field(&mut text, "Architectures", &architectures(input).join(" "));
    push_field(&mut text, "Components", &components(input).join(" "));
    push_field(&mut text, "Description", &settings.description);
    // sources.list(5), "Signed-By": once apt has it, it takes no release that other keys signed
    push_field(&mut text, "Signed-By", &input.signed_by.join(", "));
    let stated = |algorithm: Algorithm| {
        move |file: &IndexFile| file.digests.iter().find(|(one, _)| *one == algorithm).map(|(_, hex)| hex.clone())
    };
    let files = &with_metadata(input);
    push_list(&mut text, "MD5Sum", files, stated(Algorithm::Md5));
    push_list(&mut text, "SHA1", files, stated(Algorithm::Sha1));
    push_list(&mut text, "SHA256", &with_uncompressed(files), |file| Some(file.sha256.hex()));
    push_list(&mut text, "SHA512", files, stated(Algorithm::Sha512));
    text
}

/// The architectures that have an index, in byte order. Not `all` where no package is for all of them: an index without packages
/// is one that `mkrepo`, the tool that RWS replaces, reads and then writes in a form that apt refuses.
fn architectures<'a>(input: &RootInput<'a>) -> Vec<&'a str> {
    let is_empty = |index: &Index| {
        let mut files = input.files.iter().filter(|file| file.index == index.name);
        files.any(|file| file.open_size_bytes == 0)
    };
    let is_named = |index: &&Index| architecture_of(index) != Some(ALL) || !is_empty(index);
    let architectures: BTreeSet<&str> = input.indexes.iter().filter(is_named).filter_map(architecture_of).collect();
    architectures.into_iter().collect()
}

/// The components that have an index, in the order of the indexes.
fn components<'a>(input: &RootInput<'a>) -> Vec<&'a str> {
    let mut components: Vec<&str> = input.indexes.iter().map(|index| component::of_index(index).0).collect();
    components.dedup();
    components
}

/// What is configured; else what clients know, as apt before 2.1.10 refuses a root whose suite changes; else the codename.
fn suite(input: &RootInput<'_>, codename: &str) -> String {
    match &input.settings.suite {
        Some(suite) => suite.clone(),
        None if input.former.iter().all(|file| file.text().is_none()) => codename.to_owned(),
        None => audit::field(input.repository, input.former, "Suite").unwrap_or_default(),
    }
}

/// The index files, and those of metadata that no package has: with the digests that indexes have, and none whose name an index has.
fn with_metadata(input: &RootInput<'_>) -> Vec<IndexFile> {
    let mut files = input.files.to_vec();
    for entry in input.entries {
        let Some(mut file) = metadata::listed(input.repository, entry) else { continue };
        if !input.files.iter().any(|other| other.index == file.index) {
            file.digests.retain(|(algorithm, _)| input.settings.digests.contains(algorithm));
            files.push(file);
        }
    }
    files
}

/// The files of a root with the uncompressed form of each index, which apt wants to be listed and never asks for.
fn with_uncompressed(files: &[IndexFile]) -> Vec<IndexFile> {
    let mut all: Vec<IndexFile> = Vec::with_capacity(files.len());
    for file in files {
        let is_first = all.last().is_none_or(|last| last.index != file.index);
        if is_first && file.codec != Codec::Plain {
            let (size_bytes, sha256) = (file.open_size_bytes, file.open_sha256);
            all.push(IndexFile { codec: Codec::Plain, size_bytes, sha256, digests: Vec::new(), ..file.clone() });
        }
        all.push(file.clone());
    }
    all
}

/// A list of all files, where it is stated.
fn push_list(text: &mut String, name: &str, files: &[IndexFile], digest: impl Fn(&IndexFile) -> Option<String>) {
    let mut name = Some(name);
    for file in files {
        let Some(digest) = digest(file) else { continue };
        // writing to a String cannot fail
        let _ = name.take().map(|name| writeln!(text, "{name}:"));
        let _ = writeln!(text, " {digest} {:>8} {}{}", file.size_bytes, file.index, file.codec.extension());
    }
}

/// A field of one line. Whatever could start another line becomes a blank; a field without a value is left out.
fn push_field(text: &mut String, name: &str, value: &str) {
    let breaks = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    let line: String = value.chars().map(|character| if breaks(character) { ' ' } else { character }).collect();
    let line = line.trim();
    if !line.is_empty() {
        let _ = writeln!(text, "{name}: {line}");
    }
}

/// The form of RFC 5322 with the zone as a number. A time outside of the years -9999 to 9999 becomes the nearest one.
fn date(seconds: i64) -> String {
    let seconds = seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}
