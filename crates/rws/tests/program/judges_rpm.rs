//! The judges of RPM metadata: libsolv, dnf and zypper read the same from what `rws index` wrote as from what createrepo_c
//! wrote of the same package files.
//!
//! What RWS states otherwise on purpose, and what becomes of it here:
//!
//! - `<time file=…>` is the time of the build, not of the file, and `<size archive=…>` of packages of format 6 is the
//!   stated size instead of 0: neither libsolv nor dnf reads them, so nothing is excused. The golden comparison in
//!   `rws-rpm` names these packages.
//! - Packages with control characters, which createrepo_c refuses, are indexed: [`CONTROL_CHARACTERS`].
#![expect(clippy::expect_used, reason = "a test says so by failing")]

mod collection;
pub mod generated;
mod modules;
mod repository;
mod solvables;
mod tools;
mod xml;

use std::collections::BTreeSet;
use std::path::Path;

use self::collection::{Createrepo, Part};
use self::solvables::{ORDER, Solvables, lines_apart};
use crate::support::curl::Upload;
use crate::support::dnf::Dnf;
use crate::support::packages::rpm::Rpm;
use crate::support::program::{Program, Ran};
use crate::support::server::Server;
use crate::support::zypper::{Found, Zypper};
use crate::support::{file_name, files_in, temporary_directory};

/// Packages that createrepo_c 1.2 refuses for control characters, under their own names. RWS leaves the characters out:
/// the golden comparison shows that their entries are right otherwise.
const CONTROL_CHARACTERS: [&str; 3] = [
    "SpecCheck4-0.0.1-0.x86_64",
    "ruby2.6-rubygem-fast_gettext-2.0.1-1.1.x86_64",
    "xtables-addons-kmp-default-2.14_k4.12.14_lp151.16-lp151.3.10.x86_64",
];

/// The questions to `dnf repoquery`, each about all packages. Of `--list` the order is excused: packages of one name stand
/// in the order of the repository, which each writer chooses.
const QUESTIONS: [&str; 10] = [
    "--recommends",
    "--requires",
    "--provides",
    "--conflicts",
    "--obsoletes",
    "--suggests",
    "--supplements",
    "--enhances",
    "--changelogs",
    "--list",
];

/// What `zypper info` adds to its own summary of a package.
const SECTIONS: [&str; 6] = ["--requires", "--recommends", "--suggests", "--provides", "--conflicts", "--obsoletes"];

/// All that dnf knows of one package, so that nothing changes places between packages.
const EVERYTHING: &str = "== %{name}-%{epoch}:%{version}-%{release}.%{arch} %{location} %{sourcerpm}\n\
    %{buildtime} %{downloadsize} %{installsize}\n%{summary}\n%{url}\n%{license}\n%{vendor}\n%{packager}\n%{group}\n\
    %{description}\nprovides %{provides}\nrequires %{requires}\nbefore %{requires-pre}\nconflicts %{conflicts}\n\
    obsoletes %{obsoletes}\nrecommends %{recommends}\nsuggests %{suggests}\nsupplements %{supplements}\n\
    enhances %{enhances}\nfiles %{files}";

/// The packages of a part that createrepo_c refuses.
fn refused(part: &Part) -> Vec<&'static str> {
    CONTROL_CHARACTERS.into_iter().filter(|name| part.names().contains(&format!("{name}.rpm"))).collect()
}

/// The real packages. dnf needs a second for each of the other questions: `tests/run full` asks them.
mod of_shared {
    use super::*;

    #[test]
    fn libsolv_reads_the_same_as_from_createrepo_c() {
        judge_by_libsolv(&collection::shared());
    }

    #[test]
    fn dnf_prints_the_same_as_from_createrepo_c() {
        judge_by_dnf(&collection::shared(), &[]);
    }

    #[test]
    fn dnf_answers_the_same_as_from_createrepo_c() {
        judge_by_dnf(&collection::shared(), &QUESTIONS);
    }

