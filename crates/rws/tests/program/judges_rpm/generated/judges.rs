//! The programs that packages and repositories are for, of this machine and of Debian sid.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rws_lab::Chroot;

use crate::support::dnf::Dnf;
use crate::support::private_root::PrivateRoot;
use crate::support::program::{Program, Ran};
use crate::support::zypper::Zypper;
use crate::support::{test_cache, write_file};

/// Name, epoch, version, release, architecture, with tabs between them.
pub type Nevra = String;

/// How rpm prints one, each on a line, and whether it is a source.
const RPM_FORMAT: &str =
    "%{NAME}\t%|EPOCH?{%{EPOCH}}:{0}|\t%{VERSION}\t%{RELEASE}\t%{ARCH}\t%|SOURCEPACKAGE?{%{SOURCEPACKAGE}}:{0}|\\n";

/// How dnf prints one.
const DNF_FORMAT: &str = "%{name}\t%{epoch}\t%{version}\t%{release}\t%{arch}";

/// All else that dnf knows, so that all of it is read.
const DNF_REST: &str = "%{summary}%{url}%{license}%{vendor}%{packager}%{group}%{description}%{provides}%{requires}%{conflicts}\
    %{obsoletes}%{recommends}%{suggests}%{supplements}%{enhances}%{files}%{sourcerpm}%{buildtime}%{installsize}";

/// What zypper shows of a repository: packages of other architectures it leaves out.
const ZYPPER_ARCHITECTURES: [&str; 4] = ["x86_64", "i686", "noarch", "src"];

/// Where the judges are from.
pub enum System {
    /// rpm 4.18, dnf 4, zypper 1.14 and libsolv of Debian 12, and the present `createrepo_c`.
    Here,
    /// rpm 6, dnf5, zypper, libsolv and `createrepo_c` of Debian sid.
    Sid(Chroot),
}

/// What a judge says against it.
pub type Verdict<T> = Result<T, String>;

/// What a program printed, if it ended well.
fn heard(ran: Ran) -> Verdict<Ran> {
    if ran.succeeded() { Ok(ran) } else { Err(ran.transcript()) }
}

/// dnf in a root of its own.
pub enum AnyDnf<'s> {
    /// dnf 4.
    Here(Dnf),
    /// dnf5.
    Sid { system: &'s System, program: &'static str, root: PrivateRoot, home: &'s Path },
}

impl AnyDnf<'_> {
    /// Any call.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        match self {
            Self::Here(dnf) => dnf.run(arguments),
            Self::Sid { system, program, root, home } => {
                let set = |name: &str| format!("--setopt={name}={}", root.join(name).display());
                let program = system.program(program, home).arg("--installroot").arg(root.join("installroot"));
                let program = program.arg(format!("--setopt=reposdir={}", root.join("repos").display()));
                let program = program.args(["cachedir", "logdir", "system_state_dir"].map(set));
                let program =
                    program.args(["--setopt=optional_metadata_types=all", "--setopt=plugins=0", "--assumeyes"]);
                program.args(["--releasever=9", "--forcearch=x86_64"]).args(arguments).run()
            }
        }
    }
}

impl System {
    /// dnf with the text of a `.repo` file.
    pub fn dnf_with<'s>(&'s self, text: &str, home: &'s Path) -> AnyDnf<'s> {
        match self {
            Self::Here => AnyDnf::Here(Dnf::new(text, "9")),
            Self::Sid(_) => {
                let root = PrivateRoot::new();
                write_file(&root.join("repos/judged.repo"), text);
                std::fs::create_dir_all(root.join("logdir")).expect("a directory can be made");
                AnyDnf::Sid { system: self, program: "dnf5", root, home }
            }
        }
    }

    /// dnf 4 of Debian sid.
    pub fn dnf_4_with<'s>(&'s self, text: &str, home: &'s Path) -> AnyDnf<'s> {
        match self.dnf_with(text, home) {
            AnyDnf::Sid { system, root, home, .. } => AnyDnf::Sid { system, program: "dnf", root, home },
            here => here,
        }
    }

