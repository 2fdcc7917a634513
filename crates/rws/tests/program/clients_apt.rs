//! The main job for Debian packages: upload with curl, read with the real apt and gpgv.

#![expect(clippy::expect_used, reason = "a test says so by failing")]

use crate::support::apt::{Apt, Sources};
use crate::support::curl::{self, Upload};
use crate::support::gpgv::{SecretKey, Verifier};
use crate::support::packages::deb::{Compression, Deb};
use crate::support::packages::real::{real_deb, real_source};
use crate::support::packages::source::SourcePackage;
use crate::support::program::Program;
use crate::support::server::Server;
use crate::support::storage::Storage;
use crate::support::{expect_same_files, file_name, temporary_directory, write_file};
use std::path::{Path, PathBuf};

const UPLOAD: &str = "/release/2.8/ubuntu/focal?wait=60";
const ARCHIVE: &str = "/release/2.8/ubuntu";
const SUITE: &str = "/release/2.8/ubuntu/dists/focal";
const SETUP: &str = "/-/setup/release/2.8/ubuntu/focal";
const KEY: &str = "/-/keys/main.asc";

/// Some real packages that together cover: arch:all, a foreign architecture, epochs, `~` and `+` in versions, `+` in a
/// package name, binary rebuilds (+b1), Multi-Arch same and foreign, dependencies and none.
const REAL_DEBS: [(&str, &str); 13] = [
    ("hello", "amd64"),
    ("hello", "arm64"),
    ("zlib1g", "amd64"),
    ("zlib1g", "arm64"),
    ("acme", "amd64"),
    ("architecture-properties", "amd64"),
    ("gobjc++", "amd64"),
    ("librust-sval+smallvec-dev", "amd64"),
    ("cowsay", "all"),
    ("golang-github-acarl005-stripansi-dev", "all"),
    ("isolinux", "all"),
    ("libjs-handlebars.runtime", "all"),
    ("node-strict-uri-encode", "all"),
];

#[track_caller]
fn publish(server: &Server, product: &str, files: &[PathBuf]) {
    Upload::to(UPLOAD).field("product", product).files(files).send(server).expect_created();
}

#[track_caller]
fn key(server: &Server) -> Vec<u8> {
    curl::get(&server.url(KEY)).expect_status(200).body
}

#[track_caller]
fn client(server: &Server) -> Apt {
    let apt = Apt::signed_by(&server.url(ARCHIVE), "focal", &key(server));
    apt.assume_installed("libc6", "2.36-9", "amd64");
    apt.assume_installed("libc6", "2.36-9", "arm64");
    apt
}

/// A small repository: one package for every architecture, one for amd64.
#[track_caller]
fn server_with_two_packages(storage: Storage, directory: &Path) -> Server {
    let server = Server::on(storage);
    let files =
        [Deb::new("rws-all", "1.0-1", "all").build(directory), Deb::new("rws-one", "1.0-1", "amd64").build(directory)];
    publish(&server, "product", &files);
    server
}

crate::on_every_storage! {
    real_packages_are_updated_installed_and_identical,
    real_sources_are_downloaded_and_unpack,
    built_sources_of_every_shape_are_downloaded,
    every_compression_is_installed,
    awkward_versions_sort_as_dpkg_sorts_them,
    architectures_are_kept_apart_and_all_is_in_each,
    ready_made_sources_file_works,
    ready_made_list_file_works,
    apt_sees_new_packages_and_nothing_when_nothing_changed,
    another_key_is_refused,
    gpgv_accepts_all_signatures,
    every_listed_index_is_served_with_its_checksum,
    kill_after_the_answer_loses_nothing_and_the_key_stays,
}

