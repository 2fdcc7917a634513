//! The door against the programs that packages are for: what is accepted dpkg unpacks and apt reads, and what both take is
//! accepted.
//!
//! `RWS_TEST_DOOR_CASES` asks for more cases than the gate has time for, `RWS_TEST_DOOR_SEED` for others.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rws_model::{fill_slot, sha256};

use crate::support::{archive, data, inspect, member, tar};

/// Cases that dpkg and apt take and the door refuses, each with what its refusal says, and why.
const EXCEPTIONS: [(&str, &str); 12] = [
    ("carriage return", "readers that take it for the end of a line would see other fields"),
    ("0x1a", "dpkg takes it for the end of a line, apt does not: they would see other fields"),
    ("NUL", "dpkg ends the value there, apt does not"),
    ("a legal field name", "names that Debian Policy 5.1 forbids: other readers do not take them"),
    ("the field Package has", "capital letters: dpkg and apt make small ones of them, other tools do not"),
    ("the field Version has", "a signed epoch (+1:1): dpkg-source and apt hold it for another version"),
    ("illegal version", "the same in a relation"),
    ("the field Architecture has", "dpkg warns only of a name that cannot be one"),
    ("Revision", "dpkg would install another version than the index says"),
    ("Architecture-Variant", "one of another architecture: no client looks for it"),
    ("Conffiles", "a field of dpkg's own records"),
    ("Class", "an old name of Priority"),
];

const FIELDS: [&str; 9] =
    ["Depends", "Pre-Depends", "Recommends", "Suggests", "Enhances", "Breaks", "Conflicts", "Replaces", "Provides"];

/// A piece of a relation field.
const PIECES: [&str; 46] = [
    "foo",
    "b",
    "a.b",
    "F+",
    "0",
    " ",
    " ",
    "\t",
    "\n ",
    ",",
    ", ",
    "|",
    " | ",
    "(",
    ")",
    " (",
    ") ",
    "(= 1)",
    " (>= 1.0-1)",
    "(=1)",
    "(<1)",
    "(1)",
    "=",
    "<",
    "<<",
    ">",
    ">=",
    ">>",
    "!",
    ":",
    ":any",
    ":amd64",
    "1",
    "1.0",
    "1:1",
    "-",
    "~",
    "+",
    ".",
    "_",
    "[amd64]",
    "<x>",
    "${x}",
    "é",
    "/",
    "@",
];

/// A good relation.
const RELATIONS: [&str; 11] = [
    "foo",
    "b:any",
    "c (= 1)",
    "d (>= 1:2-3)",
    "e(<<4)",
    "f (=1)",
    "g (9)",
    "h | i",
    "j (> 1)",
    "k\n (>= 2)",
    "l (= 1~rc1)",
];

/// Other fields and their values, good and bad.
const OTHERS: [&str; 57] = [
    "Multi-Arch: same",
    "Multi-Arch: Same",
    "Multi-Arch: weird",
    "Multi-Arch:",
    "Multi-Arch:\n same",
    "Multi-Arch: samex",
    "Essential: yes",
    "Essential: no",
    "Essential: true",
    "Essential: YES",
    "Essential: yes no",
    "Protected: maybe",
    "Important: yes",
    "Important: 7",
    "Priority: optional",
    "Priority: optionalx",
    "Priority: weird",
    "Priority: extra foo",
    "Section: utils",
    "Section: a b c",
    "Section:\n utils",
    "Source: foo (1.0)",
    "Source: ../x (1",
    "Source:",
    "Installed-Size: 5",
    "Installed-Size: -5",
    "Installed-Size: 12 kB",
    "Description-md5: zz",
    "Description-md5:",
    "Description-md5: 0123456789abcdef0123456789abcdef",
    "Phased-Update-Percentage: 10",
    "Phased-Update-Percentage: 101",
    "Status: install ok installed",
    "Config-Version: 1",
    "Triggers-Pending: x",
    "Filename: x",
    "Filename:",
    "Size: 1 2",
    "Conffiles:\n /etc/x 0123",
    "Conffiles: x",
    "X: 1",
    "X-Long: 1",
    "X-Ctrl: \u{1}\u{7f}",
    "X-Empty:",
    "-X: 1",
    "#X: 1",
    "Built-Using: ( ${x}",
    "Homepage: https://example.org/ x",
    "Tag: a, b",
    "Revision: 7",
    "Class: optionalx",
    "Architecture-Variant: amd64v3",
    "Architecture-Variant: amd64",
    "Bugs: é",
    "Essential:",
    "depends: (",
    "no colon",
];

