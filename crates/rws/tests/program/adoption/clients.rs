//! Clients of repositories that were taken over, before and after.

use std::collections::BTreeMap;

use super::stage::{
    ARCHIVE, ARM_TREE, DEB_TARGET, FIXTURES, RPM_TARGET, SOURCE_TREE, SUITE, TREE, TREES, apt, dnf, expect_debs,
    expect_downloaded, expect_rpms, expect_whole, get, original_debs, original_rpms, post,
};
use crate::support::apt::Apt;
use crate::support::dnf::Dnf;
use crate::support::file_server::FileServer;
use crate::support::original::{Kind, Original};
use crate::support::read_file;
use crate::support::zypper::{self, Zypper};

crate::on_directory_and_moto! {
    apt_reads_a_repository_that_was_taken_over,
    dnf_and_zypper_read_repositories_that_were_taken_over,
    apt_that_holds_the_old_root_goes_on,
    dnf_that_holds_the_old_root_goes_on,
}

/// Nothing of these files was written again, nor asked for to be written.
#[track_caller]
fn expect_untouched(original: &Original, marks: &BTreeMap<String, String>) {
    let paths: Vec<String> = marks.keys().cloned().collect();
    assert_eq!(original.marks(&paths), *marks);
    for path in paths {
        let asked = original.asked(&path);
        assert!(asked.iter().all(|seen| matches!(seen.method.as_str(), "GET" | "HEAD")), "{path}: {asked:?}");
    }
}

fn apt_reads_a_repository_that_was_taken_over(kind: Kind) {
    let original = Original::on(kind);
    let paths = original_debs(&original);
    original.mkrepo(&[ARCHIVE]);
    let marks = original.marks(&paths);
    let server = original.serve();
    post(&server, DEB_TARGET);
    expect_debs(&server, "amd64", [&FIXTURES.deb, &FIXTURES.all_deb, &FIXTURES.big_deb]);
    expect_debs(&server, "arm64", [&FIXTURES.all_deb, &FIXTURES.arm_deb]);

    let apt = apt(&original, &server.url(&format!("/{ARCHIVE}")));
    apt.update().expect_clean();
    let known = apt.cache(&["pkgnames", "rws-"]).expect_clean().output();
    let mut known: Vec<&str> = known.lines().collect();
    known.sort_unstable();
    assert_eq!(known, ["rws-all", "rws-arm", "rws-big", "rws-one"]);
    let installed = apt.install(&["rws-one", "rws-all", "rws-big", "rws-arm:arm64"]).expect_clean();
    expect_downloaded(&installed.files, FIXTURES.debs());
    expect_downloaded(&apt.source("rws-src").expect_clean().files, &FIXTURES.source);
    expect_untouched(&original, &marks);
    expect_whole(&original, DEB_TARGET, 1);
}

fn dnf_and_zypper_read_repositories_that_were_taken_over(kind: Kind) {
    let original = Original::on(kind);
    let paths = original_rpms(&original);
    original.mkrepo(&TREES);
    let marks = original.marks(&paths);
    let server = original.serve();
    post(&server, RPM_TARGET);
    expect_rpms(&server, TREE, FIXTURES.rpms());
    expect_rpms(&server, ARM_TREE, [&FIXTURES.noarch_rpm]);
    expect_rpms(&server, SOURCE_TREE, [&FIXTURES.source_rpm]);

    let url = server.url(&format!("/{TREE}"));
    let dnf = dnf(&original, &url);
    dnf.makecache().expect_success();
    let wanted = ["rws-big-0:1.0-1.el7.x86_64", "rws-noarch-0:3.0-1.el7.noarch", "rws-one-2:1.0~rc1+git3-1.el7.x86_64"];
    assert_eq!(dnf.packages(), wanted);
    expect_downloaded(&dnf.download(&["rws-one", "rws-noarch", "rws-big"]), FIXTURES.rpms());

    let zypper = Zypper::new();
    zypper.add_repo_file(&zypper::repo_file("rws", &url, &original.key_url())).expect_success();
    zypper.refresh().expect_success();
    assert_eq!(zypper.search(&["rws-"]).len(), 3);
    // without a shell and the like in the repository only this one can be installed
    expect_downloaded(&zypper.install(&["rws-noarch"]), [&FIXTURES.noarch_rpm]);
    expect_untouched(&original, &marks);
    expect_whole(&original, RPM_TARGET, 3);
}