fn real_packages_are_updated_installed_and_identical(storage: Storage) {
    let server = Server::on(storage);
    let debs = REAL_DEBS.map(|(name, architecture)| real_deb(name, architecture));
    publish(&server, "real", &debs.clone().map(|deb| deb.path));
    let apt = client(&server);
    apt.update().expect_clean();

    // zlib1g is Multi-Arch: same, so both architectures go together; hello is not, so arm64's comes in a call of its own.
    let native = [
        ("hello", "amd64"),
        ("zlib1g", "amd64"),
        ("acme", "amd64"),
        ("architecture-properties", "amd64"),
        ("golang-github-acarl005-stripansi-dev", "all"),
        ("isolinux", "all"),
        ("libjs-handlebars.runtime", "all"),
        ("node-strict-uri-encode", "all"),
    ];
    let names: Vec<&str> = native.iter().map(|(name, _)| *name).chain(["zlib1g:arm64"]).collect();
    apt.install(&names).expect_clean();
    let installed = apt.install(&["hello:arm64"]).expect_clean();
    let foreign = [("hello", "arm64"), ("zlib1g", "arm64")];
    let uploaded = native.iter().chain(&foreign).map(|(name, architecture)| real_deb(name, architecture).path);
    expect_same_files(&installed.files, &uploaded.collect::<Vec<_>>());

    // Packages whose dependencies are not here can at least be found, in their versions.
    for deb in debs {
        let known = apt.cache(&["madison", &deb.package]).expect_clean().output();
        assert!(madison_versions(&known).contains(&deb.version.as_str()), "{} {}:\n{known}", deb.package, deb.version);
    }
}

fn real_sources_are_downloaded_and_unpack(storage: Storage) {
    let server = Server::on(storage);
    for name in ["hello", "architecture-properties", "acme"] {
        publish(&server, name, &real_source(name).all());
    }
    let apt = client(&server);
    apt.update().expect_clean();
    for name in ["hello", "architecture-properties", "acme"] {
        let source = real_source(name);
        let downloaded = apt.source(name).expect_clean();
        expect_same_files(&downloaded.files, &source.all());
        let home = temporary_directory();
        let dsc =
            downloaded.files.iter().find(|path| file_name(path).ends_with(".dsc")).expect("a .dsc was downloaded");
        let unpack = Program::new("dpkg-source", home.path()).args(["--no-check", "--extract"]).arg(dsc);
        unpack.arg(home.path().join("tree")).succeed();
    }
    let hello = apt.source("hello").expect_clean().file_names();
    assert!(hello.contains(&"hello_2.10.orig.tar.gz.asc".to_owned()), "{hello:?}");
}

fn built_sources_of_every_shape_are_downloaded(storage: Storage) {
    let server = Server::on(storage);
    let directory = temporary_directory();
    let sources = [
        ("rws-native", SourcePackage::new("rws-native", "1:2.0~rc1+git3").build(directory.path())),
        (
            "rws-quilt",
            SourcePackage::new("rws-quilt", "1.0+dfsg-1~bpo1")
                .component("extra")
                .upstream_signature()
                .build(directory.path()),
        ),
    ];
    for (_, source) in &sources {
        publish(&server, "product", &source.all());
    }
    let apt = client(&server);
    apt.update().expect_clean();
    for (name, source) in &sources {
        expect_same_files(&apt.source(name).expect_clean().files, &source.all());
    }
}

fn every_compression_is_installed(storage: Storage) {
    let server = Server::on(storage);
    let directory = temporary_directory();
    let mut files = Vec::new();
    for compression in [Compression::Xz, Compression::Gzip, Compression::Zstd, Compression::None] {
        for uniform in [true, false] {
            let name = format!("rws-{}-{}", compression.name(), if uniform { "uniform" } else { "plain" });
            let deb = Deb::new(&name, "1.0-1", "amd64").compression(compression).uniform_compression(uniform);
            files.push(deb.build(directory.path()));
        }
    }
    publish(&server, "product", &files);
    let apt = client(&server);
    apt.update().expect_clean();
    let names: Vec<String> =
        files.iter().filter_map(|path| Some(file_name(path).split_once('_')?.0.to_owned())).collect();
    let installed = apt.install(&names.iter().map(String::as_str).collect::<Vec<_>>()).expect_clean();
    expect_same_files(&installed.files, &files);
}

