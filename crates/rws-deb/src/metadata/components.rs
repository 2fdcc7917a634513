//! DEP-11: a header, and a document for each component, as appstream reads them (`as_metadata_parse_yaml_catalog`).

use std::io::{Chain, Read};
use std::panic::AssertUnwindSafe;

use libyaml_safer::{EventData, Parser};

/// No component nests deeper. libyaml's time for a token grows with the depth.
const MAX_DEPTH: usize = 100;

/// The events of the file.
struct Events<'t> {
    parser: Parser<Chain<&'t [u8], &'static [u8]>>,
    depth: usize,
    line: u64,
}

/// What a document says on its first level, as far as somebody asks for it.
#[derive(Default)]
struct Outline {
    file: Option<String>,
    id: Option<String>,
    kind: Option<String>,
    merges: bool,
}

/// Checks a file.
pub(super) fn check(plain: &[u8]) -> Result<(), String> {
    let text =
        std::str::from_utf8(plain).map_err(|error| format!("it is no UTF-8, at byte {}", error.valid_up_to()))?;
    if let Some(place) = text.find('\0') {
        return Err(format!("it is no YAML: NUL at byte {place}"));
    }
    let mut parser = Parser::new();
    // libyaml-safer 0.3.0 panics where a text of several lines ends without a line break, which libyaml takes
    parser.set_input(text.as_bytes().chain(b"\n".as_slice()));
    let mut events = Events { parser, depth: 0, line: 1 };
    let mut documents = 0;
    loop {
        match events.next()? {
            EventData::StreamStart { .. } => {}
            EventData::StreamEnd => break,
            EventData::DocumentStart { .. } => {
                documents += 1;
                let line = events.line;
                let outline = events.document().map_err(|reason| format!("its document {documents}: {reason}"))?;
                outline
                    .check(documents == 1)
                    .map_err(|reason| format!("its document {documents}, line {line}: {reason}"))?;
            }
            _ => return Err(format!("it is no YAML of documents, at line {}", events.line)),
        }
    }
    if documents == 0 { Err("it has no header: its first document says \"File: DEP-11\"".to_owned()) } else { Ok(()) }
}

impl Outline {
    fn check(&self, is_header: bool) -> Result<(), String> {
        let has = |value: &Option<String>| value.as_ref().is_some_and(|text| !text.is_empty());
        match is_header {
            true if self.file.as_deref() != Some("DEP-11") => {
                Err("it is no header of DEP-11, which says \"File: DEP-11\"".to_owned())
            }
            true => Ok(()),
            false if !has(&self.id) => Err("the component has no ID".to_owned()),
            false if !has(&self.kind) && !self.merges => Err("the component has no Type".to_owned()),
            false => Ok(()),
        }
    }
}

impl Events<'_> {
    fn next(&mut self) -> Result<EventData, String> {
        let parser = &mut self.parser;
        // libyaml-safer 0.3.0 panics on a tag right before a comma; nothing that is uploaded may end a thread
        let event = match std::panic::catch_unwind(AssertUnwindSafe(|| parser.parse())) {
            Ok(event) => event.map_err(|error| format!("it is no YAML: {error}"))?,
            Err(_) => return Err(format!("it is no YAML that can be read here, after line {}", self.line)),
        };
        self.line = event.start_mark.line + 1;
        match event.data {
            EventData::Alias { .. } => {
                return Err(format!("it has an alias at line {}, which appstream does not read", self.line));
            }
            EventData::MappingStart { .. } | EventData::SequenceStart { .. } => self.depth += 1,
            EventData::MappingEnd | EventData::SequenceEnd => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if self.depth > MAX_DEPTH {
            return Err(format!("it nests deeper than {MAX_DEPTH}, at line {}", self.line));
        }
        Ok(event.data)
    }

    /// Reads one document, which has begun, to its end.
    fn document(&mut self) -> Result<Outline, String> {
        let mut outline = Outline::default();
        match self.next()? {
            EventData::MappingStart { .. } => {}
            _ => return Err("it is no mapping".to_owned()),
        }
        loop {
            let key = match self.next()? {
                EventData::MappingEnd => break,
                EventData::Scalar { value, .. } => value,
                _ => return Err(format!("it has a key at line {} that is no text", self.line)),
            };
            let value = self.value()?;
            match key.as_str() {
                "File" => outline.file = value,
                "ID" => outline.id = value,
                "Type" => outline.kind = value,
                "Merge" => outline.merges = true,
                _ => {}
            }
        }
        match self.next()? {
            EventData::DocumentEnd { .. } => Ok(outline),
            _ => Err("it does not end behind its mapping".to_owned()),
        }
    }

    /// Reads a value to its end: its text, if it is one.
    fn value(&mut self) -> Result<Option<String>, String> {
        let outside = self.depth;
        if let EventData::Scalar { value, .. } = self.next()? {
            return Ok(Some(value));
        }
        while self.depth > outside {
            self.next()?;
        }
        Ok(None)
    }
}
