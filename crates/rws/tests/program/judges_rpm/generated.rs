//! The door against the programs that packages are for: of generated packages, what is accepted every one of them reads as
//! the same package, and what all of them take without a word is accepted.
//!
//! `RWS_TEST_DOOR_CASES` asks for more cases than the gate has time for, `RWS_TEST_DOOR_SEED` for others; `RWS_TEST_DOOR_KEEP` names a directory
//! to put the packages in that a judge found fault with.

mod headers;
pub mod judges;
pub mod numbers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rws_lab::Chroot;
use rws_model::{
    Digester, FileName, Inspected, Listed, PackagePlace, Placement, Reading, RepositorySettings, Target,
    UploadFormat as _, fill_slot,
};

use self::headers::Generated;
use self::judges::{Nevra, System, Verdict};
use self::numbers::Numbers;
use crate::support::program::Program;
use crate::support::temporary_directory;

/// What a refusal says where the door refuses more than the judges do, and why.
const EXCEPTIONS: [(&str, &str); 14] = [
    (
        "has a rich dependency",
        "rpm's check of a transaction fails for who gets the package; here it is installed without",
    ),
    ("no valid", "blanks, slashes and control characters: neither file names nor what clients print can have them"),
    ("occurs twice with different values", "which of them librpm takes depends on the rest of the header"),
    ("rpm finds no file", "rpm takes the package for one without files"),
    ("contradict each other", "rpm 6 or zypper take it for another kind of package than rpm 4"),
    ("does not start with a slash", "rpm crashes where it unpacks the payload, which is not done here"),
    (
        "values of tag",
        "lists of different lengths: rpm does not check all of them, and reads behind the end of a short one",
    ),
    ("tag 278 has a wrong type", "rpm 4 does not know it, rpm 6 refuses it"),
    ("stands for keys", "rpm passes over a package gpg-pubkey without a word and does not install it"),
    ("which ends the epoch", "a : at some places of a release is read by all, at others dnf aborts"),
    ("is not configured", "an architecture that cannot be the name of a repository"),
    ("does not follow the tag before it", "bytes between tags, which librpm takes in some signature headers only"),
    ("tag 1050 has a wrong type", "the same as of tag 1117"),
    ("tag 1117 has a wrong type", "with more than one file rpm crashes"),
];

/// How many packages lie in one repository.
const BATCH: u64 = 400;

/// One package.
struct Case {
    name: String,
    file: PathBuf,
    generated: Generated,
    /// What RWS writes of it, or why it does not.
    ours: Result<Inspected, String>,
}

impl Case {
    fn new(number: usize, numbers: &mut Numbers, directory: &Path) -> Self {
        let name = format!("file{number}.rpm");
        let file = directory.join(&name);
        let generated = headers::package(number, numbers);
        std::fs::write(&file, &generated.bytes).expect("a file can be written");
        let ours = inspect(&name, &generated.bytes).map_err(|refusal| refusal.reason);
        Self { name, file, generated, ours }
    }

    fn part(&self, part: &str) -> String {
        let inspected = self.ours.as_ref().expect("only accepted packages are asked");
        let entry = inspected.entries.iter().find(|entry| entry.partition == part).expect("there is an entry");
        String::from_utf8(fill_slot(&entry.text, b"Packages")).expect("entries are UTF-8")
    }

    /// What our index says that it is.
    fn nevra(&self) -> Nevra {
        let text = self.part("primary").replacen("<package", "<package xmlns:rpm=\"rpm\"", 1);
        let document = roxmltree::Document::parse(&text).expect("an entry is XML");
        let child =
            |name: &str| document.root_element().children().find(|node| node.has_tag_name(name)).expect("it is there");
        let text = |name: &str| child(name).text().unwrap_or_default().to_owned();
        let version = |name: &str| child("version").attribute(name).unwrap_or_default().to_owned();
        [text("name"), version("epoch"), version("ver"), version("rel"), text("arch")].join("\t")
    }

    fn is_source(&self) -> bool {
        self.ours.as_ref().is_ok_and(|inspected| inspected.architecture == "src")
    }

    fn shown(&self) -> String {
        if let Some(directory) = std::env::var_os("RWS_TEST_DOOR_KEEP") {
            std::fs::copy(&self.file, Path::new(&directory).join(&self.name)).expect("it can be kept");
        }
        format!("{}\n{}", self.name, self.generated.shown())
    }
}

