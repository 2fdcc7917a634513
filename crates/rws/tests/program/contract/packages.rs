//! What is in a package: malformed ones, and file names that contradict it.

use super::index::{expect_files_agree, packages, primary};
use super::rows::Rows;
use super::stage::{
    DEB_TARGET, FIXTURES, RPM_TARGET, configured, deb_form, expect_created, expect_file_refused, expect_no_traces, put,
    traces,
};
use crate::support::form::{File, Form};
use crate::support::packages::rpm::Rpm;
use crate::support::server::Server;
use crate::support::{file_name, read_file, temporary_directory};

#[test]
fn malformed_and_truncated_packages() {
    let server = Server::start();
    let before = traces(&server);
    let mut rows = Rows::default();
    let random: Vec<u8> = (0_u32..5000).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (path, good) in [(RPM_TARGET, &FIXTURES.rpm), (RPM_TARGET, &FIXTURES.source_rpm), (DEB_TARGET, &FIXTURES.deb)] {
        let length = good.bytes.len();
        let damaged = [
            ("empty", good.cut(0)),
            ("random bytes", File { name: good.name.clone(), bytes: random.clone() }),
            ("text", File::new(&good.name, *b"<html>not found</html>\n")),
            ("cut after 4 bytes", good.cut(4)),
            ("cut after 50 bytes", good.cut(50)),
            ("cut after 100 bytes", good.cut(100)),
            ("cut after 200 bytes", good.cut(200)),
            ("cut in the middle", good.cut(length / 2)),
            ("cut by one byte", good.cut(length - 1)),
            ("more bytes at the end", good.with(b"more")),
            ("first byte changed", good.flipped(0)),
        ];
        for (name, file) in damaged {
            rows.row(&format!("{}, {name}", good.name), || {
                expect_file_refused(&put(&server, path, deb_form([&file])), &file.name);
                expect_no_traces(&server, &before);
            });
        }
    }
    rows.row("an rpm with a changed byte in its header", || {
        // the second header is the one that says what the package is
        let main = FIXTURES.rpm.bytes.windows(4).rposition(|magic| magic == [0x8e, 0xad, 0xe8, 1]).unwrap();
        let file = FIXTURES.rpm.flipped(main + 600);
        expect_file_refused(&put(&server, RPM_TARGET, Form::of([&file])), &file.name);
    });
    rows.row("an rpm with a changed byte in its payload", || {
        let file = FIXTURES.rpm.flipped(FIXTURES.rpm.bytes.len() - 20);
        expect_file_refused(&put(&server, RPM_TARGET, Form::of([&file])), &file.name);
    });
    rows.row("a deb that is called .rpm", || {
        let file = FIXTURES.deb.named("rws-one-1.0-1.x86_64.rpm");
        expect_file_refused(&put(&server, RPM_TARGET, Form::of([&file])), &file.name);
    });
    rows.row("an rpm that is called .deb", || {
        let file = FIXTURES.rpm.named("rws-one_1.0-1_amd64.deb");
        expect_file_refused(&put(&server, DEB_TARGET, deb_form([&file])), &file.name);
    });
    rows.row("a .dsc that does not parse", || {
        let file = File::new("rws-src_1.0-1.dsc", *b"this is no control file\n");
        expect_file_refused(&put(&server, DEB_TARGET, deb_form([&file])), &file.name);
    });
    rows.row("nothing is kept", || expect_no_traces(&server, &before));
    rows.end();
}

#[test]
fn file_names_of_other_forms_are_accepted() {
    let mut rows = Rows::default();
    for (file, names) in [
        (&FIXTURES.deb, ["hello.deb", "rws-one_amd64.deb", "rws-one-1.0-1-amd64.deb"]),
        (&FIXTURES.epoch_deb, ["rws-epoch_2.0-1_amd64.deb", "rws-epoch_1%3a2.0-1_amd64.deb", "rws.deb"]),
        (&FIXTURES.rpm, ["hello.rpm", "rws-one.rpm", "build-of-today.x86_64.rpm"]),
    ] {
        for name in names {
            rows.row(&format!("{} as {name}", file.name), || {
                let server = Server::start();
                let file = file.named(name);
                if name.ends_with(".deb") {
                    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&file])));
                    let listed = packages(&server, "/release/2.8/ubuntu", "focal", "amd64");
                    let published = name.replace("%3a", ":");
                    assert_eq!(expect_files_agree(&server, "/release/2.8/ubuntu", &listed), [published]);
                } else {
                    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&file])));
                    let repository = format!("{RPM_TARGET}/x86_64");
                    assert_eq!(expect_files_agree(&server, &repository, &primary(&server, &repository)), [name]);
                }
            });
        }
    }
    rows.end();
}

#[test]
fn architectures_have_their_places() {
    let server = Server::start();
    let all = [&FIXTURES.rpm, &FIXTURES.arm_rpm, &FIXTURES.noarch_rpm, &FIXTURES.source_rpm];
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of(all)));
    expect_created(&put(&server, &format!("{DEB_TARGET}?wait=30"), deb_form([&FIXTURES.deb, &FIXTURES.arm_deb])));
    let mut rows = Rows::default();
    for (directory, files) in [
        ("x86_64", vec![&FIXTURES.noarch_rpm, &FIXTURES.rpm]),
        ("aarch64", vec![&FIXTURES.noarch_rpm, &FIXTURES.arm_rpm]),
        ("SRPMS", vec![&FIXTURES.source_rpm]),
    ] {
        rows.row(directory, || {
            let repository = format!("{RPM_TARGET}/{directory}");
            let listed = expect_files_agree(&server, &repository, &primary(&server, &repository));
            assert_eq!(listed, files.iter().map(|file| file.name.clone()).collect::<Vec<_>>());
        });
    }
    for (architecture, file) in [("amd64", &FIXTURES.deb), ("arm64", &FIXTURES.arm_deb)] {
        rows.row(architecture, || {
            let listed = packages(&server, "/release/2.8/ubuntu", "focal", architecture);
            assert_eq!(expect_files_agree(&server, "/release/2.8/ubuntu", &listed), std::slice::from_ref(&file.name));
        });
    }
    rows.end();
}

/// XML cannot have control characters: they are left out of the metadata, and the sender is told.
#[test]
fn control_characters_are_left_out_and_said() {
    let (server, directory) = (Server::start(), temporary_directory());
    let path = Rpm::new("rws-control", "1.0", "1").tag("Vendor", "one\u{1}two").build(directory.path());
    let file = File::new(&file_name(&path), read_file(&path));
    let answer = put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&file, &FIXTURES.rpm]));
    expect_created(&answer);
    let warnings: Vec<_> = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("rws-warning")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].1.starts_with(&format!("{}: its header has control characters", file.name)), "{warnings:?}");
    assert_eq!(primary(&server, &format!("{RPM_TARGET}/x86_64")).len(), 2);
}

#[test]
fn a_configured_architecture_is_indexed() {
    let directory = temporary_directory();
    let server = configured(directory.path(), |value| {
        value["repositories"] =
            serde_json::json!([{"match": "live/*/el/*", "architectures": ["x86_64", "aarch64", "i686"]}]);
    });
    expect_created(&put(&server, &format!("{RPM_TARGET}?wait=30"), Form::of([&FIXTURES.i686_rpm])));
    let repository = format!("{RPM_TARGET}/i686");
    let listed = primary(&server, &repository);
    assert_eq!(expect_files_agree(&server, &repository, &listed), std::slice::from_ref(&FIXTURES.i686_rpm.name));
}
