//! The headers of a package of format 4.

use md5::Md5;
use rws_model::{ReleasePackage, sha256};
use sha1::{Digest as _, Sha1};

use super::archive::{File, pack};
use crate::lead;
use crate::signing::{RawTag, write_header};
use crate::tag;

/// What rpm runs.
pub struct Scripts {
    /// Once the package is installed, or another version of it (`%post`).
    pub after_installing: String,
    /// Before it is removed, or another version of it (`%preun`).
    pub before_removing: String,
}

/// Flags of dependencies: smaller, equal, of a script, of rpm itself (rpm: `RPMSENSE_…`).
const LESS_OR_EQUAL: u32 = 2 | 8;
const EQUAL: u32 = 8;
const SCRIPT: u32 = 1 << 10 | 1 << 11;
const OF_RPM: u32 = 1 << 24;

/// The room for signatures that rpmbuild reserves, and its tag.
const RESERVED: (u32, usize) = (1008, 4128);

/// The algorithm of digests of files: SHA-256 (RFC 9580, section 9.5).
const SHA256: u32 = 8;

/// Numbers of types of values.
const INT16: u32 = 3;
const INT32: u32 = 4;
const STRING: u32 = 6;
const BINARY: u32 = 7;
const STRINGS: u32 = 8;
const TRANSLATIONS: u32 = 9;

fn text(tag: u32, text: &str) -> RawTag {
    RawTag { tag, kind: STRING, count: 1, alignment: 1, data: terminated(text) }
}

fn translated(tag: u32, text: &str) -> RawTag {
    RawTag { tag, kind: TRANSLATIONS, count: 1, alignment: 1, data: terminated(text) }
}

fn terminated(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn texts<'t>(tag: u32, texts: impl IntoIterator<Item = &'t str>) -> RawTag {
    let all: Vec<Vec<u8>> = texts.into_iter().map(terminated).collect();
    RawTag { tag, kind: STRINGS, count: count(all.len()), alignment: 1, data: all.concat() }
}

fn numbers(tag: u32, numbers: impl IntoIterator<Item = u32>) -> RawTag {
    let data: Vec<[u8; 4]> = numbers.into_iter().map(u32::to_be_bytes).collect();
    RawTag { tag, kind: INT32, count: count(data.len()), alignment: 4, data: data.concat() }
}

fn shorts(tag: u32, numbers: impl IntoIterator<Item = u16>) -> RawTag {
    let data: Vec<[u8; 2]> = numbers.into_iter().map(u16::to_be_bytes).collect();
    RawTag { tag, kind: INT16, count: count(data.len()), alignment: 2, data: data.concat() }
}

fn bytes(tag: u32, data: Vec<u8>) -> RawTag {
    RawTag { tag, kind: BINARY, count: count(data.len()), alignment: 1, data }
}

/// The package. `None` where something in it is too large, which nothing of a release package is.
pub fn package(
    input: &ReleasePackage<'_>,
    (name, release): (&str, &str),
    files: &[File],
    scripts: &Scripts,
) -> Option<Vec<u8>> {
    let time = u32::try_from(input.built_at).ok()?;
    let (archive, payload) = pack(files, time).ok()?;
    let setup = input.setup;
    let version = input.version;
    let summary = format!("Keys and .repo file of the {} repository", input.name);
    let description =
        format!("The keys that sign {} at {},\nand the .repo file that names them.", setup.target, setup.base);
    let mut main = vec![
        texts(100, ["C"]),
        text(tag::NAME, name),
        text(tag::VERSION, version),
        text(tag::RELEASE, release),
        translated(tag::SUMMARY, &summary),
        translated(tag::DESCRIPTION, &description),
        numbers(tag::BUILD_TIME, [time]),
        text(tag::BUILD_HOST, "localhost"),
        numbers(tag::SIZE, [count(files.iter().map(|file| file.content.len()).sum())]),
        text(tag::LICENSE, "Public domain"),
        text(tag::PACKAGER, input.maintainer),
        translated(tag::GROUP, "System Environment/Base"),
        text(tag::OPERATING_SYSTEM, "linux"),
        text(tag::ARCHITECTURE, "noarch"),
        text(1024, &scripts.after_installing),
        text(1025, &scripts.before_removing),
        text(tag::SOURCE_RPM, &format!("{name}-{version}-{release}.src.rpm")),
        text(1086, "/bin/sh"),
        text(1087, "/bin/sh"),
        text(tag::PAYLOAD_FORMAT, "cpio"),
        text(1125, "gzip"),
        text(1126, "9"),
        texts(tag::PAYLOAD_DIGEST, [sha256(&payload).hex().as_str()]),
        numbers(tag::PAYLOAD_DIGEST_ALGORITHM, [SHA256]),
    ];
    main.extend(dependencies(name, &format!("{version}-{release}")));
    main.extend(of_files(files, time));
    let main = write_header(tag::HEADER_IMMUTABLE, main).ok()?;
    let signature = signature_header(&main, &payload, archive.len()).ok()?;
    let mut package = lead(&format!("{name}-{version}-{release}"));
    package.extend(signature);
    package.resize(package.len().next_multiple_of(8), 0);
    package.extend(main);
    package.extend(payload);
    Some(package)
}

