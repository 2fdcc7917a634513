//! The main job for rpm packages: upload with curl, read with the real dnf and gpgv.

use crate::support::curl::{self, Upload};
use crate::support::dnf::{self, Dnf};
use crate::support::gpgv::{SecretKey, Verifier};
use crate::support::packages::real::shared_rpm;
use crate::support::packages::rpm::Rpm;
use crate::support::server::{Options, Server};
use crate::support::storage::Storage;
use crate::support::{expect_same_files, files_below, temporary_directory};
use std::path::PathBuf;
use tempfile::TempDir;

const UPLOAD: &str = "/live/1.10/el/7?wait=60";
const TREE: &str = "/live/1.10/el/7";
const KEY: &str = "/-/keys/main.asc";

/// A server with packages of every kind, and the files that were uploaded.
struct Published {
    server: Server,
    binary: PathBuf,
    arm: PathBuf,
    noarch: PathBuf,
    sources: [PathBuf; 2],
    _directory: TempDir,
}

fn awkward() -> Rpm {
    Rpm::new("rws-awkward", "1.0~rc1+git3", "1.el7").epoch(2).tag("Requires", "/bin/sh").tag("Recommends", "(a if b)")
}

fn noarch() -> Rpm {
    Rpm::new("rws-noarch", "3.0", "1").architecture("noarch").tag("Provides", "rws-virtual = 1:3.0")
}

#[track_caller]
fn publish(server: &Server, files: &[PathBuf]) {
    Upload::to(UPLOAD).files(files).send(server).expect_created();
}

#[track_caller]
fn published(storage: Storage) -> Published {
    let directory = temporary_directory();
    let path = directory.path();
    let published = Published {
        server: Server::on(storage),
        binary: awkward().build(path),
        arm: awkward().architecture("aarch64").build(path),
        noarch: noarch().build(path),
        sources: [awkward().build_source(path), noarch().build_source(path)],
        _directory: directory,
    };
    let Published { server, binary, arm, noarch, sources, .. } = &published;
    publish(server, &[vec![binary.clone(), arm.clone(), noarch.clone()], sources.to_vec()].concat());
    published
}

/// A client by address: the repository of an architecture, and the one of the sources.
#[track_caller]
fn client(server: &Server, architecture: &'static str) -> Dnf {
    let repository =
        |id: &str, directory: &str| dnf::repo_file(id, &server.url(&format!("{TREE}/{directory}")), &server.url(KEY));
    let sources = repository("rws-source", "SRPMS").replace("enabled=1", "enabled=0");
    Dnf::with_architecture(&format!("{}\n{sources}", repository("rws", architecture)), "7", architecture)
}

crate::on_every_storage! {
    packages_are_listed_and_downloaded_by_address,
    sources_are_downloaded,
    noarch_is_in_every_architecture,
    ready_made_repo_file_works,
    ready_made_repo_file_brings_sent_metadata,
    dnf_sees_new_packages,
    every_payload_compression_is_downloaded,
    another_key_is_refused,
    gpgv_accepts_repomd_of_every_architecture,
}

fn packages_are_listed_and_downloaded_by_address(storage: Storage) {
    let published = published(storage);
    let dnf = client(&published.server, "x86_64");
    dnf.makecache().expect_success();
    assert_eq!(dnf.packages(), [awkward().nevra(), noarch().nevra()]);
    let downloaded = dnf.download(&["rws-awkward", "rws-noarch"]);
    expect_same_files(&downloaded, &[published.binary.clone(), published.noarch.clone()]);
    let by_provide = dnf.repoquery(&["--whatprovides", "rws-virtual = 1:3.0"]).expect_success().output();
    assert_eq!(by_provide.trim(), "rws-noarch-0:3.0-1.noarch");
    let by_file = dnf.repoquery(&["--file", "/usr/share/rws-awkward/README"]).expect_success().output();
    assert_eq!(by_file.trim(), "rws-awkward-2:1.0~rc1+git3-1.el7.x86_64");
    let weak = dnf.repoquery(&["--recommends", "rws-awkward"]).expect_success().output();
    assert_eq!(weak.trim(), "(a if b)");
}

fn sources_are_downloaded(storage: Storage) {
    let published = published(storage);
    let dnf = client(&published.server, "x86_64");
    dnf.makecache().expect_success();
    expect_same_files(&dnf.download(&["--source", "rws-awkward", "rws-noarch"]), &published.sources);
}

