//! Whether a document is well-formed XML 1.0, to the parser of all clients: expat, without namespaces.
//!
//! So prefixes need no declaration, and names are those of the fourth edition (productions 84 to 89). Stricter than
//! expat on purpose: UTF-8 is the only encoding, since clients differ on the others; a document type has no internal
//! subset, where entities could be declared that grow; versions other than 1.0 and 1.1, which newer expat refuses.
//!
//! Memory grows with the depth of the elements and the number of attributes of one of them, with nothing else.

mod declaration;
mod names;
mod tags;
mod text;

use std::fmt;

use names::{is_name, is_name_start};

/// What a document has next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// An element starts; [`Reader::has_attribute`] tells what it has.
    Start(&'a str),
    /// The innermost element ends.
    End,
    /// Text, references or a CDATA section inside an element.
    Text {
        /// It has nothing but white space.
        is_blank: bool,
    },
}

/// Where a document stops being well-formed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    at: usize,
    reason: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "it is no well-formed XML, at byte {}: {}", self.at, self.reason)
    }
}

type Checked<T> = Result<T, Broken>;

/// Reads a document from its start to its end, and checks all of it on the way.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The names of the elements that are open.
    open: Vec<&'a str>,
    /// The names of the attributes of the last element, sorted.
    attributes: Vec<&'a str>,
    has_root: bool,
    has_document_type: bool,
    /// The last element was `<empty/>`: its end is still to be told.
    ends: bool,
}

impl<'a> Reader<'a> {
    /// Starts: checks all characters, and the declaration.
    pub fn new(document: &'a [u8]) -> Checked<Self> {
        let text = std::str::from_utf8(document).map_err(|error| Broken {
            at: error.valid_up_to(),
            reason: "a byte is no UTF-8, and no other encoding is read by all clients".to_owned(),
        })?;
        check_characters(text)?;
        let (open, attributes) = (Vec::new(), Vec::new());
        let mut reader = Self { text, at: 0, open, attributes, has_root: false, has_document_type: false, ends: false };
        reader.take("\u{feff}");
        reader.declaration()?;
        Ok(reader)
    }

    /// How far the document was read, in bytes.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Whether the element that was told last has the attribute.
    pub fn has_attribute(&self, name: &str) -> bool {
        self.attributes.binary_search(&name).is_ok()
    }

    /// What comes next; nothing at the end of a document that is well-formed.
    pub fn next_event(&mut self) -> Checked<Option<Event<'a>>> {
        if std::mem::take(&mut self.ends) {
            return Ok(Some(Event::End));
        }
        loop {
            let rest = self.rest();
            let inside = !self.open.is_empty();
            if rest.is_empty() {
                return match self.open.last() {
                    Some(name) => Err(self.broken(format!("<{name}> is not closed"))),
                    None if self.has_root => Ok(None),
                    None => Err(self.broken("there is no root element")),
                };
            } else if self.take("<!--") {
                self.comment()?;
            } else if self.take("<?") {
                self.instruction()?;
            } else if inside && self.take("<![CDATA[") {
                let content = self.until("]]>", "a CDATA section is not closed")?;
                return Ok(Some(Event::Text { is_blank: content.trim_ascii().is_empty() }));
            } else if !inside && self.take("<!DOCTYPE") {
                self.document_type()?;
            } else if inside && self.take("</") {
                self.end_tag()?;
                return Ok(Some(Event::End));
            } else if self.take("<") {
                return self.start_tag().map(Some);
            } else if inside {
                let end = rest.find('<').unwrap_or(rest.len());
                return self.character_data(end).map(Some);
            } else if !self.skip_blanks() {
                return Err(self.broken("there is text outside of the root element"));
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn broken(&self, reason: impl Into<String>) -> Broken {
        Broken { at: self.at, reason: reason.into() }
    }

    /// Passes `token`, if it is next.
    fn take(&mut self, token: &str) -> bool {
        let is_next = self.rest().starts_with(token);
        if is_next {
            self.at += token.len();
        }
        is_next
    }

    fn expect(&mut self, token: &str, reason: &str) -> Checked<()> {
        if self.take(token) { Ok(()) } else { Err(self.broken(reason)) }
    }

    /// Passes blanks, and says whether there were some.
    fn skip_blanks(&mut self) -> bool {
        let rest = self.rest();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.at += blanks;
        blanks > 0
    }

    /// Passes all up to and with `token`.
    fn until(&mut self, token: &str, reason: &str) -> Checked<&'a str> {
        let (content, _) = self.rest().split_once(token).ok_or_else(|| self.broken(reason))?;
        self.at += content.len() + token.len();
        Ok(content)
    }

    fn name(&mut self) -> Checked<&'a str> {
        let rest = self.rest();
        if !rest.starts_with(is_name_start) {
            return Err(self.broken("a name is missing"));
        }
        let name = &rest[..rest.find(|character| !is_name(character)).unwrap_or(rest.len())];
        self.at += name.len();
        Ok(name)
    }

    /// What follows `<!--`.
    fn comment(&mut self) -> Checked<()> {
        self.until("--", "a comment is not closed")?;
        self.expect(">", "a comment has -- inside")
    }

    /// What follows `<?`.
    fn instruction(&mut self) -> Checked<()> {
        if self.name()?.eq_ignore_ascii_case("xml") {
            return Err(self.broken("an XML declaration stands elsewhere than at the first byte"));
        }
        if self.take("?>") {
            return Ok(());
        }
        if !self.skip_blanks() {
            return Err(self.broken("a processing instruction has no name"));
        }
        self.until("?>", "a processing instruction is not closed").map(drop)
    }
}

fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => character >= ' ',
    }
}

/// Characters that XML does not allow stand nowhere, not even in comments.
fn check_characters(text: &str) -> Checked<()> {
    match text.char_indices().find(|(_, character)| !is_allowed(*character)) {
        Some((at, character)) => {
            let reason = format!("U+{:04X} is no character that XML allows", u32::from(character));
            Err(Broken { at, reason })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
