//! Modules: YAML 1.1 to libyaml, and documents that libmodulemd reads without a word.
//!
//! dnf reads the file with every command. It aborts where libyaml or the outline of a document is at fault, and where the
//! rest is, it leaves the document out with a warning each time.
//!
//! The file is read twice: what kind a document is can stand behind its data. Neither reading keeps more than names.

mod defaults;
mod events;
mod obsoletes;
mod outline;
mod scalar;
mod stream;
mod stream_build;
mod stream_parts;
mod translations;

use std::collections::BTreeMap;

use rws_model::Sha256;

use events::{Event, Events};
use outline::{DocumentKind, Outline};

/// Checks a file.
pub fn check(plain: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(plain)
        .map_err(|error| format!("it is no UTF-8, at byte {}, and clients read nothing else", error.valid_up_to()))?;
    if let Some(place) = text.find('\0') {
        return Err(format!("it is no YAML: NUL at byte {place}, where clients stop reading"));
    }
    let outlines = outline::read(text)?;
    if outlines.is_empty() {
        return Err("it has no document".to_owned());
    }
    let mut events = Events::new(text);
    let mut streams = BTreeMap::new();
    for (place, outline) in outlines.iter().enumerate() {
        document(&mut events, outline, &mut streams).map_err(|reason| events.place(place + 1, &reason))?;
    }
    Ok(())
}

/// The digests of the streams that came, by name, stream, version, context and architecture.
type Streams = BTreeMap<stream::Nsvca, Option<Sha256>>;

/// Reads one document to its end. Its outline was checked.
fn document(events: &mut Events<'_>, outline: &Outline, streams: &mut Streams) -> Result<(), String> {
    events.document_start()?;
    let mut has_data = false;
    events.mapping("the document", |events, key| match key {
        // of several the first one counts
        "data" if !std::mem::replace(&mut has_data, true) => match outline.kind {
            DocumentKind::Stream => {
                events.start_digest();
                let nsvca = stream::read(events, outline.version)?;
                let digest = events.take_digest();
                match streams.insert(nsvca, digest) {
                    Some(former) if former != digest => {
                        Err("it is a stream that an earlier document describes in another way".to_owned())
                    }
                    _ => Ok(()),
                }
            }
            DocumentKind::Defaults => defaults::read(events),
            DocumentKind::Obsoletes => obsoletes::read(events),
            DocumentKind::Translations => translations::read(events),
        },
        _ => events.skip(),
    })?;
    match events.next()? {
        Event::DocumentEnd => Ok(()),
        _ => Err("it has more than one mapping".to_owned()),
    }
}

#[cfg(test)]
mod tests;
