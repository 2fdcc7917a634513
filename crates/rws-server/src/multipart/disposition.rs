//! `Content-Disposition: form-data; name=…; filename=…; filename*=…` (RFC 7578, section 4.2; RFC 6266; RFC 8187).

use super::MultipartError;

/// What a part says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Disposition {
    pub(super) name: Option<String>,
    pub(super) file_name: Option<String>,
}

/// One `name=value`, quotes removed.
pub(super) struct Parameter<'a> {
    name: &'a [u8],
    pub(super) value: Vec<u8>,
}

impl Parameter<'_> {
    /// Whether its name is this one; case does not matter.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

impl Disposition {
    /// Reads the value of the header.
    pub(super) fn parse(value: &[u8]) -> Result<Self, MultipartError> {
        let (kind, rest) = value.split_at(value.iter().position(|byte| *byte == b';').unwrap_or(value.len()));
        if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
            return Err(MultipartError::BadDisposition("its type is not form-data"));
        }
        let (mut name, mut plain, mut extended) = (None, None, None);
        for parameter in parameters(rest) {
            let parameter = parameter.map_err(MultipartError::BadDisposition)?;
            let before = if parameter.is("name") {
                name.replace(text(parameter.value)?)
            } else if parameter.is("filename") {
                plain.replace(text(unescape(&parameter.value))?)
            } else if parameter.is("filename*") {
                extended.replace(text(extended_value(&parameter.value)?)?)
            } else {
                None
            };
            if before.is_some() {
                return Err(MultipartError::BadDisposition("a parameter occurs twice"));
            }
        }
        Ok(Self { name, file_name: extended.or(plain) })
    }
}

fn text(bytes: Vec<u8>) -> Result<String, MultipartError> {
    String::from_utf8(bytes).map_err(|_| MultipartError::BadDisposition("a name is not UTF-8"))
}

/// The parameters in `; name=value; name="value"`, an empty last one ignored. Ends after the first error.
pub(super) fn parameters(mut rest: &[u8]) -> impl Iterator<Item = Result<Parameter<'_>, &'static str>> {
    std::iter::from_fn(move || {
        let inner = rest.trim_ascii().strip_prefix(b";")?.trim_ascii();
        if inner.is_empty() {
            return None;
        }
        let parsed = parameter(inner);
        rest = parsed.as_ref().map_or(&[][..], |(_, after)| after);
        Some(parsed.map(|(parameter, _)| parameter))
    })
}

/// The parameter that `text` starts with, and what follows it: nothing, or `;` first.
fn parameter(text: &[u8]) -> Result<(Parameter<'_>, &[u8]), &'static str> {
    let equals = text.iter().position(|byte| *byte == b'=').ok_or("a parameter has no value")?;
    let (name, rest) = (text[..equals].trim_ascii(), text[equals + 1..].trim_ascii());
    if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_graphic() && !b";\"".contains(byte)) {
        return Err("a parameter has no name");
    }
    if let Some(quoted) = rest.strip_prefix(b"\"") {
        let (value, after) = quoted_string(quoted)?;
        let after = after.trim_ascii();
        if !after.is_empty() && !after.starts_with(b";") {
            return Err("something follows a quoted value");
        }
        return Ok((Parameter { name, value }, after));
    }
    let (value, after) = rest.split_at(rest.iter().position(|byte| *byte == b';').unwrap_or(rest.len()));
    if value.contains(&b'"') {
        return Err("a value contains a quote");
    }
    Ok((Parameter { name, value: value.trim_ascii().to_vec() }, after))
}

/// The string up to the closing quote, and what follows it. A backslash escapes only a quote or a backslash: some
/// clients send file names with single ones.
fn quoted_string(text: &[u8]) -> Result<(Vec<u8>, &[u8]), &'static str> {
    let mut value = Vec::new();
    let mut bytes = text.iter().copied().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Ok((value, &text[at + 1..])),
            b'\\' => value.push(bytes.next_if(|(_, next)| b"\"\\".contains(next)).map_or(b'\\', |(_, next)| next)),
            _ => value.push(byte),
        }
    }
    Err("a closing quote is missing")
}

/// Undoes what browsers and curl do to quotes and line ends in file names (WHATWG HTML, "multipart form data"): nothing
/// else is percent-decoded, as nothing else was encoded.
fn unescape(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, after) = match rest {
            [b'%', b'2', b'2', after @ ..] => (b'"', after),
            [b'%', b'0', b'D' | b'd', after @ ..] => (b'\r', after),
            [b'%', b'0', b'A' | b'a', after @ ..] => (b'\n', after),
            _ => (byte, after),
        };
        plain.push(byte);
        rest = after;
    }
    plain
}

/// `UTF-8'language'percent-encoded` (RFC 8187, section 3.2).
fn extended_value(value: &[u8]) -> Result<Vec<u8>, MultipartError> {
    let bad = MultipartError::BadDisposition("filename* is not of the form UTF-8''…");
    let mut pieces = value.splitn(3, |byte| *byte == b'\'');
    let (Some(charset), Some(_language), Some(encoded)) = (pieces.next(), pieces.next(), pieces.next()) else {
        return Err(bad);
    };
    if !charset.eq_ignore_ascii_case(b"utf-8") {
        return Err(bad);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut plain = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        let Some((&[high, low], after)) = after.split_first_chunk::<2>() else {
            return Err(bad);
        };
        let (Some(high), Some(low)) = (digit(high), digit(low)) else {
            return Err(bad);
        };
        // two digits are less than 256
        plain.push((high * 16 + low) as u8);
        rest = after;
    }
    Ok(plain)
}
