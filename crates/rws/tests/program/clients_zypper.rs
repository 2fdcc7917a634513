//! The main job for rpm packages: upload with curl, read with the real zypper.

use crate::support::curl::{self, Upload};
use crate::support::gpgv::SecretKey;
use crate::support::packages::rpm::Rpm;
use crate::support::server::Server;
use crate::support::storage::Storage;
use crate::support::zypper::{self, Zypper};
use crate::support::{expect_same_files, temporary_directory, write_file};
use std::path::PathBuf;
use tempfile::TempDir;

const UPLOAD: &str = "/live/1.10/opensuse-leap/15.2?wait=60";
const TREE: &str = "/live/1.10/opensuse-leap/15.2";
const SETUPS: [&str; 2] =
    ["/-/setup/live/1.10/opensuse-leap/15.2.zypper.repo", "/-/setup/live/1.10/opensuse-leap/15.2.repo"];
const KEY: &str = "/-/keys/main.asc";

struct Published {
    server: Server,
    binary: PathBuf,
    noarch: PathBuf,
    directory: TempDir,
}

#[track_caller]
fn publish(server: &Server, files: &[PathBuf]) {
    Upload::to(UPLOAD).files(files).send(server).expect_created();
}

#[track_caller]
fn published(storage: Storage) -> Published {
    let directory = temporary_directory();
    let awkward = Rpm::new("rws-awkward", "1.0~rc1+git3", "1.lp152").epoch(2).tag("Requires", "rws-noarch >= 3.0");
    let published = Published {
        server: Server::on(storage),
        binary: awkward.build(directory.path()),
        noarch: Rpm::new("rws-noarch", "3.0", "1").architecture("noarch").build(directory.path()),
        directory,
    };
    let source = awkward.build_source(published.directory.path());
    publish(&published.server, &[published.binary.clone(), published.noarch.clone(), source]);
    published
}

/// A client by address.
#[track_caller]
fn client(server: &Server) -> Zypper {
    let zypper = Zypper::new();
    let text = zypper::repo_file("rws", &server.url(&format!("{TREE}/x86_64")), &server.url(KEY));
    zypper.add_repo_file(&text).expect_success();
    zypper
}

/// Names, versions and architectures that a search finds, sorted.
#[track_caller]
fn search(zypper: &Zypper, arguments: &[&str]) -> Vec<String> {
    let found = zypper.search(arguments).into_iter();
    let mut lines: Vec<String> =
        found.map(|found| format!("{} {} {}", found.name, found.version, found.architecture)).collect();
    lines.sort();
    lines
}

crate::on_every_storage! {
    packages_are_found_and_downloaded_by_address,
    sources_are_found,
    the_key_beside_the_metadata_is_enough,
    ready_made_repo_file_works,
    zypper_sees_new_packages,
    an_unknown_key_is_refused,
    another_key_is_not_enough,
}

fn packages_are_found_and_downloaded_by_address(storage: Storage) {
    let published = published(storage);
    let zypper = client(&published.server);
    zypper.refresh().expect_success();
    let wanted = ["rws-awkward 2:1.0~rc1+git3-1.lp152 x86_64", "rws-noarch 3.0-1 noarch"];
    assert_eq!(search(&zypper, &["--type", "package"]), wanted);
    // Naming one package is enough: the other is its dependency.
    expect_same_files(&zypper.install(&["rws-awkward"]), &[published.binary.clone(), published.noarch.clone()]);
}

fn sources_are_found(storage: Storage) {
    let published = published(storage);
    let zypper = Zypper::new();
    let base = published.server.url(&format!("{TREE}/SRPMS"));
    zypper.add_repo_file(&zypper::repo_file("rws-source", &base, &published.server.url(KEY))).expect_success();
    zypper.refresh().expect_success();
    let found = zypper.search(&["--type", "srcpackage"]);
    let names: Vec<&str> = found.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["rws-awkward"]);
}

fn the_key_beside_the_metadata_is_enough(storage: Storage) {
    let published = published(storage);
    let zypper = Zypper::new();
    // Without gpgkey=, zypper offers the key it finds as repodata/repomd.xml.key.
    zypper.add_repo(&published.server.url(&format!("{TREE}/x86_64")), Some("rws")).expect_success();
    zypper.refresh().expect_success();
    assert_eq!(zypper.search(&["--type", "package"]).len(), 2);
}

fn ready_made_repo_file_works(storage: Storage) {
    let published = published(storage);
    for setup in SETUPS {
        let text = curl::get(&published.server.url(setup)).expect_status(200).text();
        assert!(text.contains("repo_gpgcheck=1"), "the metadata's signature must be checked:\n{text}");
        let zypper = Zypper::new();
        // what docs/clients.md explains
        let said = zypper.add_repo_as_it_is(&published.server.url(setup)).expect_success().everything();
        assert!(said.contains("GPG checking is disabled in configuration of repository"), "{said}");
        let said = zypper.refresh_without_import().expect_failure().everything();
        assert!(said.contains("Signature verification failed"), "{said}");
        zypper.refresh().expect_success();
        expect_same_files(&zypper.install(&["rws-awkward"]), &[published.binary.clone(), published.noarch.clone()]);
    }
}

fn zypper_sees_new_packages(storage: Storage) {
    let published = published(storage);
    let zypper = client(&published.server);
    zypper.refresh().expect_success();
    let newer = Rpm::new("rws-awkward", "1.0", "1.lp152").epoch(2).build(published.directory.path());
    publish(&published.server, std::slice::from_ref(&newer));
    zypper.refresh_without_import().expect_success();
    let versions = search(&zypper, &["--type", "package", "--match-exact", "rws-awkward"]);
    assert_eq!(versions, ["rws-awkward 2:1.0-1.lp152 x86_64", "rws-awkward 2:1.0~rc1+git3-1.lp152 x86_64"]);
    expect_same_files(&zypper.install(&["rws-awkward"]), &[newer]);
}

fn an_unknown_key_is_refused(storage: Storage) {
    let published = published(storage);
    let zypper = client(&published.server);
    let said = zypper.refresh_without_import().expect_failure().everything();
    assert!(said.contains("Signature verification failed"), "{said}");
}

fn another_key_is_not_enough(storage: Storage) {
    let published = published(storage);
    let stranger = published.directory.path().join("stranger.asc");
    write_file(&stranger, SecretKey::generate("ed25519").public_armored());
    let zypper = Zypper::new();
    let base = published.server.url(&format!("{TREE}/x86_64"));
    let text = zypper::repo_file("rws", &base, &format!("file://{}", stranger.display()));
    zypper.add_repo_file(&text).expect_success();
    // The stranger's key may be offered, but it must not be what makes the repository good.
    let said = zypper.refresh_without_import().expect_failure().everything();
    assert!(said.contains("Signature verification failed"), "{said}");
}
