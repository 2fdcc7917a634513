//! What names, versions and architectures may look like (Debian Policy 5.6).

use crate::architecture;
use crate::fault::{Fault, printable};
use crate::stanza::Stanza;

/// The longest value of one of these fields: it becomes a part of identities and, percent-encoded, of URLs.
const LONGEST_BYTES: usize = 255;

const NAME_RULE: &str = "a-z 0-9 + - ., the first of them a letter or digit (Debian Policy 5.6.7)";
const VERSION_RULE: &str =
    "[epoch:]upstream[-revision], the upstream part starting with a digit (Debian Policy 5.6.12)";
const VARIANT_RULE: &str = "the architecture followed by v and a number, as amd64v3 of amd64";
const ARCHITECTURE_RULE: &str = "one architecture of a-z 0-9 -, as amd64 or all (Debian Policy 5.6.8)";

/// The package name in `field`: `Package` or `Source`.
pub(crate) fn package_name(stanza: &Stanza<'_>, field: &'static str) -> Result<String, Fault> {
    legal(stanza, field, is_package_name, NAME_RULE)
}

/// The value of `Version`.
pub(crate) fn version(stanza: &Stanza<'_>) -> Result<String, Fault> {
    legal(stanza, "Version", is_version, VERSION_RULE)
}

/// The value of `Architecture` of a binary package, or, of one for a variant of that, of `Architecture-Variant`.
pub(crate) fn architecture(stanza: &Stanza<'_>) -> Result<String, Fault> {
    let base = legal(stanza, "Architecture", is_architecture, ARCHITECTURE_RULE)?;
    if stanza.value("Architecture-Variant").is_empty() {
        return Ok(base);
    }
    let is_variant = |text: &str| architecture::base_of(text) == Some(base.as_str());
    legal(stanza, "Architecture-Variant", is_variant, VARIANT_RULE)
}

fn legal(
    stanza: &Stanza<'_>,
    field: &'static str,
    is_legal: impl Fn(&str) -> bool,
    rule: &'static str,
) -> Result<String, Fault> {
    let value = stanza.value(field);
    if value.is_empty() {
        return Err(Fault::FieldMissing(field));
    }
    match std::str::from_utf8(value) {
        Ok(text) if text.len() <= LONGEST_BYTES && is_legal(text) => Ok(text.to_owned()),
        _ => Err(Fault::FieldValue { field, value: printable(value), rule }),
    }
}

/// Debian Policy 5.6.7, but for the least length: dpkg and apt take one character. They also take capital letters, which they
/// make small ones of, and other tools do not.
pub(crate) fn is_package_name(text: &str) -> bool {
    let letter_or_digit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.bytes().next().is_some_and(letter_or_digit)
        && text.bytes().all(|byte| letter_or_digit(byte) || b"+-.".contains(&byte))
}

/// Debian Policy 5.6.12, as strict as dpkg-deb is when it builds a package.
pub(crate) fn is_version(text: &str) -> bool {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) => (Some(epoch), rest),
        None => (None, text),
    };
    let (upstream, revision) = match rest.rsplit_once('-') {
        Some((upstream, revision)) => (upstream, Some(revision)),
        None => (rest, None),
    };
    let good_epoch = |epoch: &str| epoch.bytes().all(|byte| byte.is_ascii_digit()) && epoch.parse::<i32>().is_ok();
    let good_revision = |revision: &str| !revision.is_empty() && revision.bytes().all(|byte| in_version(byte, b"+.~"));
    epoch.is_none_or(good_epoch)
        && revision.is_none_or(good_revision)
        && upstream.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
        && upstream.bytes().all(|byte| in_version(byte, b"+.~-:"))
}

fn in_version(byte: u8, others: &[u8]) -> bool {
    byte.is_ascii_alphanumeric() || others.contains(&byte)
}

/// Debian Policy 5.6.8 and 11.1: the name of one architecture, or `all`. `any` and `source` are for source packages.
pub(crate) fn is_architecture(text: &str) -> bool {
    let letter_or_digit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.bytes().next().is_some_and(letter_or_digit)
        && text.bytes().all(|byte| letter_or_digit(byte) || byte == b'-')
        && !matches!(text, "any" | "source")
        && !text.starts_with("any-")
        && !text.ends_with("-any")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names() {
        for good in ["a", "a0", "libstdc++6", "0ad", "python3.11", "g++-12"] {
            assert!(is_package_name(good), "{good}");
        }
        for bad in ["", "A0", "-a", "+a", "a_b", "a b", "a/b", "é0", "a\n", "a:b"] {
            assert!(!is_package_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn versions() {
        for good in ["1", "1.0-1", "1:1.0~rc1+dfsg-2+deb12u1", "2:1:2", "0.0~git20200101-1-2", "1A"] {
            assert!(is_version(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "1:",
            ":1",
            "x:1",
            "-1:1",
            "+1:1",
            "1-",
            "-1",
            "1.0-1:2",
            "1_1",
            "99999999999:1",
            "1 2",
            "1/2",
            "1é",
        ] {
            assert!(!is_version(bad), "{bad:?}");
        }
    }

    #[test]
    fn architectures() {
        for good in ["all", "amd64", "kfreebsd-amd64", "x32"] {
            assert!(is_architecture(good), "{good}");
        }
        for bad in ["", "any", "source", "linux-any", "any-amd64", "amd64 i386", "AMD64", "../x", "-a", "a_b"] {
            assert!(!is_architecture(bad), "{bad:?}");
        }
    }
}