fn awkward_versions_sort_as_dpkg_sorts_them(storage: Storage) {
    let server = Server::on(storage);
    let directory = temporary_directory();
    let versions = ["1:1.0~rc1-1", "1:1.0~~-1", "1:1.0-1", "1:1.0+dfsg-1~bpo12+1", "2.0-1"];
    let files: Vec<PathBuf> =
        versions.iter().map(|version| Deb::new("rws-version", version, "amd64").build(directory.path())).collect();
    publish(&server, "product", &files);
    let apt = client(&server);
    apt.update().expect_clean();

    let known = apt.cache(&["madison", "rws-version"]).expect_clean().output();
    assert_eq!(madison_versions(&known), ["1:1.0+dfsg-1~bpo12+1", "1:1.0-1", "1:1.0~rc1-1", "1:1.0~~-1", "2.0-1"]);

    for (version, file) in versions.iter().zip(&files) {
        let fresh = client(&server);
        fresh.update().expect_clean();
        let installed = fresh.install(&[&format!("rws-version={version}")]).expect_clean();
        expect_same_files(&installed.files, std::slice::from_ref(file));
    }
}

fn architectures_are_kept_apart_and_all_is_in_each(storage: Storage) {
    let server = Server::on(storage);
    let directory = temporary_directory();
    let common = Deb::new("rws-common", "1.0-1", "all").field("Multi-Arch", "foreign").build(directory.path());
    let both = ["amd64", "arm64"].map(|architecture| {
        let deb = Deb::new("rws-both", "1.0-1", architecture).field("Multi-Arch", "same");
        deb.field("Depends", "rws-common (= 1.0-1)").build(directory.path())
    });
    let files = [vec![common], both.to_vec()].concat();
    publish(&server, "product", &files);
    let apt = client(&server);
    apt.update().expect_clean();
    let installed = apt.install(&["rws-both:amd64", "rws-both:arm64"]).expect_clean();
    expect_same_files(&installed.files, &files);
}

fn ready_made_sources_file_works(storage: Storage) {
    let directory = temporary_directory();
    let server = server_with_two_packages(storage, directory.path());
    let text = curl::get(&server.url(&format!("{SETUP}.sources"))).expect_status(200).text();
    let apt = Apt::from_server(&Sources::Deb822(&text), &key(&server));
    apt.update().expect_clean();
    assert_eq!(apt.install(&["rws-all", "rws-one"]).expect_clean().files.len(), 2, "{text}");
}

fn ready_made_list_file_works(storage: Storage) {
    let directory = temporary_directory();
    let server = server_with_two_packages(storage, directory.path());
    let text = curl::get(&server.url(&format!("{SETUP}.list"))).expect_status(200).text();
    let apt = Apt::from_server(&Sources::OneLine(&text), &key(&server));
    apt.update().expect_clean();
    assert_eq!(apt.install(&["rws-all", "rws-one"]).expect_clean().files.len(), 2, "{text}");
}

fn apt_sees_new_packages_and_nothing_when_nothing_changed(storage: Storage) {
    let directory = temporary_directory();
    let server = server_with_two_packages(storage, directory.path());
    let apt = client(&server);
    apt.update().expect_clean();
    let again = apt.update().expect_clean().output();
    assert!(again.contains("Hit:1") && !again.contains("Get:"), "{again}");
    publish(&server, "product", &[Deb::new("rws-new", "1.0-1", "amd64").build(directory.path())]);
    let changed = apt.update().expect_clean().output();
    assert!(changed.contains("Get:1"), "{changed}");
    assert_eq!(apt.install(&["rws-new"]).expect_clean().file_names(), ["rws-new_1.0-1_amd64.deb"]);
}

