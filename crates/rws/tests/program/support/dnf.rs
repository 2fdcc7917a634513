//! dnf in a private root: its own repositories, cache, keys and rpm database.

use super::private_root::PrivateRoot;
use super::program::{Program, Ran};
use super::{files_in, write_file};
use std::path::PathBuf;

/// A machine of one architecture and release.
pub struct Dnf {
    root: PrivateRoot,
    architecture: &'static str,
    release: String,
}

/// A repository by its address, as people write it by hand, with the signature of the metadata checked.
pub fn repo_file(id: &str, base_url: &str, key_url: &str) -> String {
    format!(
        "[{id}]\nname={id}\nbaseurl={base_url}\nenabled=1\ngpgcheck=0\nrepo_gpgcheck=1\ngpgkey={key_url}\n\
         skip_if_unavailable=0\n"
    )
}

impl Dnf {
    /// With the text of a `.repo` file.
    pub fn new(repo_text: &str, release: &str) -> Self {
        Self::with_architecture(repo_text, release, "x86_64")
    }

    pub fn with_architecture(repo_text: &str, release: &str, architecture: &'static str) -> Self {
        let dnf = Self { root: PrivateRoot::new(), architecture, release: release.to_owned() };
        write_file(&dnf.path("repos/rws.repo"), repo_text);
        for directory in ["cache", "persist", "log", "vars", "plugins", "home", "installroot"] {
            std::fs::create_dir_all(dnf.path(directory)).expect("a directory can be made");
        }
        write_file(&dnf.path("dnf.conf"), dnf.configuration());
        dnf
    }

    /// Reads all metadata anew.
    pub fn makecache(&self) -> Ran {
        self.run(&["makecache", "--refresh"])
    }

    pub fn repoquery(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["--quiet", "repoquery"], arguments].concat())
    }

    /// All packages as `name-epoch:version-release.arch`, sorted.
    #[track_caller]
    pub fn packages(&self) -> Vec<String> {
        let format = "%{name}-%{epoch}:%{version}-%{release}.%{arch}";
        let output = self.repoquery(&["--qf", format]).expect_success().output();
        let mut packages: Vec<String> = output.lines().map(str::to_owned).collect();
        packages.sort();
        packages
    }

    /// Downloads packages, and sources with `--source`; returns the files.
    #[track_caller]
    pub fn download(&self, arguments: &[&str]) -> Vec<PathBuf> {
        let directory = tempfile::tempdir_in(self.root.path()).expect("a directory can be made").keep();
        let destination = directory.display().to_string();
        self.run(&[&["download", "--destdir", destination.as_str()], arguments].concat()).expect_success();
        files_in(&directory)
    }

    /// Any call.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Program::new("dnf", &self.path("home"))
            .arg("--config")
            .arg(self.path("dnf.conf"))
            .arg("--installroot")
            .arg(self.path("installroot"))
            .args(["--releasever", &self.release, "--forcearch", self.architecture])
            // Debian's dnf brings plugins that look at the machine; only `download` is wanted.
            .args(["--disableplugin=*", "--enableplugin=download", "--assumeyes"])
            .args(arguments)
            .run()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn configuration(&self) -> String {
        let root = self.root.path().display();
        format!(
            "[main]\nreposdir={root}/repos\ncachedir={root}/cache\npersistdir={root}/persist\nlogdir={root}/log\n\
             varsdir={root}/vars\npluginconfpath={root}/plugins\nplugins=1\nskip_if_unavailable=0\nretries=1\n\
             timeout=30\nfastestmirror=0\nzchunk=0\ndeltarpm=0\n"
        )
    }
}
