//! A package as its headers describe it.

use std::cmp::Ordering;

use crate::dependency::{self, Dependencies, RawDependency, raw_list};
use crate::fault::{Fault, Section};
use crate::header::Header;
use crate::stream::Headers;
use crate::{files, tag};

/// `EQ` (rpm: `RPMSENSE_EQUAL`).
const EQUAL: u64 = 8;

/// What identifies a package, checked: text without blanks and control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nevra {
    /// Tag 1000.
    pub name: String,
    /// Tag 1003; 0 where it is missing.
    pub epoch: u32,
    /// Tag 1001.
    pub version: String,
    /// Tag 1002.
    pub release: String,
    /// Tag 1022; `src` for source packages.
    pub architecture: String,
}

impl Nevra {
    /// Reads it from a main header.
    pub fn read(main: &Header) -> Result<Self, Fault> {
        let part = |what, number| identity_part(main, what, number);
        let architecture = if is_source(main) { "src".to_owned() } else { part("architecture", tag::ARCHITECTURE)? };
        Ok(Self {
            name: part("name", tag::NAME)?,
            epoch: epoch(main)?,
            version: part("version", tag::VERSION)?,
            release: part("release", tag::RELEASE)?,
            architecture,
        })
    }

    /// `NAME-VERSION-RELEASE`.
    pub fn nvr(&self) -> String {
        format!("{}-{}-{}", self.name, self.version, self.release)
    }
}

/// Missing stands for 0; librpm takes a number of 32 bits only.
fn epoch(main: &Header) -> Result<u32, Fault> {
    if !main.has(tag::EPOCH) {
        return Ok(0);
    }
    let number = main.number(tag::EPOCH).and_then(|number| u32::try_from(number).ok());
    number.filter(|_| main.count(tag::EPOCH) == 1).ok_or(Fault::Identity("epoch", tag::EPOCH))
}

fn identity_part(main: &Header, what: &'static str, number: u32) -> Result<String, Fault> {
    let text = main.text(number).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
    let bad = |character: char| character.is_whitespace() || character.is_control() || character == '/';
    if text.is_empty() || text.contains(bad) {
        return Err(Fault::Identity(what, number));
    }
    match identity_fault(number, text) {
        Some(reason) => Err(Fault::IdentityText { what, tag: number, text: text.to_owned(), reason }),
        None => Ok(text.to_owned()),
    }
}

/// What of a name, a version or a release breaks a client. rpmbuild writes none of it; everything else that it does not
/// write is read by all, and rpm installs it.
fn identity_fault(number: u32, text: &str) -> Option<&'static str> {
    if text.contains(['\u{fffe}', '\u{ffff}']) {
        return Some("U+FFFE and U+FFFF cannot stand in XML");
    }
    match number {
        tag::NAME if text.contains(':') => {
            Some("zypper hides packages with a : in the name, and dnf takes some for advisories")
        }
        tag::NAME if text == "gpg-pubkey" => Some("rpm installs no package of this name, which stands for keys"),
        tag::VERSION | tag::RELEASE if text.contains(':') => Some("dnf aborts on a :, which ends the epoch"),
        tag::VERSION | tag::RELEASE if text.contains('-') => Some("to clients a - ends the version"),
        _ => None,
    }
}

/// Whether it is a source package: as librpm says when it reads a package (`applyRetrofits`), by the tag for it, or,
/// in packages from before the tag, by a file list that has no directories.
fn is_source(main: &Header) -> bool {
    if main.has(tag::SOURCE_PACKAGE) || main.has(tag::SOURCE_RPM) {
        return main.number(tag::SOURCE_PACKAGE).unwrap_or(0) != 0;
    }
    if main.has(tag::DIRECTORY_NAMES) {
        return main.count(tag::DIRECTORY_NAMES) == 1 && main.strings(tag::DIRECTORY_NAMES).next() == Some(b"");
    }
    main.strings(tag::OLD_FILE_NAMES).next().is_some_and(|path| !path.starts_with(b"/"))
}

/// rpm 4 takes a package for a source where it has no tag 1044, rpm 6 and query formats where it has tag 1106, createrepo_c by
/// the value of that, zypper by the architecture: where these contradict each other, clients would find a source that rpm
/// installs, or the reverse.
fn check_kind(main: &Header, nevra: &Nevra) -> Result<(), Fault> {
    let both = main.has(tag::SOURCE_PACKAGE) && (main.has(tag::SOURCE_RPM) || !is_source(main));
    if both || (matches!(nevra.architecture.as_str(), "src" | "nosrc") && !is_source(main)) {
        return Err(Fault::Kind);
    }
    Ok(())
}

