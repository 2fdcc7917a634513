//! Generated files of modules before libmodulemd, dnf and dnf5: what is accepted all of them read without a word, and what
//! libmodulemd takes is accepted.
//!
//! `RWS_TEST_DOOR_CASES` and `RWS_TEST_DOOR_SEED` ask for more cases, or for others.

mod documents;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rws_lab::Chroot;
use rws_model::{MetadataOffer, MetadataOrigin, UploadFormat as _};

use super::generated::judges::System;
use super::generated::number;
use super::generated::numbers::Numbers;
use super::repository::{repo_file, write_repository};
use crate::support::program::{Program, Ran};
use crate::support::{temporary_directory, write_file};

/// Says of each file what libmodulemd says of it.
const LIBMODULEMD: &str = include_str!("modules/libmodulemd.py");

/// What a refusal says where libmodulemd takes the file, and why it is refused.
const EXCEPTIONS: [(&str, &str); 0] = [];

/// dnf asks what the machine is, which the directory that it installs into does not say.
const PLATFORM: &str = "--setopt=module_platform_id=platform:el9";

/// How many repositories dnf is shown at once.
const BATCH: usize = 40;

/// One file.
struct Case {
    name: String,
    text: String,
    path: PathBuf,
    /// Why RWS refuses it.
    refusal: Option<String>,
}

impl Case {
    fn new(name: String, numbers: &mut Numbers, directory: &Path) -> Self {
        let text = documents::file(&name, numbers);
        let path = directory.join(&name);
        write_file(&path, &text);
        let offer =
            MetadataOffer { kind: "modules", name: "modules", content: text.as_bytes(), origin: MetadataOrigin::Sent };
        let refusal = rws_rpm::Rpm.metadata(&offer).err().map(|refusal| refusal.reason);
        Self { name, text, path, refusal }
    }
}

/// What libmodulemd says of each file, in their order.
fn libmodulemd(cases: &[Case], work: &Path) -> Vec<String> {
    let paths: String = cases.iter().map(|case| format!("{}\n", case.path.display())).collect();
    write_file(&work.join("paths"), paths);
    write_file(&work.join("libmodulemd.py"), LIBMODULEMD);
    let command = "exec python3 \"$1\" < \"$2\"";
    let ran =
        Program::new("sh", work).args(["-c", command, "sh"]).arg(work.join("libmodulemd.py")).arg(work.join("paths"));
    let output = ran.succeed().output();
    let verdicts: Vec<String> = output.lines().map(str::to_owned).collect();
    assert_eq!(verdicts.len(), cases.len(), "{output}");
    verdicts
}

/// `dnf module list` of all these repositories.
fn lists(system: &System, cases: &[&Case], work: &Path) -> Ran {
    let file = |case: &&Case| repo_file(&case.name, &work.join("repositories").join(&case.name));
    let text: String = cases.iter().map(file).collect();
    system.dnf_with(&text, work).run(&["--quiet", PLATFORM, "module", "list"])
}

/// What is said by those of these files that dnf does not read without a word.
fn dnf_faults(system: &System, cases: &[&Case], work: &Path) -> Vec<String> {
    let ran = lists(system, cases, work);
    let said = String::from_utf8_lossy(&ran.stderr);
    let is_quiet = said.lines().all(|line| line.is_empty() || line.contains("No matching Modules to list"));
    // who finds no module to list ends with 1
    if is_quiet && matches!(ran.code, Some(0 | 1)) {
        return Vec::new();
    }
    match cases {
        [] => Vec::new(),
        [case] => vec![format!("accepted, and:\n{}\nof {}", ran.transcript(), case.text)],
        _ => {
            let (first, second) = cases.split_at(cases.len() / 2);
            [first, second].into_iter().flat_map(|half| dnf_faults(system, half, work)).collect()
        }
    }
}

fn judge_all(system: &System, default_count: u64) {
    let (count, seed) = (number("RWS_TEST_DOOR_CASES", default_count), number("RWS_TEST_DOOR_SEED", 1));
    let (work, mut numbers) = (temporary_directory(), Numbers::of_seed(seed));
    let work = work.path();
    std::fs::create_dir(work.join("files")).expect("a directory");
    let cases: Vec<Case> =
        (0..count).map(|number| Case::new(format!("m{number}"), &mut numbers, &work.join("files"))).collect();
    let (mut faults, mut excused, mut accepted) = (Vec::new(), BTreeMap::<&str, usize>::new(), Vec::new());
    for (case, verdict) in cases.iter().zip(libmodulemd(&cases, work)) {
        match (&case.refusal, verdict == "fine") {
            (None, true) => accepted.push(case),
            (None, false) => faults.push(format!("accepted, and libmodulemd {verdict}:\n{}", case.text)),
            (Some(refusal), true) => match EXCEPTIONS.iter().find(|(reason, _)| refusal.contains(reason)) {
                Some((reason, _)) => *excused.entry(reason).or_default() += 1,
                None => faults.push(format!("refused ({refusal}), and libmodulemd takes it:\n{}", case.text)),
            },
            (Some(_), false) => {}
        }
    }
    for case in &accepted {
        write_repository(&work.join("repositories").join(&case.name), ("modules", "modules.yaml", &case.text));
    }
    faults.extend(accepted.chunks(BATCH).flat_map(|batch| dnf_faults(system, batch, work)));
    println!(
        "{count} files of seed {seed}: {} accepted, refused for reasons of their own: {excused:?}",
        accepted.len()
    );
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n\n"));
    assert!(accepted.len() as u64 * 4 > count, "too few cases are good ones: {} of {count}", accepted.len());
}

#[test]
fn accepted_modules_are_what_every_client_reads() {
    judge_all(&System::Here, 120);
}

/// The same with the dnf of the coming years: `tests/run full`.
#[test]
fn accepted_modules_are_what_every_client_of_sid_reads() {
    judge_all(&System::Sid(Chroot::sid()), 400);
}
