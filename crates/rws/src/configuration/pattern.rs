//! Patterns over targets: `live/*/el/*`.

use std::fmt;

use rws_model::Target;

use super::mistake::Mistake;
use super::node::Node;

/// What a pattern may be, for messages.
const ALLOWED: &str =
    "is one to four parts like live/*/el/*, each of letters, digits and . _ + ~ -, where * stands for any characters";

/// A pattern of one to four parts. `*` stands for any characters of one part; a pattern with fewer parts than a
/// target covers everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<String>);

impl Pattern {
    /// Reads a pattern; none where it could match nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-*".contains(&byte);
        let good = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
        let parts: Vec<String> = text.split('/').map(str::to_owned).collect();
        (parts.len() <= 4 && parts.iter().all(|part| good(part))).then_some(Self(parts))
    }

    /// Whether it covers the target.
    pub fn matches(&self, target: &Target) -> bool {
        let parts = [&target.kind, &target.series, &target.distribution, &target.version];
        self.0.iter().zip(parts).all(|(pattern, part)| part_matches(pattern, part))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("/"))
    }
}

/// Reads a pattern of the configuration.
pub fn read(node: &Node<'_>) -> Result<Pattern, Mistake> {
    Pattern::parse(node.text(ALLOWED)?).ok_or_else(|| node.mistake(ALLOWED))
}

/// Whether the text is the pattern with something in place of each `*`. The pieces between stars are looked for from
/// left to right, each as early as possible: the work is bounded by the product of the lengths.
fn part_matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some((_, after)) = text.split_once(piece) else { return false };
        text = after;
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_one_part() {
        let target = |text: &str| {
            let parts: Vec<String> = text.split('/').map(str::to_owned).collect();
            let [kind, series, distribution, version] = <[String; 4]>::try_from(parts).unwrap();
            Target { kind, series, distribution, version }
        };
        for (pattern, name, expected) in [
            ("live/*/el/*", "live/1.10/el/7", true),
            ("live/*/el/*", "release/1.10/el/7", false),
            ("live/*/el/*", "live/1.10/elder/7", false),
            ("live/**/el/7", "live/1.10/el/7", true),
            ("*", "live/1.10/el/7", true),
            ("live/*", "live/1.10/el/7", true),
            ("live", "live/1.10/el/7", true),
            ("liv", "live/1.10/el/7", false),
            ("live/series-*-gc*/el/7", "live/series-2-gc64/el/7", true),
            ("live/series-*-gc*/el/7", "live/series-2/el/7", false),
            ("live/2.*/el/7", "live/2.11/el/7", true),
            ("live/2*1/el/7", "live/2.11/el/7", true),
            ("live/2*1*1*/el/7", "live/2.1/el/7", false),
            ("*/a*a/el/7", "live/a/el/7", false),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(&target(name)), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_could_match_nothing_is_refused() {
        for bad in ["", "/live", "live/", "live//el", "a/b/c/d/e", "live/../el", ".rws", "live/[12]", "live el"] {
            assert_eq!(Pattern::parse(bad), None, "{bad}");
        }
    }
}
