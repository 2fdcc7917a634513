//! Layout, indexes and Release of a repository.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{CONTROL, archive, gzip, inspect, inspect_with_contents, member, tar};
use rws_deb::Deb;
use rws_model::{
    Algorithm, Codec, Compression, DraftContent, DraftFile, Index, IndexFile, RepositoryFormat, RepositoryId,
    RepositorySettings, RootError, RootFile, RootInput, SigningPurpose, Target, sha256,
};

fn settings() -> RepositorySettings {
    RepositorySettings {
        architectures: vec!["arm64".to_owned(), "amd64".to_owned()],
        origin: "Tarantool".to_owned(),
        label: "tarantool.org".to_owned(),
        description: "Tarantool DBMS and Tarantool modules".to_owned(),
        ..RepositorySettings::default()
    }
}

fn focal() -> RepositoryId {
    RepositoryId::parse("release/2.8/ubuntu/focal").unwrap()
}

fn indexes(partitions: &[&str], settings: &RepositorySettings) -> Vec<Index> {
    let partitions: BTreeSet<String> = partitions.iter().map(|name| (*name).to_owned()).collect();
    Deb.indexes(&partitions, settings, &[])
}

/// The files of empty indexes.
fn empty_files(indexes: &[Index]) -> Vec<IndexFile> {
    let file = |index: &Index, codec: Codec| IndexFile {
        index: index.name.clone(),
        codec,
        size_bytes: if codec == Codec::Plain { 0 } else { 1_234_567_890 },
        sha256: sha256(codec.extension().as_bytes()),
        open_size_bytes: 0,
        open_sha256: sha256(b""),
        digests: index.digests.iter().map(|one| (*one, one.hex_of(codec.extension().as_bytes()))).collect(),
        stored_name: Deb.stored_name(&focal(), index, codec, &sha256(codec.extension().as_bytes())),
        plain_name: Deb.plain_name(&focal(), index, codec),
    };
    indexes.iter().flat_map(|index| index.codecs.iter().map(move |codec| file(index, *codec))).collect()
}

fn root(settings: &RepositorySettings, published_at: i64) -> Vec<RootFile> {
    root_of(settings, published_at, &[])
}

fn root_after(former: &[RootFile], settings: &RepositorySettings, published_at: i64) -> Vec<RootFile> {
    root_of(settings, published_at, former)
}

fn root_of(settings: &RepositorySettings, published_at: i64, former: &[RootFile]) -> Vec<RootFile> {
    let file = |DraftFile { name, content }| match content {
        DraftContent::Bytes(content) => RootFile { name, content },
        DraftContent::Signed { .. } => panic!("{name} is signed"),
    };
    draft_of(settings, published_at, former, None).into_iter().map(file).collect()
}

fn draft_of(
    settings: &RepositorySettings,
    published_at: i64,
    former: &[RootFile],
    public_key: Option<&str>,
) -> Vec<DraftFile> {
    let indexes = indexes(&["binary-riscv64", "binary-all", "source"], settings);
    let (files, repository) = (empty_files(&indexes), &focal());
    let input = RootInput {
        signed_by: &[],
        repository,
        settings,
        indexes: &indexes,
        files: &files,
        read: &|file| Err(RootError::Unread(file.stored_name.clone())),
        entries: &[],
        published_at,
        former,
        public_key,
    };
    Deb.root(&input).unwrap()
}

#[test]
fn a_target_is_one_codename_of_an_archive() {
    let target = Target {
        kind: "release".to_owned(),
        series: "2.8".to_owned(),
        distribution: "ubuntu".to_owned(),
        version: "focal".to_owned(),
    };
    assert_eq!(Deb.repositories(&target, &settings()), [focal()]);
    assert!(Deb.repositories(&Target { version: "../x".to_owned(), ..target }, &settings()).is_empty());
    let layout = Deb.layout(&focal());
    assert_eq!(layout.tree, "release/2.8/ubuntu");
    assert_eq!(layout.metadata, "dists/focal");
    assert_eq!(layout.packages, "pool/focal");
    assert_eq!(Deb.escape_directory("pool/a+b%"), b"pool/a+b%");
}