#[track_caller]
fn expect_apt_downloads_big(apt: &Apt) {
    apt.get(&["download", "rws-big"]).expect_clean();
    let file = apt.path("rws-big_1.0-1_amd64.deb");
    assert!(read_file(&file) == FIXTURES.big_deb.bytes, "another file was downloaded");
    std::fs::remove_file(file).unwrap();
}

fn apt_that_holds_the_old_root_goes_on(kind: Kind) {
    let original = Original::on(kind);
    original_debs(&original);
    original.mkrepo(&[ARCHIVE]);
    let server = original.serve();
    let mut clients = vec![apt(&original, &server.url(&format!("/{ARCHIVE}")))];
    let beside = (kind == Kind::Directory).then(|| FileServer::of(&original.data_dir()));
    clients.extend(beside.iter().map(|server| apt(&original, &server.url(&format!("/{ARCHIVE}")))));
    for apt in &clients {
        apt.update().expect_clean();
        expect_apt_downloads_big(apt);
    }
    let old = original.text(&format!("{SUITE}/InRelease"));

    post(&server, DEB_TARGET);
    let new = original.text(&format!("{SUITE}/InRelease"));
    assert!(new != old, "nothing was taken over");
    for apt in &clients {
        // by what it knows from before
        expect_apt_downloads_big(apt);
        let said = apt.update().expect_clean().output();
        assert!(said.contains("Get:1"), "it did not see the new root: {said}");
        expect_apt_downloads_big(apt);
        let installed = apt.install(&["rws-one", "rws-all"]).expect_clean();
        expect_downloaded(&installed.files, [&FIXTURES.deb, &FIXTURES.all_deb]);
    }
    // what apt asks a person about when it changes
    let field = |release: &str, name: &str| {
        let found = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned));
        found.unwrap_or_default()
    };
    for name in ["Origin", "Label", "Suite", "Codename", "Version"] {
        assert_eq!(field(&new, name), field(&old, name), "{name} of:\n{new}");
    }
}

#[track_caller]
fn expect_dnf_downloads_big(dnf: &Dnf) {
    expect_downloaded(&dnf.download(&["rws-big"]), [&FIXTURES.big_rpm]);
}

fn dnf_that_holds_the_old_root_goes_on(kind: Kind) {
    let original = Original::on(kind);
    original_rpms(&original);
    original.mkrepo(&TREES);
    let server = original.serve();
    let mut clients = vec![dnf(&original, &server.url(&format!("/{TREE}")))];
    let beside = (kind == Kind::Directory).then(|| FileServer::of(&original.data_dir()));
    clients.extend(beside.iter().map(|server| dnf(&original, &server.url(&format!("/{TREE}")))));
    for dnf in &clients {
        dnf.makecache().expect_success();
        expect_dnf_downloads_big(dnf);
    }
    let metadata = original.paths(&format!("{TREE}/repodata/"));
    let metadata: Vec<String> = metadata.into_iter().filter(|path| path.ends_with(".xml.gz")).collect();
    assert_eq!(metadata.len(), 3, "{metadata:?}");
    let root = original.text(&format!("{TREE}/repodata/repomd.xml"));

    post(&server, RPM_TARGET);
    assert!(original.text(&format!("{TREE}/repodata/repomd.xml")) != root, "nothing was taken over");
    for path in metadata {
        // some client has read the old root, and nothing else yet
        get(&server, &format!("/{path}")).expect_status(200);
    }
    for dnf in &clients {
        // by what it knows from before
        expect_dnf_downloads_big(dnf);
        dnf.makecache().expect_success();
        assert_eq!(dnf.packages().len(), 3);
        expect_dnf_downloads_big(dnf);
    }
}