fn noarch_is_in_every_architecture(storage: Storage) {
    let published = published(storage);
    let dnf = client(&published.server, "aarch64");
    dnf.makecache().expect_success();
    assert_eq!(dnf.packages(), [awkward().architecture("aarch64").nevra(), noarch().nevra()]);
    let downloaded = dnf.download(&["rws-awkward", "rws-noarch"]);
    expect_same_files(&downloaded, &[published.arm.clone(), published.noarch.clone()]);
}

fn ready_made_repo_file_works(storage: Storage) {
    let published = published(storage);
    let url = published.server.url("/-/setup/live/1.10/el/7.repo");
    let text = curl::get(&url).expect_status(200).text();
    assert!(text.contains("repo_gpgcheck=1"), "the metadata's signature must be checked:\n{text}");
    let dnf = Dnf::new(&text, "7");
    dnf.makecache().expect_success();
    let packages = dnf.packages();
    for wanted in [awkward().nevra(), noarch().nevra()] {
        assert!(packages.contains(&wanted), "{packages:?}\n{text}");
    }
    let downloaded = dnf.download(&["rws-awkward", "rws-noarch"]);
    expect_same_files(&downloaded, &[published.binary.clone(), published.noarch.clone()]);
    expect_same_files(&dnf.download(&["--source", "rws-awkward"]), &[published.sources[0].clone()]);
}

/// The ready-made file leads to the address of one generation.
fn ready_made_repo_file_brings_sent_metadata(storage: Storage) {
    let published = published(storage);
    let server = &published.server;
    for (kind, content) in [
        ("comps", "<comps><group><id>rws-group</id><name>RWS group</name></group></comps>"),
        ("updateinfo", "<updates><update type=\"security\"><id>RWS-2026:1</id><title>one</title></update></updates>"),
        ("modules", "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: rws\n  stream: \"1\"\n...\n"),
    ] {
        let address = server.url(&format!("/-/metadata{TREE}/x86_64/{kind}?wait=60"));
        let arguments = ["--request", "PUT", "--data-binary", content].map(str::to_owned);
        curl::request(&address, Some(server.credentials()), &arguments).expect_created();
    }
    let dnf = Dnf::new(&curl::get(&server.url("/-/setup/live/1.10/el/7.repo")).expect_status(200).text(), "7");
    dnf.makecache().expect_success();
    let groups = dnf.run(&["group", "list", "--hidden"]).expect_success().output();
    assert!(groups.contains("RWS group"), "{groups}");
    let cached = files_below(&dnf.path(""));
    for kind in ["comps.xml", "updateinfo.xml.gz", "modules.yaml.gz"] {
        assert!(cached.iter().any(|path| path.to_string_lossy().ends_with(kind)), "{kind} in {cached:?}");
    }
}

fn dnf_sees_new_packages(storage: Storage) {
    let published = published(storage);
    let dnf = client(&published.server, "x86_64");
    dnf.makecache().expect_success();
    let directory = temporary_directory();
    let newer = Rpm::new("rws-awkward", "1.0", "1.el7").epoch(2);
    publish(&published.server, &[newer.build(directory.path())]);
    dnf.makecache().expect_success();
    assert_eq!(dnf.packages(), [newer.nevra(), awkward().nevra(), noarch().nevra()]);
    let latest = dnf.repoquery(&["--latest-limit=1", "rws-awkward"]).expect_success().output();
    assert_eq!(latest.trim(), newer.nevra(), "1.0 is later than 1.0~rc1+git3");
}

fn every_payload_compression_is_downloaded(storage: Storage) {
    let server = Server::on(storage);
    let directory = temporary_directory();
    let build = |(name, payload): (&str, &str)| Rpm::new(name, "1.0", "1").payload(payload).build(directory.path());
    let files = [("rws-gz", "w6.gzdio"), ("rws-xz", "w6.xzdio"), ("rws-zst", "w3.zstdio")].map(build);
    publish(&server, &files);
    let dnf = client(&server, "x86_64");
    dnf.makecache().expect_success();
    expect_same_files(&dnf.download(&["rws-gz", "rws-xz", "rws-zst"]), &files);
}

