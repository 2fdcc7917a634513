//! Generated files of modules before libmodulemd, dnf and dnf5: what is accepted all of them read without a word, and what
//! libmodulemd takes is accepted.
//!
//! `RWS_TEST_DOOR_CASES` and `RWS_TEST_DOOR_SEED` ask for more cases, or for others.

mod documents;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rws_lab::Chroot;
use rws_model::{Format as _, MetadataOffer, MetadataOrigin, sha256};

use super::generated::number;
use super::generated::numbers::Numbers;
use crate::support::dnf::Dnf;
use crate::support::private_root::PrivateRoot;
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

/// A repository without packages that has a file of modules.
fn repository(case: &Case, directory: &Path) {
    let repodata = directory.join("repodata");
    let [primary, filelists, other] =
        [("primary", "metadata", "common"), ("filelists", "filelists", "filelists"), ("other", "otherdata", "other")]
            .map(|(kind, root, space)| {
                let text = format!("<{root} xmlns=\"http://linux.duke.edu/metadata/{space}\" packages=\"0\"></{root}>");
                (kind, format!("{kind}.xml"), text)
            });
    let modules = ("modules", "modules.yaml".to_owned(), case.text.clone());
    let mut root = "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>1</revision>".to_owned();
    for (kind, name, text) in [primary, filelists, other, modules] {
        let (digest, size) = (sha256(text.as_bytes()).hex(), text.len());
        write_file(&repodata.join(&name), text);
        root.push_str(&format!(
            "<data type=\"{kind}\"><checksum type=\"sha256\">{digest}</checksum><location href=\"repodata/{name}\"/>\
             <timestamp>1</timestamp><size>{size}</size></data>"
        ));
    }
    write_file(&repodata.join("repomd.xml"), format!("{root}</repomd>\n"));
}

/// Where dnf is from.
enum System {
    Here,
    Sid(Chroot),
}

impl System {
    /// `dnf module list` of all these repositories.
    fn lists(&self, cases: &[&Case], work: &Path) -> Ran {
        let text: String = cases
            .iter()
            .map(|Case { name, .. }| {
                let address = format!("file://{}", work.join("repositories").join(name).display());
                format!("[{name}]\nname={name}\nbaseurl={address}\nenabled=1\ngpgcheck=0\nskip_if_unavailable=0\n")
            })
            .collect();
        match self {
            Self::Here => Dnf::new(&text, "9").run(&["--quiet", PLATFORM, "module", "list"]),
            Self::Sid(chroot) => {
                let root = PrivateRoot::new();
                write_file(&root.join("repos/judged.repo"), &text);
                let set = |name: &str| format!("--setopt={name}={}", root.join(name).display());
                let mut words = chroot.command("dnf5").into_iter();
                let program = Program::new(words.next().expect("a command has a word"), work).args(words);
                let program = program.arg("--installroot").arg(root.join("installroot"));
                let program = program.arg(format!("--setopt=reposdir={}", root.join("repos").display()));
                let program = program.args(["cachedir", "logdir", "system_state_dir"].map(set));
                let program =
                    program.args(["--setopt=plugins=0", "--releasever=9", "--forcearch=x86_64", "--assumeyes"]);
                program.args(["--quiet", PLATFORM, "module", "list"]).run()
            }
        }
    }

    /// What is said by those of these files that dnf does not read without a word.
    fn faults(&self, cases: &[&Case], work: &Path) -> Vec<String> {
        let ran = self.lists(cases, work);
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
                [first, second].into_iter().flat_map(|half| self.faults(half, work)).collect()
            }
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
    accepted.iter().for_each(|case| repository(case, &work.join("repositories").join(&case.name)));
    faults.extend(accepted.chunks(BATCH).flat_map(|batch| system.faults(batch, work)));
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
