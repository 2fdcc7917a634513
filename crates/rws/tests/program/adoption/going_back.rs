//! mkrepo run again on what RWS has taken over.

use super::stage::{
    ARCHIVE, DEB_TARGET, FIXTURES, PACKAGES, POOL, RPM_TARGET, SUITE, TREE, TREES, apt, dnf, expect_debs,
    expect_downloaded, expect_rpms, expect_whole, get, original_debs, original_rpms, post,
};
use crate::support::file_server::FileServer;
use crate::support::mkrepo::expect_writable;
use crate::support::original::{Kind, Original};
use crate::support::server::Server;
use crate::support::wait;

crate::on_directory_and_moto! {
    mkrepo_can_go_on_with_an_archive_and_rws_after_it,
    mkrepo_can_go_on_with_an_rpm_repository_and_rws_after_it,
}

/// What mkrepo has run on again.
struct Taken<'a> {
    target: &'a str,
    /// how many the target has
    repositories: usize,
    /// one of them
    repository: &'a str,
    root: &'a str,
}

/// That RWS left the foreign root alone and puts its own there when it is told to.
#[track_caller]
fn expect_foreign_until_asked(original: &Original, server: &mut Server, taken: &Taken) {
    let Taken { target, repositories, repository, root } = *taken;
    let foreign = original.text(root);
    server.restart();
    expect_writable(server);
    // it looks at what is there, and says that it leaves it alone
    let mut last = serde_json::Value::Null;
    let said = wait::until_or(wait::BOUND, || {
        assert_eq!(original.text(root), foreign, "RWS wrote over a root that is not its own");
        last = get(server, "/-/status").json();
        last["failing"][repository].as_str().filter(|reason| reason.contains("another tool")).map(|_| ())
    });
    assert!(said.is_some(), "the status never says that {repository} is of another tool, but {last}");
    assert_eq!(original.text(root), foreign, "RWS wrote over a root that is not its own");
    post(server, target);
    let own = original.text(root);
    assert_ne!(own, foreign);
    assert_eq!(get(server, &format!("/{root}")).expect_status(200).text(), own);
    expect_whole(original, target, repositories);
}

fn mkrepo_can_go_on_with_an_archive_and_rws_after_it(kind: Kind) {
    let original = Original::on(kind);
    original_debs(&original);
    original.mkrepo(&[ARCHIVE]);
    let mut server = original.serve();
    post(&server, DEB_TARGET);
    let root = format!("{SUITE}/InRelease");
    let own = original.text(&root);

    original.put_all(POOL, [&FIXTURES.new_deb]);
    original.mkrepo(&[ARCHIVE]);
    assert!(original.text(&root) != own, "mkrepo left the root of RWS");
    if kind == Kind::Directory {
        // what mkrepo made is whole in itself
        let files = FileServer::of(&original.data_dir());
        let apt = apt(&original, &files.url(&format!("/{ARCHIVE}")));
        apt.update().expect_clean();
        let installed = apt.install(&["rws-one", "rws-all", "rws-new"]).expect_clean();
        expect_downloaded(&installed.files, [&FIXTURES.deb, &FIXTURES.all_deb, &FIXTURES.new_deb]);
    }

    let repository = "release/2.8/ubuntu/focal";
    let taken = Taken { target: DEB_TARGET, repositories: 1, repository, root: &root };
    expect_foreign_until_asked(&original, &mut server, &taken);
    expect_debs(&server, "amd64", [&FIXTURES.deb, &FIXTURES.all_deb, &FIXTURES.big_deb, &FIXTURES.new_deb]);
    let apt = apt(&original, &server.url(&format!("/{ARCHIVE}")));
    apt.update().expect_clean();
    expect_downloaded(&apt.install(&["rws-new"]).expect_clean().files, [&FIXTURES.new_deb]);
}

fn mkrepo_can_go_on_with_an_rpm_repository_and_rws_after_it(kind: Kind) {
    let original = Original::on(kind);
    original_rpms(&original);
    original.mkrepo(&TREES);
    let mut server = original.serve();
    post(&server, RPM_TARGET);
    let root = format!("{TREE}/repodata/repomd.xml");
    let own = original.text(&root);

    original.put_all(PACKAGES, [&FIXTURES.new_rpm]);
    original.mkrepo(&TREES);
    assert!(original.text(&root) != own, "mkrepo left the root of RWS");
    if kind == Kind::Directory {
        // what mkrepo made is whole in itself
        let files = FileServer::of(&original.data_dir());
        let dnf = dnf(&original, &files.url(&format!("/{TREE}")));
        dnf.makecache().expect_success();
        expect_downloaded(&dnf.download(&["rws-one", "rws-new"]), [&FIXTURES.rpm, &FIXTURES.new_rpm]);
    }

    let taken = Taken { target: RPM_TARGET, repositories: 3, repository: TREE, root: &root };
    expect_foreign_until_asked(&original, &mut server, &taken);
    expect_rpms(&server, TREE, FIXTURES.rpms().into_iter().chain([&FIXTURES.new_rpm]));
    let dnf = dnf(&original, &server.url(&format!("/{TREE}")));
    dnf.makecache().expect_success();
    expect_downloaded(&dnf.download(&["rws-new"]), [&FIXTURES.new_rpm]);
}