    fn program(&self, name: &str, home: &Path) -> Program {
        match self {
            Self::Here if name == "createrepo_c" => Program::new(test_cache().join("venv/bin/createrepo_c"), home),
            Self::Here => Program::new(name, home),
            Self::Sid(chroot) => {
                let mut words = chroot.command(name).into_iter();
                Program::new(words.next().expect("a command has a word"), home).args(words)
            }
        }
    }

    /// `rpm -K`: what it does not call good, and what it says of it.
    pub fn checks(&self, file: &[&Path], home: &Path) -> Verdict<Vec<Verdict<()>>> {
        let ran = self.program("rpm", home).args(["-K", "--nosignature"]).args(file).run();
        if ran.code.is_none_or(|code| code > 128) {
            return Err(ran.transcript());
        }
        let output = ran.output();
        let is_good: BTreeSet<&str> = output.lines().filter_map(|line| line.strip_suffix(": digests OK")).collect();
        let verdict = |file: &&Path| {
            let path = file.display().to_string();
            if is_good.contains(path.as_str()) {
                return Ok(());
            }
            let said = ran.everything();
            Err(said.lines().filter(|line| line.contains(&path)).collect::<Vec<_>>().join("\n"))
        };
        Ok(file.iter().map(verdict).collect())
    }

    /// `rpm -i` of all in one transaction, which notes them down in a database of its own; what it says.
    pub fn installs(&self, files: &[&Path], home: &Path) -> Verdict<String> {
        let root = PrivateRoot::new();
        let ran = self.program("rpm", home).arg("--dbpath").arg(root.path()).args([
            "-i",
            "--justdb",
            "--nodeps",
            "--noscripts",
            "--notriggers",
            "--replacefiles",
            "--ignorearch",
            "--ignoreos",
            "--ignoresize",
            "--nosignature",
            "--noplugins",
        ]);
        let said = heard(ran.args(files).run())?.everything();
        // Debian's rpm advises against itself
        Ok(said.lines().filter(|line| !line.starts_with("rpm: ")).map(|line| format!("{line}\n")).collect())
    }

    /// What rpm takes each for.
    pub fn names(&self, files: &[&Path], home: &Path) -> Verdict<Vec<Nevra>> {
        let query = ["-qp", "--nosignature", "--nodigest", "--queryformat", RPM_FORMAT];
        let ran = heard(self.program("rpm", home).args(query).args(files).run())?;
        let nevra = |line: &str| match line.rsplit_once('\t') {
            Some((nevra, "0")) => nevra.to_owned(),
            Some((nevra, _)) => format!("{}\tsrc", nevra.rsplit_once('\t').map_or("", |(rest, _)| rest)),
            None => line.to_owned(),
        };
        Ok(ran.output().lines().map(nevra).collect())
    }

    /// Indexes a directory with `createrepo_c`, which leaves out what it cannot read; what it says of that.
    pub fn indexes(&self, directory: &Path, home: &Path) -> String {
        let ran = self.program("createrepo_c", home).args(["--quiet", "--no-database", "--general-compress-type=gz"]);
        let ran = ran.arg(directory).run();
        // 2: it left packages out
        assert!(matches!(ran.code, Some(0 | 2)), "{}", ran.transcript());
        String::from_utf8_lossy(&ran.stderr).into_owned()
    }

    /// All packages that dnf finds in a repository.
    pub fn dnf(&self, directory: &Path, home: &Path) -> Verdict<BTreeSet<Nevra>> {
        let address = format!("file://{}", directory.display());
        let text = format!("[judged]\nname=judged\nbaseurl={address}\nenabled=1\ngpgcheck=0\nskip_if_unavailable=0\n");
        let dnf = self.dnf_with(&text, home);
        let ask = |arguments: &[&str]| heard(dnf.run(arguments));
        ask(&["makecache", "--refresh"])?;
        let (all, end): (&[&str], &str) = match self {
            Self::Here => (&["--all"], ""),
            Self::Sid(_) => (&[], "\\n"),
        };
        let query = |rest: &[&str]| ask(&[&["--quiet", "repoquery"], all, rest].concat());
        query(&["--qf", &format!("{DNF_REST}{end}")])?;
        query(&["--changelogs"])?;
        ask(&["--quiet", "list", "--available"])?;
        let output = query(&["--qf", &format!("{DNF_FORMAT}{end}")])?.output();
        Ok(output.lines().map(str::to_owned).collect())
    }

