//! apt in a private root: its own sources, keys, lists, archives and idea of what is installed.

use super::program::{Program, Ran};
use super::{file_name, files_in, temporary_directory, write_file};
use rws_lab::Chroot;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What stands in the client's sources.
pub enum Sources<'a> {
    /// the text of a `.sources` file (deb822)
    Deb822(&'a str),
    /// the text of a `.list` file
    OneLine(&'a str),
}

/// An amd64 machine with arm64 as its foreign architecture.
pub struct Apt {
    root: TempDir,
    /// Where its programs are from, if not from this machine.
    system: Option<Chroot>,
}

/// What a call of apt said; warnings and errors are its lines that start with `W:` and `E:`.
pub struct AptRan {
    pub ran: Ran,
    pub warnings: Vec<String>,
    pub errors: Vec<String>,
    /// the files that the call was about: archives or sources, sorted by name
    pub files: Vec<PathBuf>,
}

impl Apt {
    pub fn new(sources: &Sources<'_>) -> Self {
        Self::of(None, sources)
    }

    /// The apt of Debian sid, without any source.
    pub fn of_sid() -> Self {
        Self::of(Some(Chroot::sid()), &Sources::Deb822(""))
    }

    fn of(system: Option<Chroot>, sources: &Sources<'_>) -> Self {
        let apt = Self { root: temporary_directory(), system };
        for directory in ["etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/trusted.gpg.d", "home"] {
            apt.create(directory);
        }
        for directory in ["var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/log/apt", "var/lib/dpkg"]
        {
            apt.create(directory);
        }
        write_file(&apt.path("var/lib/dpkg/status"), "");
        write_file(&apt.path("apt.conf"), apt.configuration());
        match sources {
            Sources::Deb822(text) => write_file(&apt.path("etc/apt/sources.list.d/rws.sources"), text),
            Sources::OneLine(text) => write_file(&apt.path("etc/apt/sources.list.d/rws.list"), text),
        }
        apt
    }

    /// A client of one suite with its key in a file, as people write it by hand: packages and sources.
    pub fn signed_by(root_url: &str, suite: &str, key: &[u8]) -> Self {
        let apt = Self::new(&Sources::Deb822(""));
        let keyring = apt.add_key(key);
        let text = format!(
            "Types: deb deb-src\nURIs: {root_url}\nSuites: {suite}\nComponents: main\nSigned-By: {}\n",
            keyring.display()
        );
        write_file(&apt.path("etc/apt/sources.list.d/rws.sources"), text);
        apt
    }

    /// A client with a sources file that the server made. Where that names a key file (`Signed-By: /…`, `signed-by=/…`)
    /// the key is put into the private root and the path is replaced by it; a key inside the file is left alone.
    pub fn from_server(sources: &Sources<'_>, key: &[u8]) -> Self {
        let apt = Self::new(&Sources::Deb822(""));
        let keyring = apt.add_key(key).display().to_string();
        match sources {
            Sources::Deb822(text) => {
                write_file(
                    &apt.path("etc/apt/sources.list.d/rws.sources"),
                    replace_path(text, "Signed-By: /", &keyring),
                );
            }
            Sources::OneLine(text) => {
                std::fs::remove_file(apt.path("etc/apt/sources.list.d/rws.sources")).expect("the empty file is there");
                write_file(&apt.path("etc/apt/sources.list.d/rws.list"), replace_path(text, "signed-by=/", &keyring));
            }
        }
        apt
    }

    /// Makes apt believe that a package is installed, so that what depends on it can be installed.
    pub fn assume_installed(&self, package: &str, version: &str, architecture: &str) {
        let path = self.path("var/lib/dpkg/status");
        let mut status = std::fs::read_to_string(&path).expect("the status file can be read");
        writeln!(
            status,
            "Package: {package}\nStatus: install ok installed\nMaintainer: Nobody <nobody@example.invalid>\n\
             Architecture: {architecture}\nMulti-Arch: same\nVersion: {version}\nDescription: assumed\n"
        )
        .expect("text can be appended");
        write_file(&path, status);
    }

    pub fn update(&self) -> AptRan {
        self.run("apt-get", &["update"], None)
    }

    /// Resolves and downloads, without installing; the files are all archives downloaded so far.
    pub fn install(&self, packages: &[&str]) -> AptRan {
        let mut arguments = vec!["install", "--yes", "--download-only", "--no-install-recommends"];
        arguments.extend(packages);
        let mut ran = self.run("apt-get", &arguments, None);
        ran.files = files_in(&self.path("var/cache/apt/archives"));
        ran.files.retain(|path| file_name(path) != "lock");
        ran
    }

    /// Downloads the files of a source package.
    pub fn source(&self, package: &str) -> AptRan {
        let directory = self.path("sources").join(package.replace('/', "_"));
        std::fs::create_dir_all(&directory).expect("a directory can be made");
        let mut ran = self.run("apt-get", &["source", "--download-only", package], Some(&directory));
        ran.files = files_in(&directory);
        ran
    }

    /// `apt-cache …`, e.g. `["madison", "hello"]` or `["showsrc", "hello"]`.
    pub fn cache(&self, arguments: &[&str]) -> AptRan {
        self.run("apt-cache", arguments, None)
    }

    /// From now on `update` fetches Contents too, as where apt-file is installed.
    pub fn use_apt_file(&self) {
        let part = "etc/apt/apt.conf.d/50apt-file.conf";
        std::fs::copy(Path::new("/").join(part), self.path(part)).expect("apt-file is installed: run tests/setup");
    }

    /// `apt-file search` among the packages of one architecture and of all: nothing found is exit code 1.
    #[track_caller]
    pub fn search_files(&self, architecture: &str, pattern: &str) -> Ran {
        let ran = self.run("apt-file", &["search", "--architecture", architecture, pattern], None).ran;
        assert!(matches!(ran.code, Some(0 | 1)) && ran.stderr.is_empty(), "{}", ran.transcript());
        ran
    }

    /// Any call of apt-get.
    pub fn get(&self, arguments: &[&str]) -> AptRan {
        self.run("apt-get", arguments, None)
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn create(&self, directory: &str) {
        std::fs::create_dir_all(self.path(directory)).expect("a directory can be made");
    }

    fn add_key(&self, key: &[u8]) -> PathBuf {
        let path = self.path("etc/apt/keyrings/rws.asc");
        write_file(&path, key);
        path
    }

    /// `Dir` moves every relative path into the root; the programs (`Dir::Bin`) are absolute and stay. Without
    /// `Error-Mode` an update that could not fetch something ends with 0 and a warning.
    fn configuration(&self) -> String {
        let root = self.root.path().display();
        format!(
            r#"Dir "{root}";
Dir::State::status "{root}/var/lib/dpkg/status";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; "arm64"; }};
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "0";
Acquire::http::Timeout "30";
DPkg::Lock::Timeout "0";
quiet "1";
"#
        )
    }

    fn run(&self, program: &str, arguments: &[&str], directory: Option<&Path>) -> AptRan {
        let words = self.system.as_ref().map_or_else(|| vec![program.into()], |system| system.command(program));
        let mut words = words.into_iter();
        let ran = Program::new(words.next().expect("a command has a word"), &self.path("home"))
            .args(words)
            .env("APT_CONFIG", self.path("apt.conf"))
            .env("DEBIAN_FRONTEND", "noninteractive")
            .current_dir(directory.unwrap_or(self.root.path()))
            .args(arguments)
            .run();
        let lines = |prefix: &str| -> Vec<String> {
            ran.everything().lines().filter(|line| line.starts_with(prefix)).map(str::to_owned).collect()
        };
        AptRan { warnings: lines("W:"), errors: lines("E:"), files: Vec::new(), ran }
    }
}