/// What it provides and needs: sorted by name, as rpm wants it.
fn dependencies(name: &str, version: &str) -> Vec<RawTag> {
    let requires = [
        ("/bin/sh", SCRIPT, ""),
        ("rpmlib(CompressedFileNames)", LESS_OR_EQUAL | OF_RPM, "3.0.4-1"),
        ("rpmlib(FileDigests)", LESS_OR_EQUAL | OF_RPM, "4.6.0-1"),
        ("rpmlib(PayloadFilesHavePrefix)", LESS_OR_EQUAL | OF_RPM, "4.0-1"),
    ];
    vec![
        texts(tag::PROVIDES.names, [name]),
        numbers(tag::PROVIDES.flags, [EQUAL]),
        texts(tag::PROVIDES.versions, [version]),
        texts(tag::REQUIRES.names, requires.map(|(name, ..)| name)),
        numbers(tag::REQUIRES.flags, requires.map(|(_, flags, _)| flags)),
        texts(tag::REQUIRES.versions, requires.map(|(.., version)| version)),
    ]
}

fn of_files(files: &[File], time: u32) -> Vec<RawTag> {
    let split = |file: &File| {
        let (directory, name) = file.path.rsplit_once('/').unwrap_or_default();
        (format!("{directory}/"), name.to_owned())
    };
    let mut directories: Vec<String> = Vec::new();
    let mut indexes = Vec::new();
    for (directory, _) in files.iter().map(split) {
        let known = directories.iter().position(|known| *known == directory);
        indexes.push(count(known.unwrap_or(directories.len())));
        if known.is_none() {
            directories.push(directory);
        }
    }
    let names: Vec<String> = files.iter().map(|file| split(file).1).collect();
    let digest = |file: &File| if file.is_directory() { String::new() } else { sha256(&file.content).hex() };
    let digests: Vec<String> = files.iter().map(digest).collect();
    let all = |value: u32| files.iter().map(move |_| value);
    let size = |file: &File| if file.is_directory() { 4096 } else { count(file.content.len()) };
    vec![
        numbers(1028, files.iter().map(size)),
        shorts(tag::FILE_MODES, files.iter().map(|file| file.mode)),
        shorts(1033, files.iter().map(|_| 0)),
        numbers(1034, all(time)),
        texts(1035, digests.iter().map(String::as_str)),
        texts(1036, files.iter().map(|_| "")),
        numbers(tag::FILE_FLAGS, all(0)),
        texts(tag::FILE_USERS, files.iter().map(|_| "root")),
        texts(tag::FILE_GROUPS, files.iter().map(|_| "root")),
        numbers(1045, all(u32::MAX)),
        numbers(1095, all(1)),
        numbers(1096, (1..).take(files.len())),
        texts(1097, files.iter().map(|_| "")),
        numbers(tag::DIRECTORY_INDEXES, indexes),
        texts(tag::BASE_NAMES, names.iter().map(String::as_str)),
        texts(tag::DIRECTORY_NAMES, directories.iter().map(String::as_str)),
        numbers(5011, [SHA256]),
    ]
}

fn signature_header(main: &[u8], payload: &[u8], archive_bytes: usize) -> Result<Vec<u8>, crate::fault::Fault> {
    let sha1 = Sha1::digest(main);
    let md5 = Md5::new().chain_update(main).chain_update(payload).finalize();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let tags = vec![
        text(tag::SIGNATURE_SHA1, &hex(&sha1)),
        text(tag::SIGNATURE_SHA256, &sha256(main).hex()),
        numbers(tag::SIGNATURE_SIZE, [count(main.len() + payload.len())]),
        bytes(tag::SIGNATURE_MD5, md5.to_vec()),
        numbers(tag::SIGNATURE_PAYLOAD_SIZE, [count(archive_bytes)]),
        bytes(RESERVED.0, vec![0; RESERVED.1]),
    ];
    write_header(tag::HEADER_SIGNATURES, tags)
}

/// The lead: a magic number, and what rpm of the last century read there.
fn lead(name: &str) -> Vec<u8> {
    let mut bytes = vec![0; lead::LENGTH_BYTES];
    let start = [0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0, 0, 1];
    let name = name.as_bytes();
    let name = name.get(..65).unwrap_or(name);
    // operating system 1 (Linux), signature of type 5 (a header)
    for (at, part) in [(0, &start[..]), (10, name), (76, &[0, 1, 0, 5])] {
        if let Some(place) = bytes.get_mut(at..at + part.len()) {
            place.copy_from_slice(part);
        }
    }
    bytes
}