/// What a file may end with, and what may stand inside.
const ENDS: [&str; 8] = ["\n", "", "\n\n", "\n\n\n", "\r\n", "\n \n", "\nX-Last:\n", "\n\nPackage: two\n"];

fn relations() -> impl Strategy<Value = String> {
    let odd = prop::collection::vec(select(&PIECES[..]), 1..7).prop_map(|pieces| pieces.concat());
    let good = (prop::collection::vec(select(&RELATIONS[..]), 1..6), select(&["", "", ",", " ", "|", "(="][..]))
        .prop_map(|(relations, end)| relations.join(", ") + end);
    (select(&FIELDS[..]), prop_oneof![odd, good]).prop_map(|(field, value)| format!("{field}: {value}"))
}

/// A control file but for its name.
fn control() -> impl Strategy<Value = String> {
    let version = prop_oneof![
        4 => Just("1.0-1".to_owned()),
        1 => "[0-9a:.~+_^-]{0,8}",
    ];
    let architecture = prop_oneof![9 => Just("amd64"), 3 => Just("all"), 1 => select(&["armhf", "any", "a b", ""][..])];
    let fields =
        prop::collection::vec(prop_oneof![2 => relations(), 2 => select(&OTHERS[..]).prop_map(str::to_owned)], 0..3);
    let end = prop_oneof![12 => Just("\n"), 1 => select(&ENDS[..])];
    let damage = prop_oneof![12 => Just(None), 1 => (0_usize..120, select(&["\r", "\u{1a}", "\0", "\n", " ", ":", "\t"][..])).prop_map(Some)];
    (version, architecture, fields, end, damage).prop_map(|(version, architecture, fields, end, damage)| {
        let fields: String = fields.iter().map(|field| format!("{field}\n")).collect();
        let mut text = format!(
            "Package: NAME\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: x\n{fields}Description: d{end}"
        );
        if let Some((place, bytes)) = damage {
            let place = "Package: NAME\n".len() + place;
            if text.is_char_boundary(place) && place < text.len() {
                text.insert_str(place, bytes);
            }
        }
        text
    })
}

struct Case {
    control: String,
    bytes: Vec<u8>,
    /// The entry of the index, or why there is none.
    ours: Result<Vec<u8>, String>,
}

impl Case {
    fn new(number: usize, control: &str) -> Self {
        let control = control.replacen("NAME", &format!("case{number}"), 1);
        let bytes = archive(&[
            member("debian-binary", b"2.0\n"),
            member("control.tar", &tar(&[("./control", control.as_bytes())])),
            member("data.tar.gz", &data()),
        ]);
        let inspected = inspect(&format!("case{number}.deb"), &bytes);
        let ours = inspected.map(|inspected| fill_slot(&inspected.entries[0].text, b"pool"));
        Self { control, bytes, ours: ours.map_err(|refusal| refusal.reason) }
    }

    /// The stanza that an index without a door would have.
    fn stanza(&self) -> Vec<u8> {
        let mut stanza = self.control.trim_end_matches('\n').as_bytes().to_vec();
        let digest = sha256(&self.bytes).hex();
        stanza.extend(format!("\nFilename: pool/x.deb\nSize: {}\nSHA256: {digest}\n\n", self.bytes.len()).bytes());
        stanza
    }
}

/// Unpacks a package into a root of its own; what dpkg says when it does not.
fn unpack(case: &Case, work: &Path) -> Result<(), String> {
    let root = tempfile::tempdir_in(work).unwrap();
    for directory in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "usr/share"] {
        fs::create_dir_all(root.path().join(directory)).unwrap();
    }
    fs::write(root.path().join("var/lib/dpkg/status"), "").unwrap();
    fs::write(root.path().join("var/lib/dpkg/arch"), "amd64\narmhf\n").unwrap();
    let file = root.path().join("package.deb");
    fs::write(&file, &case.bytes).unwrap();
    let mut dpkg = Command::new("dpkg");
    dpkg.arg("--root").arg(root.path()).args([
        "--force-not-root",
        "--force-bad-path",
        "--force-depends",
        "--no-triggers",
        "--unpack",
    ]);
    said(dpkg.arg(&file))?;
    // what dpkg wrote down it must be able to read again
    said(Command::new("dpkg-query").arg("--admindir").arg(root.path().join("var/lib/dpkg")).arg("--list"))
}

