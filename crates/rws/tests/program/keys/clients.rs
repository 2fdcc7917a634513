//! Clients that know some keys and no others.

use std::path::Path;

use rws_lab::Chroot;

use super::stand::Stand;
use crate::judges_rpm::generated::judges::System;
use crate::support::apt::{Apt, Sources};
use crate::support::dnf::Dnf;
use crate::support::gpgv::SecretKey;
use crate::support::private_root::PrivateRoot;
use crate::support::program::{Program, Ran};
use crate::support::zypper::{self, Zypper};
use crate::support::{dnf, write_file};

/// A client, of this machine or of Debian sid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    Apt,
    AptOfSid,
    Dnf,
    DnfOfSid,
    Dnf5OfSid,
    Zypper,
    ZypperOfSid,
}

/// What a client did.
pub struct Tried {
    /// What a person would have typed.
    pub command: &'static str,
    /// Its exit code.
    pub code: i32,
    /// Whether it warned.
    pub warned: bool,
    /// All it said.
    pub said: String,
    /// The version of the package that it would install.
    pub version: Option<String>,
}

impl Tried {
    fn new(command: &'static str, ran: &Ran) -> Self {
        let said = ran.transcript();
        let warned = ran.everything().lines().any(|line| line.starts_with("W:") || line.starts_with("Warning:"));
        Self { command, code: ran.code.unwrap_or(-1), warned, said, version: None }
    }

    /// As it stands in the table: the version, or the exit code.
    pub fn cell(&self) -> String {
        match (&self.version, self.code, self.warned) {
            (Some(version), 0, false) => version.clone(),
            (Some(version), 0, true) => format!("{version}, warns"),
            (_, code, _) => format!("exit {code}"),
        }
    }

    pub fn works(&self) -> bool {
        self.code == 0 && self.version.is_some()
    }
}

/// The version in what a client printed: that of `rws-thing`.
fn version(text: &str, versions: &[&str]) -> Option<String> {
    versions.iter().rev().find(|version| text.contains(**version)).map(|version| (*version).to_owned())
}

/// Versions that tests publish, oldest first.
const VERSIONS: [&str; 5] = ["1.0", "2.0", "3.0", "4.0", "5.0"];

impl Client {
    /// Those of this machine.
    pub const HERE: [Self; 3] = [Self::Apt, Self::Dnf, Self::Zypper];

    /// All.
    pub const ALL: [Self; 7] =
        [Self::Apt, Self::AptOfSid, Self::Dnf, Self::DnfOfSid, Self::Dnf5OfSid, Self::Zypper, Self::ZypperOfSid];

    /// Those that no Debian has.
    pub const UNTRIED: [&str; 2] = ["yum 3.4 of EL 7", "librepo with rpm"];

    /// The name and version of the program.
    pub fn name(self) -> String {
        let home = PrivateRoot::new();
        let (program, arguments): (&str, &[&str]) = match self {
            Self::Apt | Self::AptOfSid => ("apt-get", &["--version"]),
            Self::Dnf | Self::DnfOfSid => ("dnf", &["--version"]),
            Self::Dnf5OfSid => ("dnf5", &["--version"]),
            Self::Zypper => return zypper_name(&Zypper::new().run(&["--version"])),
            Self::ZypperOfSid => ("zypper", &["--version"]),
        };
        let ran = self.program(program, home.path()).args(arguments).run();
        if self == Self::ZypperOfSid {
            return zypper_name(&ran);
        }
        let text = ran.output();
        let word = text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
        format!("{} {}", program.trim_end_matches("-get"), word.unwrap_or("?"))
    }

    fn is_of_sid(self) -> bool {
        matches!(self, Self::AptOfSid | Self::DnfOfSid | Self::Dnf5OfSid | Self::ZypperOfSid)
    }

    fn program(self, name: &str, home: &Path) -> Program {
        if !self.is_of_sid() {
            return Program::new(name, home);
        }
        let mut words = Chroot::sid().command(name).into_iter();
        Program::new(words.next().expect("a command has a word"), home).args(words)
    }

