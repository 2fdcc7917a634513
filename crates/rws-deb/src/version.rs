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
