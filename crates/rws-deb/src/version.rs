//! The order of versions (Debian Policy 5.6.12, deb-version(7)), for any text whatever.
//!
//! Not the crate `debversion`: it holds `1a` and `1a0` for different, which dpkg does not, and brings a regular
//! expression engine and big numbers along.

use std::cmp::Ordering;

/// dpkg's order. A version that has no legal epoch has the epoch 0 and all of its text as the upstream part.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let ((left_epoch, left_upstream, left_revision), (right_epoch, right_upstream, right_revision)) =
        (split(left), split(right));
    compare_part(left_epoch, right_epoch)
        .then_with(|| compare_part(left_upstream, right_upstream))
        .then_with(|| compare_part(left_revision, right_revision))
}

/// The same version as all that are equal to it are written: without an epoch of 0, without zeros before numbers, with a
/// number at the end of each part, without a revision of 0.
pub(crate) fn canonical(version: &str) -> String {
    let (epoch, upstream, revision) = split(version);
    let (_, epoch) = run(epoch, |byte| *byte == b'0');
    let mut text = String::from_utf8_lossy(epoch).into_owned();
    text.push_str(if epoch.is_empty() { "" } else { ":" });
    text.push_str(&canonical_part(upstream));
    let revision = canonical_part(revision);
    if revision != "0" {
        text.push('-');
        text.push_str(&revision);
    }
    text
}

fn canonical_part(mut part: &[u8]) -> String {
    let mut canonical = String::new();
    loop {
        let (text, number);
        (text, part) = run(part, |byte| !byte.is_ascii_digit());
        (number, part) = run(part, u8::is_ascii_digit);
        let (_, number) = run(number, |byte| *byte == b'0');
        canonical.push_str(&String::from_utf8_lossy(text));
        canonical.push_str(if number.is_empty() { "0" } else { std::str::from_utf8(number).unwrap_or_default() });
        if part.is_empty() {
            return canonical;
        }
    }
}

/// Epoch, upstream version and revision, each of which may be empty.
fn split(text: &str) -> (&[u8], &[u8], &[u8]) {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
        _ => ("", text),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch.as_bytes(), upstream.as_bytes(), revision.as_bytes())
}

/// Runs of other characters and runs of digits in turn; digits count as numbers, and none is zero.
fn compare_part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (left_text, right_text);
        (left_text, left) = run(left, |byte| !byte.is_ascii_digit());
        (right_text, right) = run(right, |byte| !byte.is_ascii_digit());
        let (left_number, right_number);
        (left_number, left) = run(left, u8::is_ascii_digit);
        (right_number, right) = run(right, u8::is_ascii_digit);
        let order = compare_text(left_text, right_text).then_with(|| compare_number(left_number, right_number));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

fn run(bytes: &[u8], takes: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !takes(byte)).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// `~` sorts before the end, the end before letters, letters before everything else.
fn compare_text(left: &[u8], right: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    (0..left.len().max(right.len()))
        .map(|place| weight(left.get(place)).cmp(&weight(right.get(place))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Numbers of any length.
fn compare_number(left: &[u8], right: &[u8]) -> Ordering {
    let (_, left) = run(left, |byte| *byte == b'0');
    let (_, right) = run(right, |byte| *byte == b'0');
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::{canonical, compare};

    #[test]
    fn usual_versions_are_canonical() {
        for version in ["1.0-1", "1:2.3~rc1+dfsg1-4+b1", "20240101", "1.0.0", "0~git2024", "2:1:2-1"] {
            assert_eq!(canonical(version), version);
        }
        for (version, expected) in [
            ("1.0-01", "1.0-1"),
            ("0:1.0-1", "1.0-1"),
            ("1.0-0", "1.0"),
            ("01:1.00", "1:1.0"),
            ("1a", "1a0"),
            ("1.", "1.0"),
        ] {
            assert_eq!(canonical(version), expected, "{version}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Equal to dpkg, equal in writing; and a version is equal to its canonical form.
        #[test]
        fn canonical_forms_are_equal_where_versions_are(
            a in "([0-2]{1,2}:)?[0-2][ab0-2~+.]{0,4}(-[ab0-2~+.]{1,3})?",
            b in "([0-2]{1,2}:)?[0-2][ab0-2~+.]{0,4}(-[ab0-2~+.]{1,3})?",
        ) {
            prop_assert_eq!(compare(&a, &canonical(&a)), Ordering::Equal);
            prop_assert_eq!(compare(&a, &b) == Ordering::Equal, canonical(&a) == canonical(&b));
        }
    }
}
