//! What dpkg and apt ask of the control file of a binary package (deb-control(5), dpkg's `lib/dpkg/fields.c`).
//!
//! dpkg reads it when it installs the package, apt reads it as a stanza of `Packages`. What either refuses is refused here,
//! and so is what apt warns of at each of its runs. The differential test `tests/format/door.rs` holds this against both.

use crate::fault::{Fault, printable};
use crate::field_syntax;
use crate::relations::{self, TOKEN_LIMIT_BYTES};
use crate::stanza::Stanza;

/// Fields whose value dpkg reads from where the colon is: it may not begin in the next line.
const READ_AT_ONCE: [&str; 6] = ["Package", "Version", "Architecture", "Multi-Arch", "Essential", "Protected"];

/// Fields of dpkg's own records, which it refuses in a package.
const OF_THE_RECORDS: [&str; 4] = ["Status", "Config-Version", "Triggers-Pending", "Triggers-Awaited"];

/// Fields of an index, which dpkg reads as lists of equal length.
const OF_THE_INDEX: [&str; 4] = ["Filename", "Size", "MD5sum", "MSDOS-Filename"];

/// Old fields that dpkg adds to the version: the package would be installed as another one than apt knows.
const REVISIONS: [&str; 3] = ["Revision", "Package-Revision", "Package_Revision"];

/// The words that dpkg knows as priorities (deb-control(5)).
const PRIORITIES: [&str; 6] = ["required", "important", "standard", "optional", "extra", "unknown"];

/// apt takes no stanza of more; what the index adds has room below it.
const ENTRY_LIMIT_BYTES: u64 = 1_048_000;

/// What the file of a package is called where apt keeps it may have so many bytes.
const APT_NAME_LIMIT_BYTES: usize = 248;
/// dpkg's files of a package have its name, and for `Multi-Arch: same` its architecture.
const DPKG_NAME_LIMIT_BYTES: usize = 243;

/// A binary package as its control file names it.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) architecture: String,
}

/// Checks the stanza of a binary package; its name, version and architecture.
pub(crate) fn check(stanza: &Stanza<'_>) -> Result<Named, Fault> {
    let named = Named {
        name: field_syntax::package_name(stanza, "Package")?,
        version: field_syntax::version(stanza)?,
        architecture: field_syntax::architecture(stanza)?,
    };
    check_syntax(stanza)?;
    check_words(stanza, &named.architecture)?;
    check_strangers(stanza)?;
    for (field, form) in relations::BINARY {
        relations::check(stanza.value(field), form).map_err(|what| Fault::Relation { field, what })?;
    }
    check_lengths(stanza, &named)?;
    Ok(named)
}

/// Checks a stanza that stands in an index already: whether every apt reads it. What only dpkg minds harms who installs the
/// package, and nobody else.
pub(crate) fn check_listed(stanza: &[u8]) -> Result<(), Fault> {
    let stanza = Stanza::parse(stanza, "its entry")?;
    for (field, _) in relations::BINARY {
        let relations = relations::check(stanza.value(field), relations::Form::Alternatives);
        relations.map_err(|what| Fault::Relation { field, what })?;
    }
    if stanza.field("Provides").is_some() && stanza.value("Provides").is_empty() {
        return Err(illegal(&stanza, "Provides", "some package: apt 2.6 takes no empty one"));
    }
    check_description_digest(&stanza)?;
    check_tokens(&stanza)
}

/// Checks an entry of an index: apt reads no stanza that is longer.
pub(crate) fn check_entry(entry: &[u8]) -> Result<(), Fault> {
    if entry.len() as u64 > ENTRY_LIMIT_BYTES {
        return Err(Fault::TooLarge { what: "its stanza in the index", limit_bytes: ENTRY_LIMIT_BYTES });
    }
    Ok(())
}

/// What only a control file has to keep: a `.dsc` is never read by dpkg's own parser.
fn check_syntax(stanza: &Stanza<'_>) -> Result<(), Fault> {
    let relations = relations::BINARY.iter().map(|(field, _)| *field);
    for name in READ_AT_ONCE.into_iter().chain(relations) {
        if stanza.field(name).is_some_and(|field| field.begins_in_the_next_line()) {
            return Err(illegal(stanza, name, "a value that stands in the line of its field: dpkg reads no other"));
        }
    }
    match stanza.fields().iter().find(|field| field.name.len() < 2) {
        Some(field) => Err(Fault::Field { field: field.name.to_owned(), what: "dpkg takes no name of one character" }),
        None => Ok(()),
    }
}

