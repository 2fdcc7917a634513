//! Real packages: those that `tests/setup` has fetched, and the project's shared test data.

use super::super::program::Program;
use super::super::{file_name, files_in, project_root, temporary_directory};
use super::source::SourceFiles;
use std::path::{Path, PathBuf};

/// A real binary package of Debian.
#[derive(Debug, Clone)]
pub struct RealDeb {
    pub path: PathBuf,
    pub package: String,
    pub version: String,
}

/// The files of all real binary packages, sorted by name: `.deb`, and the installer's `.udeb`.
#[track_caller]
pub fn real_debs() -> Vec<PathBuf> {
    files_in(&rws_lab::real_packages("deb"))
}

#[track_caller]
pub fn real_deb(package: &str, architecture: &str) -> RealDeb {
    let (start, end) = (format!("{package}_"), format!("_{architecture}.deb"));
    let path =
        real_debs().into_iter().find(|path| file_name(path).starts_with(&start) && file_name(path).ends_with(&end));
    read(&path.unwrap_or_else(|| panic!("{package}:{architecture} is not among the fetched packages: run tests/setup")))
}

/// The files of all real source packages, sorted by name.
#[track_caller]
pub fn real_source_files() -> Vec<PathBuf> {
    files_in(&rws_lab::real_packages("source"))
}

/// A real source package of Debian, as `hello` (with an upstream signature), `architecture-properties` (native), `acme`
/// (with an epoch, `~` and `+`); `tests/real-packages` lists them all.
#[track_caller]
pub fn real_source(package: &str) -> SourceFiles {
    SourceFiles::in_directory(&rws_lab::real_packages("source"), package)
}

/// A package of the shared test data by its path below `rpm/packages`: for tests in modules named `of_shared`, which
/// `tests/run` leaves out where there is no `../shared`.
#[track_caller]
pub fn shared_rpm(path: &str) -> PathBuf {
    let file = project_root().join("../shared/testdata/rpm/packages").join(path);
    assert!(file.is_file(), "there is no {}", file.display());
    file
}

#[track_caller]
fn read(path: &Path) -> RealDeb {
    let field = |name| control_field(path, name);
    RealDeb { path: path.to_owned(), package: field("Package"), version: field("Version") }
}

#[track_caller]
fn control_field(deb: &Path, field: &str) -> String {
    let home = temporary_directory();
    let ran = Program::new("dpkg-deb", home.path()).arg("--field").arg(deb).arg(field).succeed();
    ran.output().trim().to_owned()
}
