//! The text inside an OpenPGP clear-signature (RFC 9580, section 7). The signature itself is not verified: who may
//! upload is decided by the password, and the index is signed anew.

use std::borrow::Cow;

use crate::fault::Fault;

const MESSAGE: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &[u8] = b"-----END PGP SIGNATURE-----";

/// The signed text, its dash-escapes undone and without white space at the ends of lines; a file that is not signed
/// is returned as it is. As strict as apt: nothing may stand outside the signature.
pub(crate) fn clear_text(file: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
    let mut lines = file.split_inclusive(|byte| *byte == b'\n').map(trim_end);
    if lines.next() != Some(MESSAGE) {
        return Ok(Cow::Borrowed(file));
    }
    for line in lines.by_ref() {
        match line {
            [] => break,
            [b'-', ..] => return Err(Fault::ClearSignature("a line of its head starts with a dash")),
            _ => {}
        }
    }
    let mut text = Vec::with_capacity(file.len());
    loop {
        let line = match lines.next() {
            None => return Err(Fault::ClearSignature("it is cut before the signature")),
            Some(SIGNATURE) => break,
            Some([b'-', b' ', line @ ..]) => line,
            Some([b'-', ..]) => return Err(Fault::ClearSignature("a line of the text starts with a dash")),
            Some(line) => line,
        };
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    let mut open = true;
    for line in lines {
        match line {
            SIGNATURE_END if open => open = false,
            SIGNATURE if !open => open = true,
            [b'-', ..] if open => return Err(Fault::ClearSignature("a line of the signature starts with a dash")),
            [] if !open => {}
            _ if !open => return Err(Fault::ClearSignature("it has text behind the signature")),
            _ => {}
        }
    }
    if open { Err(Fault::ClearSignature("it is cut inside the signature")) } else { Ok(Cow::Owned(text)) }
}

/// RFC 9580, section 7.2: blanks, tabs and the line break at the end of a line are not signed.
fn trim_end(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = line {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n";
    const TAIL: &str = "-----BEGIN PGP SIGNATURE-----\n\nabc=\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn the_text_comes_back_unescaped() {
        let signed = format!("{HEAD}a: 1  \r\n- -b: 2\n- c: 3\n{TAIL}\n");
        assert_eq!(clear_text(signed.as_bytes()).unwrap().as_ref(), b"a: 1\n-b: 2\nc: 3\n");
        assert_eq!(clear_text(b"a: 1  \n").unwrap().as_ref(), b"a: 1  \n");
        assert_eq!(clear_text(b"").unwrap().as_ref(), b"");
    }

    #[test]
    fn what_could_hide_text_is_refused() {
        for bad in [
            HEAD.to_owned(),
            format!("{HEAD}a: 1\n"),
            format!("{HEAD}a: 1\n-b: 2\n{TAIL}"),
            format!("{HEAD}a: 1\n{TAIL}b: 2\n"),
            format!("{HEAD}a: 1\n{HEAD}b: 2\n{TAIL}"),
            format!("{HEAD}a: 1\n-----BEGIN PGP SIGNATURE-----\nabc=\n"),
            format!("-----BEGIN PGP SIGNED MESSAGE-----\n- x\n\na: 1\n{TAIL}"),
        ] {
            assert!(clear_text(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