/// Fields with words of their own.
fn check_words(stanza: &Stanza<'_>, architecture: &str) -> Result<(), Fault> {
    let multi_arch = stanza.value("Multi-Arch");
    if !matches!(multi_arch, b"" | b"no" | b"same" | b"foreign" | b"allowed") {
        return Err(illegal(stanza, "Multi-Arch", "no, same, foreign or allowed, as deb-control(5) says"));
    }
    if multi_arch == b"same" && architecture == "all" {
        return Err(illegal(stanza, "Multi-Arch", "same is only for packages of one architecture, not all"));
    }
    for field in ["Essential", "Protected", "Important"] {
        let value = stanza.value(field);
        if !(value.is_empty() || value.eq_ignore_ascii_case(b"yes") || value.eq_ignore_ascii_case(b"no")) {
            return Err(illegal(stanza, field, "yes or no"));
        }
    }
    for field in ["Priority", "Class"] {
        let value = stanza.value(field).to_ascii_lowercase();
        if PRIORITIES.iter().any(|word| value.starts_with(word.as_bytes()) && value.len() > word.len()) {
            return Err(illegal(
                stanza,
                field,
                "required, important, standard, optional or extra, and nothing behind it",
            ));
        }
    }
    check_description_digest(stanza)?;
    let phased = std::str::from_utf8(stanza.value("Phased-Update-Percentage")).unwrap_or_default();
    if phased.parse::<i64>().is_ok_and(|percentage| !(0..=100).contains(&percentage)) {
        return Err(illegal(stanza, "Phased-Update-Percentage", "a number from 0 to 100"));
    }
    Ok(())
}

/// apt 2.6 reads this digest whatever stands there, and ends when it has another length.
fn check_description_digest(stanza: &Stanza<'_>) -> Result<(), Fault> {
    match stanza.value("Description-md5").len() {
        0 | 32 => Ok(()),
        _ => Err(illegal(stanza, "Description-md5", "32 hexadecimal digits")),
    }
}

/// Fields that do not belong into a package.
fn check_strangers(stanza: &Stanza<'_>) -> Result<(), Fault> {
    let refuse = |name: &str, what| Err(Fault::Field { field: name.to_owned(), what });
    for name in OF_THE_RECORDS {
        if stanza.field(name).is_some() {
            return refuse(name, "dpkg allows it in its own records only");
        }
    }
    for name in REVISIONS {
        if stanza.field(name).is_some() {
            return refuse(name, "dpkg would install another version than the index says; it belongs into Version");
        }
    }
    let words = |name: &str| {
        stanza.value(name).split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty()).count()
    };
    let counts: Vec<usize> = OF_THE_INDEX.into_iter().filter(|name| stanza.field(name).is_some()).map(words).collect();
    if counts.iter().any(|count| *count == 0 || Some(count) != counts.first()) {
        return refuse(
            "Filename, Size or MD5sum",
            "dpkg wants as many words in each of them; they belong into an index",
        );
    }
    check_conffiles_field(stanza)
}

/// The field of dpkg's records: lines of a path and a digest. In a package `conffiles` has them.
fn check_conffiles_field(stanza: &Stanza<'_>) -> Result<(), Fault> {
    let Some(field) = stanza.field("Conffiles") else { return Ok(()) };
    let mut lines = field.raw.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let is_good = |line: &[u8]| {
        let words: Vec<&[u8]> = line.strip_prefix(b" ").unwrap_or_default().split(|byte| *byte == b' ').collect();
        matches!(words.as_slice(), [path, digest] | [path, digest, b"obsolete"]
            if path.len() > 1 && path.starts_with(b"/") && !digest.is_empty())
    };
    if first.trim_ascii().is_empty() && lines.all(is_good) {
        return Ok(());
    }
    Err(Fault::Field {
        field: "Conffiles".to_owned(),
        what: "dpkg cannot read it; the member conffiles lists such files",
    })
}

fn check_tokens(stanza: &Stanza<'_>) -> Result<(), Fault> {
    for field in ["Section", "Source"] {
        let mut tokens = stanza.value(field).split(|byte| b" ()".contains(byte));
        if tokens.any(|token| token.len() > TOKEN_LIMIT_BYTES) {
            return Err(illegal(stanza, field, "at most 65,534 bytes, which is what apt can store"));
        }
    }
    Ok(())
}

fn check_lengths(stanza: &Stanza<'_>, named: &Named) -> Result<(), Fault> {
    check_tokens(stanza)?;
    let Named { name, version, architecture } = named;
    let colons = version.bytes().filter(|byte| *byte == b':').count();
    let file_name_bytes = name.len() + version.len() + 2 * colons + architecture.len() + "__.deb".len();
    let is_same = stanza.value("Multi-Arch") == b"same";
    let own_bytes = name.len() + if is_same { architecture.len() + 1 } else { 0 };
    if file_name_bytes > APT_NAME_LIMIT_BYTES || own_bytes > DPKG_NAME_LIMIT_BYTES {
        let rule = "short enough for the files that apt and dpkg name after it: NAME_VERSION_ARCHITECTURE.deb has at most \
                    248 bytes, the name 243";
        return Err(illegal(stanza, "Package", rule));
    }
    Ok(())
}

fn illegal(stanza: &Stanza<'_>, field: &'static str, rule: &'static str) -> Fault {
    Fault::FieldValue { field, value: printable(stanza.value(field)), rule }
}

#[cfg(test)]
mod tests;
