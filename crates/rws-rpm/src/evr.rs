//! `EPOCH:VERSION-RELEASE`, the text of a version in a dependency.

/// A version taken apart. Empty parts are absent, since they are not written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evr<'h> {
    /// The epoch as it is written; `0` where the text has none.
    pub epoch: Option<&'h [u8]>,
    /// The version.
    pub version: Option<&'h [u8]>,
    /// The release.
    pub release: Option<&'h [u8]>,
}

impl<'h> Evr<'h> {
    /// Takes `text` apart as createrepo_c's `cr_str_to_evr` does. Absent when what stands before the first colon is no
    /// number: createrepo_c leaves such a dependency out.
    pub fn parse(text: &'h [u8]) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let (epoch, rest) = match text.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                let (epoch, rest) = text.split_at(colon);
                (epoch, rest.get(1..).unwrap_or_default())
            }
            None => (&b""[..], text),
        };
        if !epoch.is_empty() && !is_number(epoch) {
            return None;
        }
        let epoch = if epoch.is_empty() { b"0" } else { epoch };
        let (version, release) = match rest.iter().position(|byte| *byte == b'-') {
            Some(dash) => {
                let (version, release) = rest.split_at(dash);
                (version, release.get(1..).unwrap_or_default())
            }
            None => (rest, &b""[..]),
        };
        Some(Self { epoch: Some(epoch), version: not_empty(version), release: not_empty(release) })
    }
}

/// What `strtol` reads to its end: blanks, a sign, digits.
fn is_number(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let digits = text.strip_prefix(b"+").or(text.strip_prefix(b"-")).unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn not_empty(text: &[u8]) -> Option<&[u8]> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::Evr;

    #[test]
    fn versions_are_split_at_the_first_colon_and_the_first_dash() {
        let parts = |text: &'static str| {
            Evr::parse(text.as_bytes()).map(|evr| {
                let text = |part: Option<&[u8]>| String::from_utf8_lossy(part.unwrap_or(b"?")).into_owned();
                [text(evr.epoch), text(evr.version), text(evr.release)].join(" ")
            })
        };
        for (text, expected) in [
            ("", "? ? ?"),
            ("1.0", "0 1.0 ?"),
            ("1.0-2", "0 1.0 2"),
            ("1.0-", "0 1.0 ?"),
            ("-2", "0 ? 2"),
            ("1.0-2-3", "0 1.0 2-3"),
            ("3:1.0-2", "3 1.0 2"),
            (":1.0", "0 1.0 ?"),
            ("1:2:3", "1 2:3 ?"),
            ("+1:2", "+1 2 ?"),
        ] {
            assert_eq!(parts(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["a:1", "1a:1", "-:1", " :1"] {
            assert_eq!(parts(text), None, "{text}");
        }
    }
}
