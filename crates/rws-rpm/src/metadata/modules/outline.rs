//! What each document of a file says it is.

use super::events::{Event, Events};
use super::scalar;

/// What a document can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// A stream of a module.
    Stream,
    /// The default stream and profiles of a module.
    Defaults,
    /// The end of a stream.
    Obsoletes,
    /// Texts in other languages.
    Translations,
}

impl DocumentKind {
    fn from_name(name: &str) -> Result<Self, String> {
        Ok(match name {
            "modulemd" | "modulemd-stream" => Self::Stream,
            "modulemd-defaults" => Self::Defaults,
            "modulemd-obsoletes" => Self::Obsoletes,
            "modulemd-translations" => Self::Translations,
            "modulemd-packager" => {
                return Err("it is of the kind modulemd-packager, which is for builds: clients leave it out".to_owned());
            }
            other => return Err(format!("`document` is {other:?}, which no client knows")),
        })
    }

    const fn newest(self) -> u64 {
        match self {
            Self::Stream => 2,
            _ => 1,
        }
    }
}

/// What one document says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its kind.
    pub kind: DocumentKind,
    /// The version of the kind, which is supported.
    pub version: u64,
}

/// Reads the whole file.
pub fn read(text: &str) -> Result<Vec<Outline>, String> {
    let mut events = Events::new(text);
    let mut outlines = Vec::new();
    loop {
        let number = outlines.len() + 1;
        match events.next().map_err(|reason| events.place(number, &reason))? {
            Event::StreamEnd => return Ok(outlines),
            Event::DocumentEnd => {}
            _ => outlines.push(document(&mut events).map_err(|reason| events.place(number, &reason))?),
        }
    }
}

/// What follows the start of a document.
fn document(events: &mut Events<'_>) -> Result<Outline, String> {
    let (mut name, mut version, mut has_data) = (None, None, false);
    events.mapping("the document", |events, key| {
        match key {
            "document" if name.is_some() => return Err("`document` is there twice".to_owned()),
            "document" => name = Some(events.scalar("`document`")?),
            "version" if version.is_some() => return Err("`version` is there twice".to_owned()),
            "version" => version = Some(scalar::number("`version`", &events.scalar("`version`")?)?),
            "data" => {
                has_data = true;
                events.skip()?;
            }
            _ => events.skip()?,
        }
        Ok(())
    })?;
    let name = name.ok_or("it is no mapping with the key `document`")?;
    let kind = DocumentKind::from_name(&name)?;
    let version = version.filter(|version| *version != 0).ok_or("it has no `version`")?;
    if version > kind.newest() {
        return Err(format!("`version` is {version}: clients know {name} up to {}", kind.newest()));
    }
    if has_data { Ok(Outline { kind, version }) } else { Err("it has no `data`".to_owned()) }
}