/// Deltas and patches hold a part of a package; neither they nor what librpm refuses can be installed by the clients of
/// a repository.
fn check_whole(Headers { signature, main, .. }: &Headers) -> Result<(), Fault> {
    if main.text(tag::PAYLOAD_FORMAT) == Some(b"drpm") {
        return Err(Fault::Delta("delta of two packages"));
    }
    if main.text(tag::PAYLOAD_FORMAT).is_some_and(|format| format != b"cpio") {
        let (section, reason) =
            (Section::Main, "is another format of the payload than cpio, which rpm does not unpack");
        return Err(Fault::HeaderEntry { section, tag: tag::PAYLOAD_FORMAT, reason });
    }
    if main.has(tag::PATCHES_NAME) {
        return Err(Fault::Delta("patch of another package"));
    }
    check_statements(signature, main)
}

/// librpm moves what the signature header states to the main header, and refuses what it finds there already or what has
/// more than one value (`headerMergeLegacySigs`).
fn check_statements(signature: &Header, main: &Header) -> Result<(), Fault> {
    let both = [
        (tag::SIGNATURE_PAYLOAD_SIZE, tag::ARCHIVE_SIZE),
        (tag::SIGNATURE_FILE_SIGNATURES, tag::FILE_SIGNATURES),
        (tag::SIGNATURE_FILE_SIGNATURE_LENGTH, tag::FILE_SIGNATURE_LENGTH),
    ];
    if let Some((_, tag)) = both.into_iter().find(|(stated, moved)| signature.has(*stated) && main.has(*moved)) {
        let (section, reason) = (Section::Main, "stands in the signature header too");
        return Err(Fault::HeaderEntry { section, tag, reason });
    }
    let single = [
        tag::SIGNATURE_LONG_SIZE,
        tag::SIGNATURE_LONG_ARCHIVE_SIZE,
        tag::SIGNATURE_FILE_SIGNATURE_LENGTH,
        tag::SIGNATURE_VERITY_ALGORITHM,
        tag::SIGNATURE_SIZE,
        tag::SIGNATURE_PAYLOAD_SIZE,
    ];
    if let Some(tag) = single.into_iter().find(|tag| signature.count(*tag) > 1) {
        let (section, reason) = (Section::Signature, "has more than one value");
        return Err(Fault::HeaderEntry { section, tag, reason });
    }
    Ok(())
}

/// rpm reads an index for each of these triggers without looking whether there is one, and crashes.
fn check_triggers(main: &Header) -> Result<(), Fault> {
    let lists = [
        (tag::FILE_TRIGGERS, tag::FILE_TRIGGER_INDEXES),
        (tag::TRANSACTION_FILE_TRIGGERS, tag::TRANSACTION_FILE_TRIGGER_INDEXES),
    ];
    match lists.into_iter().find(|(triggers, indexes)| main.count(*triggers) > main.count(*indexes)) {
        Some((tag, _)) => {
            let reason = "lists triggers of which not each has a script (the tag behind it)";
            Err(Fault::HeaderEntry { section: Section::Main, tag, reason })
        }
        None => Ok(()),
    }
}

/// What is said of a package, borrowed from its headers. Everything but the identity can be missing.
#[derive(Debug)]
pub struct Package<'h> {
    /// The main header, for texts and lists that are written as they are.
    pub main: &'h Header,
    /// What it is.
    pub nevra: &'h Nevra,
    /// Seconds since 1970 (tag 1006).
    pub build_time: u64,
    /// Size of the installed files: tag 5009 or 1009.
    pub installed_bytes: u64,
    /// Size of the uncompressed payload.
    pub archive_bytes: u64,
    /// The file name of its source package. Like librpm: `(none)` for binary packages that state none.
    pub source_rpm: &'h [u8],
    /// All lists of dependencies.
    pub dependencies: Dependencies<'h>,
    /// Where the main header lies in the file.
    pub main_range: std::ops::Range<u64>,
}

