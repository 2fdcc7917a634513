//! Generated comps and updateinfo before dnf, dnf5 and zypper: what is accepted all of them read. What is refused as XML is what
//! expat refuses: `rws-rpm` compares that.
//!
//! `RWS_TEST_DOOR_CASES` and `RWS_TEST_DOOR_SEED` ask for more cases, or for others.

use std::fmt::Write as _;
use std::path::Path;

use rws_lab::Chroot;
use rws_model::{MetadataOffer, MetadataOrigin, UploadFormat as _};

use super::generated::judges::System;
use super::generated::number;
use super::generated::numbers::Numbers;
use super::repository::{repo_file, write_repository};
use crate::support::program::Ran;
use crate::support::temporary_directory;
use crate::support::zypper::Zypper;

/// How many repositories a client is shown at once.
const BATCH: usize = 25;

/// One file.
struct Case {
    name: String,
    kind: &'static str,
    text: String,
}

/// An element with its attributes, and what is in it.
#[derive(Clone)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

/// Names of both kinds, and some that nobody knows.
const NAMES: [&str; 40] = [
    "comps",
    "group",
    "id",
    "name",
    "description",
    "default",
    "uservisible",
    "display_order",
    "langonly",
    "packagelist",
    "packagereq",
    "category",
    "grouplist",
    "groupid",
    "environment",
    "optionlist",
    "langpacks",
    "match",
    "blacklist",
    "whiteout",
    "updates",
    "update",
    "title",
    "release",
    "issued",
    "updated",
    "severity",
    "summary",
    "references",
    "reference",
    "pkglist",
    "collection",
    "package",
    "filename",
    "sum",
    "reboot_suggested",
    "rights",
    "pushcount",
    "x",
    "solution",
];

/// Texts that mean something at some place, or nothing anywhere.
const TEXTS: [&str; 24] = [
    "",
    " ",
    "a",
    "true",
    "false",
    "1",
    "-1",
    "1e9",
    "99999999999999999999",
    "x y",
    "\u{e4}\u{20ac}\u{1f600}",
    "&amp;",
    "&#65;",
    "<![CDATA[<]]>",
    "2026-01-01 00:00:00",
    "never",
    "rws-one",
    "mandatory",
    "security",
    "0000",
    "/",
    "..",
    "%",
    "\n",
];

/// What may stand in a file at any place, and breaks it at most.
const PIECES: [&str; 20] = [
    "<!-- c -->",
    "<!-- -- -->",
    "&x;",
    "&",
    "<",
    "]]>",
    "<?p x?>",
    "<?xml version=\"1.0\"?>",
    "<!DOCTYPE a>",
    "\u{1}",
    "\u{b}",
    "\u{fffe}",
    "\u{7f}",
    "'",
    "\"",
    "=",
    "</x>",
    "<x/>",
    "&#0;",
    "\r",
];

fn leaf(name: &str, text: &str) -> Element {
    Element { name: name.to_owned(), attributes: Vec::new(), text: text.to_owned(), children: Vec::new() }
}

fn with(name: &str, attributes: &[(&str, &str)], children: Vec<Element>) -> Element {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Element { name: name.to_owned(), attributes, text: String::new(), children }
}

