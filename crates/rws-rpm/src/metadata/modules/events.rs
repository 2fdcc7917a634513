//! The events of a YAML stream, as libyaml tells them, and the forms that values have.

use std::io::{Chain, Read};
use std::panic::AssertUnwindSafe;

use libyaml_safer::{EventData, Parser};
use rws_model::{ContentDigester, Sha256};

/// No module nests deeper. libyaml's time for a token grows with the depth.
const MAX_DEPTH: usize = 100;

/// What comes next. Anchors, tags and styles change nothing for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A document begins.
    DocumentStart,
    /// A document ends.
    DocumentEnd,
    /// The file ends.
    StreamEnd,
    /// A text.
    Scalar(String),
    /// A list begins.
    SequenceStart,
    /// A list ends.
    SequenceEnd,
    /// A mapping begins.
    MappingStart,
    /// A mapping ends.
    MappingEnd,
}

impl Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Scalar(_) => "a text",
            Self::SequenceStart => "a list",
            Self::MappingStart => "a mapping",
            _ => "nothing",
        }
    }
}

/// A mapping or a list that has begun.
enum Open {
    Mapping {
        /// Whether a key is next.
        is_key: bool,
    },
    List {
        /// What its elements are.
        of: Option<&'static str>,
    },
}

/// Reads a stream.
pub struct Events<'t> {
    parser: Parser<Chain<&'t [u8], &'static [u8]>>,
    depth: usize,
    /// Of the last event, from 1.
    line: u64,
    /// Of the events since [`Events::start_digest`].
    digester: Option<ContentDigester>,
    /// The YAML itself is at fault, so that the document does not matter.
    is_broken: bool,
}

impl<'t> Events<'t> {
    /// Starts. `text` has no NUL.
    pub fn new(text: &'t str) -> Self {
        let mut parser = Parser::new();
        // libyaml-safer 0.3.0 panics where a text of several lines ends without a line break, which libyaml takes
        parser.set_input(text.as_bytes().chain(b"\n".as_slice()));
        Self { parser, depth: 0, line: 1, digester: None, is_broken: false }
    }

    /// Where a reason applies. Keys stand in it as they are, with line breaks that a line of its own cannot have.
    pub fn place(&self, document: usize, reason: &str) -> String {
        let mut line = String::with_capacity(reason.len());
        for character in reason.chars() {
            if character.is_control() { line.extend(character.escape_default()) } else { line.push(character) }
        }
        let reason = line;
        if self.is_broken {
            reason
        } else {
            format!("its document {document} cannot be read by clients, at line {}: {reason}", self.line)
        }
    }

    /// libyaml-safer 0.3.0 panics on a tag right before a comma (`[a, !b,]`), which its author left open. Nothing else was
    /// found, but nothing that is uploaded may end a thread.
    fn parse(&mut self) -> Result<libyaml_safer::Event, String> {
        let parser = &mut self.parser;
        match std::panic::catch_unwind(AssertUnwindSafe(|| parser.parse())) {
            Ok(event) => event.map_err(|error| format!("it is no YAML 1.1: {error}")),
            Err(_) => Err(format!("it is no YAML that can be read here, after line {}", self.line)),
        }
    }

