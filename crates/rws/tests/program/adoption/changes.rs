//! Repositories that changed after mkrepo's last run, and the first upload into one that RWS has not looked at.

use super::stage::{
    ARCHIVE, DEB_TARGET, FIXTURES, Fixtures, PACKAGES, POOL, RPM_TARGET, TREE, TREES, apt, dnf, expect_debs,
    expect_downloaded, expect_rpms, expect_whole, original_debs, original_rpms, post,
};
use crate::support::curl::Upload;
use crate::support::form::File;
use crate::support::original::{Kind, Original};
use crate::support::server::Server;
use crate::support::{temporary_directory, write_file};

crate::on_directory_and_moto! {
    debs_that_changed_came_or_went_after_mkrepo_are_indexed_as_they_are,
    rpms_that_changed_came_or_went_after_mkrepo_are_indexed_as_they_are,
    the_first_upload_into_an_archive_keeps_what_was_there,
    the_first_upload_into_an_rpm_repository_keeps_what_was_there,
}

fn debs_that_changed_came_or_went_after_mkrepo_are_indexed_as_they_are(kind: Kind) {
    let Fixtures { big_deb, other_big_deb, .. } = &*FIXTURES;
    assert!(big_deb.bytes.len() == other_big_deb.bytes.len() && big_deb != other_big_deb, "the fixtures are wrong");
    let original = Original::on(kind);
    original_debs(&original);
    original.mkrepo(&[ARCHIVE]);
    original.replace(&format!("{POOL}/{}", big_deb.name), &other_big_deb.bytes);
    original.put_all(POOL, [&FIXTURES.new_deb]);
    original.remove(&format!("{POOL}/{}", FIXTURES.arm_deb.name));

    let server = original.serve();
    post(&server, DEB_TARGET);
    expect_debs(&server, "amd64", [&FIXTURES.deb, &FIXTURES.all_deb, other_big_deb, &FIXTURES.new_deb]);
    let apt = apt(&original, &server.url(&format!("/{ARCHIVE}")));
    apt.update().expect_clean();
    let known = apt.cache(&["pkgnames", "rws-"]).expect_clean().output();
    assert!(!known.contains("rws-arm"), "{known}");
    let installed = apt.install(&["rws-big", "rws-new"]).expect_clean();
    expect_downloaded(&installed.files, [other_big_deb, &FIXTURES.new_deb]);
    expect_whole(&original, DEB_TARGET, 1);
}

fn rpms_that_changed_came_or_went_after_mkrepo_are_indexed_as_they_are(kind: Kind) {
    let Fixtures { big_rpm, other_big_rpm, .. } = &*FIXTURES;
    assert!(big_rpm.bytes.len() == other_big_rpm.bytes.len() && big_rpm != other_big_rpm, "the fixtures are wrong");
    let original = Original::on(kind);
    original_rpms(&original);
    original.mkrepo(&TREES);
    original.replace(&format!("{PACKAGES}/{}", big_rpm.name), &other_big_rpm.bytes);
    original.put_all(PACKAGES, [&FIXTURES.new_rpm]);
    original.remove(&format!("{PACKAGES}/{}", FIXTURES.noarch_rpm.name));

    let server = original.serve();
    post(&server, RPM_TARGET);
    expect_rpms(&server, TREE, [&FIXTURES.rpm, other_big_rpm, &FIXTURES.new_rpm]);
    let dnf = dnf(&original, &server.url(&format!("/{TREE}")));
    dnf.makecache().expect_success();
    expect_downloaded(&dnf.download(&["rws-big", "rws-new"]), [other_big_rpm, &FIXTURES.new_rpm]);
    expect_whole(&original, RPM_TARGET, 3);
}

#[track_caller]
pub fn upload(server: &Server, target: &str, file: &File) {
    let directory = temporary_directory();
    let path = directory.path().join(&file.name);
    write_file(&path, &file.bytes);
    Upload::to(&format!("{target}?wait=60")).field("product", "rws").file(&path).send(server).expect_created();
}

fn the_first_upload_into_an_archive_keeps_what_was_there(kind: Kind) {
    let original = Original::on(kind);
    let paths = original_debs(&original);
    original.mkrepo(&[ARCHIVE]);
    let marks = original.marks(&paths);
    let server = original.serve();
    upload(&server, DEB_TARGET, &FIXTURES.new_deb);
    expect_debs(&server, "amd64", [&FIXTURES.deb, &FIXTURES.all_deb, &FIXTURES.big_deb, &FIXTURES.new_deb]);
    expect_debs(&server, "arm64", [&FIXTURES.all_deb, &FIXTURES.arm_deb]);
    let apt = apt(&original, &server.url(&format!("/{ARCHIVE}")));
    apt.update().expect_clean();
    let installed = apt.install(&["rws-one", "rws-new"]).expect_clean();
    expect_downloaded(&installed.files, [&FIXTURES.deb, &FIXTURES.new_deb]);
    expect_downloaded(&apt.source("rws-src").expect_clean().files, &FIXTURES.source);
    assert_eq!(original.marks(&paths), marks);
    expect_whole(&original, DEB_TARGET, 1);
}

fn the_first_upload_into_an_rpm_repository_keeps_what_was_there(kind: Kind) {
    let original = Original::on(kind);
    let paths = original_rpms(&original);
    original.mkrepo(&TREES);
    let marks = original.marks(&paths);
    let server = original.serve();
    upload(&server, RPM_TARGET, &FIXTURES.new_rpm);
    expect_rpms(&server, TREE, FIXTURES.rpms().into_iter().chain([&FIXTURES.new_rpm]));
    let dnf = dnf(&original, &server.url(&format!("/{TREE}")));
    dnf.makecache().expect_success();
    expect_downloaded(&dnf.download(&["rws-one", "rws-new"]), [&FIXTURES.rpm, &FIXTURES.new_rpm]);
    assert_eq!(original.marks(&paths), marks);
}
