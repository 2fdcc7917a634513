//! Packages that bring clients the keys and the client file of a repository, and new ones when these change.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::{ClientSetup, FileName, sha256};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// What the first line of a client file starts with; the SHA-256 of all that follows it stands behind.
const DIGEST: &str = "# rws-setup sha256:";

/// What a release package is made of. The same makes the same bytes.
pub struct ReleasePackage<'a> {
    /// The name that the operator chose: a package name of the format is made of it.
    pub name: &'a str,
    /// Its version, made of a time ([`release_version`]).
    pub version: &'a str,
    /// The time of all files in it, in seconds since 1970.
    pub built_at: i64,
    /// Who is named as its maintainer: `Name <address>`, one line.
    pub maintainer: &'a str,
    /// What its client file is made of; the keys are not inside, but in files of the package.
    pub setup: &'a ClientSetup<'a>,
}

/// A package that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltPackage {
    /// The name of its file.
    pub file: FileName,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The version of a release package that was made at a time, in seconds since 1970: it grows with it. The date, and the
/// number of the second in its day; no part begins with a zero, which dpkg and rpm would take for nothing.
pub fn release_version(built_at: i64) -> String {
    let time = Timestamp::from_second(built_at).unwrap_or_default().to_zoned(TimeZone::UTC);
    let second = built_at.rem_euclid(SECONDS_PER_DAY) + 1;
    format!("{}.{}.{}.{second}", time.year(), time.month(), time.day())
}

/// The time of such a version; `None` for another one.
pub fn released_at(version: &str) -> Option<i64> {
    let parts: Option<Vec<i64>> = version.split('.').map(|part| part.parse().ok()).collect();
    let [year, month, day, second] = *parts?.as_slice() else { return None };
    let date = Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    let at = midnight.checked_add(second.checked_sub(1)?)?;
    (release_version(at) == version).then_some(at)
}

/// A client file with a first line that holds the digest of the rest: a release package replaces files that nobody has
/// changed, and no others.
pub fn with_digest(text: &str) -> String {
    format!("{DIGEST}{}\n{text}", sha256(text.as_bytes()))
}

/// The functions of the scripts of release packages, in the shell language of POSIX (XCU, chapter 2), with coreutils.
///
/// They expect of the format the variables `package` (its name), `key` (the path of its keys) and `other` (a file that
/// is looked at and never written, or nothing), and the functions `is_client_file FILE` (whether clients read a file of
/// that name) and `names_repository FILE` (whether a file has the repository of this package).
pub const CLIENT_FILE_FUNCTIONS: &str = include_str!("client_file.sh");

/// A text as an argument of the shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_times() {
        assert_eq!(release_version(1_795_805_546), "2026.11.27.67947");
        let times = [0, 951_782_399, 951_782_400, 1_709_164_800, 1_795_805_546, 1_795_805_547, 4_102_444_799];
        for time in times {
            assert_eq!(released_at(&release_version(time)), Some(time));
        }
        for other in [
            "",
            "1.0",
            "2026.11.27",
            "2026.11.27.x",
            "2026.13.27.1",
            "2026.11.27.0",
            "2026.11.27.86401",
            "2026.11.07.1",
        ] {
            assert_eq!(released_at(other), None, "{other}");
        }
    }

    #[test]
    fn texts_are_quoted_for_the_shell() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
