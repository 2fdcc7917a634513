//! Packages that were cut, bombed or made by a liar: each gets a refusal.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use crate::support::{
    CONTROL, archive, gzip, inspect, inspect_in_pieces, member, member_with_size, package, package_of, tar, xz,
};
use rws_deb::Deb;
use rws_model::{FileName, Inspected, Reading, Refusal, SLOT, UploadFormat};

const NAME: &str = "hello_1.0-1_amd64.deb";

fn reason(result: Result<Inspected, Refusal>) -> String {
    result.expect_err("refused").reason
}

#[test]
fn a_package_that_is_cut_anywhere_is_refused() {
    let good = package(CONTROL);
    assert!(inspect(NAME, &good).is_ok());
    for end in 0..good.len() {
        assert!(inspect(NAME, &good[..end]).is_err(), "cut at {end} of {}", good.len());
    }
}

#[test]
fn trailing_bytes_are_refused() {
    for tail in [&b"\n"[..], b"x", b"\0\0", b"!<arch>\n"] {
        assert!(inspect(NAME, &[&package(CONTROL)[..], tail].concat()).is_err(), "{tail:?}");
    }
}

#[test]
fn the_length_of_the_pieces_does_not_matter() {
    let mut inputs = vec![package(CONTROL), package("no colon"), package(&CONTROL.repeat(2)), b"!<arch>\nxyz".to_vec()];
    inputs.push(archive(&[member("debian-binary", b"2.0\n"), member("_odd", b"123"), member("control.tar", b"")]));
    for input in inputs {
        let whole = inspect(NAME, &input);
        for piece_bytes in [1, 2, 3, 7, 59, 60, 61, 100] {
            assert_eq!(inspect_in_pieces(NAME, &input, piece_bytes), whole);
        }
    }
}

#[test]
fn members_must_be_those_of_deb_5_in_their_order() {
    let version = || member("debian-binary", b"2.0\n");
    let control = || member("control.tar.xz", &xz(&tar(&[("control", CONTROL.as_bytes())])));
    let data = || member("data.tar.xz", &xz(&tar(&[("./x", b"abc")])));
    for good in [
        vec![version(), control(), data()],
        vec![
            member("debian-binary/", b"2.0\n"),
            member("_gpgorigin/", b"a"),
            control(),
            member("data.tar/", &tar(&[("./x", b"")])),
        ],
        vec![version(), control(), member("_x", b"1"), data(), member("_gpgbuilder", b"sig")],
        vec![member("debian-binary", b"2.9\nfuture\n"), control(), data()],
        // deb(5): what comes behind data.tar is ignored
        vec![version(), control(), data(), data()],
        vec![version(), control(), data(), member("extra", b"x"), member("control.tar.xz", b"x")],
    ] {
        assert!(inspect(NAME, &archive(&good)).is_ok());
    }
    for bad in [
        vec![],
        vec![version()],
        vec![version(), control()],
        vec![version(), data()],
        vec![version(), data(), control()],
        vec![control(), version(), data()],
        vec![version(), version(), control(), data()],
        vec![version(), control(), control(), data()],
        vec![version(), control(), member("data.tar.xz", b"")],
        vec![version(), member("control.tar.bz2", b"x"), data()],
        vec![version(), member("#1/20", b"x"), data()],
        vec![version(), member("//", b"x"), control(), data()],
        vec![member("_first", b""), version(), control(), data()],
        vec![member("debian-binary", b"3.0\n"), control(), data()],
        vec![member("debian-binary", b"2.0"), control(), data()],
        vec![member("debian-binary", &[b'2'; 5000]), control(), data()],
    ] {
        assert!(inspect(NAME, &archive(&bad)).is_err());
    }
}

#[test]
fn numbers_in_ar_headers_are_checked() {
    for size in ["-1", "", "+4", "0x4", "4 4", "4\0", "４", "99999999999", "9999999999"] {
        let bytes = archive(&[member_with_size("debian-binary", size, b"2.0\n")]);
        assert!(inspect(NAME, &bytes).is_err(), "{size:?}");
    }
    let huge = archive(&[member("debian-binary", b"2.0\n"), member_with_size("control.tar.gz", "9999999999", b"abc")]);
    assert!(reason(inspect(NAME, &huge)).contains("larger than 16777216 bytes"));
    let cut = archive(&[
        member("debian-binary", b"2.0\n"),
        member("control.tar.gz", &gzip(&tar(&[("control", CONTROL.as_bytes())]))),
        member_with_size("data.tar.gz", "9999999999", b"ab"),
    ]);
    assert!(reason(inspect(NAME, &cut)).contains("lacks 9999999997 bytes"));
}