impl AptRan {
    /// Exit code 0, and neither a warning nor an error.
    #[track_caller]
    pub fn expect_clean(self) -> Self {
        let clean = self.ran.succeeded() && self.warnings.is_empty() && self.errors.is_empty();
        assert!(clean, "apt is not content:\n{}", self.ran.transcript());
        self
    }

    /// Some warning or error, and it says this.
    #[track_caller]
    pub fn expect_complaint(self, text: &str) -> Self {
        let found = self.warnings.iter().chain(&self.errors).any(|line| line.contains(text));
        assert!(found, "apt did not complain of {text:?}:\n{}", self.ran.transcript());
        self
    }

    pub fn output(&self) -> String {
        self.ran.output()
    }

    pub fn file_names(&self) -> Vec<String> {
        self.files.iter().map(|path| file_name(path)).collect()
    }
}

/// Replaces the absolute path after each occurrence of a label (whose last character is the path's slash).
fn replace_path(text: &str, label: &str, path: &str) -> String {
    let mut pieces = text.split(label);
    let mut replaced = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find([' ', ']', '\n']).unwrap_or(piece.len());
        replaced.push_str(label.trim_end_matches('/'));
        replaced.push_str(path);
        replaced.push_str(piece.get(end..).unwrap_or_default());
    }
    replaced
}
