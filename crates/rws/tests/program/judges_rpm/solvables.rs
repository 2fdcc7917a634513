//! Repositories as libsolv reads them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::program::Program;

/// All that libsolv knows of each package, by the path of its file.
pub struct Solvables(BTreeMap<String, String>);

impl Solvables {
    /// Reads primary and filelists of a directory.
    #[track_caller]
    pub fn of(directory: &Path) -> Self {
        let file = directory.with_extension("solv");
        Program::new("repo2solv", directory).arg("-F").arg("-o").arg(&file).arg(directory).succeed();
        let dump = Program::new("dumpsolv", directory).arg("-a").arg(&file).succeed();
        Self::parse(&String::from_utf8(dump.stdout).expect("dumpsolv writes UTF-8"))
    }

    fn parse(dump: &str) -> Self {
        let mut solvables: Vec<String> = Vec::new();
        let mut stated = None;
        for line in dump.lines() {
            if let Some(count) = line.strip_prefix("repo 1 contains ") {
                stated = count.strip_suffix(" solvables").and_then(|count| count.parse().ok());
            } else if is_start(line) {
                solvables.push(String::new());
            } else if let Some(solvable) = solvables.last_mut() {
                solvable.push_str(line);
                solvable.push('\n');
            }
        }
        let count = solvables.len();
        let by_path: BTreeMap<String, String> = solvables.into_iter().map(|text| (path_of(&text), text)).collect();
        assert_eq!(Some(by_path.len()), stated, "the solvables that libsolv states, by the paths of their files");
        assert_eq!(by_path.len(), count, "solvables have paths of their own");
        Self(by_path)
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The paths that the other has not.
    pub fn only_here(&self, other: &Self) -> Vec<String> {
        self.0.keys().filter(|path| !other.0.contains_key(*path)).cloned().collect()
    }

    /// What is said otherwise of each package of the other: one text for each.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (path, theirs) in &other.0 {
            let ours = self.0.get(path).map_or("", String::as_str);
            if ours != theirs {
                found.push(format!("{path}\n{}", lines_apart(ours, theirs).join("\n")));
            }
        }
        found
    }
}

/// `solvable 12 (13):`
fn is_start(line: &str) -> bool {
    let Some((number, id)) = line.strip_prefix("solvable ").and_then(|rest| rest.split_once(" (")) else {
        return false;
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number(number) && id.strip_suffix("):").is_some_and(is_number)
}

/// libsolv keeps the directory and, only where it is not the usual one, the name of the file.
#[track_caller]
fn path_of(solvable: &str) -> String {
    let value = |key: &str| {
        let line = solvable.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
        line.filter(|value| *value != "(void)")
    };
    let need = |key: &str| value(key).unwrap_or_else(|| panic!("no {key} in:\n{solvable}"));
    let usual = || {
        let evr = need("solvable:evr");
        let version = evr.split_once(':').map_or(evr, |(_, version)| version);
        format!("{}-{version}.{}.rpm", need("solvable:name"), need("solvable:arch"))
    };
    let file = value("solvable:mediafile").map_or_else(usual, str::to_owned);
    format!("{}/{file}", need("solvable:mediadir"))
}

/// All that differs is the order of the lines.
pub const ORDER: &str = "the order of the lines";

/// The lines that only one of two texts has, or [`ORDER`].
pub fn lines_apart(ours: &str, theirs: &str) -> Vec<String> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    ours.lines().for_each(|line| *counts.entry(line.trim_start()).or_default() += 1);
    theirs.lines().for_each(|line| *counts.entry(line.trim_start()).or_default() -= 1);
    let of = |who: &str, sign: i64| {
        let lines = counts.iter().filter(move |(_, count)| **count * sign > 0);
        lines.map(|(line, _)| format!("{who} {line}")).collect::<Vec<_>>()
    };
    let found = [of("ours:  ", 1), of("theirs:", -1)].concat();
    if found.is_empty() && ours != theirs { vec![ORDER.to_owned()] } else { found }
}