#[test]
fn bombs_stop_at_the_limit() {
    let control = tar(&[("./control", CONTROL.as_bytes())]);
    let zeros = vec![0; 1 << 20];
    let zstd = |bytes: &[u8]| zstd::stream::encode_all(bytes, 1).unwrap();
    type Pack<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let packings: [(&str, Pack<'_>); 3] =
        [("control.tar.gz", &gzip), ("control.tar.xz", &xz), ("control.tar.zst", &zstd)];
    for (name, pack) in packings {
        let packed = |mebibytes| pack(&[&control[..], &zeros.repeat(mebibytes)].concat());
        assert!(inspect(NAME, &package_of(name, &packed(2))).is_ok(), "{name}");
        let reason = reason(inspect(NAME, &package_of(name, &packed(100))));
        assert!(reason.contains("unpacked control archive is larger than"), "{name}: {reason}");
    }
}

/// A tar header with this type and size, and nothing behind it.
fn header(name: &str, kind: tar::EntryType, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

#[test]
fn odd_control_archives_are_refused() {
    let control = ("./control", CONTROL.as_bytes());
    let good = tar(&[("./md5sums", b"x"), control, ("./postinst", b"#!/bin/sh\n")]);
    assert!(inspect(NAME, &package_of("control.tar", &good)).is_ok());
    assert!(inspect(NAME, &package_of("control.tar", &tar(&[("control", CONTROL.as_bytes())]))).is_ok());
    let mut bad = vec![
        Vec::new(),
        tar(&[]),
        tar(&[("./other", b"x")]),
        tar(&[control, control]),
        tar(&[control, ("control", b"x")]),
        tar(&[("./control/x", CONTROL.as_bytes())]),
        // GNU tar writes all of these to one file, and the last one stays
        tar(&[control, ("/control", b"x")]),
        tar(&[control, (".//control", b"x")]),
        tar(&[control, ("././control", b"x")]),
        [
            tar(&[control])[..1024].to_vec(),
            header("././@LongLink", tar::EntryType::GNULongName, 8),
            {
                let mut name = b"control\0".to_vec();
                name.resize(512, 0);
                name
            },
            tar(&[("x", b"x")]),
        ]
        .concat(),
        tar(&[control, ("../control", b"x")]),
        tar(&[control, ("./conffiles", b"/\n")]),
        tar(&[control, ("./conffiles", b"/etc/a\n"), ("conffiles", b"/etc/b\n")]),
        tar(&[control, ("./triggers", b"unknown x\n")]),
        vec![0xff; 2048],
        good[..700].to_vec(),
    ];
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Directory,
        tar::EntryType::Char,
        tar::EntryType::Fifo,
        tar::EntryType::GNUSparse,
    ] {
        bad.push(header("control", kind, 0));
    }
    bad.push([header("x", tar::EntryType::GNULongName, 0), tar(&[control])].concat());
    // what a pax header names or measures is another file than the header says
    for (keyword, is_good) in
        [("mtime=1.5", true), ("path=control", false), ("size=9", false), ("GNU.sparse.map=0", false)]
    {
        let record = format!("{} {keyword}\n", keyword.len() + 4);
        let mut body = record.clone().into_bytes();
        body.resize(512, 0);
        let archive = [header("x", tar::EntryType::XHeader, record.len() as u64), body, tar(&[control])].concat();
        if is_good {
            assert!(inspect(NAME, &package_of("control.tar", &archive)).is_ok(), "{keyword}");
        } else {
            bad.push(archive);
        }
    }
    for size in [1, (1 << 20) + 1, 1 << 40, u64::MAX / 2, u64::MAX] {
        bad.push(header("control", tar::EntryType::Regular, size));
        bad.push(header("other", tar::EntryType::Regular, size));
        bad.push(header("x", tar::EntryType::GNULongName, size));
        bad.push(header("x", tar::EntryType::XHeader, size));
    }
    for archive in bad {
        assert!(inspect(NAME, &package_of("control.tar", &archive)).is_err());
        assert!(inspect(NAME, &package_of("control.tar.gz", &gzip(&archive))).is_err());
    }
}

#[test]
fn a_refusal_is_one_line_whatever_the_archive_says() {
    // found by the fuzzer: the reader of tar names the member whose checksum is no number
    let mut control = tar(&[("./a\nb\u{1b}[31m", b"x"), ("./control", CONTROL.as_bytes())]);
    control[148..156].copy_from_slice(b"!!!!!!!!");
    let reason = reason(inspect(NAME, &package_of("control.tar", &control)));
    assert!(reason.contains("./a?b?[31m") && !reason.contains(char::is_control), "{reason:?}");
}

#[test]
fn damaged_compression_is_refused() {
    let archive = tar(&[("control", CONTROL.as_bytes())]);
    let zstd = zstd::stream::encode_all(&archive[..], 3).unwrap();
    for (name, packed) in
        [("control.tar.gz", gzip(&archive)), ("control.tar.xz", xz(&archive)), ("control.tar.zst", zstd)]
    {
        assert!(inspect(NAME, &package_of(name, &packed)).is_ok());
        for end in 0..packed.len() {
            assert!(inspect(NAME, &package_of(name, &packed[..end])).is_err(), "{name} cut at {end}");
        }
        assert!(inspect(NAME, &package_of(name, &[&packed[..], b"garbage"].concat())).is_err(), "{name}");
        // dpkg reads all members of gzip, and the first stream of others
        let twice = inspect(NAME, &package_of(name, &[&packed[..], &packed[..]].concat()));
        assert_eq!(twice.is_ok(), name == "control.tar.gz", "{name}");
        for other in ["control.tar.gz", "control.tar.xz", "control.tar.zst", "control.tar"] {
            assert_eq!(inspect(NAME, &package_of(other, &packed)).is_ok(), other == name);
        }
    }
    // the checksum at the end of a gzip member is checked although tar ends earlier
    let mut flipped = gzip(&archive);
    let place = flipped.len() - 6;
    flipped[place] ^= 1;
    assert!(inspect(NAME, &package_of("control.tar.gz", &flipped)).is_err());
}

#[test]
fn fields_are_checked() {
    let with = |from: &str, to: &str| inspect("x.deb", &package(&CONTROL.replace(from, to)));
    for (from, to) in [
        ("Package: hello\n", ""),
        ("Version: 1.0-1\n", ""),
        ("Architecture: amd64\n", ""),
        ("Package: hello", "Package:"),
        ("hello\nVersion", "../../etc/passwd\nVersion"),
        ("hello\nVersion", "Hello\nVersion"),
        ("hello\nVersion", "h_\nVersion"),
        ("hello\nVersion", "hel lo\nVersion"),
        ("1.0-1", "1.0 1"),
        ("1.0-1", "1.0/1"),
        ("1.0-1", "one"),
        ("1.0-1", "1.0-"),
        ("amd64", "any"),
        ("amd64", "amd64 i386"),
        ("amd64", "../x"),
        ("amd64", "source"),
        ("Maintainer", "PACKAGE"),
        ("Maintainer", "#Comment"),
        ("Maintainer", "-Dash"),
        ("Maintainer", "Main tainer"),
        ("Maintainer: A", "no colon here"),
        ("says hello\n", "says hello\0\n"),
        (" and says it again\n", "\nPackage: second\n"),
        (" and says it again\n", " \n and again\n"),
        (" and says it again\n", "\r\nPackage: second\n"),
        ("Package: hello", " Package: hello"),
    ] {
        assert!(with(from, to).is_err(), "{to:?}");
    }
    let long = "a".repeat(300);
    assert!(with("hello\nVersion", &format!("{long}\nVersion")).is_err());
    assert!(with("1.0-1", &"1".repeat(300)).is_err());
    assert!(with("Maintainer", "Überraschung").is_err());
    assert!(with(" and says it again\n", "").is_ok());
    assert!(with(" and says it again\n", " and again\n\n\n").is_ok());
    assert!(with(" and says it again\n", " no line break at the end").is_err());
    assert!(with("hello\nVersion", "h\nVersion").is_ok());
    for (from, to) in [
        ("Maintainer: A", "X-Foo: 1\u{1a}Essential: yes\nMaintainer: A"),
        ("Maintainer: A", "X-Foo: 1\rX-Bar: 2\nMaintainer: A"),
        ("Version: 1.0-1", "Version:\n 1.0-1"),
        (" and says it again\n", "X-Empty:\n"),
        ("Maintainer", "M"),
    ] {
        assert!(with(from, to).is_err(), "{to:?}");
    }
    assert!(with("Maintainer: A", "X-Foo: 1\r\nMaintainer: A").is_ok());
}

#[test]
fn a_file_name_that_contradicts_is_told_and_decides_nothing() {
    let bytes = package(CONTROL);
    for good in ["hello.deb", "hello_1.0-1_amd64.deb", "ü&<\"'%_.deb", "a^b~c+d:e.deb"] {
        let inspected = inspect(good, &bytes).unwrap();
        assert_eq!(inspected.identity.0, "deb hello 1.0-1 amd64");
        assert_eq!(inspected.misnamed, None);
        let text = String::from_utf8(inspected.entries[0].text.clone()).unwrap();
        assert!(text.contains(&format!("\nFilename: \0/{good}\n")));
        assert_eq!(text.bytes().filter(|byte| *byte == SLOT).count(), 1);
    }
    for bad in ["hello_1.0-1_arm64.deb", "hello_2.0-1_amd64.deb", "hallo_1.0-1_amd64.deb", "hello_i386.deb"] {
        let inspected = inspect(bad, &bytes).unwrap();
        assert_eq!(
            (inspected.identity.0.as_str(), inspected.architecture.as_str()),
            ("deb hello 1.0-1 amd64", "amd64")
        );
        assert!(inspected.misnamed.unwrap().contains("the file name says"), "{bad}");
    }
}

#[test]
fn names_decide_what_is_accepted() {
    for good in [
        "a.deb",
        "a.udeb",
        "a.dsc",
        "a.changes",
        "a.buildinfo",
        "a.asc",
        "a.tar.xz",
        "a.tar.gz",
        "a.tar.bz2",
        "a.tar.lzma",
        "a.tar.zst",
        "a.diff.gz",
        "a.tar.gz.asc",
        "a_1.0.git",
        "a_1.0.gitshallow",
        "a.ddeb",
    ] {
        assert!(Deb.accepts(&FileName::parse(good).unwrap()), "{good}");
    }
    for bad in ["a.DEB", "a.rpm", "a.xz", "a.gz", "a.tar", "a.zip", "deb", "a", "a.dsc.sig"] {
        let name = FileName::parse(bad).unwrap();
        assert!(!Deb.accepts(&name), "{bad}");
        assert!(inspect(bad, b"x").is_err(), "{bad}");
    }
}

#[test]
fn long_streams_are_not_kept() {
    let mut inspector = Deb.inspector(&FileName::parse(NAME).unwrap(), Reading::Entries);
    let head = archive(&[
        member("debian-binary", b"2.0\n"),
        member("control.tar.gz", &gzip(&tar(&[("control", CONTROL.as_bytes())]))),
        member_with_size("data.tar.gz", "9000000000", b""),
    ]);
    inspector.push(&head).unwrap();
    let block = vec![0_u8; 10_000_000];
    for _ in 0..900 {
        inspector.push(&block).unwrap();
    }
    let (_, digests) = rws_model::Digester::new().finish();
    let inspected = inspector.finish(head.len() as u64 + 9_000_000_000, &digests).unwrap();
    assert!(String::from_utf8_lossy(&inspected.entries[0].text).contains("\nSize: 9000000"));
}

#[test]
fn a_listing_or_dsc_over_its_limit_is_refused() {
    for name in ["a.dsc", "a.changes"] {
        let mut inspector = Deb.inspector(&FileName::parse(name).unwrap(), Reading::Whole);
        assert!(inspector.push(&vec![b'x'; 1 << 20]).is_ok());
        assert!(inspector.push(b"x").is_err());
    }
}