#[test]
fn every_index_is_there_even_when_empty() {
    let found = indexes(&["binary-riscv64", "binary-all", "binary-amd64"], &settings());
    let names: Vec<_> = found.iter().map(|index| (index.name.as_str(), index.takes.join(" "))).collect();
    assert_eq!(
        names,
        [
            ("main/binary-amd64/Packages", "binary-amd64 binary-all".to_owned()),
            ("main/binary-riscv64/Packages", "binary-riscv64 binary-all".to_owned()),
            ("main/binary-all/Packages", "binary-all".to_owned()),
            ("main/source/Sources", "source".to_owned()),
        ]
    );
    assert!(found.iter().all(|index| index.codecs == [Codec::Gzip, Codec::Xz]));
    assert_eq!(indexes(&[], &settings()).len(), 4);
    let chosen = RepositorySettings { compression: vec![Compression::Zstd, Compression::Zstd], ..settings() };
    assert!(indexes(&[], &chosen).iter().all(|index| index.codecs == [Codec::Zstd]));
    // the uncompressed form: where it is configured, serves old clients, or was there before
    let configured = RepositorySettings { compression: vec![Compression::None], ..settings() };
    let old_clients = RepositorySettings { digests: vec![Algorithm::Md5], ..settings() };
    for settings in [configured, old_clients] {
        let all = [Codec::Plain, Codec::Gzip, Codec::Xz];
        let with_uncompressed = indexes(&[], &settings);
        assert!(with_uncompressed.iter().all(|index| index.codecs == all));
        let former: Vec<&Index> = with_uncompressed.iter().collect();
        let next = Deb.indexes(&BTreeSet::new(), &self::settings(), &former);
        assert!(next.iter().all(|index| index.codecs == all));
    }
    for index in &found {
        assert_eq!(Deb.frame(index, 7), rws_model::Frame::default());
    }
}

/// How many packages have an entry of each kind decides, not which kinds there are: one package whose files are not listed
/// has to be read beside others whose files are.
#[test]
fn packages_are_read_again_when_the_settings_want_other_entries() {
    let needs_reading = |partitions: &[(&str, u64)], contents: bool| {
        let partitions = partitions.iter().map(|(name, packages)| ((*name).to_owned(), *packages)).collect();
        Deb.needs_reading(&partitions, &RepositorySettings { contents, ..settings() })
    };
    for (partitions, without, with) in [
        (&[][..], false, false),
        (&[("source", 3)], false, false),
        (&[("binary-amd64", 2)], false, true),
        (&[("binary-amd64", 2), ("contents-amd64", 1)], true, true),
        (&[("binary-amd64", 2), ("contents-amd64", 2), ("source", 3)], true, false),
        (&[("binary-all", 1), ("binary-amd64", 2), ("contents-amd64", 2)], true, true),
        (&[("binary-all", 1), ("binary-amd64", 2), ("contents-all", 2), ("contents-amd64", 1)], true, true),
        (&[("binary-all", 1), ("binary-amd64", 2), ("contents-all", 1), ("contents-amd64", 2)], true, false),
    ] {
        assert_eq!(needs_reading(partitions, false), without, "{partitions:?}");
        assert_eq!(needs_reading(partitions, true), with, "{partitions:?}");
    }
}

/// A package that installs nothing has an entry of no bytes, so that it is not read at each start.
#[test]
fn a_package_that_was_read_is_not_read_again() {
    let control = gzip(&tar(&[("./control", CONTROL.as_bytes())]));
    let package = |name: &str, data: &[u8]| {
        archive(&[member("debian-binary", b"2.0\n"), member("control.tar.gz", &control), member(name, data)])
    };
    let packages = [package("data.tar", &tar(&[("./", b"")])), package("data.tar", &tar(&[("a", b"")]))];
    for (bytes, listed_bytes) in packages.iter().zip([0, "a\thello\n".len()]) {
        let name = "hello_1.0-1_amd64.deb";
        for (inspected, contents) in
            [(inspect(name, bytes).unwrap(), false), (inspect_with_contents(name, bytes, 100).unwrap(), true)]
        {
            let partitions: BTreeMap<String, u64> =
                inspected.entries.iter().map(|entry| (entry.partition.clone(), 1)).collect();
            for wanted in [false, true] {
                let settings = RepositorySettings { contents: wanted, ..settings() };
                assert_eq!(Deb.needs_reading(&partitions, &settings), wanted != contents, "{partitions:?}");
            }
            let listed = inspected.entries.iter().find(|entry| entry.partition == "contents-amd64");
            assert_eq!(listed.map(|entry| entry.text.len()), contents.then_some(listed_bytes));
        }
    }
}