fn said(command: &mut Command) -> Result<(), String> {
    let output = command.env("LC_ALL", "C.UTF-8").output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Reads an index with apt; what it warns of or fails with.
fn read_by_apt(stanzas: &[u8], packages: usize, work: &Path) -> Result<(), String> {
    let root = tempfile::tempdir_in(work).unwrap();
    let path = |name: &str| root.path().join(name);
    for directory in [
        "etc/apt/apt.conf.d",
        "etc/apt/preferences.d",
        "etc/apt/sources.list.d",
        "etc/apt/trusted.gpg.d",
        "state/lists/partial",
        "cache/archives/partial",
        "repository",
    ] {
        fs::create_dir_all(path(directory)).unwrap();
    }
    fs::write(path("status"), "").unwrap();
    fs::write(path("repository/Packages"), stanzas).unwrap();
    let release = format!(
        "Origin: x\nLabel: x\nSuite: x\nCodename: x\nDate: Thu, 01 Jan 2026 00:00:00 +0000\nArchitectures: amd64 armhf\n\
         SHA256:\n {} {} Packages\n",
        sha256(stanzas).hex(),
        stanzas.len()
    );
    fs::write(path("repository/Release"), release).unwrap();
    let source = format!("deb [trusted=yes] copy:{}/repository ./\n", root.path().display());
    fs::write(path("etc/apt/sources.list"), source).unwrap();
    let configuration = format!(
        "Dir \"{0}\";\nDir::State \"{0}/state\";\nDir::State::status \"{0}/status\";\nDir::Cache \"{0}/cache\";\n\
         Dir::Etc \"{0}/etc/apt\";\nAPT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; \"armhf\"; }};\n\
         APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nAPT::Update::Error-Mode \"any\";\n",
        root.path().display()
    );
    fs::write(path("apt.conf"), configuration).unwrap();
    let run = |program: &str, argument: &str| -> Output {
        let mut command = Command::new(program);
        command.arg(argument).env("APT_CONFIG", path("apt.conf")).env("LC_ALL", "C.UTF-8").output().unwrap()
    };
    let updated = run("apt-get", "update");
    let dumped = run("apt-cache", "dumpavail");
    for output in [&updated, &dumped] {
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let complaints: Vec<&str> =
            text.lines().filter(|line| line.starts_with("W:") || line.starts_with("E:")).collect();
        if !output.status.success() || !complaints.is_empty() {
            return Err(format!("{}: {}", output.status, complaints.join("\n")));
        }
    }
    let shown = String::from_utf8_lossy(&dumped.stdout).lines().filter(|line| line.starts_with("Package:")).count();
    if shown == packages { Ok(()) } else { Err(format!("apt shows {shown} packages of {packages}")) }
}

/// The cases of which apt does not like the entry: by halves.
fn poison<'a>(cases: &[&'a Case], work: &Path) -> Vec<(&'a Case, String)> {
    let entries: Vec<u8> = cases.iter().flat_map(|case| case.ours.as_ref().unwrap()).copied().collect();
    match read_by_apt(&entries, cases.len(), work) {
        Ok(()) => Vec::new(),
        Err(said) if cases.len() == 1 => vec![(cases[0], said)],
        Err(_) => {
            let (left, right) = cases.split_at(cases.len() / 2);
            [poison(left, work), poison(right, work)].concat()
        }
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |number| number.parse().unwrap())
}

#[test]
fn accepted_is_what_dpkg_unpacks_and_apt_reads() {
    let (count, seed) = (number("RWS_TEST_DOOR_CASES", 150), number("RWS_TEST_DOOR_SEED", 1));
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let strategy = control();
    let cases: Vec<Case> = (0..usize::try_from(count).unwrap())
        .map(|number| Case::new(number, &strategy.new_tree(&mut runner).unwrap().current()))
        .collect();
    let work = tempfile::tempdir().unwrap();
    let accepted: Vec<&Case> = cases.iter().filter(|case| case.ours.is_ok()).collect();
    let mut faults = Vec::new();
    for case in &accepted {
        // dpkg does not install what is for another machine, but reads it
        match unpack(case, work.path()) {
            Err(said) if !said.contains("does not match system") => {
                faults.push(format!("accepted, and dpkg says: {said}\n{:?}", case.control));
            }
            _ => {}
        }
    }
    for (case, said) in poison(&accepted, work.path()) {
        faults.push(format!("accepted, and apt says: {said}\n{:?}", case.control));
    }
    let mut excused = 0;
    for case in &cases {
        let Err(reason) = &case.ours else { continue };
        if unpack(case, work.path()).is_ok() && read_by_apt(&case.stanza(), 1, work.path()).is_ok() {
            if EXCEPTIONS.iter().any(|(text, _)| reason.contains(text)) {
                excused += 1;
            } else {
                faults.push(format!("refused ({reason}), and dpkg and apt take it:\n{:?}", case.control));
            }
        }
    }
    println!("{} cases of seed {seed}: {} accepted, {excused} refused on purpose", cases.len(), accepted.len());
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert!(accepted.len() * 4 > cases.len(), "too few cases are good ones");
}