fn another_key_is_refused(storage: Storage) {
    let directory = temporary_directory();
    let server = server_with_two_packages(storage, directory.path());
    let stranger = SecretKey::generate("ed25519").public_armored();
    let apt = Apt::signed_by(&server.url(ARCHIVE), "focal", &stranger);
    apt.update().expect_complaint("NO_PUBKEY").ran.expect_failure();
}

fn gpgv_accepts_all_signatures(storage: Storage) {
    let directory = temporary_directory();
    let server = server_with_two_packages(storage, directory.path());
    let verifier = Verifier::new(&key(&server));
    let file = |name: &str| curl::get(&server.url(&format!("{SUITE}/{name}"))).expect_status(200).body;
    let (inline, text) = verifier.verify_inline(&file("InRelease"));
    let release = file("Release");
    let detached = verifier.verify_detached(&release, &file("Release.gpg"));
    assert_eq!(String::from_utf8_lossy(&text), String::from_utf8_lossy(&release));
    assert_eq!(inline.fingerprint, detached.fingerprint);
    for signature in [inline, detached] {
        assert!([8, 9, 10].contains(&signature.hash_algorithm), "SHA-2 is wanted, not {}", signature.hash_algorithm);
    }
    verifier.run_detached(&[release.as_slice(), b"more\n"].concat(), &file("Release.gpg")).expect_failure();
}

fn every_listed_index_is_served_with_its_checksum(storage: Storage) {
    let directory = temporary_directory();
    let server = server_with_two_packages(storage, directory.path());
    let release = curl::get(&server.url(&format!("{SUITE}/Release"))).expect_status(200).text();
    let sums = release.split("\nSHA256:").nth(1).expect("Release lists SHA256 sums");
    let mut seen = 0;
    for line in sums.lines().skip(1).take_while(|line| line.starts_with(' ')) {
        let [digest, size, name] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("a strange line: {line}")
        };
        let directory = Path::new(name).parent().expect("an index lies in a directory").display().to_string();
        // The plain form of an index must be listed, but need not exist (apt never asks for it).
        let plain = Path::new(name).extension().is_none();
        for path in [format!("{SUITE}/{name}"), format!("{SUITE}/{directory}/by-hash/SHA256/{digest}")] {
            let answer = curl::get(&server.url(&path));
            if plain && answer.status == 404 {
                continue;
            }
            let body = answer.expect_status(200).body;
            assert_eq!((body.len().to_string().as_str(), sha256(&body).as_str()), (size, digest), "{path}");
            seen += 1;
        }
    }
    assert!(seen > 0, "Release lists nothing:\n{release}");
}

fn kill_after_the_answer_loses_nothing_and_the_key_stays(storage: Storage) {
    let directory = temporary_directory();
    let mut server = server_with_two_packages(storage, directory.path());
    let key_before = key(&server);
    let late = Deb::new("rws-late", "1.0-1", "amd64").build(directory.path());
    let upload = Upload::to("/release/2.8/ubuntu/focal").field("product", "product").file(&late);
    upload.send(&server).expect_created();
    server.restart();
    assert_eq!(key(&server), key_before);
    let names_it = |packages: &str| packages.contains("Package: rws-late\n") && packages.contains("Package: rws-one\n");
    server.wait_for_body(&format!("{SUITE}/main/binary-amd64/Packages.gz"), names_it);
    let apt = client(&server);
    apt.update().expect_clean();
    expect_same_files(&apt.install(&["rws-late"]).expect_clean().files, &[late]);
    assert!(server.terminate().success(), "SIGTERM is a regular end");
}

/// The versions in the output of `apt-cache madison`, in its order: the highest first.
fn madison_versions(madison: &str) -> Vec<&str> {
    madison.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim())).collect()
}

fn sha256(bytes: &[u8]) -> String {
    let directory = temporary_directory();
    let file = directory.path().join("bytes");
    write_file(&file, bytes);
    let output = Program::new("sha256sum", directory.path()).arg(&file).succeed().output();
    output.split_whitespace().next().unwrap_or_default().to_owned()
}
