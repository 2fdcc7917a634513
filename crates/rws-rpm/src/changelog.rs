//! The changelog of a package.

use crate::header::Header;
use crate::tag;

/// How many entries stand in the index (createrepo_c's default).
const MOST: usize = 10;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangelogEntry<'h> {
    /// Who and which version.
    pub author: &'h [u8],
    /// Seconds since 1970.
    pub time: u64,
    /// What.
    pub text: &'h [u8],
}

/// The newest entries, the oldest of them first.
///
/// Clients tell entries apart by their times, so an entry with the time of the next older one, as the header has them,
/// is put a second later (createrepo_c: `cr_package_from_header`).
pub fn newest(header: &Header) -> Vec<ChangelogEntry<'_>> {
    let times = header.numbers(tag::CHANGELOG_TIME);
    let entries = times.zip(header.strings(tag::CHANGELOG_NAME)).zip(header.strings(tag::CHANGELOG_TEXT));
    let mut newest: Vec<ChangelogEntry<'_>> = Vec::with_capacity(MOST);
    let mut last_time = 0;
    for ((time, author), text) in entries.take(MOST) {
        if time == last_time {
            let mut taken = time;
            for entry in newest.iter_mut().rev() {
                if entry.time != taken {
                    break;
                }
                entry.time = entry.time.wrapping_add(1);
                taken = taken.wrapping_add(1);
            }
        }
        last_time = time;
        newest.push(ChangelogEntry { author: without_trailing_blanks(author), time, text });
    }
    newest.reverse();
    newest
}

/// The first character stays whatever it is, as for createrepo_c.
fn without_trailing_blanks(author: &[u8]) -> &[u8] {
    let end = author.iter().rposition(|byte| *byte != b' ').map_or(1, |last| last + 1);
    author.get(..end.min(author.len())).unwrap_or_default()
}