/// What clients may be set up for stays: architectures that had packages once, and those that an empty repository began with.
#[test]
fn architectures_stay() {
    let names = |indexes: &[Index]| -> Vec<String> {
        let all = indexes.iter().filter_map(|index| index.name.strip_suffix("/Packages"));
        all.map(|name| name.trim_start_matches("main/").to_owned()).collect()
    };
    let anything = RepositorySettings { architectures: Vec::new(), ..settings() };
    assert_eq!(names(&indexes(&[], &settings())), ["binary-amd64", "binary-arm64", "binary-all"]);
    assert_eq!(names(&indexes(&[], &anything)), ["binary-amd64", "binary-arm64", "binary-all"]);
    let before = indexes(&["binary-armhf", "udeb-all"], &anything);
    let installer = ["debian-installer/binary-armhf", "debian-installer/binary-all"];
    let both = [&["binary-armhf", "binary-all"][..], &installer].concat();
    assert_eq!(names(&before), both);
    let former: Vec<&Index> = before.iter().collect();
    assert_eq!(names(&Deb.indexes(&BTreeSet::new(), &anything, &former)), both);
    let with_i386 = Deb.indexes(&BTreeSet::from(["binary-i386".to_owned()]), &settings(), &former);
    assert_eq!(names(&with_i386)[..3], ["binary-armhf", "binary-i386", "binary-all"]);
}

#[test]
fn index_files_have_a_hash_name_and_a_plain_one() {
    let index = &indexes(&[], &settings())[0];
    let stored = Deb.stored_name(&focal(), index, Codec::Gzip, &sha256(b""));
    assert_eq!(stored, format!("dists/focal/main/binary-amd64/by-hash/SHA256/{}", sha256(b"").hex()));
    assert_eq!(Deb.plain_name(&focal(), index, Codec::Gzip).unwrap(), "dists/focal/main/binary-amd64/Packages.gz");
    assert_eq!(Deb.plain_name(&focal(), index, Codec::Plain).unwrap(), "dists/focal/main/binary-amd64/Packages");
}

#[test]
fn release_text() {
    let plain = sha256(b"").hex();
    let gz = sha256(b".gz").hex();
    let xz = sha256(b".xz").hex();
    let text = root(&settings(), 1_606_041_397)[0].text().unwrap().to_owned();
    let mut expected = String::from(
        "Origin: Tarantool\nLabel: tarantool.org\nSuite: focal\nCodename: focal\nDate: Sun, 22 Nov 2020 10:36:37 +0000\n\
         Acquire-By-Hash: yes\nNo-Support-for-Architecture-all: Packages\nArchitectures: riscv64\n\
         Components: main\nDescription: Tarantool DBMS and Tarantool modules\nSHA256:\n",
    );
    for name in ["binary-riscv64/Packages", "binary-all/Packages", "source/Sources"] {
        expected.push_str(&format!(" {plain}        0 main/{name}\n"));
        expected.push_str(&format!(" {gz} 1234567890 main/{name}.gz\n"));
        expected.push_str(&format!(" {xz} 1234567890 main/{name}.xz\n"));
    }
    assert_eq!(text, expected);
}

#[test]
fn suite_and_valid_until_are_stated_when_configured() {
    let configured =
        RepositorySettings { suite: Some("stable".to_owned()), valid_until_seconds: Some(7 * 86_400), ..settings() };
    let text = root(&configured, 1_606_041_397)[0].text().unwrap().to_owned();
    assert!(text.contains(
        "Label: tarantool.org\nSuite: stable\nCodename: focal\nDate: Sun, 22 Nov 2020 10:36:37 +0000\n\
         Valid-Until: Sun, 29 Nov 2020 10:36:37 +0000\nAcquire-By-Hash: yes\n"
    ));
    let snapshots = Some("https://rws.example.org/-/at/@SNAPSHOTID@".to_owned());
    let text = root(&RepositorySettings { snapshots, ..settings() }, 0)[0].text().unwrap().to_owned();
    let expected = "\nSnapshots: https://rws.example.org/-/at/@SNAPSHOTID@/release/2.8/ubuntu/\n";
    assert!(text.contains(expected), "{text}");
    for published_at in [i64::MIN, -1, 0, i64::MAX] {
        let endless = RepositorySettings { valid_until_seconds: Some(u64::MAX), ..settings() };
        assert!(root(&endless, published_at)[0].text().unwrap().contains("\nValid-Until: "));
    }
}

