//! Patterns over targets: `live/*/el/*`.

use std::fmt;

use crate::Target;

/// A pattern of one to four parts. `*` stands for any characters of one part; a pattern with fewer parts than a
/// target covers everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetPattern(Vec<String>);

impl TargetPattern {
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

    /// Whether it covers everything below a path: all of its parts match one of the path.
    pub fn covers(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let is_whole = self.0.iter().all(|part| part == "*");
        is_whole || (self.0.len() <= parts.len() && self.0.iter().zip(parts).all(|(own, part)| part_matches(own, part)))
    }
}

impl TargetPattern {
    /// Whether it covers only a part of what is below a path.
    pub fn begins_below(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        self.0.len() > parts.len()
            && !self.covers(path)
            && self.0.iter().zip(parts).all(|(own, part)| part_matches(own, part))
    }
}

impl fmt::Display for TargetPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("/"))
    }
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
            assert_eq!(TargetPattern::parse(pattern).unwrap().matches(&target(name)), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn which_patterns_tell_apart_what_is_below_a_path() {
        for (pattern, path, expected) in [
            ("live/2.8/el/8", "live/2.8", true),
            ("live/2.8/el/8", "", true),
            ("live/2.8/el/8", "live/2.9", false),
            ("live/2.8/el/8", "live/2.8/el/8", false),
            ("live/2.8/el/8", "live/2.8/el/8/more", false),
            ("live/*/el", "live/2.8", true),
            ("live", "live", false),
            ("live", "other", false),
            ("*", "", false),
        ] {
            assert_eq!(TargetPattern::parse(pattern).unwrap().begins_below(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn what_could_match_nothing_is_refused() {
        for bad in ["", "/live", "live/", "live//el", "a/b/c/d/e", "live/../el", ".rws", "live/[12]", "live el"] {
            assert_eq!(TargetPattern::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_a_pattern_covers_below_a_path() {
        for (pattern, path, expected) in [
            ("*", "anything", true),
            ("*/*", "a", true),
            ("live", "live/x", true),
            ("live/*", "live", false),
            ("live/*", "live/1.0/x/y/z", true),
            ("live/*/el/*", "live/1.0/ubuntu/pool", false),
        ] {
            assert_eq!(TargetPattern::parse(pattern).unwrap().covers(path), expected, "{pattern} {path}");
        }
    }
}