impl<'h> Package<'h> {
    /// Reads all of it. `self_provide` is [`self_provide_version`].
    pub fn read(headers: &'h Headers, nevra: &'h Nevra, self_provide: &'h str) -> Result<Self, Fault> {
        let main = &headers.main;
        let provides = provides(main, nevra, self_provide)?;
        let source_rpm = match main.text(tag::SOURCE_RPM) {
            Some(name) => name,
            // one that is no single text is there to librpm, and empty to createrepo_c
            None if main.has(tag::SOURCE_RPM) || main.has(tag::SOURCE_PACKAGE) || nevra.architecture == "src" => b"",
            None => b"(none)",
        };
        Ok(Self {
            main,
            nevra,
            build_time: main.number(tag::BUILD_TIME).unwrap_or(0),
            installed_bytes: first_number(&[(main, tag::LONG_SIZE), (main, tag::SIZE)]),
            archive_bytes: archive_bytes(headers),
            source_rpm,
            dependencies: Dependencies::read(main, &provides)?,
            main_range: headers.main_range.clone(),
        })
    }

    /// A text of the main header; empty where it is missing.
    pub fn text(&self, number: u32) -> &'h [u8] {
        self.main.text(number).unwrap_or_default()
    }
}

/// Checks that it is a whole package, and what it is: all that can be refused before the payload has arrived.
pub fn identify(headers: &Headers) -> Result<Nevra, Fault> {
    check_whole(headers)?;
    let nevra = Nevra::read(&headers.main)?;
    check_kind(&headers.main, &nevra)?;
    if headers.main.text(tag::OPERATING_SYSTEM).is_none() {
        return Err(Fault::Missing("operating system", tag::OPERATING_SYSTEM));
    }
    check_triggers(&headers.main)?;
    files::check(&headers.main, &nevra)?;
    dependency::check_rich(&headers.main)?;
    Ok(nevra)
}

/// Tags 271, 1046 and 1007; 5113 in packages of format 6, which have none of the others (createrepo_c writes 0 there).
fn archive_bytes(headers: &Headers) -> u64 {
    let Headers { signature, main, .. } = headers;
    first_number(&[
        (signature, tag::SIGNATURE_LONG_ARCHIVE_SIZE),
        (main, tag::ARCHIVE_SIZE),
        (signature, tag::SIGNATURE_PAYLOAD_SIZE),
        (main, tag::PAYLOAD_SIZE_ALT),
    ])
}

fn first_number(places: &[(&Header, u32)]) -> u64 {
    places.iter().find_map(|(header, number)| header.number(*number)).unwrap_or(0)
}

/// The version that a package of format 3 provides its own name with.
pub fn self_provide_version(nevra: &Nevra, main: &Header) -> String {
    let Nevra { epoch, version, release, .. } = nevra;
    if main.has(tag::EPOCH) { format!("{epoch}:{version}-{release}") } else { format!("{version}-{release}") }
}

/// What the package provides. Packages of format 3 (without a region in the main header) state neither versions nor
/// themselves; librpm adds both when it reads them (`providePackageNVR`).
fn provides<'h>(main: &'h Header, nevra: &'h Nevra, self_provide: &'h str) -> Result<Vec<RawDependency<'h>>, Fault> {
    let mut provides = raw_list(main, tag::PROVIDES)?;
    if main.has(tag::HEADER_IMMUTABLE) || nevra.architecture == "src" {
        return Ok(provides);
    }
    if !main.has(tag::PROVIDES.versions) {
        let names = main.strings(tag::PROVIDES.names);
        provides = names.map(|name| RawDependency { name, flags: 0, version: b"" }).collect();
    }
    let own = RawDependency { name: nevra.name.as_bytes(), flags: EQUAL, version: self_provide.as_bytes() };
    if !finds(&provides, &own) {
        provides.push(own);
    }
    Ok(provides)
}

/// Whether librpm finds a dependency in a list (`rpmdsFind`): it halves the list, as if that were in order whatever the package
/// has. The standard library looks at other places of a list that is not.
fn finds(list: &[RawDependency<'_>], wanted: &RawDependency<'_>) -> bool {
    fn order<'d>(one: &RawDependency<'d>) -> (&'d [u8], &'d [u8], u64) {
        (one.name, one.version, one.flags)
    }
    let (mut first, mut end) = (0, list.len());
    while first < end {
        let middle = first.midpoint(end);
        match list.get(middle).map(|one| order(wanted).cmp(&order(one))) {
            Some(Ordering::Less) => end = middle,
            Some(Ordering::Greater) => first = middle + 1,
            Some(Ordering::Equal) => return true,
            None => return false,
        }
    }
    false
}
