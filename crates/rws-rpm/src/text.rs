//! Text of headers, which can be any bytes, as text of XML documents.

use std::borrow::Cow;

/// `bytes` as text that may stand in an XML document.
///
/// As createrepo_c does (`cr_latin1_to_utf8`): bytes that are not UTF-8 are read as latin-1, where 0x80 to 0xBF, which
/// would be control characters and rare signs there, are dropped. Unlike createrepo_c, which refuses the package,
/// characters that XML 1.0 does not allow (section 2.2: control characters but tab, line feed, carriage return;
/// U+FFFE; U+FFFF) are dropped.
pub fn clean(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(is_allowed) => Cow::Borrowed(text),
        Ok(text) => text.chars().filter(|character| is_allowed(*character)).collect::<String>().into(),
        Err(_) => bytes
            .iter()
            .filter(|byte| !(0x80..0xc0).contains(*byte))
            .map(|byte| char::from(*byte))
            .filter(|character| is_allowed(*character))
            .collect::<String>()
            .into(),
    }
}

/// Whether [`clean`] drops characters that XML does not allow.
pub fn has_forbidden(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(text) => !text.chars().all(is_allowed),
        Err(_) => bytes.iter().any(|byte| *byte < 0x80 && !is_allowed(char::from(*byte))),
    }
}

fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => character >= ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::{clean, has_forbidden};

    #[test]
    fn what_is_not_utf8_is_latin1_without_its_middle() {
        assert_eq!(clean("Přelouč".as_bytes()), "Přelouč");
        assert_eq!(clean(b"Tom\xe1s \x93quoted\x94 \x01\xbf"), "Tomás quoted ");
        assert_eq!(clean(b"\xff"), "ÿ");
    }

    #[test]
    fn characters_that_xml_forbids_are_dropped() {
        assert_eq!(clean(b"a\x00\x01\x1b\tb\r\n\x7f"), "a\tb\r\n\x7f");
        assert!(has_forbidden(b"a\x01") && has_forbidden(b"\xff\x01") && !has_forbidden(b"a\t\r\n\xff\x9f"));
        assert_eq!(clean("a\u{fffe}\u{ffff}\u{10ffff}".as_bytes()), "a\u{10ffff}");
    }
}
