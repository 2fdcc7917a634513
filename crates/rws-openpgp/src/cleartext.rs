//! The cleartext signature framework (RFC 9580, section 7).

/// gpg refuses lines of more than 19,995 bytes (seen with 2.2.40).
const LONGEST_LINE_BYTES: usize = 19_000;

/// The lines of a text that can be clear-signed.
pub(crate) struct Cleartext<'a> {
    lines: Vec<&'a str>,
}

impl<'a> Cleartext<'a> {
    /// Splits a text into lines. Blanks at their ends are not part of what can be signed (section 7.2), and the line end
    /// before the signature is not part of the text.
    pub(crate) fn new(text: &'a str) -> Result<Self, &'static str> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let lines: Vec<_> = text.split('\n').map(|line| line.trim_end_matches([' ', '\t', '\r'])).collect();
        if lines.iter().any(|line| line.len() > LONGEST_LINE_BYTES) {
            return Err("the text has a line of more than 19,000 bytes, which gpg does not verify");
        }
        if text.contains('\0') || lines.iter().any(|line| line.contains('\r')) {
            return Err("the text has NUL or, within a line, CR: clear-signed text cannot have them");
        }
        Ok(Self { lines })
    }

    /// What is hashed: lines end in CRLF, the last one in nothing.
    pub(crate) fn signed(&self) -> String {
        self.lines.join("\r\n")
    }

    /// The message with its armored signature. `hash` is the name of the hash as in the header.
    pub(crate) fn message(&self, hash: &str, signature: &str) -> String {
        let mut message = format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: {hash}\n\n");
        for line in &self.lines {
            // section 7.1
            if line.starts_with('-') {
                message.push_str("- ");
            }
            message.push_str(line);
            message.push('\n');
        }
        message + signature
    }
}
