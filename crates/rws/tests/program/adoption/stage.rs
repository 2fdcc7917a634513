//! What the tests share: packages in memory, where the original put them, and clients.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::contract::index;
use crate::support::apt::Apt;
use crate::support::curl::{self, Answer};
use crate::support::dnf::{self, Dnf};
use crate::support::form::File;
use crate::support::original::Original;
use crate::support::packages::deb::{Compression, Deb};
use crate::support::packages::rpm::Rpm;
use crate::support::packages::source::SourcePackage;
use crate::support::server::Server;
use crate::support::{file_name, read_file, temporary_directory};

/// What RWS is asked for, and what mkrepo is.
pub const DEB_TARGET: &str = "/release/2.8/ubuntu/focal";
pub const ARCHIVE: &str = "release/2.8/ubuntu";
pub const SUITE: &str = "release/2.8/ubuntu/dists/focal";
pub const POOL: &str = "release/2.8/ubuntu/pool/focal/main/r/rws";

pub const RPM_TARGET: &str = "/live/1.10/el/7";
pub const TREE: &str = "live/1.10/el/7/x86_64";
pub const ARM_TREE: &str = "live/1.10/el/7/aarch64";
pub const SOURCE_TREE: &str = "live/1.10/el/7/SRPMS";
pub const TREES: [&str; 3] = [TREE, ARM_TREE, SOURCE_TREE];
pub const PACKAGES: &str = "live/1.10/el/7/x86_64/Packages";

/// So much that whoever reads all of it is seen.
const BIG: usize = 5 << 19;

/// Packages, made once for all tests of this program. mkrepo can read them all.
pub struct Fixtures {
    pub deb: File,
    pub all_deb: File,
    pub arm_deb: File,
    /// larger than 2 MiB, and incompressible
    pub big_deb: File,
    /// the same identity and size as `big_deb`, other bytes
    pub other_big_deb: File,
    pub new_deb: File,
    /// .debian.tar.xz, .dsc, and .orig.tar.gz that is larger than 2 MiB
    pub source: Vec<File>,
    pub rpm: File,
    pub noarch_rpm: File,
    /// larger than 2 MiB, and incompressible
    pub big_rpm: File,
    /// the same identity and size as `big_rpm`, other bytes
    pub other_big_rpm: File,
    pub new_rpm: File,
    pub source_rpm: File,
    /// what mkrepo takes, and makes an XML document of that is not well-formed
    pub awkward_rpm: File,
}

pub static FIXTURES: LazyLock<Fixtures> = LazyLock::new(|| {
    let directory = temporary_directory();
    let read = |path: PathBuf| file(&path);
    let deb = |name, version, architecture| read(Deb::new(name, version, architecture).build(directory.path()));
    let big_deb = |seed| {
        // of one size, whatever the bytes
        let deb = Deb::new("rws-big", "1.0-1", "amd64").compression(Compression::None).uniform_compression(false);
        read(deb.file("usr/share/big", &random_bytes(seed)).build(directory.path()))
    };
    let rpm = |name, version| Rpm::new(name, version, "1.el7").url("https://example.invalid/");
    let big_rpm =
        |seed| read(rpm("rws-big", "1.0").payload("w.ufdio").padding(&random_bytes(seed)).build(directory.path()));
    let source = SourcePackage::new("rws-src", "1.0-1").padding(&random_bytes(3)).build(directory.path());
    let awkward = rpm("rws-one", "1.0~rc1+git3").epoch(2);
    Fixtures {
        deb: deb("rws-one", "1:1.0~rc1+git3-1", "amd64"),
        all_deb: deb("rws-all", "2.0-1", "all"),
        arm_deb: deb("rws-arm", "1.0-1", "arm64"),
        big_deb: big_deb(1),
        other_big_deb: big_deb(2),
        new_deb: deb("rws-new", "1.0-1", "amd64"),
        source: source.all().iter().map(|path| file(path)).collect(),
        rpm: read(awkward.build(directory.path())),
        noarch_rpm: read(rpm("rws-noarch", "3.0").architecture("noarch").build(directory.path())),
        big_rpm: big_rpm(1),
        other_big_rpm: big_rpm(2),
        new_rpm: read(rpm("rws-new", "1.0").build(directory.path())),
        source_rpm: read(rpm("rws-source", "1.0").padding(&random_bytes(4)).build_source(directory.path())),
        awkward_rpm: read(Rpm::new("rws-awkward", "1.0", "1").build(directory.path())),
    }
});

impl Fixtures {
    /// What [`original_debs`] puts into the pool, without sources.
    pub fn debs(&self) -> [&File; 4] {
        [&self.deb, &self.all_deb, &self.arm_deb, &self.big_deb]
    }