    /// Reads the repository from nothing, knowing these keys only, and asks for the newest version.
    pub fn reads(self, stand: &Stand, keys: &[&SecretKey]) -> Tried {
        match self {
            Self::Apt | Self::AptOfSid => self.apt(stand, keys),
            Self::Dnf | Self::DnfOfSid | Self::Dnf5OfSid => self.dnf(stand, keys),
            Self::Zypper | Self::ZypperOfSid => self.zypper(stand, keys),
        }
    }

    fn apt(self, stand: &Stand, keys: &[&SecretKey]) -> Tried {
        let apt = if self.is_of_sid() { Apt::of_sid() } else { Apt::new(&Sources::Deb822("")) };
        let files: Vec<String> = keys
            .iter()
            .enumerate()
            .map(|(number, key)| {
                let file = apt.path(&format!("keys/{number}.asc"));
                write_file(&file, key.public_armored());
                file.display().to_string()
            })
            .collect();
        let url = stand.server.url("/live/2.11/debian/");
        let text =
            format!("Types: deb\nURIs: {url}\nSuites: bookworm\nComponents: main\nSigned-By: {}\n", files.join(" "));
        write_file(&apt.path("etc/apt/sources.list.d/rws.sources"), text);
        let mut tried = Tried::new("apt-get update", &apt.update().ran);
        if tried.code == 0 {
            tried.version = version(&apt.cache(&["madison", "rws-thing"]).output(), &VERSIONS);
        }
        tried
    }

    fn dnf(self, stand: &Stand, keys: &[&SecretKey]) -> Tried {
        let home = PrivateRoot::new();
        let file = home.join("keys.asc");
        write_file(&file, keys.iter().flat_map(|key| key.public_armored()).collect::<Vec<u8>>());
        let text = dnf::repo_file("rws", &stand.dnf_url(), &format!("file://{}", file.display()));
        let (ran, query) = if self == Self::Dnf {
            let dnf = Dnf::new(&text, "9");
            (dnf.makecache(), dnf.repoquery(&["rws-thing"]))
        } else {
            let system = System::Sid(Chroot::sid());
            let dnf = match self {
                Self::DnfOfSid => system.dnf_4_with(&text, home.path()),
                _ => system.dnf_with(&text, home.path()),
            };
            (dnf.run(&["makecache", "--refresh"]), dnf.run(&["repoquery", "rws-thing"]))
        };
        let mut tried = Tried::new("dnf -y makecache", &ran);
        if tried.code == 0 {
            tried.version = version(&query.output(), &VERSIONS);
        }
        tried
    }

    fn zypper(self, stand: &Stand, keys: &[&SecretKey]) -> Tried {
        let here = Zypper::new();
        let root = here.path("root");
        std::fs::create_dir_all(&root).expect("a directory can be made");
        for (number, key) in keys.iter().enumerate() {
            let file = here.path(&format!("{number}.asc"));
            write_file(&file, key.public_armored());
            self.program("rpm", &here.path("home")).arg("--root").arg(&root).arg("--import").arg(&file).succeed();
        }
        let repo = here.path("rws.repo");
        // no `gpgkey`: it knows what is in its database
        let text = zypper::repo_file("rws", &stand.dnf_url(), "");
        write_file(
            &repo,
            text.lines().filter(|line| !line.starts_with("gpgkey")).map(|line| format!("{line}\n")).collect::<String>(),
        );
        let run = |arguments: &[&str]| {
            if self == Self::Zypper {
                return here.run(arguments);
            }
            let program = self.program("zypper", &here.path("home")).env("ZYPP_CONF", here.path("zypp.conf"));
            let program = program.args(["--non-interactive", "--root"]).arg(&root);
            program
                .arg("--reposd-dir")
                .arg(here.path("repos.d"))
                .arg("--cache-dir")
                .arg(here.path("cache"))
                .args(arguments)
                .run()
        };
        run(&["addrepo", "--gpgcheck", "--refresh", &repo.display().to_string()]).expect_success();
        let mut tried = Tried::new("zypper --non-interactive refresh", &run(&["refresh", "--force"]));
        if tried.code == 0 {
            let found = run(&["--no-refresh", "search", "--details", "rws-thing"]);
            tried.version = version(&found.output(), &VERSIONS);
        }
        tried
    }
}

fn zypper_name(ran: &Ran) -> String {
    ran.output().trim().to_owned()
}