fn inspect(name: &str, bytes: &[u8]) -> Result<Inspected, rws_model::Refusal> {
    let mut inspector = rws_rpm::Rpm.inspector(&FileName::parse(name)?, Reading::Whole);
    let mut digester = Digester::new();
    digester.update(bytes);
    inspector.push(bytes)?;
    let (size_bytes, digests) = digester.finish();
    let inspected = inspector.finish(size_bytes, &digests)?;
    // into a repository of its own architecture, whatever that is
    let [kind, series, distribution, version] = ["live", "1.10", "el", "9"].map(str::to_owned);
    let target = Target { kind, series, distribution, version };
    let placement = Placement {
        target: &target,
        place: &PackagePlace::default(),
        architectures: std::slice::from_ref(&inspected.architecture),
        settings: &RepositorySettings::default(),
        pool: &|_| None,
        listed: Listed::InUpload,
        strict_names: false,
        is_present: false,
    };
    rws_rpm::Rpm.assemble(std::slice::from_ref(&inspected), &placement)?;
    Ok(inspected)
}

/// The cases because of which a judge does not take all of them: by halves.
fn culprits<'c>(cases: &[&'c Case], judge: &dyn Fn(&[&'c Case]) -> Verdict<()>) -> Vec<(&'c Case, String)> {
    if cases.is_empty() {
        return Vec::new();
    }
    match judge(cases) {
        Ok(()) => Vec::new(),
        Err(said) if cases.len() == 1 => vec![(cases[0], said)],
        Err(said) => {
            let (left, right) = cases.split_at(cases.len() / 2);
            let found = [culprits(left, judge), culprits(right, judge)].concat();
            // what only some of them together bring about
            if found.is_empty() {
                vec![(cases[0], format!("it and {} others together: {said}", cases.len()))]
            } else {
                found
            }
        }
    }
}

fn files<'c>(cases: &[&'c Case]) -> Vec<&'c Path> {
    cases.iter().map(|case| case.file.as_path()).collect()
}

/// A directory with these packages.
fn laid_out(cases: &[&Case], work: &Path) -> PathBuf {
    let directory = tempfile::tempdir_in(work).expect("a directory can be made").keep();
    let place = judges::place(&directory);
    std::fs::create_dir(&place).expect("a directory can be made");
    for case in cases {
        std::fs::hard_link(&case.file, place.join(&case.name)).expect("a file can be linked");
    }
    directory
}

/// The same as the real program publishes it.
fn published(cases: &[&Case], work: &Path) -> PathBuf {
    let directory = laid_out(cases, work);
    let own = |name: &String| ["RWS_", "S3_", "GPG_"].iter().any(|start| name.starts_with(start));
    let variables = std::env::vars().map(|(name, _)| name).filter(own);
    let program = Program::new(env!("CARGO_BIN_EXE_rws"), work);
    variables.fold(program, |program, name| program.env_remove(name)).arg("index").arg(&directory).succeed();
    directory
}

/// What `createrepo_c` writes of each package, by its file.
fn createrepo(system: &System, cases: &[&Case], work: &Path) -> (PathBuf, BTreeMap<String, [String; 3]>) {
    let directory = laid_out(cases, work);
    system.indexes(&directory, work);
    let texts = ["primary", "filelists", "other"].map(|part| {
        let find = "gzip -dc \"$1\"/repodata/*-$2.xml.gz";
        let text = Program::new("sh", work).args(["-c", find, "sh"]).arg(&directory).arg(part).succeed().output();
        let entries = text.split("<package ").skip(1).map(|rest| {
            let end = rest.find("</package>\n").unwrap_or(rest.len());
            format!("<package {}</package>\n", rest.get(..end).unwrap_or_default())
        });
        entries.collect::<Vec<_>>()
    });
    let [primary, filelists, other] = texts;
    let mut entries = BTreeMap::new();
    for ((primary, filelists), other) in primary.into_iter().zip(filelists).zip(other) {
        let name = primary.split_once("<location href=\"Packages/").and_then(|(_, rest)| rest.split_once('"'));
        entries.insert(name.expect("an entry has a location").0.to_owned(), [primary, filelists, other]);
    }
    (directory, entries)
}

/// Compares a set with the packages that are to be in it.
fn same(found: &BTreeSet<Nevra>, expected: &BTreeSet<Nevra>) -> Verdict<()> {
    let (more, missing): (Vec<_>, Vec<_>) =
        (found.difference(expected).collect(), expected.difference(found).collect());
    if more.is_empty() && missing.is_empty() { Ok(()) } else { Err(format!("missing: {missing:?}, instead: {more:?}")) }
}

