//! Only the crates of formats know what a format is called and what the names of its files end in; one line of the program
//! chooses among them.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::collections::BTreeSet;
use std::path::Path;

use rws_model::Format;

use crate::support::{files_below, project_root, read_file};

/// The crates that may, and the one that is for tests.
const KNOWING: [&str; 3] = ["rws-deb", "rws-rpm", "rws-lab"];

/// The file with the one line.
const CHOICE: &str = "crates/rws-client/src/formats.rs";

/// What is no name of a file although it looks like the end of one: the codecs themselves.
const CODECS: &str = "crates/rws-model/src/format/repository.rs";

/// Ends of names that are RWS's own, or of hosts.
const OWN: [&str; 2] = [".json", ".localhost"];

/// The code of a file: without its comments, and without its tests, which come last.
fn code(path: &Path) -> Vec<String> {
    let text = String::from_utf8(read_file(path)).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(str::to_owned).collect()
}

/// The ends of names that a format knows, each with its dot.
fn ends(format: &dyn Format) -> BTreeSet<String> {
    let names = format.content_types().iter().map(|(name, _)| *name).filter(|name| name.starts_with('.'));
    let listed = names.chain(format.extensions().iter().copied()).chain(format.file_by_file().map(|rules| rules.list));
    let setup = format.setup_files().iter().map(|end| format!(".{end}"));
    let unlisted = [".ddeb", ".buildinfo"].map(str::to_owned);
    listed.map(str::to_owned).chain(setup).chain(unlisted).collect()
}

/// What is wrong with a line of a file.
fn knowledge(file: &str, line: &str) -> Option<String> {
    let formats = rws::formats();
    for format in formats.iter() {
        if line.contains(&format!("\"{}\"", format.name())) {
            return Some(format!("the name of a format, {}", format.name()));
        }
        if let Some(end) = ends(&**format).iter().find(|end| line.contains(&format!("\"{end}\"")) && file != CODECS) {
            return Some(format!("the end of a name, {end}"));
        }
    }
    if ["rws_deb", "rws_rpm"].iter().any(|name| line.contains(name)) && file != CHOICE {
        return Some("the crate of a format".to_owned());
    }
    let compared = ["ends_with(\"", "strip_suffix(\"", "trim_end_matches(\""].iter().find_map(|call| {
        let end = line.split(call).nth(1)?.split('"').next()?;
        (end.starts_with('.') && !OWN.contains(&end)).then(|| end.to_owned())
    });
    let compared = compared.or_else(|| line.contains(".extension() ==").then(String::new));
    compared.map(|end| format!("a comparison with the end of a name, {end}"))
}

#[test]
fn only_the_crates_of_formats_know_them() {
    let root = project_root();
    let mut found = Vec::new();
    let mut looked = 0;
    for path in files_below(&root.join("crates")) {
        let file = path.strip_prefix(&root).unwrap().to_str().unwrap();
        let parts: Vec<&str> = file.split('/').collect();
        let is_source = parts[2] == "src" && file.ends_with(".rs");
        let is_test = parts.iter().any(|part| ["tests", "tests.rs"].contains(part));
        if !is_source || is_test || KNOWING.contains(&parts[1]) {
            continue;
        }
        looked += 1;
        let code = code(&path);
        found.extend(code.iter().filter_map(|line| Some(format!("{file} has {}: {line}", knowledge(file, line)?))));
    }
    assert!(looked > 200, "{looked} files");
    assert_eq!(found, [""; 0]);
    // and it is seen when it is there
    for line in
        ["if format.name() == \"deb\" {", "name.ends_with(\".toy\")", "let list = \".changes\";", "use rws_rpm::Rpm;"]
    {
        assert!(knowledge("crates/rws-server/src/form.rs", line).is_some(), "{line}");
    }
}