    #[test]
    fn zypper_shows_the_same_as_from_createrepo_c() {
        judge_by_zypper(&collection::shared());
    }
}

#[test]
fn libsolv_reads_the_same_as_from_createrepo_c() {
    judge_by_libsolv(&collection::made());
}

#[test]
fn dnf_prints_the_same_as_from_createrepo_c() {
    judge_by_dnf(&collection::made(), &QUESTIONS);
}

#[test]
fn zypper_shows_the_same_as_from_createrepo_c() {
    judge_by_zypper(&collection::made());
}

fn judge_by_libsolv(parts: &[Part]) {
    let (mut compared, mut alone) = (0, BTreeSet::new());
    for part in parts {
        let ours = Solvables::of(&part.indexed_by_rws());
        let theirs = Solvables::of(&part.indexed_by(Createrepo::Present));
        assert_eq!(ours.count(), part.names().len(), "RWS left a package out");
        alone.extend(ours.only_here(&theirs));
        let differences = ours.differences(&theirs);
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        compared += theirs.count();
        let debian = Solvables::of(&part.indexed_by(Createrepo::Debian));
        assert_eq!(debian.count(), ours.count() - refused(part).len(), "Debian's createrepo_c");
    }
    let expected: BTreeSet<String> =
        parts.iter().flat_map(refused).map(|name| format!("Packages/{name}.rpm")).collect();
    assert_eq!(alone, expected, "packages that only RWS indexes");
    println!("{compared} packages in {} repositories are the same to libsolv; only RWS has {alone:?}", parts.len());
}

fn judge_by_dnf(parts: &[Part], questions: &[&str]) {
    let (mut lines, mut count, mut left_out) = (0, 0, Vec::new());
    for (number, part) in parts.iter().enumerate() {
        let excluded = refused(part);
        let ours = Repository::new(&part.indexed_by_rws(), &excluded);
        let theirs = Repository::new(&part.indexed_by(Createrepo::Present), &excluded);
        // the parts after the first are small: what is asked of one list of all packages is asked in one question
        let questions = if number == 0 { questions } else { &["--changelogs"] };
        for question in questions.iter().map(|option| vec![*option]).chain([vec!["--qf", EVERYTHING]]) {
            let (ours, theirs) = (ours.ask(&question), theirs.ask(&question));
            let differences = lines_apart(&ours.everything(), &theirs.everything());
            let excused = question == ["--list"] && differences == [ORDER];
            assert!(excused || differences.is_empty(), "{question:?}:\n{}", differences.join("\n"));
            lines += ours.output().lines().count();
        }
        let names = ours.ask(&["--qf", "%{location}"]).output().lines().count();
        assert_eq!(names, part.names().len() - excluded.len(), "packages that dnf sees");
        count += names;
        left_out.extend(excluded);
    }
    println!("{lines} lines about {count} packages are the same; left out: {left_out:?}");
}

fn judge_by_zypper(parts: &[Part]) {
    let mut count = 0;
    for part in parts {
        let ours = reader(&part.indexed_by_rws());
        let theirs = reader(&part.indexed_by(Createrepo::Present));
        let (found, expected) = (all_found(&ours), all_found(&theirs));
        assert_eq!(expected.difference(&found).next(), None, "only createrepo_c has it");
        let is_refused = |found: &Found| refused(part).iter().any(|name| name.starts_with(&format!("{}-", found.name)));
        assert_eq!(found.difference(&expected).find(|found| !is_refused(found)), None, "only RWS has it");
        let names: BTreeSet<&str> = expected.iter().map(|found| found.name.as_str()).collect();
        let question: Vec<&str> = ["--no-refresh", "info"].into_iter().chain(SECTIONS).chain(names).collect();
        let (ours, theirs) = (ours.run(&question).expect_success(), theirs.run(&question).expect_success());
        let differences = lines_apart(&ours.output(), &theirs.output());
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        println!("{} lines: zypper info", ours.output().lines().count());
        count += found.len();
    }
    println!("{count} packages are the same to zypper");
}

