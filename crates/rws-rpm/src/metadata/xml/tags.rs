//! The tags of elements, with their attributes.

use super::{Checked, Event, Reader};

/// The longest value of an attribute: dnf 4 needs a minute for one of 11 MB.
const MAX_VALUE_BYTES: usize = 1 << 20;

impl<'a> Reader<'a> {
    /// What follows `</`.
    pub(super) fn end_tag(&mut self) -> Checked<()> {
        let name = self.name()?;
        let expected = self.open.pop().unwrap_or_default();
        if name != expected {
            return Err(self.broken(format!("</{name}> closes <{expected}>")));
        }
        self.skip_blanks();
        self.expect(">", "a closing tag does not end in >")
    }

    /// What follows the `<` of an element.
    pub(super) fn start_tag(&mut self) -> Checked<Event<'a>> {
        let name = self.name()?;
        if self.open.is_empty() && self.has_root {
            return Err(self.broken(format!("<{name}> is a second root element")));
        }
        self.has_root = true;
        self.attributes.clear();
        loop {
            let is_separate = self.skip_blanks();
            if self.take(">") {
                self.open.push(name);
                break;
            }
            if self.take("/>") {
                self.ends = true;
                break;
            }
            if !is_separate {
                return Err(self.broken(format!("the tag <{name}> is not closed, or lacks a blank")));
            }
            self.attribute()?;
        }
        self.attributes.sort_unstable();
        match self.attributes.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => {
                Err(self
                    .broken(format!("<{name}> has the attribute {} twice", pair.first().copied().unwrap_or_default())))
            }
            None => Ok(Event::Start(name)),
        }
    }

    fn attribute(&mut self) -> Checked<()> {
        let name = self.name()?;
        self.skip_blanks();
        self.expect("=", "an attribute has no value")?;
        self.skip_blanks();
        let quote = if self.take("\"") {
            '"'
        } else {
            self.expect("'", "the value of an attribute has no quotes")?;
            '\''
        };
        let length = self.rest().find(quote).ok_or_else(|| self.broken("the value of an attribute is not closed"))?;
        if length > MAX_VALUE_BYTES {
            return Err(self.broken(format!("the value of an attribute has more than {MAX_VALUE_BYTES} bytes")));
        }
        let end = self.at + length;
        while let Some(next) = self.text.get(self.at..end).and_then(|value| value.find(['<', '&'])) {
            self.at += next;
            if !self.take("&") {
                return Err(self.broken("the value of an attribute has a <"));
            }
            self.reference()?;
        }
        self.at = end + 1;
        self.attributes.push(name);
        Ok(())
    }
}