/// The readers of repositories.
const READERS: [&str; 3] = ["dnf", "libsolv", "zypper"];

/// What one of them makes of a repository.
fn read(system: &System, who: &str, directory: &Path, expected: &BTreeSet<Nevra>, work: &Path) -> Verdict<()> {
    match who {
        "dnf" => same(&system.dnf(directory, work)?, expected),
        "libsolv" => same(&system.libsolv(directory, work)?, expected),
        _ => same(&system.zypper(directory, work)?, &System::shown_by_zypper(expected.iter())),
    }
}

/// Everything about one batch that is not as it is to be.
struct Findings {
    faults: Vec<String>,
    accepted: usize,
    excused: usize,
    /// How often each refusal was given.
    reasons: BTreeMap<String, usize>,
}

fn judge(system: &System, seed: u64, count: u64, findings: &mut Findings) {
    let work = temporary_directory();
    let mut numbers = Numbers::of_seed(seed);
    let count = usize::try_from(count).expect("a number of cases");
    let cases: Vec<Case> = (0..count).map(|number| Case::new(number, &mut numbers, work.path())).collect();
    let (accepted, refused): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.ours.is_ok());
    findings.accepted += accepted.len();
    for case in &refused {
        let reason = case.ours.as_ref().expect_err("it was refused");
        *findings.reasons.entry(reason.clone()).or_insert(0) += 1;
    }
    judge_accepted(system, &accepted, work.path(), findings);
    // what the clients of one system take is not what all take, and those of sid take more
    if matches!(system, System::Here) {
        let is_excused = |case: &&Case| {
            let reason = case.ours.as_ref().expect_err("it was refused");
            EXCEPTIONS.iter().any(|(text, _)| reason.contains(text))
        };
        let (excused, judged): (Vec<&Case>, Vec<&Case>) = refused.iter().copied().partition(is_excused);
        findings.excused += excused.len();
        judge_refused(system, &judged, work.path(), findings);
    }
}

fn judge_accepted(system: &System, accepted: &[&Case], work: &Path, findings: &mut Findings) {
    let mut report = |who: &str, found: Vec<(&Case, String)>| {
        for (case, said) in found {
            findings.faults.push(format!("accepted, and {who} says: {said}\n{}", case.shown()));
        }
    };
    // rpm 6 reads older packages, so that repositories can have them, and installs none
    let is_old = |case: &&Case| matches!(system, System::Sid(_)) && !case.generated.is_for_rpm_6;
    let installable: Vec<&Case> = accepted.iter().copied().filter(|case| !is_old(case)).collect();
    report(
        "rpm -K",
        culprits(&installable, &|cases| {
            let verdicts = system.checks(&files(cases), work)?;
            verdicts.into_iter().find(Result::is_err).unwrap_or(Ok(()))
        }),
    );
    let binaries: Vec<&Case> = installable.iter().copied().filter(|case| !case.is_source()).collect();
    report("rpm -i", culprits(&binaries, &|cases| system.installs(&files(cases), work).map(drop)));
    report(
        "rpm -q",
        culprits(accepted, &|cases| {
            let names = system.names(&files(cases), work)?;
            let expected: Vec<Nevra> = cases.iter().map(|case| case.nevra()).collect();
            if names == expected { Ok(()) } else { Err(format!("{names:?} instead of {expected:?}")) }
        }),
    );
    let (_, entries) = createrepo(system, accepted, work);
    for case in accepted {
        // with the libxml2 of sid it escapes otherwise; of older packages it lacks what librpm added
        if matches!(system, System::Sid(_)) && entries.contains_key(&case.name) {
            continue;
        }
        let parts = ["primary", "filelists", "other"].map(|part| case.part(part));
        report(
            "createrepo_c",
            differences(case, &parts, entries.get(&case.name)).map(|said| (*case, said)).into_iter().collect(),
        );
    }
    for who in READERS {
        report(
            who,
            culprits(accepted, &|cases| {
                let expected = cases.iter().map(|case| case.nevra()).collect();
                read(system, who, &published(cases, work), &expected, work)
            }),
        );
    }
}