/// What rpm says is whole is accepted, under the name that its tool gave it, and is to libsolv what createrepo_c makes of it.
#[test]
fn packages_of_other_tools_are_accepted() {
    judge_tools(&tools::TOOLS);
}

/// The same of tools that have to be built: `tests/run full`.
#[test]
fn packages_of_built_tools_are_accepted() {
    judge_tools(&tools::TOOLS_OF_THE_FULL_TIER);
}

fn judge_tools(tools: &[tools::Tool]) {
    let work = temporary_directory();
    let packages = tools::packages(tools, work.path());
    let server = Server::start();
    for (tool, file) in &packages {
        Program::new("rpm", work.path()).args(["--checksig", "--nosignature"]).arg(file).succeed();
        println!("{tool}: {}", file_name(file));
        Upload::to("/live/1.10/el/9?wait=30").file(file).send(&server).expect_created();
    }
    let part = Part::of(packages.iter().map(|(_, file)| (file_name(file), file.clone())).collect());
    let ours = Solvables::of(&part.indexed_by_rws());
    let theirs = Solvables::of(&part.indexed_by(Createrepo::Present));
    assert_eq!(ours.count(), packages.len());
    assert_eq!(ours.differences(&theirs), Vec::<String>::new());
}

/// The comparison itself: one version in one dependency, changed behind RWS's back.
#[test]
fn one_changed_entry_is_noticed() {
    let place = temporary_directory();
    let built = Rpm::new("hello", "1.0", "1").tag("Requires", "other >= 2.0").build(place.path());
    let part = Part::of(vec![(file_name(&built), built)]);
    let (ours, theirs) = (part.indexed_by_rws(), part.indexed_by(Createrepo::Present));
    assert_eq!(Solvables::of(&ours).differences(&Solvables::of(&theirs)), Vec::<String>::new());
    let is_primary = |path: &std::path::PathBuf| file_name(path).ends_with("-primary.xml.gz");
    let primary = files_in(&ours.join("repodata")).into_iter().find(is_primary).unwrap();
    let change = "gzip -dc \"$1\" | sed 's/ver=\"2.0\"/ver=\"2.1\"/' | gzip >changed && mv changed \"$1\"";
    Program::new("sh", place.path()).current_dir(place.path()).args(["-c", change, "sh"]).arg(&primary).succeed();
    let differences = Solvables::of(&ours).differences(&Solvables::of(&theirs));
    assert_eq!(differences.len(), 1);
    assert!(differences[0].contains("ours:   other >= 2.1\ntheirs: other >= 2.0"), "{}", differences[0]);
}

/// A repository as dnf sees it, without some packages.
struct Repository {
    dnf: Dnf,
    excluded: Vec<String>,
}

impl Repository {
    fn new(directory: &Path, excluded: &[&str]) -> Self {
        let address = format!("file://{}", directory.display());
        let text = format!("[judged]\nname=judged\nbaseurl={address}\nenabled=1\ngpgcheck=0\n");
        let dnf = Dnf::new(&text, "9");
        dnf.makecache().expect_success();
        Self { dnf, excluded: excluded.iter().map(|name| format!("--exclude={name}")).collect() }
    }

    #[track_caller]
    fn ask(&self, question: &[&str]) -> Ran {
        let excluded = self.excluded.iter().map(String::as_str);
        self.dnf.repoquery(&excluded.chain(question.iter().copied()).collect::<Vec<_>>()).expect_success()
    }
}

/// zypper with one repository.
#[track_caller]
fn reader(directory: &Path) -> Zypper {
    let zypper = Zypper::new();
    let address = format!("file://{}", directory.display());
    zypper.run(&["addrepo", "--no-gpgcheck", &address, "judged"]).expect_success();
    zypper.refresh().expect_success();
    zypper
}

#[track_caller]
fn all_found(zypper: &Zypper) -> BTreeSet<Found> {
    zypper.search(&["--type", "package", "--type", "srcpackage"]).into_iter().collect()
}
