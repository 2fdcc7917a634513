//! The programs that judge: rpm of this machine and of Debian sid, and createrepo_c.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rws_lab::{Chroot, cache};
use tempfile::TempDir;

use super::keys::{Key, USER};

/// This machine, or Debian sid.
#[derive(Clone)]
pub enum System {
    Here,
    Sid(Chroot),
}

impl System {
    /// What a program says (output and errors), and whether it ended well. `HOME` is the directory.
    pub fn run(&self, directory: &Path, program: &str, arguments: &[&str]) -> (bool, String) {
        let mut words = match self {
            Self::Here => vec![OsString::from(program)],
            Self::Sid(chroot) => chroot.command(program),
        };
        words.extend(arguments.iter().map(OsString::from));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(directory).env("HOME", directory).env("LC_ALL", "C.UTF-8");
        let output = command.stdin(Stdio::null()).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    /// What a program says that has to end well.
    #[track_caller]
    pub fn succeed(&self, directory: &Path, program: &str, arguments: &[&str]) -> String {
        let (success, said) = self.run(directory, program, arguments);
        assert!(success, "{program} {arguments:?}: {said}");
        said
    }

    /// A package that rpmbuild makes of this spec.
    pub fn build(&self, spec: &str, macros: &[&str]) -> Vec<u8> {
        let work = TempDir::new().unwrap();
        let file = work.path().join("thing.spec");
        fs::write(&file, spec).unwrap();
        let top = format!("_topdir {}", text(work.path()));
        let mut arguments = vec!["-bb", "--define", &top];
        arguments.extend(macros.iter().flat_map(|definition| ["--define", definition]));
        let file = text(&file);
        arguments.push(&file);
        self.succeed(work.path(), "rpmbuild", &arguments);
        fs::read(work.path().join("RPMS/noarch/thing-1.0-1.noarch.rpm")).unwrap()
    }

    /// The package as rpmsign signs it.
    pub fn rpmsign(&self, key: &Key, options: &[&str], bytes: &[u8]) -> Vec<u8> {
        let work = TempDir::new().unwrap();
        let file = work.path().join("package.rpm");
        fs::write(&file, bytes).unwrap();
        let (home, name) = (format!("_gpg_path {}", text(key.gpg.home())), format!("_gpg_name {USER}"));
        let fixed = ["--define", &home, "--define", &name, "--define", "__gpg /usr/bin/gpg"];
        self.succeed(work.path(), "rpmsign", &[&fixed, options, &[text(&file).as_str()]].concat());
        fs::read(file).unwrap()
    }
}

/// rpm that knows keys.
pub struct Rpm {
    system: System,
    home: TempDir,
    keys: Vec<String>,
}

impl Rpm {
    pub fn new(system: &System, keys: &[&Key]) -> Self {
        let home = TempDir::new().unwrap();
        fs::create_dir(home.path().join("db")).unwrap();
        let keys = keys.iter().enumerate().map(|(number, key)| {
            let file = home.path().join(format!("{number}.asc"));
            fs::write(&file, key.armored()).unwrap();
            text(&file)
        });
        let rpm = Self { system: system.clone(), keys: keys.collect(), home };
        let database = rpm.database();
        for key in &rpm.keys {
            rpm.system.succeed(rpm.home.path(), "rpmkeys", &["--dbpath", &database, "--import", key]);
        }
        rpm
    }

    fn database(&self) -> String {
        text(&self.home.path().join("db"))
    }

    /// What `rpmkeys -K` says of files of a directory, each with its name: `digests signatures OK`.
    pub fn check(&self, directory: &Path, level: &str, names: &[String]) -> Vec<String> {
        let (level, database) = (format!("_pkgverify_level {level}"), self.database());
        let files: Vec<String> = names.iter().map(|name| text(&directory.join(name))).collect();
        let mut arguments = vec!["--dbpath", &database, "--define", &level, "-K"];
        arguments.extend(files.iter().map(String::as_str));
        let (_, said) = self.system.run(self.home.path(), "rpmkeys", &arguments);
        let beginning = format!("{}/", text(directory));
        let lines = said.lines().filter_map(|line| line.strip_prefix(&beginning));
        lines.filter(|line| line.ends_with("OK")).map(str::to_owned).collect()
    }

    /// What it says of one package; nothing where it cannot read it.
    #[track_caller]
    pub fn verdict(&self, level: &str, bytes: &[u8]) -> String {
        let work = TempDir::new().unwrap();
        fs::write(work.path().join("x.rpm"), bytes).unwrap();
        let said = self.check(work.path(), level, &["x.rpm".to_owned()]);
        said.first().map(|line| line.trim_start_matches("x.rpm: ").to_owned()).unwrap_or_default()
    }

    /// One package that has to be good.
    #[track_caller]
    pub fn expect_good(&self, what: &str, bytes: &[u8]) {
        for level in ["all", "signature", "digest"] {
            assert_eq!(self.verdict(level, bytes), "digests signatures OK", "{what}, {level}");
        }
    }

    /// `rpm -i` into an empty root.
    pub fn install(&self, level: &str, options: &[&str], bytes: &[u8]) -> (bool, String) {
        let root = TempDir::new_in(self.home.path()).unwrap();
        let file = self.home.path().join("x.rpm");
        fs::write(&file, bytes).unwrap();
        let (root, file, level) = (text(root.path()), text(&file), format!("_pkgverify_level {level}"));
        for key in &self.keys {
            self.system.succeed(self.home.path(), "rpm", &["--root", &root, "--import", key]);
        }
        let fixed = ["--root", &root, "--define", &level, "-i", "--nodeps", "--ignorearch", "--ignoreos"];
        self.system.run(self.home.path(), "rpm", &[&fixed, options, &[file.as_str()]].concat())
    }
}

/// What createrepo_c says of packages, without what another front changes: digest, size, header range, and time.
pub fn createrepo_c(files: &[(String, Vec<u8>)]) -> String {
    let work = TempDir::new().unwrap();
    for (name, bytes) in files {
        fs::write(work.path().join(name), bytes).unwrap();
    }
    let arguments = ["--quiet", "--no-database", "--general-compress-type=gz", "--workers=1", "."];
    // that of PyPI: Debian's is of 2021. It fails at the end where it left out a package with control characters.
    let program = cache().join("venv/bin/createrepo_c");
    System::Here.run(work.path(), &text(&program), &arguments);
    let all = "cat repodata/*-primary.xml.gz repodata/*-filelists.xml.gz repodata/*-other.xml.gz | zcat";
    let said = System::Here.succeed(work.path(), "sh", &["-c", all]);
    let changed = ["<checksum type=", "<rpm:header-range", "<time file="];
    let lines = said.lines().filter(|line| !changed.iter().any(|start| line.trim().starts_with(start)));
    lines.map(|line| without(&without(line, " pkgid="), "<size package=") + "\n").collect()
}

/// A line without the value of an attribute.
fn without(line: &str, attribute: &str) -> String {
    let Some((before, rest)) = line.split_once(attribute) else { return line.to_owned() };
    let after = rest.split('"').skip(2).collect::<Vec<_>>().join("\"");
    format!("{before}{after}")
}

/// A path as an argument.
pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