/// What `createrepo_c` writes otherwise.
fn differences(case: &Case, ours: &[String; 3], theirs: Option<&[String; 3]>) -> Option<String> {
    let Some(theirs) = theirs else {
        // RWS leaves characters out for which it refuses the package
        return (!case.generated.has_control_characters()).then(|| "nothing of it".to_owned());
    };
    // it writes what is no XML, or other characters than there are
    if case.generated.has_no_real_utf8() {
        return None;
    }
    let mut theirs = theirs.clone();
    // the time of the file and of the build
    let build = |text: &str| {
        text.split_once(" build=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(time, _)| time.to_owned())
    };
    if let Some((start, rest)) = theirs[0].split_once("<time file=\"")
        && let Some((_, rest)) = rest.split_once('"')
        && let Some(time) = build(&theirs[0])
    {
        theirs[0] = format!("{start}<time file=\"{time}\"{rest}");
    }
    let apart: Vec<String> =
        ours.iter().zip(&theirs).flat_map(|(ours, theirs)| super::lines_apart(ours, theirs)).collect();
    // without digests of files it lists none
    let is_known = case.generated.count(1035) < case.generated.count(1030);
    let is_file = |line: &String| line.starts_with("ours:   <file");
    if is_known && apart.iter().all(is_file) {
        return None;
    }
    // it does not tell equal times after 2038 apart
    if case.generated.has_late_changelog() && apart.iter().all(|line| line.contains("<changelog ")) {
        return None;
    }
    (!apart.is_empty()).then(|| apart.join("\n"))
}

fn judge_refused(system: &System, refused: &[&Case], work: &Path, findings: &mut Findings) {
    let checked: Vec<&Case> = {
        let crashed: BTreeSet<&str> = culprits(refused, &|cases| system.checks(&files(cases), work).map(drop))
            .into_iter()
            .map(|(case, _)| case.name.as_str())
            .collect();
        let rest: Vec<&Case> = refused.iter().copied().filter(|case| !crashed.contains(case.name.as_str())).collect();
        let verdicts = system.checks(&files(&rest), work).unwrap_or_default();
        rest.into_iter().zip(verdicts).filter(|(_, verdict)| verdict.is_ok()).map(|(case, _)| case).collect()
    };
    let silent = |case: &&Case| {
        system.installs(&[&case.file], work).is_ok_and(|said| said.is_empty())
            && system.names(&[&case.file], work).is_ok()
    };
    let installed: Vec<&Case> = checked.into_iter().filter(silent).collect();
    let (_, entries) = createrepo(system, &installed, work);
    let indexed: Vec<&Case> = installed.into_iter().filter(|case| entries.contains_key(&case.name)).collect();
    let nevra = |case: &Case| system.names(&[&case.file], work).unwrap_or_default().join("\n");
    let mut left = indexed;
    for who in READERS {
        let bad: BTreeSet<&str> = culprits(&left, &|cases| {
            let (directory, _) = createrepo(system, cases, work);
            let expected = cases.iter().map(|case| nevra(case)).collect();
            read(system, who, &directory, &expected, work)
        })
        .into_iter()
        .map(|(case, _)| case.name.as_str())
        .collect();
        left.retain(|case| !bad.contains(case.name.as_str()));
    }
    for case in left {
        let Err(reason) = &case.ours else { continue };
        findings.faults.push(format!("refused ({reason}), and all take it:\n{}", case.shown()));
    }
}

pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |number| number.parse().expect("a number"))
}

fn judge_all(system: &System, default_count: u64) {
    let (count, seed) = (number("RWS_TEST_DOOR_CASES", default_count), number("RWS_TEST_DOOR_SEED", 1));
    let mut findings = Findings { faults: Vec::new(), accepted: 0, excused: 0, reasons: BTreeMap::new() };
    for batch in 0..count.div_ceil(BATCH) {
        // further batches are those of the seeds that follow
        judge(system, seed + batch, BATCH.min(count - batch * BATCH), &mut findings);
    }
    let Findings { faults, accepted, excused, reasons } = findings;
    reasons.iter().for_each(|(reason, count)| println!("{count:6} refused: {reason}"));
    println!("{count} cases of seed {seed}: {accepted} accepted, {excused} refused for reasons of their own");
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert!(accepted as u64 * 4 > count, "too few cases are good ones");
}

#[test]
fn accepted_is_what_every_client_reads() {
    judge_all(&System::Here, 250);
}

/// The same with the clients of the coming years: `tests/run full`.
#[test]
fn accepted_is_what_every_client_of_sid_reads() {
    judge_all(&System::Sid(Chroot::sid()), 400);
}