#[test]
fn configured_text_cannot_add_fields_and_no_line_ends_in_a_blank() {
    let hostile = RepositorySettings {
        origin: "A\nCodename: evil ".to_owned(),
        label: "  B\r\n\tSuite: evil\u{2028}\u{85}".to_owned(),
        suite: Some(" \n ".to_owned()),
        description: "\n\n-----BEGIN PGP SIGNATURE-----\n ".to_owned(),
        ..settings()
    };
    let text = root(&hostile, 0)[0].text().unwrap().to_owned();
    assert!(text.starts_with("Origin: A Codename: evil\nLabel: B   Suite: evil\nCodename: focal\n"), "{text}");
    for line in text.lines() {
        assert_eq!(line.trim_end(), line);
        assert!(!line.starts_with('-') && !line.is_empty());
    }
    let empty = RepositorySettings { origin: String::new(), label: " ".to_owned(), ..settings() };
    assert!(root(&empty, 0)[0].text().unwrap().starts_with("Suite: focal\nCodename: focal\n"));
}

/// What clients of apt before 2.1.10 refuse to see changed: only the configuration changes it.
#[test]
fn origin_label_and_suite_never_change_by_accident() {
    let names = |root: &[RootFile]| -> Vec<String> {
        let lines = root[0]
            .text()
            .unwrap()
            .lines()
            .filter(|line| ["Origin", "Label", "Suite", "Codename"].contains(&line.split(':').next().unwrap()));
        lines.map(str::to_owned).collect()
    };
    let new = root(&settings(), 5);
    let defaults = ["Origin: Tarantool", "Label: tarantool.org", "Suite: focal", "Codename: focal"];
    assert_eq!(names(&new), defaults);
    assert_eq!(names(&root_after(&new, &settings(), 6)), defaults);
    for (suite, expected) in [("", None), ("Suite: stable\n", Some("Suite: stable"))] {
        for name in ["Release", "InRelease"] {
            let text = format!("Origin: Tarantool\n{suite}Codename: focal\n");
            let former = vec![RootFile::new(format!("dists/focal/{name}"), text)];
            let after = root_after(&former, &settings(), 6);
            assert_eq!(names(&after).into_iter().find(|line| line.starts_with("Suite")).as_deref(), expected);
        }
        let configured = RepositorySettings { suite: Some("ours".to_owned()), ..settings() };
        assert!(root_after(&new, &configured, 6)[0].text().unwrap().contains("\nSuite: ours\n"));
    }
}

#[test]
fn version_and_further_digests_are_stated_where_configured() {
    let digests = vec![Algorithm::Md5, Algorithm::Sha512];
    let configured = RepositorySettings { version: Some("12.5".to_owned()), digests, ..settings() };
    let text = root(&configured, 5)[0].text().unwrap().to_owned();
    assert!(text.contains("\nCodename: focal\nVersion: 12.5\nDate: "), "{text}");
    let lists: Vec<&str> =
        text.lines().filter(|line| ["MD5Sum:", "SHA1:", "SHA256:", "SHA512:"].contains(line)).collect();
    assert_eq!(lists, ["MD5Sum:", "SHA256:", "SHA512:"]);
    let lines = |list: &str| {
        text.split_once(&format!("{list}:\n")).unwrap().1.lines().take_while(|line| line.starts_with(' ')).count()
    };
    assert_eq!((lines("MD5Sum"), lines("SHA256"), lines("SHA512")), (9, 9, 9));
    assert!(text.contains(" d41d8cd98f00b204e9800998ecf8427e        0 main/source/Sources\n"), "{text}");
}

#[test]
fn the_root_is_three_files_when_signed_and_one_when_not() {
    let plain = root(&settings(), 5);
    assert_eq!(plain.len(), 1);
    assert_eq!(plain[0].name, "dists/focal/Release");
    let release = plain[0].content.as_slice();
    let signed = |name: &str, purpose| DraftFile::signed(format!("dists/focal/{name}"), purpose, release);
    let expected = [
        signed("InRelease", SigningPurpose::ClearText),
        DraftFile::new("dists/focal/Release", release),
        signed("Release.gpg", SigningPurpose::Detached),
    ];
    assert_eq!(draft_of(&settings(), 5, &[], Some("the key")), expected);
}
