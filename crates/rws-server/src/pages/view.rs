//! How values look on pages.

use jiff::Timestamp;

use crate::listing;
use crate::schema::RepositoryState;

/// A time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// As programs read it.
    pub machine: String,
    /// The day.
    pub date: String,
    /// The time of the day.
    pub time: String,
}

impl Moment {
    /// A time in seconds since 1970; `None` for one that no calendar has.
    pub fn of(seconds: i64) -> Option<Self> {
        let time = Timestamp::from_second(seconds).ok()?;
        Some(Self {
            machine: time.to_string(),
            date: time.strftime("%Y-%m-%d").to_string(),
            time: time.strftime("%H:%M UTC").to_string(),
        })
    }

    /// The same of an RFC 3339 text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(text.parse::<Timestamp>().ok()?.as_second())
    }
}

/// The word for a state.
pub fn state(state: &RepositoryState) -> &'static str {
    match state {
        RepositoryState::Published => "published",
        RepositoryState::Failing => "failing",
        RepositoryState::Comparing => "comparing",
        RepositoryState::NotConfigured => "not-configured",
    }
}

/// `820 B`, `6.7 KiB`.
pub fn size(bytes: u64) -> String {
    if bytes < 1024 { format!("{bytes} B") } else { listing::size(bytes) }
}

/// A number in groups of three digits.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A fingerprint in groups of four digits, as people compare it.
pub fn fingerprint(hexadecimal: &str) -> String {
    let digits: Vec<char> = hexadecimal.chars().collect();
    digits.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paragraph {
    /// The text.
    pub text: String,
    /// Whether its lines stand as they are.
    pub is_verbatim: bool,
}

/// The paragraphs of a text: empty lines part them; one with a line that begins with a blank is shown as it is.
pub fn paragraphs(text: &str) -> Vec<Paragraph> {
    let mut paragraphs = Vec::new();
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().chain([""]) {
        if !line.trim().is_empty() {
            lines.push(line);
            continue;
        }
        if !lines.is_empty() {
            let is_verbatim = lines.iter().any(|line| line.starts_with(' '));
            paragraphs.push(Paragraph { text: lines.join("\n"), is_verbatim });
            lines.clear();
        }
    }
    paragraphs
}

/// The address of a home page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomePage {
    /// As its package has it.
    pub text: String,
    /// Whether it is a link to the web.
    pub is_link: bool,
}

impl HomePage {
    /// What a package says of its home page: only addresses of the web become links.
    pub fn of(text: String) -> Self {
        let start = |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        let is_link =
            (start("http://") || start("https://")) && !text.chars().any(|one| one.is_control() || one.is_whitespace());
        Self { is_link, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_people_read_them() {
        assert_eq!([0, 999, 1000, 60_000, 1_234_567].map(count), ["0", "999", "1,000", "60,000", "1,234,567"]);
        assert_eq!([0, 1023, 1024].map(size), ["0 B", "1023 B", "1.0 KiB"]);
        assert_eq!(fingerprint("ABCD1234EF"), "ABCD 1234 EF");
        let moment = Moment::of(1_795_354_200).unwrap();
        assert_eq!((moment.date.as_str(), moment.time.as_str()), ("2026-11-22", "13:30 UTC"));
        assert_eq!(Moment::parse("2026-11-22T13:30:00Z"), Some(moment));
        assert_eq!(Moment::of(i64::MAX), None);
    }

    #[test]
    fn paragraphs_and_verbatim_ones() {
        let found = paragraphs("a\nb\n\n * c\n * d\n\n\n");
        let expected = [("a\nb", false), (" * c\n * d", true)];
        assert!(found.iter().map(|one| (one.text.as_str(), one.is_verbatim)).eq(expected), "{found:?}");
    }

    #[test]
    fn only_addresses_of_the_web_are_links() {
        for (text, is_link) in [
            ("https://example.org/?a=1&b=\"2\"", true),
            ("HTTP://example.org", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("//example.org", false),
            ("https://example.org/\njavascript:x", false),
            (" https://example.org", false),
            ("", false),
        ] {
            assert_eq!(HomePage::of(text.to_owned()).is_link, is_link, "{text}");
        }
    }
}