    /// The next event.
    pub fn next(&mut self) -> Result<Event, String> {
        let event = self.parse().inspect_err(|_| self.is_broken = true)?;
        self.line = event.start_mark.line + 1;
        let event = match event.data {
            // the first event of all
            EventData::StreamStart { .. } => return self.next(),
            EventData::StreamEnd => Event::StreamEnd,
            EventData::DocumentStart { .. } => Event::DocumentStart,
            EventData::DocumentEnd { .. } => Event::DocumentEnd,
            EventData::Scalar { value, .. } => Event::Scalar(value),
            EventData::SequenceStart { .. } => Event::SequenceStart,
            EventData::SequenceEnd => Event::SequenceEnd,
            EventData::MappingStart { .. } => Event::MappingStart,
            EventData::MappingEnd => Event::MappingEnd,
            // below xmd dnf 4 and 5 crash on it, elsewhere the stream is lost
            EventData::Alias { anchor } => return Err(format!("it has an alias, *{anchor}")),
        };
        match event {
            Event::SequenceStart | Event::MappingStart => self.depth += 1,
            Event::SequenceEnd | Event::MappingEnd => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if self.depth > MAX_DEPTH {
            return Err(format!("it nests deeper than {MAX_DEPTH}"));
        }
        self.digest(&event);
        Ok(event)
    }

    /// Starts the digest of the events that follow.
    pub fn start_digest(&mut self) {
        self.digester = Some(ContentDigester::new());
    }

    /// The digest of the events since then.
    pub fn take_digest(&mut self) -> Option<Sha256> {
        self.digester.take().map(|digester| digester.finish().1)
    }

    fn digest(&mut self, event: &Event) {
        let Some(digester) = &mut self.digester else { return };
        match event {
            // no text has a NUL
            Event::Scalar(text) => {
                digester.update(text.as_bytes());
                digester.update(b"\0");
            }
            Event::SequenceStart => digester.update(b"\0["),
            Event::MappingStart => digester.update(b"\0{"),
            _ => digester.update(b"\0)"),
        }
    }

    /// Passes the start of a document.
    pub fn document_start(&mut self) -> Result<(), String> {
        match self.next()? {
            Event::DocumentStart => Ok(()),
            _ => Err("no document begins".to_owned()),
        }
    }

    /// A mapping; `value` reads the value of each key.
    pub fn mapping(
        &mut self,
        what: &str,
        value: impl FnMut(&mut Self, &str) -> Result<(), String>,
    ) -> Result<(), String> {
        match self.next()? {
            Event::MappingStart => self.mapping_rest(what, value),
            other => Err(format!("{what} is {}, not a mapping", other.name())),
        }
    }

    /// A mapping whose start was read.
    pub fn mapping_rest(
        &mut self,
        what: &str,
        mut value: impl FnMut(&mut Self, &str) -> Result<(), String>,
    ) -> Result<(), String> {
        loop {
            match self.next()? {
                Event::MappingEnd => return Ok(()),
                Event::Scalar(key) => value(self, &key)?,
                other => return Err(format!("{what} has {} for a key", other.name())),
            }
        }
    }

    /// A list; `element` reads each element, whose first event it gets.
    pub fn sequence(
        &mut self,
        what: &str,
        mut element: impl FnMut(&mut Self, Event) -> Result<(), String>,
    ) -> Result<(), String> {
        match self.next()? {
            Event::SequenceStart => {}
            other => return Err(format!("{what} is {}, not a list", other.name())),
        }
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(()),
                event => element(self, event)?,
            }
        }
    }

    /// A text.
    pub fn scalar(&mut self, what: &str) -> Result<String, String> {
        match self.next()? {
            Event::Scalar(text) => Ok(text),
            other => Err(format!("{what} is {}, not a text", other.name())),
        }
    }

    /// A list of texts, or one text, which counts unless it is empty; `each` gets them.
    pub fn scalars(&mut self, what: &str, mut each: impl FnMut(&str) -> Result<(), String>) -> Result<(), String> {
        match self.next()? {
            Event::Scalar(text) if text.is_empty() => return Ok(()),
            Event::Scalar(text) => return each(&text),
            Event::SequenceStart => {}
            other => return Err(format!("{what} is {}, neither a text nor a list", other.name())),
        }
        loop {
            match self.next()? {
                Event::Scalar(text) => each(&text)?,
                Event::SequenceEnd => return Ok(()),
                other => return Err(format!("{what} has {} in its list", other.name())),
            }
        }
    }

    /// A text that may not come twice.
    pub fn scalar_once(&mut self, what: &str, is_there: &mut bool) -> Result<(), String> {
        if std::mem::replace(is_there, true) {
            return Err(format!("{what} is there twice"));
        }
        self.scalar(what).map(drop)
    }

    /// A text that may neither come twice nor be empty.
    pub fn full_scalar_once(&mut self, what: &str, is_there: &mut bool) -> Result<(), String> {
        if std::mem::replace(is_there, true) {
            return Err(format!("{what} is there twice"));
        }
        if self.scalar(what)?.is_empty() { Err(format!("{what} is empty")) } else { Ok(()) }
    }

    /// Passes a text or a mapping whose keys, and those of all mappings below, are texts, and whose lists have elements of one
    /// form each.
    pub fn skip_plain(&mut self, what: &str) -> Result<(), String> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let event = self.next()?;
            let is_end = matches!(event, Event::MappingEnd | Event::SequenceEnd);
            match open.last_mut() {
                _ if is_end => {}
                Some(Open::Mapping { is_key: true }) if !matches!(event, Event::Scalar(_)) => {
                    return Err(format!("{what} has {} for a key", event.name()));
                }
                Some(Open::List { of }) => {
                    let name = event.name();
                    if *of.get_or_insert(name) != name {
                        return Err(format!("{what} has a list of different forms, at which dnf5 complains"));
                    }
                }
                None if event == Event::SequenceStart => return Err(format!("{what} is a list")),
                _ => {}
            }
            match event {
                Event::MappingStart => open.push(Open::Mapping { is_key: true }),
                Event::SequenceStart => open.push(Open::List { of: None }),
                _ => {
                    if is_end {
                        open.pop();
                    }
                    match open.last_mut() {
                        None => return Ok(()),
                        Some(Open::Mapping { is_key }) => *is_key = !*is_key,
                        Some(Open::List { .. }) => {}
                    }
                }
            }
        }
    }

    /// Passes a value of any form.
    pub fn skip(&mut self) -> Result<(), String> {
        let start = self.depth;
        loop {
            self.next()?;
            if self.depth <= start {
                return Ok(());
            }
        }
    }
}
