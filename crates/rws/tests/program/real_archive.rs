//! `rws index` over some hundred real packages of Debian, judged by apt-ftparchive, dpkg and apt.

#![expect(clippy::unwrap_used, reason = "a test says so by failing")]

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::apt::{Apt, Sources};
use crate::support::packages::deb::Deb;
use crate::support::packages::real::{real_debs, real_source_files};
use crate::support::program::Program;
use crate::support::{file_name, files_below, read_file, temporary_directory, write_file};

const SUITE: &str = "dists/focal/main";

/// Versions that text and dpkg order in different ways, in the order of dpkg.
const VERSIONS: [&str; 7] = ["0.9-1", "1.0~rc1-1", "1.0-1~bpo12+1", "1.0-1", "1.0-1+b1", "1.0-10", "1:0.1-1"];

/// Puts files into the pool as an archive lays them out, and lets `rws index` make a repository of it.
#[track_caller]
fn index(place: &Path, files: &[PathBuf]) {
    for path in files {
        let name = file_name(path);
        let package = name.split('_').next().unwrap();
        write_file(&place.join("pool/focal/main").join(&package[..1]).join(package).join(&name), read_file(path));
    }
    let home = temporary_directory();
    let said = Program::new(env!("CARGO_BIN_EXE_rws"), home.path()).arg("index").arg(place).succeed().output();
    assert!(said.contains("focal: published"), "{said}");
}

/// The stanzas of an index, each with its last line break.
fn unpacked(index: &Path) -> Vec<u8> {
    let directory = temporary_directory();
    Program::new("gzip", directory.path()).args(["--decompress", "--stdout"]).arg(index).succeed().output().into_bytes()
}

fn stanzas(index: &[u8]) -> Vec<String> {
    let text = String::from_utf8(index.to_vec()).unwrap();
    text.split_inclusive("\n\n").map(|stanza| format!("{}\n", stanza.trim_end_matches('\n'))).collect()
}

/// What apt-ftparchive writes for the pool.
#[track_caller]
fn reference(command: &str, place: &Path) -> Vec<String> {
    let home = temporary_directory();
    let without_sha512 = ["-o", "APT::FTPArchive::SHA512=false", "-o", "APT::FTPArchive::AlwaysStat=true"];
    let program = Program::new("apt-ftparchive", home.path()).args(without_sha512).args([command, "pool"]);
    stanzas(&program.current_dir(place).succeed().stdout)
}

#[track_caller]
fn field<'a>(stanza: &'a str, name: &str) -> &'a str {
    stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap()
}

/// The order of two versions by dpkg.
fn dpkg_order(left: &str, right: &str) -> Ordering {
    let is = |relation: &str| {
        let home = temporary_directory();
        Program::new("dpkg", home.path()).args(["--compare-versions", left, relation, right]).run().succeeded()
    };
    if is("lt") {
        Ordering::Less
    } else if is("eq") {
        Ordering::Equal
    } else {
        Ordering::Greater
    }
}

/// Name, then version as dpkg orders it, then architecture.
#[track_caller]
fn expect_order(stanzas: &[String]) {
    for pair in stanzas.windows(2) {
        let [left, right] = [&pair[0], &pair[1]];
        let compare = |name: &str| field(left, name).cmp(field(right, name));
        let order = compare("Package")
            .then_with(|| dpkg_order(field(left, "Version"), field(right, "Version")))
            .then_with(|| compare("Architecture"));
        assert_eq!(order, Ordering::Less, "these two are in the wrong order:\n{left}\n{right}");
    }
}

/// The same stanzas, in whatever order.
#[track_caller]
fn expect_same_stanzas(ours: &[String], theirs: &[String]) {
    let sorted = |stanzas: &[String]| {
        let mut sorted = stanzas.to_vec();
        sorted.sort();
        sorted
    };
    for (ours, theirs) in sorted(ours).iter().zip(&sorted(theirs)) {
        assert_eq!(ours, theirs, "RWS left, apt-ftparchive right");
    }
    assert_eq!(ours.len(), theirs.len(), "RWS left, apt-ftparchive right");
}