/// A good file.
fn good(kind: &str, name: &str) -> Element {
    if kind == "comps" {
        let mut package = leaf("packagereq", "rws-one");
        package.attributes.push(("type".to_owned(), "mandatory".to_owned()));
        let group = |id: &str| {
            with(
                "group",
                &[],
                vec![
                    leaf("id", id),
                    leaf("name", "Group"),
                    leaf("description", "d"),
                    leaf("default", "true"),
                    leaf("uservisible", "true"),
                    leaf("display_order", "10"),
                    with("packagelist", &[], vec![package.clone(), leaf("packagereq", "b")]),
                ],
            )
        };
        let list = |name: &str| with(name, &[], vec![leaf("groupid", name)]);
        let id = |text: &str| leaf("id", text);
        return with(
            "comps",
            &[],
            vec![
                group(name),
                group("other"),
                with(
                    "category",
                    &[],
                    vec![id("category"), leaf("name", "c"), leaf("display_order", "1"), list("grouplist")],
                ),
                with(
                    "environment",
                    &[],
                    vec![
                        id("environment"),
                        leaf("name", "e"),
                        leaf("display_order", "1"),
                        list("grouplist"),
                        list("optionlist"),
                    ],
                ),
                with("langpacks", &[], vec![with("match", &[("name", "a"), ("install", "a-%s")], Vec::new())]),
            ],
        );
    }
    let mut sum = leaf("sum", "00ff");
    sum.attributes.push(("type".to_owned(), "sha256".to_owned()));
    let package = [
        ("name", "rws-one"),
        ("version", "1.0"),
        ("release", "1"),
        ("epoch", "0"),
        ("arch", "x86_64"),
        ("src", "a.src.rpm"),
    ];
    let package = with("package", &package, vec![leaf("filename", "a.rpm"), sum, leaf("reboot_suggested", "1")]);
    let collection = with("collection", &[("short", "c")], vec![leaf("name", "c"), package]);
    let reference = [("href", "https://example.invalid/"), ("id", "1"), ("title", "t"), ("type", "bugzilla")];
    let update = [("from", "a@example.invalid"), ("status", "stable"), ("type", "security"), ("version", "1")];
    with(
        "updates",
        &[],
        vec![with(
            "update",
            &update,
            vec![
                leaf("id", name),
                leaf("title", "t"),
                with("issued", &[("date", "2026-01-01 00:00:00")], Vec::new()),
                with("updated", &[("date", "2026-01-01 00:00:00")], Vec::new()),
                leaf("severity", "Low"),
                leaf("summary", "s"),
                leaf("description", "d"),
                with("references", &[], vec![with("reference", &reference, Vec::new())]),
                with("pkglist", &[], vec![collection]),
            ],
        )],
    )
}

impl Element {
    fn somewhere(&mut self, numbers: &mut Numbers) -> &mut Self {
        if self.children.is_empty() || numbers.once_in(3) {
            return self;
        }
        let chosen = numbers.below(self.children.len());
        self.children[chosen].somewhere(numbers)
    }

    fn change(&mut self, numbers: &mut Numbers) {
        let chosen = numbers.below(self.children.len());
        match numbers.below(8) {
            0 if !self.children.is_empty() => _ = self.children.remove(chosen),
            1 if !self.children.is_empty() => self.children.push(self.children[chosen].clone()),
            2 => self.children.push(leaf(numbers.choose(&NAMES), numbers.choose(&TEXTS))),
            3 if !self.attributes.is_empty() => _ = self.attributes.remove(numbers.below(self.attributes.len())),
            4 => self.attributes.push((numbers.choose(&NAMES).to_owned(), numbers.choose(&TEXTS).to_owned())),
            5 => self.name = numbers.choose(&NAMES).to_owned(),
            6 => self.children.clear(),
            _ => self.text = numbers.choose(&TEXTS).to_owned(),
        }
    }

    fn write(&self, text: &mut String) {
        let Self { name, attributes, text: own, children } = self;
        text.push_str(&format!("<{name}"));
        for (name, value) in attributes {
            // writing to a String cannot fail
            let _ = write!(text, " {name}=\"{}\"", value.replace('<', "&lt;"));
        }
        text.push_str(&format!(">{own}"));
        children.iter().for_each(|child| child.write(text));
        text.push_str(&format!("</{name}>\n"));
    }
}

