//! The packages to judge with, and what RWS and createrepo_c make of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::packages::rpm::Rpm;
use crate::support::program::Program;
use crate::support::{files_below, project_root, temporary_directory, test_cache};

/// The name of a package as RWS accepts it. Epochs are not in it; sources are known by the tag that createrepo_c goes by.
const FILE_NAME: &str = "%{NAME}-%{VERSION}-%{RELEASE}.%|SOURCEPACKAGE?{src}:{%{ARCH}}|.rpm\n";

/// Which createrepo_c.
#[derive(Clone, Copy, Debug)]
pub enum Createrepo {
    /// of PyPI, 1.2
    Present,
    /// of the system
    Debian,
}

/// Packages of different names: what fits into one repository.
pub struct Part {
    packages: Vec<(String, PathBuf)>,
    work: TempDir,
}

/// The packages of `../shared`.
pub fn shared() -> Vec<Part> {
    parts(&files_below(&project_root().join("../shared/testdata/rpm/packages")))
}

/// A handful of packages of this machine's rpmbuild.
pub fn made() -> Vec<Part> {
    let directory = temporary_directory();
    parts(&make(directory.path()))
}

/// The first part has one of each name; the others have further files of the same packages, which are signed otherwise or
/// built again, and would replace them.
fn parts(files: &[PathBuf]) -> Vec<Part> {
    assert!(!files.is_empty(), "there are no packages to judge with");
    let mut parts: Vec<BTreeMap<String, PathBuf>> = Vec::new();
    for (name, file) in own_names(files).into_iter().zip(files) {
        let free = parts.iter().position(|part| !part.contains_key(&name));
        let free = free.unwrap_or_else(|| {
            parts.push(BTreeMap::new());
            parts.len() - 1
        });
        parts[free].insert(name, file.clone());
    }
    parts.into_iter().map(|part| Part::of(part.into_iter().collect())).collect()
}

fn make(directory: &Path) -> Vec<PathBuf> {
    let awkward = Rpm::new("lib++awkward.name_1", "1.0~rc1^2", "1.el9")
        .epoch(3)
        .tag("Requires", "(one if two), /bin/sh, three >= 1:2-3")
        .tag("Requires(post)", "four")
        .tag("Recommends", "five")
        .tag("Supplements", "six < 2")
        .tag("Provides", "seven = 1, eight(64bit)")
        .tag("Conflicts", "nine <= 3")
        .tag("Obsoletes", "ten");
    let anywhere = Rpm::new("anywhere", "2", "1").architecture("noarch").payload("w3.zstdio").tag("Suggests", "eleven");
    let other = Rpm::new("other", "1", "1").architecture("aarch64").tag("Enhances", "twelve");
    vec![awkward.build(directory), awkward.build_source(directory), anywhere.build(directory), other.build(directory)]
}

/// The file name that each header asks for.
fn own_names(files: &[PathBuf]) -> Vec<String> {
    let home = temporary_directory();
    let query = ["--query", "--package", "--nosignature", "--nodigest", "--queryformat", FILE_NAME];
    let names = Program::new("rpm", home.path()).args(query).args(files).succeed().output();
    let names: Vec<String> = names.lines().map(str::to_owned).collect();
    assert_eq!(names.len(), files.len(), "rpm reads all packages");
    names
}

impl Part {
    /// Of files under the names that they are to have.
    pub fn of(packages: Vec<(String, PathBuf)>) -> Self {
        let part = Self { packages, work: temporary_directory() };
        // what is built for a test may go before the part does
        part.lay_out("packages");
        part
    }

    pub fn names(&self) -> Vec<String> {
        self.packages.iter().map(|(name, _)| name.clone()).collect()
    }

    /// A directory that the real program has indexed.
    #[track_caller]
    pub fn indexed_by_rws(&self) -> PathBuf {
        let directory = self.copied("rws");
        let own = |name: &String| ["RWS_", "S3_", "GPG_"].iter().any(|start| name.starts_with(start));
        let variables = std::env::vars().map(|(name, _)| name).filter(own);
        let program = Program::new(env!("CARGO_BIN_EXE_rws"), self.work.path());
        let program = variables.fold(program, |program, name| program.env_remove(name));
        program.arg("index").arg(&directory).succeed();
        directory
    }

    /// A directory that createrepo_c has indexed.
    #[track_caller]
    pub fn indexed_by(&self, createrepo: Createrepo) -> PathBuf {
        let directory = self.copied(&format!("{createrepo:?}"));
        let program = match createrepo {
            Createrepo::Present => test_cache().join("venv/bin/createrepo_c"),
            Createrepo::Debian => PathBuf::from("createrepo_c"),
        };
        let ran = Program::new(program, self.work.path()).args(["--quiet", "--no-database"]).arg(&directory).run();
        // 2: it left packages out
        assert!(matches!(ran.code, Some(0 | 2)), "{}", ran.transcript());
        directory
    }

    fn copied(&self, name: &str) -> PathBuf {
        let (from, to) = (self.work.path().join("packages"), self.work.path().join(name));
        std::fs::create_dir(&to).unwrap_or_else(|error| panic!("{name}: {error}"));
        Program::new("cp", self.work.path()).arg("-a").arg(from.join("Packages")).arg(&to).succeed();
        to
    }

    fn lay_out(&self, name: &str) {
        let directory = self.work.path().join(name).join("Packages");
        std::fs::create_dir_all(&directory).expect("a directory can be made");
        for (name, file) in &self.packages {
            std::fs::copy(file, directory.join(name)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
    }
}
