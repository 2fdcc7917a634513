//! Patterns with `*` for any characters and `?` for one.

/// Whether a pattern stands for all of a text. The work is at most the product of their lengths.
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from) = (0, 0);
    // the last star, and from where on the text was tried behind it
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || Some(wanted) == text.get(from) => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((last, tried)) = star else { return false };
                star = Some((last, tried + 1));
                (at, from) = (last + 1, tried + 1);
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("?", "", false),
            ("?", "ä", true),
            ("tarantool*", "tarantool-dev", true),
            ("tarantool*", "libtarantool", false),
            ("*.1-1", "2.1.1-1", true),
            ("2.?.*-1", "2.8.1-1", true),
            ("2.?.*-1", "2.11.1-1", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("a.b", "axb", false),
            ("**", "x", true),
        ] {
            assert_eq!(glob_matches(pattern, text), expected, "{pattern} {text}");
        }
        // linear, whatever the pattern
        assert!(!glob_matches(&"*a".repeat(200), &"b".repeat(20_000)));
    }
}