impl Case {
    fn new(number: u64, numbers: &mut Numbers) -> Self {
        let (name, kind) = (format!("m{number}"), numbers.choose(&["comps", "updateinfo"]));
        let mut root = good(kind, &name);
        for _ in 0..numbers.below(3) {
            root.somewhere(numbers).change(numbers);
        }
        let mut text =
            if numbers.once_in(2) { "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned() } else { String::new() };
        root.write(&mut text);
        if numbers.once_in(4) {
            let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
            text.insert_str(numbers.choose(&places), numbers.choose(&PIECES));
        }
        Self { name, kind, text }
    }

    fn is_accepted(&self) -> bool {
        let content = self.text.as_bytes();
        let offer = MetadataOffer { kind: self.kind, name: self.kind, content, origin: MetadataOrigin::Sent };
        rws_rpm::Rpm.metadata(&offer).is_ok()
    }
}

/// What each client says that is shown these repositories, where it is not content.
fn complaints(system: &System, cases: &[&Case], work: &Path) -> Vec<String> {
    let place = |case: &Case| work.join("repositories").join(&case.name);
    let text: String = cases.iter().map(|case| repo_file(&case.name, &place(case))).collect();
    let dnf = system.dnf_with(&text, work);
    let mut said = Vec::new();
    let mut hear = |ran: Ran, is_quiet: bool| {
        let words = String::from_utf8_lossy(&ran.stderr).into_owned();
        let is_fine = is_quiet && words.trim().is_empty();
        if !(ran.succeeded() && (is_fine || !is_quiet && !words.contains("Warning"))) {
            said.push(ran.transcript());
        }
    };
    hear(dnf.run(&["--quiet", "makecache"]), true);
    // without any comps there is nothing to list, which ends with 1
    if cases.iter().any(|case| case.kind == "comps") {
        hear(dnf.run(&["--quiet", "group", "list", "--hidden"]), true);
    }
    hear(dnf.run(&["--quiet", "updateinfo", "list", "--all"]), true);
    hear(dnf.run(&["--quiet", "repoquery"]), true);
    if matches!(system, System::Here) {
        let zypper = Zypper::new();
        for case in cases {
            let address = format!("file://{}", place(case).display());
            hear(zypper.run(&["addrepo", "--no-gpgcheck", &address, &case.name]), false);
        }
        hear(zypper.run(&["refresh", "--force"]), false);
        hear(zypper.run(&["--no-refresh", "patches"]), false);
    }
    said
}

/// The files of these at which a client complains, with what it says.
fn faults(system: &System, cases: &[&Case], work: &Path) -> Vec<String> {
    let said = complaints(system, cases, work);
    match cases {
        _ if said.is_empty() => Vec::new(),
        [] => Vec::new(),
        [case] => vec![format!("accepted, and:\n{}\nof {}", said.join("\n"), case.text)],
        _ => {
            let (first, second) = cases.split_at(cases.len() / 2);
            [first, second].into_iter().flat_map(|half| faults(system, half, work)).collect()
        }
    }
}

fn judge_all(system: &System, default_count: u64) {
    let (count, seed) = (number("RWS_TEST_DOOR_CASES", default_count), number("RWS_TEST_DOOR_SEED", 1));
    let (work, mut numbers) = (temporary_directory(), Numbers::of_seed(seed));
    let work = work.path();
    let cases: Vec<Case> = (0..count).map(|number| Case::new(number, &mut numbers)).collect();
    let accepted: Vec<&Case> = cases.iter().filter(|case| case.is_accepted()).collect();
    for case in &accepted {
        let kind = if case.kind == "comps" { "group" } else { case.kind };
        write_repository(&work.join("repositories").join(&case.name), (kind, "metadata.xml", &case.text));
    }
    let faults: Vec<String> = accepted.chunks(BATCH).flat_map(|batch| faults(system, batch, work)).collect();
    println!("{count} files of seed {seed}: {} accepted", accepted.len());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n\n"));
    assert!(accepted.len() as u64 * 4 > count, "too few cases are good ones: {} of {count}", accepted.len());
}

#[test]
fn accepted_comps_and_updates_are_what_every_client_reads() {
    judge_all(&System::Here, 60);
}

/// The same with the dnf of the coming years: `tests/run full`.
#[test]
fn accepted_comps_and_updates_are_what_every_client_of_sid_reads() {
    judge_all(&System::Sid(Chroot::sid()), 200);
}