/// Zstandard metadata by configuration: several publishes make files of many frames.
#[test]
fn zstd_metadata_is_read() {
    let directory = temporary_directory();
    let change = |file: &mut serde_json::Value| {
        file["repositories"] = serde_json::json!([{ "match": "live/1.10/el/7", "compression": ["zstd"] }]);
    };
    let environment = vec![("RWS_CFG".to_owned(), crate::support::configuration_file(directory.path(), change))];
    let server = Server::start_with(Options { environment, ..Options::default() });
    let files: Vec<PathBuf> =
        (0..4).map(|number| Rpm::new(&format!("rws-zstd{number}"), "1.0", "1").build(directory.path())).collect();
    for file in &files {
        publish(&server, std::slice::from_ref(file));
    }
    let root = curl::get(&server.url(&format!("{TREE}/x86_64/repodata/repomd.xml"))).expect_status(200).text();
    assert_eq!(root.matches(".xml.zst\"").count(), 3, "{root}");
    let dnf = client(&server, "x86_64");
    dnf.makecache().expect_success();
    expect_same_files(&dnf.download(&["rws-zstd0", "rws-zstd1", "rws-zstd2", "rws-zstd3"]), &files);
    let found = dnf.repoquery(&["--list", "rws-zstd2"]).expect_success().output();
    assert!(!found.trim().is_empty());
}

mod of_shared {
    use super::*;

    crate::on_every_storage! {
        real_packages_are_downloaded,
    }

    fn real_packages_are_downloaded(storage: Storage) {
        let real = [
            ("rpm-software-management+createrepo_c/Rimmer-1.0.2-2.x86_64.rpm", "Rimmer-0:1.0.2-2.x86_64"),
            (
                "rpm-software-management+createrepo_c/balicek-iso88591-1.1.1-1.x86_64.rpm",
                "balicek-iso88591-0:1.1.1-1.x86_64",
            ),
            ("rpm-software-management+createrepo_c/fake_bash-1.1.1-1.x86_64.rpm", "fake_bash-0:1.1.1-1.x86_64"),
            ("rpm-software-management+librepo/Archer-3.4.5-6.x86_64.rpm", "Archer-2:3.4.5-6.x86_64"),
            ("rpm-software-management+rpm/luafork-1.0-1.noarch.rpm", "luafork-0:1.0-1.noarch"),
        ];
        let server = Server::on(storage);
        let files: Vec<PathBuf> = real.iter().map(|(path, _)| shared_rpm(path)).collect();
        publish(&server, &files);
        let dnf = client(&server, "x86_64");
        dnf.makecache().expect_success();
        let mut wanted: Vec<&str> = real.iter().map(|(_, nevra)| *nevra).collect();
        wanted.sort_unstable();
        assert_eq!(dnf.packages(), wanted);
        expect_same_files(&dnf.download(&wanted), &files);
    }
}

fn another_key_is_refused(storage: Storage) {
    let published = published(storage);
    let directory = temporary_directory();
    let stranger = directory.path().join("stranger.asc");
    crate::support::write_file(&stranger, SecretKey::generate("ed25519").public_armored());
    let base = published.server.url(&format!("{TREE}/x86_64"));
    let dnf = Dnf::new(&dnf::repo_file("rws", &base, &format!("file://{}", stranger.display())), "7");
    let said = dnf.makecache().expect_failure().everything();
    assert!(said.contains("GPG") || said.contains("signature"), "{said}");
}

fn gpgv_accepts_repomd_of_every_architecture(storage: Storage) {
    let published = published(storage);
    let body = |path: &str| curl::get(&published.server.url(path)).expect_status(200).body;
    let key = body(KEY);
    let verifier = Verifier::new(&key);
    for directory in ["x86_64", "aarch64", "SRPMS"] {
        let repomd = body(&format!("{TREE}/{directory}/repodata/repomd.xml"));
        let signature = body(&format!("{TREE}/{directory}/repodata/repomd.xml.asc"));
        let hash_algorithm = verifier.verify_detached(&repomd, &signature).hash_algorithm;
        assert!([8, 9, 10].contains(&hash_algorithm), "SHA-2 is wanted, not {hash_algorithm}");
        verifier.run_detached(&[repomd.as_slice(), b"\n"].concat(), &signature).expect_failure();
        assert_eq!(body(&format!("{TREE}/{directory}/repodata/repomd.xml.key")), key);
    }
}