    /// What [`original_rpms`] puts into the tree of x86_64.
    pub fn rpms(&self) -> [&File; 3] {
        [&self.rpm, &self.noarch_rpm, &self.big_rpm]
    }
}

fn file(path: &Path) -> File {
    File { name: file_name(path), bytes: read_file(path) }
}

/// The same for the same seed (xorshift).
fn random_bytes(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..BIG / 8).flat_map(|_| next()).collect()
}

/// Puts all Debian packages where the original put them; their paths.
#[track_caller]
pub fn original_debs(original: &Original) -> Vec<String> {
    original.put_all(POOL, FIXTURES.debs().into_iter().chain(&FIXTURES.source))
}

/// Puts all rpm packages where the original put them: noarch in every architecture. Their paths.
#[track_caller]
pub fn original_rpms(original: &Original) -> Vec<String> {
    let mut paths = original.put_all(PACKAGES, FIXTURES.rpms());
    paths.extend(original.put_all(&format!("{ARM_TREE}/Packages"), [&FIXTURES.noarch_rpm]));
    paths.extend(original.put_all(&format!("{SOURCE_TREE}/Packages"), [&FIXTURES.source_rpm]));
    paths
}

pub fn get(server: &Server, path: &str) -> Answer {
    curl::get(&server.url(path))
}

/// Has RWS compare a target with what is stored, and waits for it.
#[track_caller]
pub fn post(server: &Server, target: &str) {
    let post = ["--request".to_owned(), "POST".to_owned()];
    curl::request(&server.url(&format!("{target}?wait=60")), Some(server.credentials()), &post).expect_status(200);
}

/// RWS has a head for all of a target's repositories, so many, and what that refers to is there, byte by byte.
#[track_caller]
pub fn expect_whole(original: &Original, target: &str, repositories: usize) {
    let said = original.command(&["verify", "--deep", target]).expect_success().everything();
    assert!(said.contains(&format!("\n{repositories} repositories are consistent")), "{said}");
}

pub fn names<'a>(files: impl IntoIterator<Item = &'a File>) -> BTreeSet<String> {
    files.into_iter().map(|file| file.name.clone()).collect()
}

/// The index of an architecture has exactly these packages, each with the digest of its file.
#[track_caller]
pub fn expect_debs<'a>(server: &Server, architecture: &str, wanted: impl IntoIterator<Item = &'a File>) {
    expect_debs_of(server, ARCHIVE, architecture, wanted);
}

#[track_caller]
pub fn expect_debs_of<'a>(
    server: &Server,
    archive: &str,
    architecture: &str,
    wanted: impl IntoIterator<Item = &'a File>,
) {
    let listed = index::packages(server, &format!("/{archive}"), "focal", architecture);
    expect_listed(server, archive, &listed, wanted);
}

/// The index of a repository has exactly these packages, each with the digest of its file.
#[track_caller]
pub fn expect_rpms<'a>(server: &Server, tree: &str, wanted: impl IntoIterator<Item = &'a File>) {
    let listed = index::primary(server, &format!("/{tree}"));
    expect_listed(server, tree, &listed, wanted);
}

#[track_caller]
fn expect_listed<'a>(
    server: &Server,
    base: &str,
    listed: &[(String, String)],
    wanted: impl IntoIterator<Item = &'a File>,
) {
    let wanted: Vec<&File> = wanted.into_iter().collect();
    let found = index::expect_files_agree(server, &format!("/{base}"), listed);
    assert_eq!(found.len(), wanted.len(), "in {base}: {found:?}");
    for file in wanted {
        let digest = listed.iter().find(|(location, _)| location.ends_with(&format!("/{}", file.name)));
        let digest = digest.unwrap_or_else(|| panic!("{} is not in the index of {base}: {listed:?}", file.name));
        assert_eq!(digest.1, index::sha256(&file.bytes), "{}", file.name);
    }
}

/// What was downloaded has the bytes of these files, under whatever names.
#[track_caller]
pub fn expect_downloaded<'a>(downloaded: &[PathBuf], wanted: impl IntoIterator<Item = &'a File>) {
    let wanted: Vec<&File> = wanted.into_iter().collect();
    let mut contents: Vec<Vec<u8>> = downloaded.iter().map(|path| read_file(path)).collect();
    let mut expected: Vec<&[u8]> = wanted.iter().map(|file| file.bytes.as_slice()).collect();
    contents.sort();
    expected.sort();
    assert!(contents == expected, "downloaded {downloaded:?} are not {:?}", names(wanted));
}

/// A client that knows the key of the original.
pub fn apt(original: &Original, archive_url: &str) -> Apt {
    Apt::signed_by(archive_url, "focal", &original.public_key())
}

/// The same.
pub fn dnf(original: &Original, tree_url: &str) -> Dnf {
    Dnf::new(&dnf::repo_file("rws", tree_url, &original.key_url()), "7")
}
