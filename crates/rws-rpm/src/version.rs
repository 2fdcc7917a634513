//! The order of versions and releases.

use std::cmp::Ordering;

/// Compares two versions, or two releases, as rpm's `rpmvercmp` does. Different texts can be equal (`1.0` and `1_00`).
///
/// A version is a row of segments, all digits or all letters; other characters only separate them. `~` sorts before
/// the end of the text, `^` after it and before everything else. A number is newer than letters.
pub fn compare(left: &[u8], right: &[u8]) -> Ordering {
    let (mut left, mut right) = (left, right);
    loop {
        left = skip_separators(left);
        right = skip_separators(right);
        match (left.first(), right.first()) {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                left = left.get(1..).unwrap_or_default();
                right = right.get(1..).unwrap_or_default();
            }
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(b'^'), Some(_)) => return Ordering::Less,
            (Some(_), Some(b'^')) => return Ordering::Greater,
            (Some(first), Some(second)) => {
                let numeric = first.is_ascii_digit();
                if numeric != second.is_ascii_digit() {
                    return if numeric { Ordering::Greater } else { Ordering::Less };
                }
                let (left_segment, left_rest) = segment(left, numeric);
                let (right_segment, right_rest) = segment(right, numeric);
                let order = if numeric {
                    compare_numbers(left_segment, right_segment)
                } else {
                    left_segment.cmp(right_segment)
                };
                if order.is_ne() {
                    return order;
                }
                (left, right) = (left_rest, right_rest);
            }
        }
    }
}

/// The same version as all that are equal to it are written: its segments with dots between them, numbers without zeros before
/// them.
pub fn canonical(version: &str) -> String {
    let mut rest = skip_separators(version.as_bytes());
    let mut text = String::new();
    while let Some(first) = rest.first() {
        if matches!(first, b'~' | b'^') {
            text.push(char::from(*first));
            rest = skip_separators(rest.get(1..).unwrap_or_default());
            continue;
        }
        let numeric = first.is_ascii_digit();
        let (segment, behind) = segment(rest, numeric);
        if text.ends_with(|last: char| last.is_ascii_alphanumeric()) {
            text.push('.');
        }
        let zeros = if numeric { segment.iter().take_while(|digit| **digit == b'0').count() } else { 0 };
        // a number of nothing but zeros keeps one
        let kept = segment.get(zeros.min(segment.len() - 1)..).unwrap_or_default();
        text.extend(kept.iter().copied().map(char::from));
        rest = skip_separators(behind);
    }
    text
}

fn skip_separators(text: &[u8]) -> &[u8] {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'^');
    let start = text.iter().position(is_part).unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

fn segment(text: &[u8], numeric: bool) -> (&[u8], &[u8]) {
    let belongs = |byte: &u8| if numeric { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() };
    let end = text.iter().position(|byte| !belongs(byte)).unwrap_or(text.len());
    text.split_at(end)
}

fn compare_numbers(left: &[u8], right: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    let left = left.get(significant(left)..).unwrap_or_default();
    let right = right.get(significant(right)..).unwrap_or_default();
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests;