#[test]
fn packages_are_those_of_apt_ftparchive_in_the_order_of_dpkg() {
    let (place, built) = (temporary_directory(), temporary_directory());
    let mut files = real_debs();
    assert!(files.len() >= 300, "there are only {} real packages: run tests/setup", files.len());
    // The archive has one version of each package; here are more of one.
    for (architecture, version) in ["amd64", "arm64"].iter().flat_map(|name| VERSIONS.map(|version| (name, version))) {
        files.push(Deb::new("hello", version, architecture).build(built.path()));
    }
    index(place.path(), &files);

    let expected = reference("packages", place.path());
    assert_eq!(expected.len(), files.len(), "apt-ftparchive has all packages");
    let mut counts = BTreeMap::new();
    // the packages of Debian's installer (.udeb) have indexes of their own
    for part in ["", "debian-installer/"] {
        for architecture in ["amd64", "arm64", "all"] {
            let index = place.path().join(SUITE).join(format!("{part}binary-{architecture}/Packages.gz"));
            let ours = stanzas(&unpacked(&index));
            let belongs = |stanza: &&String| {
                let is_installers = field(stanza, "Filename").ends_with(".udeb");
                is_installers != part.is_empty() && [architecture, "all"].contains(&field(stanza, "Architecture"))
            };
            let theirs: Vec<String> = expected.iter().filter(belongs).cloned().collect();
            expect_same_stanzas(&ours, &theirs);
            expect_order(&ours);
            counts.insert(format!("{part}{architecture}"), ours.len());
        }
    }
    assert!(counts["debian-installer/amd64"] > 0 && counts["amd64"] > 100, "{counts:?}");
    let hello: Vec<&String> = expected.iter().filter(|stanza| field(stanza, "Package") == "hello").collect();
    assert!(hello.len() > 2 * VERSIONS.len(), "the real hello and the built ones");
    println!("{} packages; in the indexes: {counts:?}", files.len());
}

#[test]
fn sources_are_those_of_apt_ftparchive_and_apt_get_source_unpacks_them() {
    sources_are_unpacked(4);
}

#[test]
fn apt_get_source_unpacks_every_one() {
    sources_are_unpacked(1);
}

/// Indexes all real sources, and unpacks one in so many of them.
#[track_caller]
fn sources_are_unpacked(one_in: usize) {
    let place = temporary_directory();
    index(place.path(), &real_source_files());
    let ours = stanzas(&unpacked(&place.path().join(SUITE).join("source/Sources.gz")));
    assert!(ours.len() >= 40, "there are only {} real sources: run tests/setup", ours.len());
    expect_same_stanzas(&ours, &reference("sources", place.path()));
    let names: Vec<&str> = ours.iter().map(|stanza| field(stanza, "Package")).collect();
    assert!(names.is_sorted(), "{names:?}");

    let apt =
        Apt::new(&Sources::OneLine(&format!("deb-src [trusted=yes] file:{} focal main\n", place.path().display())));
    apt.update().expect_clean();
    let ours: Vec<&String> = ours.iter().step_by(one_in).collect();
    let names: Vec<&str> = ours.iter().map(|stanza| field(stanza, "Package")).collect();
    apt.get(&[&["source"], names.as_slice()].concat()).expect_clean();
    for stanza in &ours {
        let (_, version) = field(stanza, "Version").split_once(':').unwrap_or(("", field(stanza, "Version")));
        let native = stanza.contains("\nFormat: 3.0 (native)\n") || !version.contains('-');
        let upstream = if native { version } else { version.rsplit_once('-').unwrap().0 };
        let tree = apt.path(&format!("{}-{upstream}", field(stanza, "Package")));
        assert!(tree.join("debian/changelog").is_file(), "{} is not unpacked", tree.display());
    }
    println!("{} sources are unpacked, {} files", ours.len(), files_below(&apt.path(".")).len());
}
