//! zypper in a private root, from the copy that `tests/setup` unpacks: it excludes dnf's plugins on Debian 12.

use super::private_root::PrivateRoot;
use super::program::{Program, Ran};
use super::{files_below, test_cache, write_file};
use std::path::PathBuf;

/// An x86_64 machine with all signature checks on.
pub struct Zypper {
    root: PrivateRoot,
}

/// A repository by its address, with its key by `gpgkey=`. `pkg_gpgcheck` is left to zypper: signed metadata suffices.
pub fn repo_file(alias: &str, base_url: &str, key_url: &str) -> String {
    format!(
        "[{alias}]\nname={alias}\nbaseurl={base_url}\nenabled=1\nautorefresh=1\ntype=rpm-md\ngpgcheck=1\n\
         repo_gpgcheck=1\ngpgkey={key_url}\n"
    )
}

/// A line of `zypper search`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub name: String,
    /// `package` or `srcpackage`
    pub kind: String,
    pub version: String,
    pub architecture: String,
    pub repository: String,
}

impl Zypper {
    /// Without any repository.
    pub fn new() -> Self {
        let zypper = Self { root: PrivateRoot::new() };
        for directory in ["home", "repos.d", "cache", "root", "tmp"] {
            std::fs::create_dir_all(zypper.path(directory)).expect("a directory can be made");
        }
        let configuration = "[main]\narch = x86_64\ngpgcheck = on\nrepo_gpgcheck = on\n";
        write_file(&zypper.path("zypp.conf"), configuration);
        zypper
    }

    /// `zypper addrepo` of the text of a `.repo` file.
    #[track_caller]
    pub fn add_repo_file(&self, text: &str) -> Ran {
        let file = self.path("added.repo");
        write_file(&file, text);
        self.run(&["addrepo", "--gpgcheck", "--refresh", &file.display().to_string()])
    }

    /// `zypper addrepo` of an address: of a repository, under an alias, or of a `.repo` file.
    pub fn add_repo(&self, url: &str, alias: Option<&str>) -> Ran {
        let mut arguments = vec!["addrepo", "--gpgcheck", "--refresh", url];
        arguments.extend(alias);
        self.run(&arguments)
    }

    /// `zypper addrepo` of the address of a `.repo` file, without settings beside those in it.
    pub fn add_repo_as_it_is(&self, url: &str) -> Ran {
        self.run(&["addrepo", url])
    }

    /// Reads the metadata anew and takes the repository's key without asking.
    pub fn refresh(&self) -> Ran {
        self.run(&["--gpg-auto-import-keys", "refresh", "--force"])
    }

    /// Reads the metadata with the keys there are; an unknown key is refused.
    pub fn refresh_without_import(&self) -> Ran {
        self.run(&["refresh"])
    }

    /// All packages that match, one line per version.
    #[track_caller]
    pub fn search(&self, arguments: &[&str]) -> Vec<Found> {
        let output =
            self.run(&[&["--no-refresh", "search", "--details"], arguments].concat()).expect_success().output();
        let rows = output.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
        rows.filter_map(|row| match row.as_slice() {
            [_, name, kind, version, architecture, repository] if *name != "Name" => Some(Found {
                name: (*name).to_owned(),
                kind: (*kind).to_owned(),
                version: (*version).to_owned(),
                architecture: (*architecture).to_owned(),
                repository: (*repository).to_owned(),
            }),
            _ => None,
        })
        .collect()
    }

    /// Resolves and downloads, without installing; returns all packages downloaded so far.
    #[track_caller]
    pub fn install(&self, packages: &[&str]) -> Vec<PathBuf> {
        self.run(&[&["install", "--download-only", "--no-recommends"], packages].concat()).expect_success();
        let mut files = files_below(&self.path("cache/packages"));
        files.retain(|path| path.extension().is_some_and(|extension| extension == "rpm"));
        files
    }

    /// Any call.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let program = test_cache().join("zypper/root/usr/bin/zypper");
        assert!(program.exists(), "zypper is not in {}: run tests/setup", test_cache().display());
        Program::new(program, &self.path("home"))
            .env("ZYPP_CONF", self.path("zypp.conf"))
            .env("ZYPPTMPDIR", self.path("tmp"))
            .args(["--non-interactive", "--no-color", "--no-abbrev", "--root"])
            .arg(self.path("root"))
            .arg("--reposd-dir")
            .arg(self.path("repos.d"))
            .arg("--cache-dir")
            .arg(self.path("cache"))
            .args(arguments)
            .run()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}
