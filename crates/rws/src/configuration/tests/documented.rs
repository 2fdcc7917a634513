//! docs/configuration.md names every variable and every key, and no variable that is none.

use std::collections::BTreeSet;

use crate::configuration::KEYS;
use crate::configuration::environment::VARIABLES;

const DOCUMENT: &str = include_str!("../../../../../docs/configuration.md");

/// Variables of libraries.
const FOREIGN: [&str; 2] = ["RUST_LOG", "TMPDIR"];

/// The text of a section, up to the next one.
#[track_caller]
fn section(title: &str) -> &'static str {
    let after = DOCUMENT.split(&format!("\n## {title}\n")).nth(1).unwrap();
    after.split("\n## ").next().unwrap()
}

/// What stands in backquotes in the first cell of each row of a table.
fn first_cells(section: &str) -> BTreeSet<&str> {
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| row.split(" | ").next().unwrap().split('`').skip(1).step_by(2)).collect()
}

#[test]
fn every_variable_has_its_row() {
    let documented = first_cells(section("Environment"));
    let of_client = rws_client::VARIABLES.iter().map(|variable| variable.name);
    let known: BTreeSet<&str> =
        VARIABLES.iter().map(|variable| variable.name).chain(of_client).chain(["RUST_LOG"]).collect();
    assert_eq!(documented, known);
    let words = DOCUMENT.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    for word in
        words.filter(|word| ["RWS_", "S3_", "GPG_"].iter().any(|start| word.starts_with(start) && word != start))
    {
        assert!(known.contains(word) || FOREIGN.contains(&word), "{word} is no variable");
    }
}

#[test]
fn every_key_is_named() {
    let text = section("File");
    for key in KEYS.iter().flat_map(|(_, keys)| *keys) {
        // `key`, `.key`, `above.key`, `key.below`, {"key": …}
        let forms =
            [format!("`{key}`"), format!(".{key}`"), format!("`{key}."), format!(".{key}."), format!("\"{key}\":")];
        assert!(forms.iter().any(|form| text.contains(form)), "{key} is not in docs/configuration.md");
    }
}
