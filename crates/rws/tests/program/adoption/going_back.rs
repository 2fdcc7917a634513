//! mkrepo and RWS take turns on one tree: whoever comes second takes in what the other did, and readers are shown nothing that is
//! older than what they saw.

use std::time::{SystemTime, UNIX_EPOCH};

use super::changes::upload;
use super::stage::{
    ARCHIVE, DEB_TARGET, FIXTURES, PACKAGES, POOL, RPM_TARGET, SUITE, TREE, TREES, apt, dnf, expect_debs,
    expect_downloaded, expect_rpms, expect_whole, get, original_debs, original_rpms, post,
};
use crate::support::file_server::FileServer;
use crate::support::form::File;
use crate::support::mkrepo::expect_writable;
use crate::support::original::{Kind, Original};
use crate::support::packages::deb::Deb;
use crate::support::packages::rpm::Rpm;
use crate::support::server::Server;
use crate::support::{file_name, read_file, temporary_directory, wait};

crate::on_directory_and_moto! {
    mkrepo_and_rws_take_turns_on_an_archive,
    mkrepo_and_rws_take_turns_on_an_rpm_repository,
}

/// Runs mkrepo once the second is over in which a root was written: clients tell roots apart by the second.
fn mkrepo_later(original: &Original, paths: &[&str]) {
    let second = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = second();
    wait::until("the next second", wait::BOUND, || (second() > now).then_some(()));
    original.mkrepo(paths);
}

/// RWS starts on what mkrepo made, and takes it in without being asked. `before` is the root of before that; `shows` has a client of before read the repository, and
/// look for the new package.
#[track_caller]
fn expect_taken_in_at_start(original: &Original, server: &mut Server, root: &str, before: &str, shows: impl Fn()) {
    let foreign = original.text(root);
    server.restart_in_place();
    let first = get(server, &format!("/{root}")).expect_status(200).text();
    assert!(first != before, "after its start RWS shows a root that is older than the one that stands there");
    shows();
    expect_writable(server);
    wait::until("RWS to take in what mkrepo did", wait::BOUND, || {
        let shown = get(server, &format!("/{root}")).expect_status(200).text();
        assert!(shown != before, "an older root is shown again");
        (shown != foreign && original.text(root) == shown).then_some(())
    });
    shows();
}

/// That nothing is left to do.
#[track_caller]
fn expect_settled(original: &Original, server: &Server, root: &str, target: &str, repositories: usize) {
    let own = original.text(root);
    post(server, target);
    assert_eq!(original.text(root), own);
    assert_eq!(get(server, &format!("/{root}")).expect_status(200).text(), own);
    expect_whole(original, target, repositories);
}

fn mkrepo_and_rws_take_turns_on_an_archive(kind: Kind) {
    let original = Original::on(kind);
    original_debs(&original);
    original.mkrepo(&[ARCHIVE]);
    let mut server = original.serve();
    post(&server, DEB_TARGET);
    let root = format!("{SUITE}/InRelease");
    let client = apt(&original, &server.url(&format!("/{ARCHIVE}")));
    client.update().expect_clean();
    let own = original.text(&root);

    original.put_all(POOL, [&FIXTURES.new_deb]);
    mkrepo_later(&original, &[ARCHIVE]);
    assert!(original.text(&root) != own, "mkrepo left the root of RWS");
    if kind == Kind::Directory {
        // what mkrepo made is whole in itself
        let files = FileServer::of(&original.data_dir());
        let apt = apt(&original, &files.url(&format!("/{ARCHIVE}")));
        apt.update().expect_clean();
        let installed = apt.install(&["rws-one", "rws-all", "rws-new"]).expect_clean();
        expect_downloaded(&installed.files, [&FIXTURES.deb, &FIXTURES.all_deb, &FIXTURES.new_deb]);
    }
    expect_taken_in_at_start(&original, &mut server, &root, &own, || {
        client.update().expect_clean();
        expect_downloaded(&client.install(&["rws-new"]).expect_clean().files, [&FIXTURES.new_deb]);
    });
    let known = [&FIXTURES.deb, &FIXTURES.all_deb, &FIXTURES.big_deb, &FIXTURES.new_deb];
    expect_debs(&server, "amd64", known);
    expect_settled(&original, &server, &root, DEB_TARGET, 1);

    // once more, under a server that runs: its next upload takes in what mkrepo did
    let directory = temporary_directory();
    let deb = |name: &str| {
        let path = Deb::new(name, "1.0-1", "amd64").build(directory.path());
        File::new(&file_name(&path), read_file(&path))
    };
    let (later, uploaded) = (deb("rws-later"), deb("rws-uploaded"));
    original.put_all(POOL, [&later]);
    mkrepo_later(&original, &[ARCHIVE]);
    upload(&server, DEB_TARGET, &uploaded);
    client.update().expect_clean();
    let installed = client.install(&["rws-later", "rws-uploaded"]).expect_clean();
    expect_downloaded(&installed.files, [&FIXTURES.new_deb, &later, &uploaded]);
    expect_debs(&server, "amd64", known.into_iter().chain([&later, &uploaded]));
    expect_settled(&original, &server, &root, DEB_TARGET, 1);
}

fn mkrepo_and_rws_take_turns_on_an_rpm_repository(kind: Kind) {
    let original = Original::on(kind);
    original_rpms(&original);
    original.mkrepo(&TREES);
    let mut server = original.serve();
    post(&server, RPM_TARGET);
    let root = format!("{TREE}/repodata/repomd.xml");
    let client = dnf(&original, &server.url(&format!("/{TREE}")));
    client.makecache().expect_success();
    let own = original.text(&root);

    original.put_all(PACKAGES, [&FIXTURES.new_rpm]);
    mkrepo_later(&original, &TREES);
    assert!(original.text(&root) != own, "mkrepo left the root of RWS");
    if kind == Kind::Directory {
        // what mkrepo made is whole in itself
        let files = FileServer::of(&original.data_dir());
        let dnf = dnf(&original, &files.url(&format!("/{TREE}")));
        dnf.makecache().expect_success();
        expect_downloaded(&dnf.download(&["rws-one", "rws-new"]), [&FIXTURES.rpm, &FIXTURES.new_rpm]);
    }
    expect_taken_in_at_start(&original, &mut server, &root, &own, || {
        client.makecache().expect_success();
        expect_downloaded(&client.download(&["rws-new"]), [&FIXTURES.new_rpm]);
    });
    let known = || FIXTURES.rpms().into_iter().chain([&FIXTURES.new_rpm]);
    expect_rpms(&server, TREE, known());
    expect_settled(&original, &server, &root, RPM_TARGET, 3);

    // once more, under a server that runs: its next upload takes in what mkrepo did
    let directory = temporary_directory();
    let rpm = |name: &str| {
        let path = Rpm::new(name, "1.0", "1.el7").url("https://example.invalid/").build(directory.path());
        File::new(&file_name(&path), read_file(&path))
    };
    let (later, uploaded) = (rpm("rws-later"), rpm("rws-uploaded"));
    original.put_all(PACKAGES, [&later]);
    mkrepo_later(&original, &TREES);
    upload(&server, RPM_TARGET, &uploaded);
    client.makecache().expect_success();
    expect_downloaded(&client.download(&["rws-later", "rws-uploaded"]), [&later, &uploaded]);
    expect_rpms(&server, TREE, known().chain([&later, &uploaded]));
    expect_settled(&original, &server, &root, RPM_TARGET, 3);
}
