//! XML as libxml2 writes it for createrepo_c, byte by byte.

use std::fmt::Write as _;

use crate::fault::Fault;
use crate::text::{clean, has_forbidden};

/// The largest entry of one package in one index. The largest known, of debug packages, have two thirds of it; without a
/// bound one small header with a long directory and many files in it would fill the memory.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// An entry that is being written.
#[derive(Debug, Default)]
pub struct Markup {
    text: String,
    full: bool,
    dropped: bool,
}

/// An entry that was written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Its text.
    pub text: String,
    /// Whether characters were left out that XML does not allow.
    pub dropped: bool,
}

impl Markup {
    /// Starts with `capacity` bytes of memory.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity), ..Self::default() }
    }

    /// Writes markup as it is.
    pub fn raw(&mut self, markup: &str) -> &mut Self {
        if self.has_room(markup.len()) {
            self.text.push_str(markup);
        }
        self
    }

    /// Writes a number.
    pub fn number(&mut self, number: impl std::fmt::Display) -> &mut Self {
        // writing to a String does not fail
        let _ = write!(self.text, "{number}");
        self
    }

    /// Writes the content of an element.
    pub fn content(&mut self, bytes: &[u8]) -> &mut Self {
        if self.has_room(bytes.len()) {
            self.dropped = self.dropped || has_forbidden(bytes);
            escape_content(&clean(bytes), &mut self.text);
        }
        self
    }

    /// Writes the value of an attribute.
    pub fn value(&mut self, bytes: &[u8]) -> &mut Self {
        if self.has_room(bytes.len()) {
            self.dropped = self.dropped || has_forbidden(bytes);
            escape_value(&clean(bytes), &mut self.text);
        }
        self
    }

    /// Writes ` NAME="VALUE"`.
    pub fn attribute(&mut self, name: &str, value: &[u8]) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"").value(value).raw("\"")
    }

    /// Writes ` NAME="NUMBER"`.
    pub fn number_attribute(&mut self, name: &str, number: impl std::fmt::Display) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"").number(number).raw("\"")
    }

    /// Writes a line with an element that has text only; `indent` stands before it.
    pub fn line(&mut self, indent: &str, name: &str, content: &[u8]) -> &mut Self {
        self.raw(indent).raw("<").raw(name).raw(">").content(content).raw("</").raw(name).raw(">\n")
    }

    /// Whether the bound is exceeded: writing more has no effect.
    pub fn is_full(&self) -> bool {
        self.full
    }

    fn has_room(&mut self, more_bytes: usize) -> bool {
        self.full |= self.text.len().saturating_add(more_bytes) > MOST_BYTES;
        !self.full
    }

    /// The entry.
    pub fn finish(self) -> Result<Written, Fault> {
        if self.full {
            Err(Fault::EntrySize(MOST_BYTES))
        } else {
            Ok(Written { text: self.text, dropped: self.dropped })
        }
    }
}

/// Content of elements (libxml2: `xmlEscapeEntities`).
pub fn escape_content(text: &str, escaped: &mut String) {
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\r' => escaped.push_str("&#13;"),
            _ => escaped.push(character),
        }
    }
}

/// Values of attributes (libxml2: `xmlBufAttrSerializeTxtContent`): all that is not ASCII becomes a reference, since
/// createrepo_c's nodes belong to no document whose encoding libxml2 could know.
pub fn escape_value(text: &str, escaped: &mut String) {
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("&quot;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\t' => escaped.push_str("&#9;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            _ if character.is_ascii() => escaped.push(character),
            _ => {
                // writing to a String does not fail
                let _ = write!(escaped, "&#x{:X};", u32::from(character));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Markup;

    #[test]
    fn content_and_values_are_escaped_as_libxml2_does() {
        let mut markup = Markup::default();
        markup.line("", "a", "<&>\"\t\r\né".as_bytes()).attribute("b", "<&>\"'\t\r\né😀".as_bytes());
        let expected = "<a>&lt;&amp;&gt;\"\t&#13;\né</a>\n b=\"&lt;&amp;&gt;&quot;'&#9;&#13;&#10;&#xE9;&#x1F600;\"";
        assert_eq!(markup.finish().unwrap().text, expected);
    }
}
