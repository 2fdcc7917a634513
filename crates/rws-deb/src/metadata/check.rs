//! Whether files of metadata are what their names say.

use std::collections::BTreeMap;
use std::path::Component;

use serde::de::IgnoredAny;

use crate::stanza::{Stanza, is_space};

/// No line of an index may be longer for apt before 2.0 (`APT::Cache-Start` and the buffer of its parser).
const MAX_STANZA_BYTES: usize = 1 << 20;

/// An object: for each component, what says more of it.
pub(super) fn component_ids(plain: &[u8]) -> Result<(), String> {
    let read: Result<BTreeMap<String, IgnoredAny>, _> = serde_json::from_slice(plain);
    read.map(drop).map_err(|error| format!("it is no JSON object: {error}"))
}

/// Files below directories, and nothing that leads elsewhere.
pub(super) fn icons(plain: &[u8]) -> Result<(), String> {
    let broken = |error: std::io::Error| format!("it is no tar archive: {error}");
    if plain.len() < 512 {
        return Err("it is no tar archive: it is too short for one".to_owned());
    }
    let mut archive = tar::Archive::new(plain);
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        let is_inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let kind = entry.header().entry_type();
        if !is_inside || !(kind.is_file() || kind.is_dir()) {
            return Err(format!("it has {path:?}, which is no file or directory inside of it"));
        }
    }
    Ok(())
}

/// Stanzas with the name of a package, the digest of its description, and the description in the language.
pub(super) fn translation(plain: &[u8], language: &str) -> Result<(), String> {
    let description = format!("Description-{language}");
    for (before, text) in paragraphs(plain).enumerate() {
        let wrong = |reason: String| format!("its paragraph {}: {reason}", before + 1);
        if text.len() > MAX_STANZA_BYTES {
            return Err(wrong(format!("it has more than {MAX_STANZA_BYTES} bytes")));
        }
        let stanza = Stanza::parse(text, "the paragraph").map_err(|fault| wrong(fault.to_string()))?;
        for name in ["Package", "Description-md5", description.as_str()] {
            if stanza.value(name).is_empty() {
                return Err(wrong(format!("it has no {name}")));
            }
        }
        let digest = stanza.value("Description-md5");
        if digest.len() != 32 || !digest.iter().all(u8::is_ascii_hexdigit) {
            return Err(wrong("its Description-md5 is no MD5 of 32 hexadecimal digits".to_owned()));
        }
    }
    Ok(())
}

/// What stands between empty lines.
fn paragraphs(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while let Some(line) = rest.split_inclusive(|byte| *byte == b'\n').next() {
            if !line.iter().copied().all(is_space) {
                break;
            }
            rest = &rest[line.len()..];
        }
        if rest.is_empty() {
            return None;
        }
        let mut length = 0;
        for line in rest.split_inclusive(|byte| *byte == b'\n') {
            if line.iter().copied().all(is_space) {
                break;
            }
            length += line.len();
        }
        let (paragraph, behind) = rest.split_at(length);
        rest = behind;
        Some(paragraph)
    })
}
