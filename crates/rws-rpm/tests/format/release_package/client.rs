//! Packages of one target, and a client that installs them.

use std::fs;

use rws_lab::PrivateSystem;
use rws_model::{BuiltPackage, ClientFormat, ClientKey, ClientSetup, PackageKeys, ReleasePackage, Target};
use rws_rpm::Rpm;

pub(super) const BASE: &str = "file:///srv";
pub(super) const NAME: &str = "rws-live-release";
pub(super) const KEY: &str = "/etc/pki/rpm-gpg/RPM-GPG-KEY-rws-live";
pub(super) const OWN: &str = "rws-live-1.10-el-9.repo";
pub(super) const YUM: &str = "/etc/yum.repos.d";
pub(super) const ZYPP: &str = "/etc/zypp/repos.d";

pub(super) fn target(version: &str) -> Target {
    let [kind, series, distribution] = ["live", "1.10", "el"].map(str::to_owned);
    Target { kind, series, distribution, version: version.to_owned() }
}

/// A package of `live/1.10/el/9` with these keys.
pub(super) fn package(version: &str, keys: &[&str], package_keys: Option<&str>) -> BuiltPackage {
    let target = target("9");
    let blocks: String = keys.iter().map(|key| format!("{key}\n")).collect();
    let package_keys = package_keys.map(|blocks| PackageKeys { blocks, url: "https://rws.example.org/p" });
    let key = ClientKey { armored: "", blocks: &blocks, binary: b"", url: "https://rws.example.org/k", package_keys };
    let setup = ClientSetup {
        base: BASE,
        target: &target,
        architectures: &[],
        components: &[],
        debug_packages: false,
        key: Some(key),
        packages_are_signed: false,
        at: None,
    };
    let package = ReleasePackage {
        name: "rws-live",
        version,
        built_at: 1_700_000_000,
        maintainer: "RWS <rws@example.org>",
        setup: &setup,
    };
    Rpm.release_package(&package).unwrap()
}

pub(super) fn versions() -> [BuiltPackage; 2] {
    [package("20231114.1", &["one key"], None), package("20231114.2", &["one key", "another key"], Some("of others\n"))]
}

/// What `/-/setup/` answers for a version of the distribution.
pub(super) fn by_hand(end: &str, version: &str) -> String {
    let target = target(version);
    let key = ClientKey { armored: "", blocks: "", binary: b"", url: "https://rws.example.org/k", package_keys: None };
    let setup = ClientSetup {
        base: BASE,
        target: &target,
        architectures: &[],
        components: &[],
        debug_packages: false,
        key: Some(key),
        packages_are_signed: false,
        at: None,
    };
    Rpm.setup_file(end, &setup).unwrap()
}

/// A client with a database of its own.
pub(super) struct Client {
    pub(super) system: PrivateSystem,
    pub(super) versions: [BuiltPackage; 2],
    /// Where its `.repo` files are, and the form of the one that the package writes there.
    pub(super) directory: &'static str,
    form: &'static str,
    /// The rpm of Debian 12 asks for an option before it changes a system.
    options: &'static [&'static str],
}

impl Client {
    pub(super) fn new(system: PrivateSystem, directory: &'static str, form: &'static str) -> Self {
        let has_option = system.run(&["rpm", "--force-debian", "--version"]).0;
        let options: &[&str] = if has_option { &["--force-debian"] } else { &[] };
        let client = Self { system, versions: versions(), directory, form, options };
        fs::create_dir_all(client.system.path(directory)).unwrap();
        fs::create_dir_all(client.system.path("/var/lib/rpm")).unwrap();
        if form == "yum" {
            client.system.succeed(&["mkdir", "-p", "/usr/share/yum-cli"]);
        }
        client
    }

    /// What the name of the client file below `/-/setup/` ends in.
    pub(super) fn end(&self) -> String {
        if self.form == "dnf" { "repo".to_owned() } else { format!("{}.repo", self.form) }
    }

    pub(super) fn rpm(&self, arguments: &[&str]) -> String {
        self.system.succeed(&[&["rpm", "--dbpath", "/var/lib/rpm"], self.options, arguments].concat())
    }

    /// What rpm says of the installation of the first or second version.
    #[track_caller]
    pub(super) fn install(&self, version: usize) -> String {
        let BuiltPackage { file: name, bytes } = &self.versions[version];
        self.system.write(&format!("/tmp/{name}"), bytes);
        // nothing that it requires is in this database
        let said = self.rpm(&["-U", "--nodeps", "--replacepkgs", &format!("/tmp/{name}")]);
        assert!(!said.contains("scriptlet failed"), "{said}");
        assert!(self.rpm(&["-q", NAME]).contains(name.as_str().trim_end_matches(".rpm")), "{said}");
        assert_eq!(self.rpm(&["--verify", "--nodeps", NAME]), "");
        said
    }

    #[track_caller]
    pub(super) fn remove(&self) -> String {
        let said = self.rpm(&["-e", NAME]);
        assert!(!said.contains("failed") && !self.system.path(KEY).exists(), "{said}");
        said
    }

    pub(super) fn files(&self) -> Vec<String> {
        self.system.names(self.directory)
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.system.path(&format!("{}/{name}", self.directory))).unwrap()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        self.system.write(&format!("{}/{name}", self.directory), text);
    }

    /// That the files are exactly the one of the package.
    #[track_caller]
    pub(super) fn expect_own(&self) {
        assert_eq!(self.files(), [OWN]);
        assert_eq!(
            self.read(OWN),
            self.system.succeed(&["cat", &format!("/usr/share/{NAME}/rws-live-1.10-el-9.{}", self.end())])
        );
    }
}

/// The lines of a script of the package, without those of rpm.
pub(super) fn said(output: &str) -> Vec<&str> {
    output.lines().filter(|line| line.starts_with("rws-live-release: ")).collect()
}
