//! A paragraph of fields (Debian Policy 5.1), split into slices of the file: nothing is changed or decoded.

use std::collections::BTreeSet;

use crate::fault::{Fault, printable};

/// One paragraph. No two fields have the same name, in whatever case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stanza<'a> {
    fields: Vec<Field<'a>>,
}

/// One field of a paragraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// Its name as it is written: printable ASCII.
    pub(crate) name: &'a str,
    /// Everything behind the colon, continuation lines included, but for the white space at the end.
    pub(crate) raw: &'a [u8],
}

impl<'a> Stanza<'a> {
    /// Splits a file that holds exactly one paragraph. `file` is how messages call it.
    pub(crate) fn parse(text: &'a [u8], file: &'static str) -> Result<Self, Fault> {
        let mut open = Vec::<OpenField<'a>>::new();
        let mut names = BTreeSet::new();
        let mut ended = false;
        let mut start = 0;
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let end = start + line.len();
            let fault = |what: String| Fault::Stanza { file, line: index + 1, what };
            match line.first() {
                Some(b'\n') => ended = !open.is_empty(),
                _ if ended => return Err(fault("it has more than one paragraph".to_owned())),
                _ if line.trim_ascii().is_empty() => {
                    return Err(fault("the line has nothing but white space".to_owned()));
                }
                Some(b' ' | b'\t') => match open.last_mut() {
                    Some(field) => field.end = end,
                    None => return Err(fault("a continuation line stands before the first field".to_owned())),
                },
                _ => {
                    let (name, colon) = field_name(line).map_err(|what| fault(what.to_owned()))?;
                    if !names.insert(name.to_ascii_lowercase()) {
                        return Err(fault(format!("the field {} stands there twice", printable(name.as_bytes()))));
                    }
                    open.push(OpenField { name, start: start + colon + 1, end });
                }
            }
            start = end;
        }
        let fields = open
            .into_iter()
            .map(|field| Field {
                name: field.name,
                raw: trim_end(text.get(field.start..field.end).unwrap_or_default()),
            })
            .collect();
        Ok(Self { fields })
    }

    /// The fields in their order.
    pub(crate) fn fields(&self) -> &[Field<'a>] {
        &self.fields
    }

    /// The field of this name, in whatever case.
    pub(crate) fn field(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The value of the field of this name; empty where there is none.
    pub(crate) fn value(&self, name: &str) -> &'a [u8] {
        self.field(name).map_or(b"", Field::value)
    }
}

impl<'a> Stanza<'a> {
    /// Splits the control file of a binary package, which dpkg reads more strictly than other files: the last line ends with
    /// a line break and has a value. What other readers take for the end of a line is refused.
    pub(crate) fn parse_control(text: &'a [u8]) -> Result<Self, Fault> {
        let file = "its control file";
        let line_of = |at: usize| text.iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        let fault = |at: usize, what: &str| Fault::Stanza { file, line: line_of(at), what: what.to_owned() };
        if let Some(at) = text.iter().position(|byte| *byte == 0) {
            return Err(fault(at, "it has a NUL byte"));
        }
        if let Some(at) = text.iter().position(|byte| *byte == 0x1a) {
            return Err(fault(at, "it has the byte 0x1a, which dpkg takes for the end of a line"));
        }
        let is_lone = |at: &usize| text.get(*at) == Some(&b'\r') && text.get(at + 1) != Some(&b'\n');
        if let Some(at) = (0..text.len()).find(is_lone) {
            return Err(fault(at, "it has a carriage return within a line, where some readers see the end of it"));
        }
        if !text.is_empty() && !text.ends_with(b"\n") {
            return Err(fault(text.len(), "the line break at its end is missing"));
        }
        let stanza = Self::parse(text, file)?;
        match stanza.fields.last() {
            Some(field) if field.raw.iter().all(|byte| is_space(*byte)) && !text.ends_with(b"\n\n") => {
                Err(fault(text.len() - 1, "the last field has no value"))
            }
            _ => Ok(stanza),
        }
    }
}

/// A field of which not all lines were seen.
struct OpenField<'a> {
    name: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Field<'a> {
    /// Whether there is nothing but blanks in the line of its name, and then something.
    pub(crate) fn begins_in_the_next_line(&self) -> bool {
        let first = self.raw.iter().find(|byte| **byte == b'\n' || !is_space(**byte));
        first == Some(&b'\n')
    }

    /// The value as apt reads it: without the white space before it, but for a line break that no blank follows.
    pub(crate) fn value(&self) -> &'a [u8] {
        let mut value = self.raw;
        while let [first, rest @ ..] = value {
            let stop = *first == b'\n' && rest.first() != Some(&b' ');
            if stop || !is_space(*first) {
                break;
            }
            value = rest;
        }
        value
    }
}

/// The name at the start of a line, and where its colon is. Policy 5.1: printable ASCII without blank and colon, not
/// starting with `#` or `-`. dpkg and apt take blanks before the colon.
fn field_name(line: &[u8]) -> Result<(&str, usize), &'static str> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or("the line has no colon")?;
    let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
    let legal = !name.is_empty() && !name.starts_with(b"#") && !name.starts_with(b"-");
    if !legal || !name.iter().all(u8::is_ascii_graphic) {
        return Err("the line does not start with a legal field name");
    }
    Ok((std::str::from_utf8(name).map_err(|_| "the field name is not ASCII")?, colon))
}

/// White space as C's `isspace` knows it.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., last] = bytes {
        if !is_space(*last) {
            break;
        }
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests;
