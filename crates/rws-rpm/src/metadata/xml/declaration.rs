//! What stands before the root element: the XML declaration and the document type.

use super::{Checked, Reader};

impl<'a> Reader<'a> {
    /// `<?xml version="1.0" encoding="UTF-8" standalone="no"?>`, all but the version optional, in this order.
    pub(super) fn declaration(&mut self) -> Checked<()> {
        let Some(after) = self.rest().strip_prefix("<?xml") else { return Ok(()) };
        // <?xml-stylesheet …?> is none
        if !after.starts_with([' ', '\t', '\r', '\n']) {
            return Ok(());
        }
        self.at += "<?xml".len();
        let version = self.pseudo_attribute("version")?;
        match version {
            Some("1.0" | "1.1") => {}
            Some(_) => return Err(self.broken("the declaration names another version than 1.0 and 1.1")),
            None => return Err(self.broken("the declaration names no version")),
        }
        if let Some(encoding) = self.pseudo_attribute("encoding")? {
            if encoding.eq_ignore_ascii_case("US-ASCII") {
                let text = self.text.strip_prefix('\u{feff}').unwrap_or(self.text);
                if !text.is_ascii() {
                    return Err(self.broken("the declaration says US-ASCII, and other characters follow"));
                }
            } else if !encoding.eq_ignore_ascii_case("UTF-8") {
                return Err(
                    self.broken(format!("the declaration says {encoding:?}: only UTF-8 is read by all clients"))
                );
            }
        }
        if !matches!(self.pseudo_attribute("standalone")?, None | Some("yes" | "no")) {
            return Err(self.broken("the declaration says standalone, and neither yes nor no"));
        }
        self.skip_blanks();
        self.expect("?>", "the declaration has something that belongs elsewhere")
    }

    /// ` NAME = "VALUE"`; nothing where another name is next.
    fn pseudo_attribute(&mut self, name: &str) -> Checked<Option<&'a str>> {
        let start = self.at;
        if !(self.skip_blanks() && self.take(name)) {
            self.at = start;
            return Ok(None);
        }
        self.skip_blanks();
        self.expect("=", "the declaration lacks a =")?;
        self.skip_blanks();
        let quote = if self.take("'") { "'" } else { "\"" };
        if quote == "\"" {
            self.expect(quote, "the declaration lacks quotes")?;
        }
        self.until(quote, "the declaration is not closed").map(Some)
    }

    /// What follows `<!DOCTYPE`: a name, and where a definition would be that no client fetches.
    pub(super) fn document_type(&mut self) -> Checked<()> {
        if self.has_document_type || self.has_root {
            return Err(self.broken("a document type stands elsewhere than once before the root element"));
        }
        self.has_document_type = true;
        self.blanks()?;
        self.name()?;
        let is_separate = self.skip_blanks();
        if is_separate && self.take("PUBLIC") {
            self.blanks()?;
            let public = self.literal()?;
            if !public.chars().all(is_public) {
                return Err(self.broken("the public identifier of the document type has other characters than allowed"));
            }
            self.blanks()?;
            self.literal()?;
        } else if is_separate && self.take("SYSTEM") {
            self.blanks()?;
            self.literal()?;
        }
        self.skip_blanks();
        if self.rest().starts_with('[') {
            return Err(self.broken("the document type has declarations ([…]), which RWS takes none of"));
        }
        self.expect(">", "the document type is not closed")
    }

    fn blanks(&mut self) -> Checked<()> {
        if self.skip_blanks() { Ok(()) } else { Err(self.broken("the document type lacks a blank")) }
    }

    fn literal(&mut self) -> Checked<&'a str> {
        let quote = if self.take("'") { "'" } else { "\"" };
        if quote == "\"" {
            self.expect(quote, "the document type lacks quotes")?;
        }
        self.until(quote, "a quote of the document type is not closed")
    }
}

/// Production 13.
fn is_public(character: char) -> bool {
    character.is_ascii_alphanumeric() || " \r\n-'()+,./:=?;!*#@$_%".contains(character)
}