    /// All packages that libsolv finds in a repository.
    pub fn libsolv(&self, directory: &Path, home: &Path) -> Verdict<BTreeSet<Nevra>> {
        let file = directory.with_extension("solv");
        let ran = self.program("repo2solv", home).arg("-F").arg("-o").arg(&file).arg(directory).run();
        let ran = heard(ran)?;
        if !ran.everything().is_empty() {
            return Err(ran.transcript());
        }
        let dump = heard(self.program("dumpsolv", home).arg("-a").arg(&file).run())?;
        Ok(solvables(&dump.output()))
    }

    /// All packages of the machine's architectures that zypper finds in a repository.
    pub fn zypper(&self, directory: &Path, home: &Path) -> Verdict<BTreeSet<Nevra>> {
        let address = format!("file://{}", directory.display());
        let root = PrivateRoot::new();
        let here = Zypper::new();
        let zypper = |arguments: &[&str]| match self {
            Self::Here => here.run(&[&["--xmlout"], arguments].concat()),
            Self::Sid(_) => {
                write_file(&root.join("zypp.conf"), "[main]\narch = x86_64\n");
                let program = self.program("zypper", home).env("ZYPP_CONF", root.join("zypp.conf"));
                let program = program.args(["--non-interactive", "--xmlout", "--root"]).arg(root.join("root"));
                program
                    .arg("--reposd-dir")
                    .arg(root.join("repos"))
                    .arg("--cache-dir")
                    .arg(root.join("cache"))
                    .args(arguments)
                    .run()
            }
        };
        heard(zypper(&["addrepo", "--no-gpgcheck", &address, "judged"]))?;
        heard(zypper(&["refresh", "--force"]))?;
        let search = ["--no-refresh", "search", "--details", "--type", "package", "--type", "srcpackage"];
        let found = zypper(&search);
        // 104: nothing found
        if !matches!(found.code, Some(0 | 104)) {
            return Err(found.transcript());
        }
        let text = found.output();
        let document = roxmltree::Document::parse(&text).map_err(|error| format!("{error}:\n{text}"))?;
        Ok(document.descendants().filter(|node| node.has_tag_name("solvable")).filter_map(edition).collect())
    }

    /// Those of a set that zypper shows.
    pub fn shown_by_zypper<'n>(nevras: impl Iterator<Item = &'n Nevra>) -> BTreeSet<Nevra> {
        let is_shown = |nevra: &&Nevra| {
            nevra.rsplit('\t').next().is_some_and(|architecture| ZYPPER_ARCHITECTURES.contains(&architecture))
        };
        nevras.filter(is_shown).cloned().collect()
    }
}

/// `edition` is EPOCH:VERSION-RELEASE, without an epoch of 0.
fn nevra(name: &str, evr: &str, architecture: &str) -> Nevra {
    let (epoch, rest) = evr.split_once(':').unwrap_or(("0", evr));
    let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
    [name, epoch, version, release, architecture].join("\t")
}

fn edition(node: roxmltree::Node<'_, '_>) -> Option<Nevra> {
    // of sources it shows the architecture of what they are made on
    let is_source = node.attribute("kind") == Some("srcpackage");
    let architecture = if is_source { "src" } else { node.attribute("arch")? };
    Some(nevra(node.attribute("name")?, node.attribute("edition")?, architecture))
}

/// The packages in the text of `dumpsolv`.
fn solvables(dump: &str) -> BTreeSet<Nevra> {
    let parts = dump.split("\nsolvable ").skip(1);
    let nevra_of = |part: &str| {
        let value = |key: &str| part.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        nevra(value("solvable:name: "), value("solvable:evr: "), value("solvable:arch: "))
    };
    parts.map(nevra_of).collect()
}

/// Where the packages of a directory lie.
pub fn place(directory: &Path) -> PathBuf {
    directory.join("Packages")
}
