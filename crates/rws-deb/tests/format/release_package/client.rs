//! Packages of one target, and a client that installs them.

use std::fs;

use rws_deb::Deb;
use rws_lab::PrivateSystem;
use rws_model::{BuiltPackage, ClientFormat, ClientKey, ClientSetup, ReleasePackage, Target};

pub(super) const BASE: &str = "file:///srv";
pub(super) const PARTS: &str = "/etc/apt/sources.list.d";
pub(super) const KEYRING: &str = "/usr/share/keyrings/rws-live-archive-keyring.gpg";
pub(super) const OWN: &str = "rws-live-1.10-debian-bookworm.sources";
pub(super) const ARMORED: &str =
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nbm8ga2V5\n-----END PGP PUBLIC KEY BLOCK-----\n";

pub(super) fn target(version: &str) -> Target {
    let [kind, series, distribution] = ["live", "1.10", "debian"].map(str::to_owned);
    Target { kind, series, distribution, version: version.to_owned() }
}

/// A package of `live/1.10/debian/bookworm` with these keys.
pub(super) fn package(version: &str, architectures: &[&str], keys: &[&[u8]]) -> BuiltPackage {
    let architectures: Vec<String> = architectures.iter().map(|name| (*name).to_owned()).collect();
    let target = target("bookworm");
    let binary = keys.concat();
    let key = ClientKey { armored: ARMORED, blocks: ARMORED, binary: &binary, url: "u", package_keys: None };
    let setup = ClientSetup {
        base: BASE,
        target: &target,
        architectures: &architectures,
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
    Deb.release_package(&package).unwrap()
}

/// The first version of the package, and the second one, with other keys and architectures.
pub(super) fn versions() -> [BuiltPackage; 2] {
    [
        package("20231114.1", &["amd64"], &[b"one key"]),
        package("20231114.2", &["amd64", "arm64"], &[b"one key", b"another key"]),
    ]
}

/// What `/-/setup/` answers for a suite.
pub(super) fn by_hand(end: &str, suite: &str) -> String {
    let target = target(suite);
    let key = ClientKey {
        armored: ARMORED,
        blocks: ARMORED,
        binary: b"",
        url: "https://rws.example.org/k",
        package_keys: None,
    };
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
    Deb.setup_file(end, &setup).unwrap()
}

/// A client with an own idea of what is installed.
pub(super) struct Client {
    pub(super) system: PrivateSystem,
    pub(super) versions: [BuiltPackage; 2],
}

impl Client {
    pub(super) fn new(system: PrivateSystem) -> Self {
        let client = Self { system, versions: versions() };
        for directory in [
            "var/lib/dpkg/info",
            "var/lib/dpkg/updates",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "etc/apt/trusted.gpg.d",
            "etc/apt/auth.conf.d",
        ] {
            fs::create_dir_all(client.system.path(directory)).unwrap();
        }
        client.system.write("var/lib/dpkg/status", "");
        client
    }

    /// What dpkg says of the installation of the first or second version.
    #[track_caller]
    pub(super) fn install(&self, version: usize) -> String {
        let BuiltPackage { file: name, bytes } = &self.versions[version];
        self.system.write(&format!("/tmp/{name}"), bytes);
        let said = self.system.succeed(&["dpkg", "--install", &format!("/tmp/{name}")]);
        let installed = self.system.succeed(&[
            "dpkg-query",
            "--show",
            "--showformat=${Status} ${Version}",
            "rws-live-archive-keyring",
        ]);
        assert!(installed.starts_with("install ok installed 20231114."), "{installed}: {said}");
        said
    }

    #[track_caller]
    pub(super) fn remove(&self, how: &str) -> String {
        let said = self.system.succeed(&["dpkg", how, "rws-live-archive-keyring"]);
        // nothing is left that would make the next installation no first one
        assert!(!self.system.run(&["dpkg-query", "--status", "rws-live-archive-keyring"]).0, "{said}");
        assert!(!self.system.run(&["test", "-e", KEYRING]).0);
        said
    }

    pub(super) fn sources(&self) -> Vec<String> {
        self.system.names(PARTS)
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.system.path(&format!("{PARTS}/{name}"))).unwrap()
    }

    /// That the sources are exactly the one of the package, in this form.
    #[track_caller]
    pub(super) fn expect_own(&self, form: &str) {
        let own = OWN.replace("sources", form);
        assert_eq!(self.sources(), [own.as_str()]);
        let shipped = self
            .system
            .succeed(&["cat", &format!("/usr/share/rws-live-archive-keyring/rws-live-1.10-debian-bookworm.{form}")]);
        assert_eq!(self.read(&own), shipped);
        self.expect_no_error();
    }

    /// apt stops at conflicting sources before it does anything.
    #[track_caller]
    pub(super) fn expect_no_error(&self) {
        let (success, said) = self.system.run(&["apt-get", "indextargets"]);
        assert!(success && !said.contains("E: ") && !said.contains("W: "), "{said}");
    }
}

/// The lines of a script of the package, without those of dpkg.
pub(super) fn said(output: &str) -> Vec<&str> {
    output.lines().filter(|line| line.starts_with("rws-live-archive-keyring: ")).collect()
}
